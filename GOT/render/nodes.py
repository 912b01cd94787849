"""What a parsed answer is made of: inline nodes, blocks and table grids. Plain values that every writer walks."""

from __future__ import annotations

import dataclasses
from typing import Literal

Align = Literal["left", "center", "right"]
FigureKind = Literal["kern", "tikz", "smiles", "chart"]


@dataclasses.dataclass(frozen=True)
class Text:
    """Words, exactly as they shall be read (no markup left in them)."""

    text: str


@dataclasses.dataclass(frozen=True)
class Styled:
    """Words in a style: ``strong``, ``em``, ``u``, ``s``, ``sub``, ``sup``, ``small``."""

    style: str
    children: tuple[Inline, ...]


@dataclasses.dataclass(frozen=True)
class Code:
    """Words in typewriter letters, verbatim."""

    text: str


@dataclasses.dataclass(frozen=True)
class Formula:
    """LaTeX without its delimiters."""

    latex: str
    display: bool = False


@dataclasses.dataclass(frozen=True)
class Molecule:
    """A SMILES string that stood between ``<smiles>`` tags."""

    smiles: str


@dataclasses.dataclass(frozen=True)
class Link:
    """Words that point somewhere. Writers show the address and never follow it."""

    url: str
    children: tuple[Inline, ...]


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture that the page referred to by address; it is named, never fetched."""

    url: str
    alt: str


@dataclasses.dataclass(frozen=True)
class Break:
    """A line end that shall stay one."""


@dataclasses.dataclass(frozen=True)
class Nested:
    """A table within a line or within another table's cell."""

    grid: Grid


Inline = Text | Styled | Code | Formula | Molecule | Link | Picture | Break | Nested


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of a table, at its top left corner.

    Attributes:
        text: The cell's LaTeX or Markdown source, stripped.
        row: First row, from 0.
        column: First column, from 0.
        rows: How many rows it spans.
        columns: How many columns it spans.
        align: How its text stands.
    """

    text: str
    row: int
    column: int
    rows: int = 1
    columns: int = 1
    align: Align = "left"


@dataclasses.dataclass(frozen=True)
class Grid:
    """A table whose cells cover every slot exactly once.

    Attributes:
        cells: All cells, by row, then column.
        num_rows: Height in rows.
        num_columns: Width in columns.
        header_rows: How many rows at the top are a heading.
        notes: What the source got wrong and how it was mended; empty for a well-formed table.
    """

    cells: tuple[Cell, ...]
    num_rows: int
    num_columns: int
    header_rows: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the structure.

        Raises:
            ValueError: If a slot is covered twice or not at all, or a cell reaches out of the table.
        """
        covered = bytearray(self.num_rows * self.num_columns)
        for cell in self.cells:
            if cell.row + cell.rows > self.num_rows or cell.column + cell.columns > self.num_columns:
                raise ValueError(f"Cell {cell} reaches out of the {self.num_rows}x{self.num_columns} table.")
            for row in range(cell.row, cell.row + cell.rows):
                for column in range(cell.column, cell.column + cell.columns):
                    covered[row * self.num_columns + column] += 1
        if any(count != 1 for count in covered):
            raise ValueError(f"The {self.num_rows}x{self.num_columns} table's cells overlap or leave a hole.")

    @property
    def has_spans(self) -> bool:
        """Whether a cell covers more than one slot."""
        return any(cell.rows > 1 or cell.columns > 1 for cell in self.cells)

    def rows(self) -> list[list[Cell]]:
        """The cells that start in each row."""
        rows: list[list[Cell]] = [[] for _ in range(self.num_rows)]
        for cell in self.cells:
            rows[cell.row].append(cell)
        return rows


@dataclasses.dataclass(frozen=True)
class Heading:
    """A title (level 0) or a section heading (1 to 6)."""

    level: int
    children: tuple[Inline, ...]


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """Running text; ``role`` is ``""``, ``author``, ``date``, ``caption`` or ``footnote``."""

    children: tuple[Inline, ...]
    role: str = ""


@dataclasses.dataclass(frozen=True)
class FormulaBlock:
    """A displayed formula, without its delimiters but with its own environments."""

    latex: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table on its own; ``source`` is what the model wrote."""

    grid: Grid
    source: str


@dataclasses.dataclass(frozen=True)
class Figure:
    """Something to draw: a score, a drawing, a molecule or a chart."""

    kind: FigureKind
    source: str


@dataclasses.dataclass(frozen=True)
class CodeBlock:
    """Verbatim lines."""

    text: str


@dataclasses.dataclass(frozen=True)
class ListBlock:
    """A list; ``start`` is the first number of an ordered one, ``None`` for bullets."""

    items: tuple[tuple[Block, ...], ...]
    start: int | None = None


@dataclasses.dataclass(frozen=True)
class Group:
    """Blocks that belong together: ``abstract``, ``quote``, ``center``, ``figure``, ``table``, ``theorem`` …"""

    kind: str
    children: tuple[Block, ...]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A horizontal line."""


Block = Heading | Paragraph | FormulaBlock | Table | Figure | CodeBlock | ListBlock | Group | Rule
