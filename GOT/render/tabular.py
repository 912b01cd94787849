r"""LaTeX ``tabular`` to a grid of cells and back: spans resolved, structure checked, cell text left as LaTeX source.

What a model gets wrong (short rows, a span over text, no ``\end``) is mended and noted in ``Grid.notes``; no text goes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from GOT.render.latex import match_braces, match_environments, read_argument, read_option, skip_blanks
from GOT.render.nodes import Align, Cell, Grid

ENVIRONMENTS = ("tabular", "tabular*", "tabularx", "tabulary", "tabu", "longtable", "array", "supertabular")
MAX_COLUMNS = 100  # a span asked for beyond this is a slip of the model
MAX_UP = 100  # rows that a cell reaches up; looking further, thousands of blank ones would take minutes
MAX_SLOTS = 20_000  # rows times columns; a page holds some hundreds

_WITH_WIDTH = ("tabular*", "tabularx", "tabulary")
_ALIGN: dict[str, Align] = {
    "l": "left",
    "c": "center",
    "r": "right",
    "p": "left",
    "m": "left",
    "b": "left",
    "X": "left",
}
_TOKEN = re.compile(
    r"\\begin\s*\{[A-Za-z]+\*?\}|\\\\\*?(?:\s*\[[\d.\s]*(?:pt|em|ex|mm|cm|in)\])?|\\tabularnewline|\\.|[{}&]",
    re.DOTALL,
)
_OPTION, _BRACED = r"(?:\s*\[[^\]]{0,40}\])?", r"\s*\{[^{}]{0,60}\}"
_RULES = re.compile(  # with the arguments that each takes, since a cell may begin with a bracket
    rf"\s*\\(?:(?P<rule>hline|(?:toprule|midrule|bottomrule)(?![A-Za-z]){_OPTION}|(?:hhline|Xhline){_BRACED}|specialrule(?:{_BRACED}){{3}})"
    rf"|cline{_BRACED}|cmidrule(?:\s*\([lr]+\))?{_OPTION}(?:\s*\([lr]+\))?{_BRACED}|addlinespace{_OPTION}|noalign{_BRACED}"
    rf"|(?:rowcolor|arrayrulecolor){_OPTION}{_BRACED}|endhead|endfirsthead|endfoot|endlastfoot)(?![A-Za-z])"
)
_CELL_COLOR = re.compile(r"\s*\\cellcolor(?:\[[^\]]{0,20}\])?\{[^{}]{0,40}\}")


@dataclasses.dataclass
class _Entry:
    """What stands between two ``&``."""

    text: str
    columns: int = 1
    rows: int = 1  # negative: reaches upwards
    align: Align | None = None


def parse_tabular(source: str) -> Grid:
    r"""Read one table.

    Args:
        source: From ``\begin{tabular}`` on; a missing ``\end`` is noted.

    Raises:
        ValueError: If ``source`` does not begin with a table environment, or is larger than any page.
    """
    source = source.strip()
    environment = match_environments(source).get(0)
    if environment is None or environment[0] not in ENVIRONMENTS:
        raise ValueError(f"A table begins with \\begin{{tabular}}; got {source[:40]!r}.")
    name, start, end, behind = environment
    notes = [] if behind > end else [f"\\end{{{name}}} is missing"]
    braces = match_braces(source)
    aligns: list[Align] = []
    if name in _WITH_WIDTH and (width := read_argument(source, start, braces)):
        start = width[1]
    start = read_option(source, start)[1]
    if columns := read_argument(source, start, braces):
        aligns, start = parse_column_spec(columns[0]), columns[1]
    rows, first_rule = _split_rows(source[start:end])
    return _place(rows, aligns, first_rule, notes)


def parse_column_spec(spec: str) -> list[Align]:
    """Read a column specification such as ``|l|*{2}{c}|p{3cm}|`` into one alignment a column."""
    spec = re.sub(
        r"\*\s*\{\s*(\d{1,3})\s*\}\s*\{([^{}]*)\}",
        lambda found: found[2] * min(int(found[1]), MAX_COLUMNS),
        spec[:2000],
    )
    spec = re.sub(r"[@!<>]\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "", spec)  # what stands between columns
    spec = re.sub(r"\{[^{}]*\}", "", spec)  # widths
    return [_ALIGN[letter] for letter in spec if letter in _ALIGN][:MAX_COLUMNS]


def make_grid(rows: list[list[str]], aligns: list[Align] | None = None, header_rows: int = 1) -> Grid:
    """Build a grid without spans from rows of cell texts; short rows are filled up."""
    width = max((len(row) for row in rows), default=0)
    aligns = list(aligns or [])[:width] + ["left"] * (width - len(aligns or []))
    cells = tuple(
        Cell(row[column].strip() if column < len(row) else "", index, column, align=aligns[column])
        for index, row in enumerate(rows)
        for column in range(width)
    )
    return Grid(cells, len(rows), width, header_rows=min(header_rows, len(rows)))


def grid_to_latex(grid: Grid, write_cell: Callable[[str], str] = str) -> str:
    r"""Write a grid as a ``tabular`` that :func:`parse_tabular` reads back to the same grid.

    Args:
        grid: The table.
        write_cell: Turns a cell's source into what stands in the table.
    """
    columns = [
        next((c.align for c in grid.cells if c.column == column and c.columns == 1), "center")
        for column in range(grid.num_columns)
    ]
    lines = [f"\\begin{{tabular}}{{|{'|'.join(align[0] for align in columns)}|}}", "\\hline"]
    starts = {(cell.row, cell.column): cell for cell in grid.cells}
    covering = {
        (row, cell.column): cell for cell in grid.cells for row in range(cell.row + 1, cell.row + cell.rows)
    }
    for row in range(grid.num_rows):
        parts, column = [], 0
        while column < grid.num_columns:
            cell = starts.get((row, column))
            owner = cell or covering[row, column]
            text = write_cell(cell.text) if cell else ""
            if cell and cell.rows > 1:
                text = f"\\multirow{{{cell.rows}}}{{*}}{{{text}}}"
            if owner.columns > 1 or (cell and cell.align != columns[column]):
                text = f"\\multicolumn{{{owner.columns}}}{{|{owner.align[0]}|}}{{{text}}}"
            parts.append(text)
            column += owner.columns
        rule = " \\hline" if row in (grid.header_rows - 1, grid.num_rows - 1) else ""
        lines.append(" & ".join(parts) + " \\\\" + rule)
    return "\n".join([*lines, "\\end{tabular}"])


def _split_rows(body: str) -> tuple[list[list[_Entry]], int]:
    r"""Cut a table's body at its own ``\\`` and ``&``.

    Returns:
        The rows, and how many of them stand above the first rule inside the table (0: none does).
    """
    braces, environments = match_braces(body), match_environments(body)
    rows: list[list[_Entry]] = []
    entries: list[str] = []
    first_rule = 0
    position = begin = 0

    def end_row(end: int, last: bool) -> None:
        nonlocal entries
        entries.append(body[begin:end])
        if not (last and len(entries) == 1 and not entries[0].strip()):
            rows.append([_read_entry(text) for text in entries])
        entries = []

    def skip_rules() -> None:
        nonlocal position, begin, first_rule
        while found := _RULES.match(body, position):
            if found["rule"] and rows and not first_rule:
                first_rule = len(rows)
            position = found.end()
        begin = position

    skip_rules()
    while found := _TOKEN.search(body, position):
        token, position = found[0], found.end()
        if token == "{":
            position = braces.get(found.start(), found.start()) + 1
        elif token.startswith("\\begin"):
            position = (
                max(environments[found.start()][3], position) if found.start() in environments else position
            )
        elif token == "&":
            entries.append(body[begin : found.start()])
            begin = position
        elif token.startswith("\\\\") or token == "\\tabularnewline":
            end_row(found.start(), last=False)
            skip_rules()
    end_row(len(body), last=True)
    if len(rows) > 1 and first_rule >= len(rows):
        first_rule = 0  # that rule is the bottom one
    return rows, first_rule


def _read_entry(text: str) -> _Entry:
    text = _RULES.sub("", text) if "\\hline" in text or "\\cline" in text else text
    text = _CELL_COLOR.sub("", text).strip()
    entry = _Entry(text)
    for _ in range(4):  # \multicolumn of \multirow, or the other way round
        text = entry.text
        braces = match_braces(text)
        if text.startswith("\\multicolumn"):
            count = read_argument(text, len("\\multicolumn"), braces)
            spec = read_argument(text, count[1], braces) if count else None
            content = read_argument(text, spec[1], braces) if spec else None
            if not (count and spec and content) or text[content[1] :].strip():
                break
            entry.columns *= max(1, min(_number(count[0]), MAX_COLUMNS))
            entry.align = next(iter(parse_column_spec(spec[0])), None)
            entry.text = content[0].strip()
        elif text.startswith("\\multirow"):
            position = read_option(text, len("\\multirow"))[1]
            count = read_argument(text, position, braces)
            if not count:
                break
            position = read_option(text, count[1])[1]
            star = skip_blanks(text, position)
            width = ("*", star + 1) if text.startswith("*", star) else read_argument(text, position, braces)
            if not width:
                break
            content = read_argument(text, read_option(text, width[1])[1], braces)
            if not content or text[content[1] :].strip():
                break
            entry.rows = _number(count[0]) or 1
            entry.text = content[0].strip()
        elif text.startswith("{") and braces.get(0) == len(text) - 1:
            entry.text = text[1:-1].strip()
        else:
            break
    return entry


def _place(rows: list[list[_Entry]], aligns: list[Align], first_rule: int, notes: list[str]) -> Grid:
    """Give every entry its slots; fill what is left, so that the grid is whole."""
    rows = _drop_blank_rows(rows)
    width = max((sum(entry.columns for entry in row) for row in rows), default=0)
    if width > 2 * MAX_COLUMNS or width * len(rows) > MAX_SLOTS:
        raise ValueError(f"A table of {len(rows)} rows and {width} columns is larger than a page.")
    cells: list[Cell] = []
    taken: dict[
        tuple[int, int], int
    ] = {}  # slot -> index of the cell that covers it; down to the current row
    lowest: list[int | None] = [None] * width  # of each column the cell that was placed last

    def claim(cell: Cell, index: int) -> None:
        for column in range(cell.column, cell.column + cell.columns):
            lowest[column] = len(cells)
            for row in range(cell.row, index + 1):
                taken[row, column] = len(cells)
        cells.append(cell)

    def free(index: int, column: int) -> None:
        """Cut the span that covers this slot so that it ends above."""
        number = taken.get((index, column))
        if number is None:
            return
        owner = cells[number]
        assert owner.row < index, "a cell of the same row covers this slot"
        for covered in range(owner.column, owner.column + owner.columns):
            del taken[index, covered]
        cells[number] = dataclasses.replace(owner, rows=index - owner.row)
        notes.append(f"row {index + 1}: a cell reached down over text and was cut short")

    for index, row in enumerate(rows):
        for column, number in enumerate(lowest):
            if number is not None and cells[number].row + cells[number].rows > index:
                taken[index, column] = number
        column = 0
        skip = _leaves_out_covered(row, index, width, taken)
        for entry in row:
            while skip and (index, column) in taken and column < width:
                column += 1
            span = max(1, min(entry.columns, width - column))
            align = entry.align or (aligns[column] if column < len(aligns) else "left")
            if entry.text or not any((index, c) in taken for c in range(column, column + span)):
                for covered in range(column, column + span):
                    free(index, covered)
                up = _reach_up(cells, taken, entry, index, column, span)
                for above in range(index - up, index):
                    for covered in range(column, column + span):
                        if (blank := taken.pop((above, covered), None)) is not None:
                            cells[blank] = dataclasses.replace(cells[blank], rows=0)
                down = max(1, min(entry.rows, len(rows) - index))
                claim(Cell(entry.text, index - up, column, up + down, span, align), index)
            column += entry.columns
    for index in range(len(rows)):
        missing = [column for column in range(width) if (index, column) not in taken]
        if missing and sum(entry.columns for entry in rows[index]) < width:
            notes.append(f"row {index + 1}: {len(missing)} of {width} cells are missing")
        for column in missing:
            align = aligns[column] if column < len(aligns) else "left"
            claim(Cell("", index, column, align=align), index)
    placed = tuple(sorted((cell for cell in cells if cell.rows), key=lambda cell: (cell.row, cell.column)))
    if aligns and width and len(aligns) != width:
        notes.append(f"{len(aligns)} columns are announced, {width} are there")
    header = min(first_rule, len(rows))
    if header * 2 > len(rows):  # a rule only near the bottom marks a total, not a heading
        header = 1 if len(rows) > 1 and first_rule else 0
    header = max((cell.row + cell.rows for cell in placed if cell.row < header), default=0)
    return Grid(placed, len(rows), width, header_rows=header, notes=tuple(dict.fromkeys(notes)))


def _reach_up(
    cells: list[Cell], taken: dict[tuple[int, int], int], entry: _Entry, index: int, column: int, span: int
) -> int:
    r"""How many rows above it a ``\multirow{-n}`` covers: as far as there is no text, and none if it met a span."""
    wanted = min(-entry.rows, index + 1, MAX_UP + 1) - 1
    for up in range(1, wanted + 1):
        slots = [(index - up, covered) for covered in range(column, column + span)]
        owners = [cells[taken[slot]] for slot in slots if slot in taken]
        if any(owner.text for owner in owners):
            return up - 1
        if any(owner.rows != 1 or owner.columns != 1 for owner in owners):
            return 0  # only single slots can be given up
    return max(wanted, 0)


def _leaves_out_covered(row: list[_Entry], index: int, width: int, taken: dict[tuple[int, int], int]) -> bool:
    """Tell whether a row lists only the cells that no span from above covers, as HTML does and LaTeX does not."""
    covered = [column for column in range(width) if (index, column) in taken]
    if not covered or sum(entry.columns for entry in row) != width - len(covered):
        return False
    column, conflict = 0, False
    for entry in row:
        conflict |= bool(entry.text) and any(
            (index, c) in taken for c in range(column, column + entry.columns)
        )
        column += entry.columns
    return conflict


def _drop_blank_rows(rows: list[list[_Entry]]) -> list[list[_Entry]]:
    """Leave out rows of one blank entry (a stray line end), unless a span from above needs them."""
    kept: list[list[_Entry]] = []
    reach = 0  # rows below that spans still cover
    wide = any(len(row) > 1 for row in rows)
    for row in rows:
        blank = len(row) == 1 and not row[0].text and row[0].columns == 1
        if not blank or (reach > 0 and not wide):
            kept.append(row)
        reach = max(reach - 1, *(entry.rows - 1 for entry in row))
    return kept


def _number(text: str) -> int:
    found = re.match(r"\s*(-?\d{1,4})", text)
    return int(found[1]) if found else 1
