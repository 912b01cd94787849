"""A table as a tree that prints itself as a LaTeX tabular (the answer) and as typst (the picture). Chooses nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from GOT.data_engine import inline
from GOT.data_engine.inline import Inline

ALIGNMENTS = {"l": "left", "c": "center", "r": "right"}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell; ``align`` (l, c or r) counts where it spans columns, else its column's does."""

    content: Inline = ()
    columns: int = 1
    rows: int = 1
    align: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells on a grid, with rules.

    Attributes:
        columns: One of l, c, r for each column.
        cells: ``(row, column) -> cell`` of every cell's top left corner; the rest is covered by spans.
        row_rules: For each of the ``rows + 1`` borders between rows, and each column: whether a rule is drawn.
        column_rules: For each of the ``columns + 1`` borders: whether a rule runs down it (spans interrupt it).
    """

    columns: str
    cells: tuple[tuple[tuple[int, int], Cell], ...]
    row_rules: tuple[tuple[bool, ...], ...]
    column_rules: tuple[bool, ...]

    def __post_init__(self) -> None:
        covered: set[tuple[int, int]] = set()
        for (top, left), cell in self.cells:
            area = {(top + y, left + x) for y in range(cell.rows) for x in range(cell.columns)}
            if covered & area:
                raise ValueError(f"The cell at row {top}, column {left} covers another one.")
            covered |= area
        if covered != {(y, x) for y in range(self.height) for x in range(self.width)}:
            raise ValueError(f"The cells do not fill the table's {self.height} rows of {self.width} columns.")

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.columns)

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self.row_rules) - 1

    def to_latex(self) -> str:
        """The answer, laid out as Mathpix does: one row a line, its rules before it."""
        owners = self._owners()
        lines = [f"\\begin{{tabular}}{{{self._column_letters()}}}"]
        for y in range(self.height):
            entries = []
            x = 0
            while x < self.width:
                (top, left), cell = owners[y, x]
                entries.append(self._entry(cell, left, is_first=top == y))
                x = left + cell.columns
            lines.append(f"{_rules_to_latex(self.row_rules[y])}{' & '.join(entries)} \\\\")
        closing = _rules_to_latex(self.row_rules[-1]).strip()
        return "\n".join([*lines, *([closing] if closing else []), r"\end{tabular}"])

    def to_typst(self, *, inset: str = "(x: 0.45em, y: 0.4em)", stroke: str = "0.5pt") -> str:
        """The picture: a typst ``#table`` with the same cells and rules."""
        parts = [f"columns: {self.width}, stroke: none, inset: {inset}, align: horizon"]
        for (top, left), cell in self.cells:
            align = ALIGNMENTS[cell.align or self.columns[left]]
            spans = f"colspan: {cell.columns}, rowspan: {cell.rows}, x: {left}, y: {top}"
            parts.append(f"table.cell({spans}, align: {align} + horizon)[{inline.to_typst(cell.content)}]")
        for y, rules in enumerate(self.row_rules):
            for start, end in _runs(rules):
                parts.append(f"table.hline(y: {y}, start: {start}, end: {end}, stroke: {stroke})")
        for x, is_ruled in enumerate(self.column_rules):
            for start, end in _runs([is_ruled and not self._is_spanned(y, x) for y in range(self.height)]):
                parts.append(f"table.vline(x: {x}, start: {start}, end: {end}, stroke: {stroke})")
        return "#table(" + ", ".join(parts) + ")"

    def _owners(self) -> dict[tuple[int, int], tuple[tuple[int, int], Cell]]:
        return {
            (top + y, left + x): ((top, left), cell)
            for (top, left), cell in self.cells
            for y in range(cell.rows)
            for x in range(cell.columns)
        }

    def _is_spanned(self, y: int, x: int) -> bool:
        """Whether a cell reaches over the border to the left of column ``x`` in row ``y``."""
        return any(
            left < x < left + cell.columns and top <= y < top + cell.rows for (top, left), cell in self.cells
        )

    def _column_letters(self) -> str:
        rules = ["|" if is_ruled else "" for is_ruled in self.column_rules]
        return rules[0] + "".join(letter + rule for letter, rule in zip(self.columns, rules[1:], strict=True))

    def _entry(self, cell: Cell, left: int, *, is_first: bool) -> str:
        text = inline.to_latex(cell.content) if is_first else ""
        if cell.rows > 1 and is_first:
            text = f"\\multirow{{{cell.rows}}}{{*}}{{{text}}}"
        if cell.columns == 1:
            return text
        before = "|" if left == 0 and self.column_rules[0] else ""
        after = "|" if self.column_rules[left + cell.columns] else ""
        return f"\\multicolumn{{{cell.columns}}}{{{before}{cell.align or 'c'}{after}}}{{{text}}}"


def parse_table(latex: str) -> Table:
    """Read a tabular of :meth:`Table.to_latex` back into its tree.

    Raises:
        ValueError: If it is no such tabular.
    """
    found = re.fullmatch(
        r"\s*\\begin\{tabular\}\{([lcr|]+)\}\n(.*?)\n?\\end\{tabular\}\s*", latex, flags=re.DOTALL
    )
    if not found:
        raise ValueError(f"No tabular with columns of l, c, r: {latex[:60]!r}.")
    letters = re.sub(r"\|", "", found[1])
    ruled = [found[1].startswith("|")] + [mark.endswith("|") for mark in re.findall(r"[lcr]\|?", found[1])]
    *lines, last = re.split(r"\\\\(?:\n|$)", found[2])
    rules: list[tuple[bool, ...]] = []
    cells: dict[tuple[int, int], Cell] = {}
    spanned: dict[tuple[int, int], bool] = {}
    for y, line in enumerate(lines):
        text, drawn = _take_rules(line, len(letters))
        rules.append(drawn)
        x = 0
        for entry in re.split(r"(?<!\\)&", text):
            cell = _parse_entry(entry.strip())
            if (y, x) not in spanned:
                cells[y, x] = cell
                for below in range(1, cell.rows):
                    spanned[y + below, x] = True
            x += cell.columns
    rules.append(_take_rules(last, len(letters))[1])
    return Table(letters, tuple(sorted(cells.items(), key=lambda item: item[0])), tuple(rules), tuple(ruled))


def _parse_entry(entry: str) -> Cell:
    columns, rows, align = 1, 1, ""
    wide = re.fullmatch(r"\\multicolumn\{(\d+)\}\{\|?([lcr])\|?\}\{(.*)\}", entry, flags=re.DOTALL)
    if wide:
        columns, align, entry = int(wide[1]), wide[2], wide[3]
    tall = re.fullmatch(r"\\multirow\{(\d+)\}\{\*\}\{(.*)\}", entry, flags=re.DOTALL)
    if tall:
        rows, entry = int(tall[1]), tall[2]
    return Cell(inline.from_latex(entry), columns, rows, align)


def _take_rules(line: str, width: int) -> tuple[str, tuple[bool, ...]]:
    drawn = [False] * width
    while rule := re.match(r"\s*(?:\\hline|\\cline\{(\d+)-(\d+)\})", line):
        start, end = (int(rule[1]), int(rule[2])) if rule[1] else (1, width)
        drawn[start - 1 : end] = [True] * (end - start + 1)
        line = line[rule.end() :]
    return line, tuple(drawn)


def _rules_to_latex(rules: tuple[bool, ...]) -> str:
    if all(rules):
        return r"\hline "
    return "".join(f"\\cline{{{start + 1}-{end}}} " for start, end in _runs(rules))


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of each run of true values."""
    start = None
    for place, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = place
        elif not flag and start is not None:
            yield start, place
            start = None
