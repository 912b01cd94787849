"""Parsed answers to HTML elements, built by construction: model text only ever becomes text.

No address of a page becomes a link or a picture: a reader's browser never goes where a page sends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from GOT.render import smiles
from GOT.render.blocks import parse_blocks
from GOT.render.drawing import figure, source_with_note
from GOT.render.elements import Child, append, element
from GOT.render.figures import FIGURES
from GOT.render.formula import TooComplex, convert
from GOT.render.inline import parse_inline
from GOT.render.nodes import (
    Block,
    Break,
    Cell,
    Code,
    CodeBlock,
    Figure,
    Formula,
    FormulaBlock,
    Grid,
    Group,
    Heading,
    Inline,
    Link,
    ListBlock,
    Molecule,
    Nested,
    Paragraph,
    Picture,
    Rule,
    Styled,
    Table,
    Text,
)
from GOT.utils.log import get_logger

logger = get_logger(__name__)

MAX_NESTED_TABLES = 6


def answer_to_elements(text: str) -> list[Element]:
    """A whole answer, parsed as Mathpix Markdown. Never raises for what the text is."""
    for module in FIGURES.values():
        if module.matches(text):
            return [module.to_element(text)]
    try:
        return [block_to_element(block) for block in parse_blocks(text)]
    except RecursionError:
        logger.debug("an answer is nested too deep to be parsed")
        return [source_with_note(text, "it is nested too deep")]


def plain_to_elements(text: str) -> list[Element]:
    """An answer without markup: its lines, as they are."""
    return [element("div", {"class": "plain"}, text)] if text.strip() else []


def block_to_element(block: Block) -> Element:
    """One block."""
    match block:
        case Heading(level, children):
            return element(f"h{min(max(level + 1, 2), 6)}", {"class": f"l{level}"}, *inlines(children))
        case Paragraph(children, role):
            return element("p", {"class": role} if role else None, *inlines(children))
        case FormulaBlock(latex):
            return formula_block(latex)
        case Table(grid, _):
            return table(grid)
        case Figure(kind, source):
            shown: Element = FIGURES[kind].to_element(source)
            return shown
        case CodeBlock(text):
            return element("pre", None, element("code", None, text))
        case ListBlock(items, start):
            attributes = {"start": str(start)} if start not in (None, 1) else None
            tag = "ul" if start is None else "ol"
            return element(tag, attributes, *(element("li", None, *_tight(item)) for item in items))
        case Group(kind, children):
            tag = "blockquote" if kind in ("quote", "quotation") else "div"
            label = element("p", {"class": "label"}, "Abstract") if kind == "abstract" else None
            return element(tag, {"class": f"group {kind}"}, label, *map(block_to_element, children))
        case Rule():
            return element("hr")


def inlines(nodes: Iterable[Inline], depth: int = 0) -> list[Child]:
    """The nodes of a line."""
    return [_inline(node, depth) for node in nodes]


def formula_block(latex: str) -> Element:
    """A displayed formula with its number beside it."""
    try:
        made = convert(latex, display=True)
    except TooComplex as error:
        return source_with_note(latex, str(error))
    tag = element("span", {"class": "tag"}, made.tag) if made.tag else None
    return element("div", {"class": "formula"}, element("div", {"class": "scroll"}, made.math), tag)


def table(grid: Grid, depth: int = 0) -> Element:
    """A table; what its source got wrong stands below it."""
    rows = [
        element("tr", None, *(_cell(cell, cell.row < grid.header_rows, depth) for cell in row))
        for row in grid.rows()
    ]
    head = element("thead", None, *rows[: grid.header_rows]) if grid.header_rows else None
    made = element("table", {"class": "grid"}, head, element("tbody", None, *rows[grid.header_rows :]))
    if depth:
        return made
    notes = (
        element("p", {"class": "note"}, "Table as read: " + "; ".join(grid.notes) + ".")
        if grid.notes
        else None
    )
    return element("div", {"class": "scroll"}, made, notes)


def _cell(cell: Cell, heading: bool, depth: int) -> Element:
    attributes: dict[str, str] = {"class": cell.align}
    if cell.rows > 1:
        attributes["rowspan"] = str(cell.rows)
    if cell.columns > 1:
        attributes["colspan"] = str(cell.columns)
    return element(
        "th" if heading else "td", attributes, *inlines(parse_inline(cell.text, depth=2 * depth), depth)
    )


def _tight(item: tuple[Block, ...]) -> list[Child]:
    """A list item: a single paragraph needs no element of its own."""
    if item and isinstance(item[0], Paragraph) and not item[0].role:
        return [*inlines(item[0].children), *map(block_to_element, item[1:])]
    return list(map(block_to_element, item))


def _inline(node: Inline, depth: int) -> Child:
    match node:
        case Text(text):
            return text
        case Styled(style, children):
            return element(style, None, *inlines(children, depth))
        case Code(text):
            return element("code", None, text)
        case Formula(latex, display):
            return _formula(latex, display)
        case Molecule(source):
            return append(
                element("span", {"class": "molecule"}), figure("smiles inline", source, smiles.draw)
            )
        case Link(url, children):
            shown = element("span", {"class": "link"}, *inlines(children, depth))
            if [child.text for child in children if isinstance(child, Text)] == [url]:
                return shown
            return element("span", None, shown, " (", element("span", {"class": "address"}, url), ")")
        case Picture(url, alt):
            return element(
                "span",
                {"class": "picture"},
                "Picture" + (f": {alt}" if alt else ""),
                element("span", {"class": "address"}, f" {url}" if url else ""),
            )
        case Break():
            return element("br")
        case Nested(grid):
            if depth >= MAX_NESTED_TABLES:
                return element("code", None, " ".join(cell.text for cell in grid.cells))
            if grid.num_columns == 1 and not grid.has_spans:  # a cell of several lines
                lines = element("span", {"class": "lines"})
                for index, cell in enumerate(grid.cells):
                    append(
                        lines,
                        element("br") if index else None,
                        *inlines(parse_inline(cell.text, depth=2 * depth + 2), depth + 1),
                    )
                return lines
            return table(grid, depth + 1)


def _formula(latex: str, display: bool) -> Element:
    try:
        made = convert(latex, display=display)
    except TooComplex:
        return element("code", {"class": "source"}, latex)
    if made.tag:
        return element("span", None, made.math, element("span", {"class": "tag"}, " " + made.tag))
    return made.math
