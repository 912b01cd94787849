r"""One line or paragraph of an answer to inline nodes: formulas, styles, links, molecules, LaTeX's escapes.

What is not understood stays text as the model wrote it. HTML in an answer is text, except a few harmless style tags.
"""

from __future__ import annotations

import functools
import re

from GOT.render import inline_names as names
from GOT.render.inline_commands import MAX_ADDRESS, read_command
from GOT.render.latex import MAX_DEPTH, match_braces, match_environments
from GOT.render.nodes import (
    Break,
    Code,
    Formula,
    Inline,
    Link,
    Molecule,
    Nested,
    Picture,
    Styled,
    Text,
)
from GOT.render.tabular import ENVIRONMENTS, parse_tabular

_TOKEN = re.compile(
    r"""
    (?P<comment><!--.*?-->)
  | (?P<math>\$\$|\$|\\\(|\\\[)
  | (?P<smiles><smiles>(?P<molecule>[^<>\s]{1,2000})</smiles>)
  | (?P<break><br\s*/?>|\\\\(?:\[[^\]\n]{0,20}\])?|\n)
  | (?P<tag><(?P<element>b|strong|i|em|u|s|del|sub|sup)>)
  | (?P<begin>\\begin\s*\{)
  | (?P<command>\\[A-Za-z]+\*?|\\.)
  | (?P<picture>!\[(?P<alt>[^\]\n]{0,500})\]\((?P<source>[^)\s]{0,1000})\))
  | (?P<link>\[(?P<words>[^\]\[\n]{1,500})\]\((?P<address>[^)\s]{1,1000})\))
  | (?P<code>`+)
  | (?P<strong>\*\*|__)
  | (?P<strike>~~)
  | (?P<em>[*_])
  | (?P<quote>``|'')
  | (?P<tie>~)
  | (?P<brace>[{}])
    """,
    re.VERBOSE | re.DOTALL,
)


def parse_inline(text: str, *, depth: int = 0) -> tuple[Inline, ...]:
    """Parse a paragraph's text.

    Args:
        text: Without block structure; line ends become breaks.
        depth: How deep this text stands in others; deeper than ``MAX_DEPTH`` it stays as it is.
    """
    if depth > MAX_DEPTH:
        return (Text(text),)
    return tuple(_merge(_Reader(text, depth).read()))


