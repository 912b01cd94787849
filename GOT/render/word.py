"""Pages to one Word document: native headings, tables and formulas (OMML); figures as pictures."""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from GOT.render import nodes
from GOT.render.drawing import CannotDraw, draw_checked, size_of, to_png
from GOT.render.elements import printable
from GOT.render.figures import FIGURES
from GOT.render.formula import TooComplex, convert
from GOT.render.formula.omml import to_omml
from GOT.render.inline import parse_inline
from GOT.render.nodes import Block, Grid, Inline
from GOT.render.page import RenderPage
from GOT.render.walk import blocks_of, is_address, shows_itself
from GOT.render.word_xml import Relations, align, bookmark, insert_math, last_of, link, picture, table_xml
from GOT.utils.lazy import require

if TYPE_CHECKING:
    from docx.text.paragraph import Paragraph

MONO = "Consolas"
MAX_WIDTH = 6.0  # inches of a page's text
PX_PER_INCH = 96.0
INDENT = 0.3  # inches for each level of a list
MAX_NESTED = 3


@dataclasses.dataclass(frozen=True)
class _Style:
    """How running text looks."""

    marks: frozenset[str] = frozenset()

    def also(self, mark: str) -> _Style:
        return _Style(self.marks | {mark})


def to_docx(pages: Sequence[RenderPage]) -> bytes:
    """One document; each page starts on a new one, with a bookmark.

    Raises:
        ImportError: If python-docx is missing; the message names the command that installs it.
    """
    docx = require("docx", extra="render")
    from docx.enum.text import WD_BREAK

    writer = _Writer(docx.Document())
    writer.document.core_properties.title = printable(pages[0].name if pages else "")
    writer.document.core_properties.author = ""
    for index, page in enumerate(pages):
        if index:
            writer.paragraph().add_run().add_break(WD_BREAK.PAGE)
        writer.page(page, index)
    buffer = io.BytesIO()
    writer.document.save(buffer)
    return buffer.getvalue()


