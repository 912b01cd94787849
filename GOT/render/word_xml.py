"""What python-docx has no method for: formulas, links, bookmarks, and tables with spans in linear time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from GOT.render.nodes import Align, Cell, Grid

if TYPE_CHECKING:
    from docx.text.paragraph import Paragraph

TEXT_WIDTH = 9000  # twentieths of a point: 6.25 inches


def insert_math(paragraph: Paragraph, math: Element) -> None:
    """Put a formula at the end of a paragraph."""
    from docx.oxml import parse_xml

    paragraph._p.append(parse_xml(ElementTree.tostring(math)))


def bookmark(element: Any, name: str, number: int) -> None:
    """Mark a paragraph or table, so that links find it."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    start, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
    start.set(qn("w:id"), str(number))
    start.set(qn("w:name"), name)
    end.set(qn("w:id"), str(number))
    element.addprevious(start)
    element.addprevious(end)


def align(paragraph: Paragraph, side: Align) -> None:
    """Set how a paragraph's lines stand."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, side.upper())


def link(paragraph: Paragraph, url: str, start: int) -> None:
    """What was added to the paragraph from its child number ``start`` on becomes a link."""
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made = OxmlElement("w:hyperlink")
    made.set(qn("r:id"), paragraph.part.relate_to(url, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    for child in list(paragraph._p)[start:]:
        made.append(child)
    paragraph._p.append(made)


def table_xml(grid: Grid, fill: Callable[[Paragraph, Cell], None], parent: Any) -> Any:
    """A table element.

    Args:
        grid: The table.
        fill: Writes a cell's text into its paragraph.
        parent: The document, whose styles and links the cells use.
    """
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt
    from docx.text.paragraph import Paragraph

    def make(tag: str, **attributes: str) -> Any:
        made = OxmlElement(f"w:{tag}")
        for name, value in attributes.items():
            made.set(qn(f"w:{name}"), value)
        return made

    table, properties, columns = make("tbl"), make("tblPr"), make("tblGrid")
    properties.append(make("tblStyle", val="TableGrid"))
    properties.append(make("tblW", w="0", type="auto"))
    properties.append(make("jc", val="center"))
    table.append(properties)
    for _ in range(grid.num_columns):
        columns.append(make("gridCol", w=str(TEXT_WIDTH // max(grid.num_columns, 1))))
    table.append(columns)
    rows = grid.rows()
    below: dict[tuple[int, int], Cell] = {  # slots at the left edge of a span, under its first row
        (row, cell.column): cell for cell in grid.cells for row in range(cell.row + 1, cell.row + cell.rows)
    }
    for number, starting in enumerate(rows):
        row = make("tr")
        if number < grid.header_rows:
            header = make("trPr")
            header.append(make("tblHeader"))
            row.append(header)
        continued = [below[number, column] for column in range(grid.num_columns) if (number, column) in below]
        for cell in sorted([*starting, *continued], key=lambda cell: cell.column):
            slot, style = make("tc"), make("tcPr")
            style.append(make("tcW", w=str(TEXT_WIDTH // grid.num_columns * cell.columns), type="dxa"))
            if cell.columns > 1:
                style.append(make("gridSpan", val=str(cell.columns)))
            if cell.rows > 1:
                style.append(make("vMerge", val="restart" if cell.row == number else "continue"))
            style.append(make("vAlign", val="center"))
            slot.append(style)
            paragraph = make("p")
            slot.append(paragraph)
            row.append(slot)
            if cell.row == number:
                text = Paragraph(paragraph, parent)
                align(text, cell.align)
                text.paragraph_format.space_after = Pt(0)
                fill(text, cell)
        table.append(row)
    return table
