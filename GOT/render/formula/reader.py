r"""The tokens of a formula, from left to right: groups, rows, scripts. What a command means is in ``commands``."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from GOT.render.elements import element
from GOT.render.formula import build, commands, symbols

MAX_DEPTH = 40  # nested groups; browsers and Word give up later than readers do

CLOSERS = frozenset({"}", "&", "\\\\", "\\cr", "\\end", "\\right", "\\middle", "\\newline"})
LINE_ENDS = ("\\\\", "\\cr", "\\newline", "\\tabularnewline")
INFIX_FRACTIONS = ("over", "atop", "choose", "brack", "brace")
_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\d+(?:[.,]\d+)*|\s+|.", re.DOTALL)


class TooComplex(ValueError):
    """A formula that is longer or nested deeper than any page's."""


class Reader:
    """Reads tokens; each method consumes what it returns.

    Attributes:
        depth: Groups around what is read now, and second scripts read so far (each has the first for its base).
        tag: The number that ``\\tag`` gave.
        unknown: Commands that are shown as their source.
        alphabet: The mathematical alphabet that letters are written in; ``""``: italic, as variables are.
    """

    closers = CLOSERS

    def __init__(self, latex: str) -> None:
        self.tokens: list[str] = _TOKEN.findall(latex)
        self.position = 0
        self.depth = 0
        self.tag = ""
        self.unknown: list[str] = []
        self.alphabet = ""

    # -- groups and rows --

    def everything(self) -> Element:
        """The whole formula; rows where it has line ends of its own."""
        rows = self.rows(inside=False)
        if len(rows) == 1 and len(rows[0]) == 1:
            return build.row(rows[0][0])
        centred = all(len(row) == 1 for row in rows)
        return build.table(rows, ["center"] if centred else ["right", "left"], spaced=False)

    def rows(self, *, inside: bool) -> list[list[list[Element]]]:
        r"""Rows of cells up to ``\end`` (``inside`` an environment) or the formula's end; surplus closers go."""
        rows: list[list[list[Element]]] = [[[]]]
        outer, self.alphabet = self.alphabet, self.alphabet
        while self.position < len(self.tokens):
            rows[-1][-1] += self.atoms()
            if self.position >= len(self.tokens):
                break
            token = self.take()
            if token == "&":
                rows[-1].append([])
                self.alphabet = outer
            elif token in LINE_ENDS:
                self.option()
                rows.append([[]])
                self.alphabet = outer
            elif token == "\\end":
                self.argument_text()
                if inside:  # whatever it names: what was opened last is closed
                    break
            elif token in ("\\right", "\\middle"):
                rows[-1][-1].append(build.tight(commands.delimiter(self)))
        self.alphabet = outer
        while len(rows) > 1 and not any(rows[-1]):
            rows.pop()  # a line end before \end
        return rows

    def atoms(self, stop: str = "") -> list[Element]:
        """Atoms with their scripts, up to a closer that belongs to somebody else (left unread)."""
        made: list[Element] = []
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token in CLOSERS or (stop and token == stop):
                break
            if token[0] == "\\" and token[1:] in INFIX_FRACTIONS:
                self.position += 1
                return self.infix_fraction(token[1:], made, stop)
            if token[0] == "\\" and token[1:] in symbols.ALPHABET_SWITCHES:
                self.position += 1
                self.alphabet = symbols.ALPHABET_SWITCHES[token[1:]]
                continue
            atom = self.atom()
            made += self.with_scripts(atom)
        return made

    def infix_fraction(self, kind: str, above: list[Element], stop: str) -> list[Element]:
        below = self.deeper(lambda: self.atoms(stop))
        line = {} if kind == "over" else {"linethickness": "0"}
        fraction = element("mfrac", line, build.row(above), build.row(below))
        fences = {"choose": "()", "brack": "[]", "brace": "{}"}.get(kind)
        return [build.fenced(fences[0], [fraction], fences[1])] if fences else [fraction]

    def group(self) -> list[Element]:
        """The inside of ``{...}``, the brace already read."""
        outer = self.alphabet

        def read() -> list[Element]:
            made = self.atoms()
            while self.position < len(self.tokens) and self.tokens[self.position] != "}":
                token = self.take()  # & or a line end inside a group
                if token in ("\\right", "\\middle"):
                    made.append(build.tight(commands.delimiter(self)))
                elif token == "\\end":
                    self.argument_text()
                else:
                    made.append(build.space(1.0))
                made += self.atoms()
            self.position += 1
            return made

        made = self.deeper(read)
        self.alphabet = outer
        return made

    def argument(self) -> Element:
        """One argument: a group, or a single token."""
        self.skip_blanks()
        if self.position >= len(self.tokens) or self.tokens[self.position] in CLOSERS:
            return element("mrow")
        if self.tokens[self.position] == "{":
            self.position += 1
            return build.row(self.group())
        token = self.tokens[self.position]
        if token[0].isdigit() and len(token) > 1:  # \frac12: each digit is an argument
            self.tokens[self.position : self.position + 1] = list(token)
        return build.row(self.deeper(self.atom))

    def argument_text(self) -> str:
        """One argument as its source."""
        self.skip_blanks()
        if self.position >= len(self.tokens):
            return ""
        if self.tokens[self.position] != "{":
            return self.take()
        depth, start = 0, self.position
        while self.position < len(self.tokens):
            token = self.take()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return "".join(self.tokens[start + 1 : self.position - 1])
        return "".join(self.tokens[start + 1 :])

    def option(self) -> str:
        """An optional ``[...]``, without brackets; ``""`` where there is none."""
        start = self.position
        self.skip_blanks()
        if self.position < len(self.tokens) and self.tokens[self.position] == "[":
            for end in range(self.position, min(self.position + 40, len(self.tokens))):
                if self.tokens[end] == "]":
                    text = "".join(self.tokens[self.position + 1 : end])
                    self.position = end + 1
                    return text
        self.position = start
        return ""

    def deeper(self, read: Callable[[], list[Element]]) -> list[Element]:
        self.sink()
        made = read()
        self.depth -= 1
        return made

    def sink(self) -> None:
        """Go one level deeper; for good after a second script, which has all before it for its base."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooComplex(f"a formula nested deeper than {MAX_DEPTH}")

    def add_tag(self, tag: str) -> None:
        self.tag = f"{self.tag}, {tag}" if self.tag else tag

    def take(self) -> str:
        self.position += 1
        return self.tokens[self.position - 1]

    def skip_blanks(self) -> None:
        while self.position < len(self.tokens) and self.tokens[self.position].isspace():
            self.position += 1

    # -- scripts --

    def with_scripts(self, base: list[Element]) -> list[Element]:
        r"""Attach ``_``, ``^`` and primes that follow to the last element of ``base``."""
        limits: bool | None = None
        below: Element | None = None
        above: Element | None = None
        primes = ""
        while True:
            start = self.position
            self.skip_blanks()
            token = self.tokens[self.position] if self.position < len(self.tokens) else ""
            if token in ("\\limits", "\\nolimits"):
                self.position += 1
                limits = token == "\\limits"
            elif token in ("'", "’") and above is None:
                self.position += 1
                primes += "′"
            elif token in ("_", "\\sb") and below is None:
                self.position += 1
                below = self.argument()
            elif token in ("^", "\\sp") and above is None:
                self.position += 1
                above = self.argument()
            elif token in ("_", "^"):  # a second one of the same side: a script of what is there already
                self.sink()
                base = [
                    build.scripted(
                        base[-1] if base else element("mrow"), below, build.primed(primes, above), limits
                    )
                ]
                below = above = None
                primes = ""
            else:
                self.position = start if token and token not in CLOSERS else self.position
                break
        above = build.primed(primes, above)
        if below is None and above is None:
            return base
        last = base[-1] if base else element("mrow")
        return [*base[:-1], build.scripted(last, below, above, limits)]

    # -- one atom --

    def atom(self) -> list[Element]:
        """A group, a command with its arguments, or a character."""
        token = self.take()
        if token.isspace():
            return []
        if token == "{":
            return [build.row(self.group())]
        if token[0] == "\\" and len(token) > 1:
            return commands.command(self, token[1:])
        return commands.character(self, token)

    def peek(self) -> str:
        """The next token that is no blank, left unread; ``""`` at the end."""
        ahead = self.position
        while ahead < len(self.tokens) and self.tokens[ahead].isspace():
            ahead += 1
        return self.tokens[ahead] if ahead < len(self.tokens) else ""

    def sub(self, latex: str, *, table: bool = False) -> Element:
        """A piece of source by a reader of its own, at this depth; ``table``: its lines below each other."""
        inner = Reader(latex)
        inner.depth, inner.alphabet = self.depth, self.alphabet
        inner.sink()
        body = (
            build.table(inner.rows(inside=False), ["center"], spaced=False) if table else inner.everything()
        )
        self.depth = inner.depth - 1
        self.unknown += inner.unknown
        if inner.tag:
            self.add_tag(inner.tag)
        return body
