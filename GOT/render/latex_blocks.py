r"""LaTeX's blocks: what stands in an environment, and titles and captions.

``blocks`` finds them in an answer, and says how the text within them is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from GOT.render.inline import parse_inline
from GOT.render.latex import match_environments, read_option
from GOT.render.nodes import (
    Block,
    CodeBlock,
    Figure,
    FormulaBlock,
    Group,
    Heading,
    Inline,
    ListBlock,
    Paragraph,
    Styled,
    Table,
    Text,
)
from GOT.render.tabular import ENVIRONMENTS, parse_tabular

_MATH_ENVIRONMENTS = {
    "equation", "align", "aligned", "gather", "gathered", "multline", "eqnarray", "alignat", "flalign",
    "split", "cases", "displaymath", "math", "pmatrix", "bmatrix", "vmatrix", "matrix", "Bmatrix", "Vmatrix",
    "subequations", "dcases"
}  # fmt: skip
_LISTS = {"itemize", "enumerate", "description", "thebibliography"}
_VERBATIM = {"verbatim", "lstlisting", "minted", "Verbatim"}
_GROUPS = {
    "table", "figure", "center", "abstract", "quote", "quotation", "flushleft", "flushright", "minipage",
    "document", "sidewaystable", "threeparttable", "adjustbox", "wraptable", "wrapfigure", "landscape",
    "tablenotes", "subfigure", "subtable", "titlepage", "multicols", "small", "footnotesize", "keywords"
}  # fmt: skip
_THEOREMS = {
    "theorem", "lemma", "proof", "definition", "corollary", "proposition", "remark", "example", "claim",
    "conjecture", "assumption", "algorithm", "algorithmic", "problem", "solution", "exercise", "note",
    "property", "fact", "observation", "case", "question", "answer", "notation", "axiom"
}  # fmt: skip
_ALIASES = {
    "thm": "theorem",
    "lem": "lemma",
    "defn": "definition",
    "cor": "corollary",
    "prop": "proposition",
    "rem": "remark",
}
_SECTION_LEVELS = {
    "title": 0,
    "part": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
    "subparagraph": 6,
}

Parse = Callable[[str], tuple[Block, ...]]


def environment_block(name: str, body: str, source: str, parse: Parse) -> Block | None:
    """What an environment is; None if its name is unknown, so that its begin and end stay visible.

    Args:
        name: As it is written, with its star.
        body: What stands between begin and end.
        source: All of it.
        parse: Text within it to blocks.
    """
    base = name.rstrip("*")
    base = _ALIASES.get(base, base)
    if name in ENVIRONMENTS:
        try:
            grid = parse_tabular(source)
        except ValueError:
            return CodeBlock(source)
        return Table(grid, source) if grid.num_rows else Paragraph((Text(source),))
    if base in _MATH_ENVIRONMENTS or base == "array":
        return FormulaBlock(source)
    if base == "tikzpicture":
        return Figure("tikz", source)
    if base in _VERBATIM:
        return CodeBlock(body.strip("\n"))
    if base in _LISTS:
        return _list(base, body, parse)
    if base in _GROUPS:
        body = re.sub(r"\A\s*(?:\[[^\]\n]{0,40}\]|\{[^{}\n]{0,40}\})+", "", body)
        return Group(base, parse(body))
    if base in _THEOREMS:
        option, start = read_option(body, 0)
        title = base.capitalize() + (f" ({option})" if option else "")
        label = Paragraph((Styled("strong", (Text(f"{title}."),)),))
        return Group("theorem", (label, *parse(body[start:])))
    return None


def section_block(name: str, argument: str, *, depth: int) -> Block:
    """What a command with a title in braces is: a heading, or a paragraph of its own role."""
    children = parse_inline(argument.strip(), depth=depth)
    if name in ("author", "date"):
        return Paragraph(children, role=name)
    if name == "caption":
        return Paragraph(children, role="caption")
    if name == "footnotetext":
        return Paragraph(children, role="footnote")
    return Heading(_SECTION_LEVELS[name], children)


def _list(name: str, body: str, parse: Parse) -> Block:
    environments = match_environments(body)
    items: list[str] = []
    position = begin = 0
    started = False
    for found in re.finditer(r"\\begin\s*\{|\\(?:bib)?item(?![A-Za-z])", body):
        if found.start() < position:
            continue
        if found[0].startswith("\\begin"):
            if found.start() in environments:
                position = environments[found.start()][3]
            continue
        if started or body[begin : found.start()].strip():
            items.append(body[begin : found.start()])
        started, begin = True, found.end()
    items.append(body[begin:])
    made = []
    for item in items:
        label, start = read_option(item, 0)
        blocks = parse(item[start:].strip())
        if label:
            words: tuple[Inline, ...] = (Styled("strong", parse_inline(label)), Text(" "))
            first = blocks[0] if blocks else None
            rest = blocks[1:] if isinstance(first, Paragraph) else blocks
            words += first.children if isinstance(first, Paragraph) else ()
            blocks = (Paragraph(words), *rest)
        made.append(blocks)
    return ListBlock(tuple(made), start=1 if name in ("enumerate", "thebibliography") else None)