class _Reader:
    """Walks over the tokens of one text."""

    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.depth = depth
        self.braces = match_braces(text)
        self.closers: dict[
            tuple[str, str], int
        ] = {}  # (delimiter, kind) -> from where on it is known to be missing
        self.position = 0
        self.made: list[Inline] = []

    @functools.cached_property
    def environments(self) -> dict[int, tuple[str, int, int, int]]:
        """Matched once for all that begin here."""
        return match_environments(self.text)

    def read(self) -> list[Inline]:
        while found := _TOKEN.search(self.text, self.position):
            self.add_text(self.text[self.position : found.start()])
            self.position = found.end()
            kind = found.lastgroup or ""
            if kind in ("molecule", "element", "alt", "source", "words", "address"):
                kind = next(k for k in ("smiles", "tag", "picture", "link") if found[k] is not None)
            getattr(self, f"on_{kind}")(found)
        self.add_text(self.text[self.position :])
        return self.made

    def add_text(self, text: str) -> None:
        if text:
            self.made.append(Text(text))

    def inner(self, text: str) -> tuple[Inline, ...]:
        return parse_inline(text, depth=self.depth + 1)

    def find(self, closer: str, start: int, kind: str = "") -> int:
        """Where ``closer`` next stands, or -1; a search that failed once is not repeated."""
        if self.closers.get((closer, kind), len(self.text) + 1) <= start:
            return -1
        at = self.text.find(closer, start)
        if at < 0:
            self.closers[closer, kind] = start
        return at

    # -- one method for each token --

    def on_comment(self, found: re.Match[str]) -> None:
        self.add_text(found[0])

    def on_math(self, found: re.Match[str]) -> None:
        opener = found[0]
        closer = {"\\(": "\\)", "\\[": "\\]"}.get(opener, opener)
        at = self.find_dollar(found.end()) if opener == "$" else self.find(closer, found.end())
        latex = self.text[found.end() : at] if at >= 0 else ""
        if not latex.strip():
            self.add_text(opener)
            return
        self.made.append(Formula(latex.strip(), display=opener in ("$$", "\\[")))
        self.position = at + len(closer)

    def find_dollar(self, start: int) -> int:
        """The closing dollar: on this paragraph, behind no blank, before no digit (as pandoc reads them)."""
        if start >= len(self.text) or self.text[start].isspace():
            return -1
        if self.closers.get(("$", "math"), len(self.text) + 1) <= start:
            return -1
        at = self.text.find("$", start)
        while at >= 0:
            escaped = self.text[at - 1] == "\\"
            if not escaped:
                good = not self.text[at - 1].isspace() and not self.text[at + 1 : at + 2].isdigit()
                return at if good and at > start else -1
            at = self.text.find("$", at + 1)
        self.closers["$", "math"] = start
        return -1

    def on_smiles(self, found: re.Match[str]) -> None:
        self.made.append(Molecule(found["molecule"]))

    def on_break(self, found: re.Match[str]) -> None:
        if self.made and not isinstance(self.made[-1], Break):
            self.made.append(Break())

    def on_tag(self, found: re.Match[str]) -> None:
        closer = f"</{found['element']}>"
        at = self.find(closer, found.end())
        if at < 0:
            self.add_text(found[0])
            return
        self.made.append(Styled(names.TAGS[found["element"]], self.inner(self.text[found.end() : at])))
        self.position = at + len(closer)

    def on_begin(self, found: re.Match[str]) -> None:
        environment = self.environments.get(found.start())
        if environment and environment[0] in ENVIRONMENTS and self.depth < MAX_DEPTH // 2:
            source = self.text[found.start() : environment[3]]
            try:
                grid = parse_tabular(source)
            except ValueError:
                self.add_text(source)
            else:
                self.made.append(Nested(grid))
            self.position = environment[3]
        elif environment and environment[3] > environment[2]:
            self.made.append(Formula(self.text[found.start() : environment[3]]))
            self.position = environment[3]
        else:
            self.add_text(found[0])

    def on_command(self, found: re.Match[str]) -> None:
        made, self.position = read_command(self.text, found, self.braces, self.inner)
        self.made += made

    def on_picture(self, found: re.Match[str]) -> None:
        self.made.append(Picture(found["source"][:MAX_ADDRESS], found["alt"]))

    def on_link(self, found: re.Match[str]) -> None:
        self.made.append(Link(found["address"][:MAX_ADDRESS], self.inner(found["words"])))

    def on_code(self, found: re.Match[str]) -> None:
        ticks = found[0]
        if len(ticks) == 2 and "''" in self.text[found.end() : found.end() + 500]:
            self.add_text("“")  # LaTeX's opening quotes
            return
        at = self.find(ticks, found.end(), "code")
        if at < 0 or at == found.end():
            self.add_text("“" if ticks == "``" else "‘" if ticks == "`" else ticks)
            return
        self.made.append(Code(self.text[found.end() : at].strip("\n")))
        self.position = at + len(ticks)

    def on_strong(self, found: re.Match[str]) -> None:
        self.delimited(found, "strong")

    def on_strike(self, found: re.Match[str]) -> None:
        self.delimited(found, "s")

    def on_em(self, found: re.Match[str]) -> None:
        self.delimited(found, "em")

    def delimited(self, found: re.Match[str], style: str) -> None:
        """Emphasis: the marks hug their words; underscores do so at word borders only."""
        mark, text = found[0], self.text
        start = found.end()
        opens = start < len(text) and not text[start].isspace() and text[start] not in mark
        if mark[0] == "_":
            opens &= not (found.start() and text[found.start() - 1].isalnum())
        at = self.find(mark, start + 1) if opens else -1
        while at >= 0 and (
            text[at - 1].isspace() or (len(mark) == 1 and mark in (text[at - 1], text[at + 1 : at + 2]))
        ):
            at = self.find(mark, at + 1)
            if at > start + 2000:
                at = -1
        if at >= 0 and mark[0] == "_" and text[at + len(mark) : at + len(mark) + 1].isalnum():
            at = -1
        if at < 0 or "\n\n" in text[start:at]:
            self.add_text(mark)
            return
        self.made.append(Styled(style, self.inner(text[start:at])))
        self.position = at + len(mark)

    def on_quote(self, found: re.Match[str]) -> None:
        self.add_text("”" if found[0] == "''" else "“")

    def on_tie(self, found: re.Match[str]) -> None:
        # A tie between words is a blank that does not break; a tilde elsewhere is a tilde.
        before, behind = (
            self.text[found.start() - 1 : found.start()],
            self.text[found.end() : found.end() + 1],
        )
        self.add_text("\u00a0" if before.isalpha() or (before in ".\\" and behind.isalnum()) else "~")

    def on_brace(self, found: re.Match[str]) -> None:
        # Braces that only group are not text in LaTeX, but are in a page of code: keep those with blanks inside.
        end = self.braces.get(found.start())
        if (
            found[0] == "{"
            and end is not None
            and "\\" in self.text[found.start() : end]
            and self.depth < MAX_DEPTH
        ):
            self.made += self.inner(self.text[found.end() : end])
            self.position = end + 1
        else:
            self.add_text(found[0])


def _merge(made: list[Inline]) -> list[Inline]:
    """Join neighbouring texts."""
    merged: list[Inline] = []
    for node in made:
        if isinstance(node, Text) and merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + node.text)
        else:
            merged.append(node)
    while merged and isinstance(merged[-1], Break):
        merged.pop()
    return merged