class _Writer:
    """Fills a document, block by block."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.end = last_of(document.element.body)  # the settings of the section; all blocks go above them
        self.relations = Relations(document.part)
        self.num_drawings = 0
        self.style_id = functools.cache(lambda name: document.styles[name].style_id)  # looks at every style

    def page(self, page: RenderPage, index: int) -> None:
        above = self.end.getprevious()
        if page.has_markup:
            self.blocks(blocks_of(page))
        else:
            for line in page.text.strip().split("\n"):
                self.paragraph(text=line).paragraph_format.space_after = 0
        if self.end.getprevious() is above:
            self.paragraph()
        first = self.document.element.body[0] if above is None else above.getnext()
        bookmark(first, page.anchor.replace("-", "_"), index)

    def blocks(self, blocks: Sequence[Block], level: int = 0) -> None:
        for block in blocks:
            self.block(block, level)

    def block(self, block: Block, level: int) -> None:
        match block:
            case nodes.Heading(depth, children):
                made = self.paragraph()
                made._p.style = self.style_id(f"Heading {min(depth, 9)}" if depth else "Title")
                self.runs(made, children)
            case nodes.Paragraph(children, role):
                made = self.paragraph(level)
                if role in ("author", "date", "caption"):
                    align(made, "center")
                self.runs(made, children)
            case nodes.FormulaBlock(latex):
                self.formula(self.paragraph(level), latex, display=True)
            case nodes.Table(grid, _):
                self.table(grid)
            case nodes.Figure(kind, source):
                self.figure(kind, source)
            case nodes.CodeBlock(text):
                self.code(text)
            case nodes.ListBlock(items, start):
                self.items(items, start, level)
            case nodes.Group(kind, children):
                if kind == "abstract":
                    self.runs(self.paragraph(level), (nodes.Styled("strong", (nodes.Text("Abstract"),)),))
                self.blocks(children, level + (kind in ("quote", "quotation")))
            case nodes.Rule():
                align(self.paragraph(text="―" * 20), "center")

    def paragraph(self, level: int = 0, *, text: str = "") -> Paragraph:
        from docx.oxml import OxmlElement
        from docx.shared import Inches
        from docx.text.paragraph import Paragraph

        element: Any = OxmlElement("w:p")
        self.end.addprevious(element)
        made = Paragraph(element, self.document)
        if text:
            made.add_run(printable(text))
        if level:
            made.paragraph_format.left_indent = Inches(INDENT * min(level, 10))
        return made

    def items(self, items: Sequence[Sequence[Block]], start: int | None, level: int) -> None:
        from docx.shared import Inches

        for number, item in enumerate(items, start=start or 0):
            first = item[0] if item else None
            made = self.paragraph(level + 1)
            made.paragraph_format.first_line_indent = Inches(-INDENT)
            made.paragraph_format.tab_stops.add_tab_stop(Inches(INDENT * min(level + 1, 10)))
            made.add_run("•\t" if start is None else f"{number}.\t")
            if isinstance(first, nodes.Paragraph):
                self.runs(made, first.children)
            self.blocks(item[1:] if isinstance(first, nodes.Paragraph) else item, level + 1)

    def code(self, text: str) -> None:
        made = self.paragraph()
        lines = printable(text).split("\n")
        for number, line in enumerate(lines, start=1):
            run = made.add_run(line)
            run.font.name = MONO
            if number < len(lines):
                run.add_break()

    def figure(self, kind: str, source: str) -> None:
        if kind == "chart":
            return self.chart(source)
        self.drawing(kind, source)

    def chart(self, source: str) -> None:
        from GOT.render.chart_data import parse_chart, to_grid

        try:
            data = parse_chart(source)
        except (ValueError, RecursionError):
            self.code(source)
            return
        self.drawing("chart", source, or_source=False)
        self.table(to_grid(data), parse=False)

    def drawing(self, kind: str, source: str, *, or_source: bool = True) -> None:
        try:
            drawn = draw_checked(source, FIGURES[kind].draw)
            png = to_png(drawn)
        except (CannotDraw, ImportError) as error:
            if or_source:
                self.code(source)
                self.paragraph(text=f"Shown as its source: {error}")
            return
        made = self.paragraph()
        align(made, "center")
        self.num_drawings += 1
        inches = max(min(size_of(drawn)[0] / PX_PER_INCH, MAX_WIDTH), 0.3)
        relation, words = self.relations.to_picture(png), printable(source[:1000])
        picture(made, relation, png, self.num_drawings, inches=inches, words=words)

    def table(self, grid: Grid, *, parse: bool = True) -> None:
        """A table of its own, a paragraph behind it so that two tables do not grow together."""

        def fill(paragraph: Paragraph, cell: nodes.Cell) -> None:
            children = parse_inline(cell.text) if parse else (nodes.Text(cell.text),)
            self.runs(
                paragraph, children, _Style(frozenset({"strong"} if cell.row < grid.header_rows else ()))
            )

        self.end.addprevious(table_xml(grid, fill, self.document))
        self.paragraph()

    def formula(self, paragraph: Paragraph, latex: str, *, display: bool = False) -> None:
        try:
            made = convert(latex, display=display)
        except TooComplex:
            paragraph.add_run(printable(latex)).font.name = MONO
            return
        insert_math(paragraph, to_omml(made.body, display=display and not made.tag))
        if made.tag:
            paragraph.add_run("\t" + printable(made.tag))
            align(paragraph, "center")

    def runs(
        self, paragraph: Paragraph, children: Sequence[Inline], style: _Style = _Style(), depth: int = 0
    ) -> None:
        for node in children:
            match node:
                case nodes.Text(text) | nodes.Code(text) | nodes.Molecule(text):
                    self.run(paragraph, text, style if isinstance(node, nodes.Text) else style.also("code"))
                case nodes.Styled(mark, inner):
                    self.runs(paragraph, inner, style.also(mark), depth)
                case nodes.Formula(latex, _):
                    self.formula(paragraph, latex)
                case nodes.Link(url, inner):
                    if is_address(url):
                        before = last_of(paragraph._p)
                        self.runs(paragraph, inner, style.also("u"), depth)
                        link(paragraph, self.relations.to_address(url), before)
                    else:
                        self.runs(paragraph, inner, style, depth)
                        self.run(paragraph, "" if shows_itself(node) else f" ({url})", style)
                case nodes.Picture(url, alt):
                    self.run(paragraph, f"[Picture: {alt or url}]", style)
                case nodes.Break():
                    paragraph.add_run().add_break()
                case nodes.Nested(grid):
                    self.nested(paragraph, grid, style, depth)

    def nested(self, paragraph: Paragraph, grid: Grid, style: _Style, depth: int) -> None:
        """A table within a line, as its rows: bars between cells."""
        for number, row in enumerate(grid.rows()):
            if number:
                paragraph.add_run().add_break()
            for index, cell in enumerate(row):
                self.run(paragraph, " | " if index else "", style)
                inner = (
                    parse_inline(cell.text, depth=2 * depth)
                    if depth < MAX_NESTED
                    else (nodes.Text(cell.text),)
                )
                self.runs(paragraph, inner, style, depth + 1)

    def run(self, paragraph: Paragraph, text: str, style: _Style) -> None:
        if not text:
            return
        run = paragraph.add_run(printable(text))
        run.bold = True if "strong" in style.marks else None
        run.italic = True if "em" in style.marks else None
        run.underline = True if "u" in style.marks else None
        run.font.strike = True if "s" in style.marks else None
        run.font.subscript = True if "sub" in style.marks else None
        run.font.superscript = True if "sup" in style.marks else None
        if "code" in style.marks:
            run.font.name = MONO
