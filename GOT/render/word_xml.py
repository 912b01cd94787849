"""What python-docx has no method for, or none that takes the same time in a long document as in a short one.

Its own ways of adding paragraphs, links and pictures look through everything that was added before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from GOT.render.nodes import Align, Cell, Grid

if TYPE_CHECKING:
    from docx.text.paragraph import Paragraph

TEXT_WIDTH = 9000  # twentieths of a point: 6.25 inches


class Relations:
    """What a document points to from outside its text: addresses and pictures, each kept once."""

    def __init__(self, part: Any) -> None:
        self.part = part
        self.known: dict[tuple[str, str | bytes], str] = {}
        self.pictures = 0

    def to_address(self, url: str) -> str:
        """The id of a web or mail address."""
        from docx.opc.constants import RELATIONSHIP_TYPE

        if (RELATIONSHIP_TYPE.HYPERLINK, url) not in self.known:
            self._add(RELATIONSHIP_TYPE.HYPERLINK, url, url, external=True)
        return self.known[RELATIONSHIP_TYPE.HYPERLINK, url]

    def to_picture(self, png: bytes) -> str:
        """The id of a picture in the document's file."""
        from docx.image.image import Image
        from docx.opc.constants import RELATIONSHIP_TYPE
        from docx.opc.packuri import PackURI
        from docx.parts.image import ImagePart

        if (RELATIONSHIP_TYPE.IMAGE, png) not in self.known:
            self.pictures += 1
            name = PackURI(f"/word/media/image{self.pictures}.png")
            self._add(RELATIONSHIP_TYPE.IMAGE, png, ImagePart.from_image(Image.from_blob(png), name))
        return self.known[RELATIONSHIP_TYPE.IMAGE, png]

    def _add(self, kind: str, key: str | bytes, target: Any, *, external: bool = False) -> None:
        number = len(self.part.rels) + 1
        while f"rId{number}" in self.part.rels:
            number += 1
        self.part.rels.add_relationship(kind, target, f"rId{number}", is_external=external)
        self.known[kind, key] = f"rId{number}"


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


def link(paragraph: Paragraph, relation: str, before: Any) -> None:
    """What stands in the paragraph behind the element ``before`` (None: all) becomes a link to a relation."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made = OxmlElement("w:hyperlink")
    made.set(qn("r:id"), relation)
    for child in list(paragraph._p if before is None else before.itersiblings()):
        made.append(child)
    paragraph._p.append(made)


def last_of(element: Any) -> Any:
    """An element's last child; None if it has none. (To count them would take a look at each.)"""
    return next(element.iterchildren(reversed=True), None)


def picture(
    paragraph: Paragraph, relation: str, png: bytes, number: int, *, inches: float, words: str
) -> None:
    """Put a picture of the document's file at the end of a paragraph.

    Args:
        relation: Its id, from :meth:`Relations.to_picture`.
        png: What is in it.
        number: Of the drawing in the document, from 1.
        inches: Width on the page; the height follows.
        words: What a screen reader says.
    """
    from docx.image.image import Image
    from docx.oxml.shape import CT_Inline
    from docx.shared import Inches

    size = Image.from_blob(png).scaled_dimensions(Inches(inches), None)
    inline = CT_Inline.new_pic_inline(number, relation, "image.png", *size)
    inline.docPr.set("descr", words)
    paragraph.add_run()._r.add_drawing(inline)


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
