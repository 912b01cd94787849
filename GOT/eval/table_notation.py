"""Tables as text (LaTeX tabular, HTML, Markdown pipes) to rows of cells.

Whatever a model wrote is read as far as it goes. (The data engine's own parser is the opposite: it reads rules and
formulas too, and refuses what the data engine did not print.)
"""

from __future__ import annotations

import dataclasses
import html
import html.parser
import re

_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule)\b|\\(?:cline|cmidrule)(?:\([^)]*\))?\s*\{[^{}]*\}"
)
_HTML_TABLE = re.compile(r"<table\b.*?(?:</table\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_PIPE_ROW = re.compile(r"^\s*\|.*\|\s*$")
_BEGIN, _END = r"\begin{tabular}", r"\end{tabular}"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell: its text, and how many rows and columns it spans."""

    text: str
    rows: int = 1
    columns: int = 1


Table = list[list[Cell]]


def find_tables(text: str) -> list[Table]:
    """All tables of a text in reading order, whichever notation."""
    return [table for _, _, table in locate_tables(text) if table]


def locate_tables(text: str) -> list[tuple[int, int, Table]]:
    """Where each table of a text begins and ends, and its rows, in reading order; one without an end runs to the end.

    Lines between pipes are a table where there is none in LaTeX or HTML, and more than one of them.
    """
    found = [(start, end, parse_latex(body)) for start, end, body in _latex_tables(text)]
    found += [(match.start(), match.end(), parse_html(match.group())) for match in _HTML_TABLE.finditer(text)]
    return sorted(found or _pipe_tables(text), key=lambda item: item[0])


def parse_latex(body: str) -> Table:
    r"""The rows between ``\begin{tabular}`` and ``\end{tabular}``, column specification included.

    Cells covered by a ``\multirow`` from above are written as empty cells in LaTeX; they are left out here, as in HTML.
    """
    _, position = _argument(body, 0)  # column specification
    table: Table = []
    covered: dict[int, int] = {}  # column -> rows that a cell above still covers
    for line in _split(_RULES.sub(" ", body[position:]), "\\\\"):
        parts = _split(re.sub(r"^\s*\[[^\]]*\]", "", line) if table else line, "&")
        if len(parts) == 1 and not parts[0].strip():
            continue
        row: list[Cell] = []
        column = 0
        for part in parts:
            cell = _latex_cell(part.strip())
            if covered.get(column, 0) and not cell.text:
                covered[column] -= 1
                column += cell.columns
                continue
            row.append(cell)
            for offset in range(cell.columns):
                covered[column + offset] = cell.rows - 1
            column += cell.columns
        table.append(row)
    return table


def parse_html(text: str) -> Table:
    """The rows of the first HTML table in a text."""
    reader = _HtmlTable()
    reader.feed(text)
    reader.close()
    return [row for row in reader.rows if row]


class _HtmlTable(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: Table = []
        self._span = (1, 1)
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._finish()
            values = dict(attrs)
            self._span = (_count(values.get("rowspan")), _count(values.get("colspan")))
            self._text = []
        elif tag == "br" and self._text is not None:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._finish()

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def _finish(self) -> None:
        if self._text is not None:
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append(Cell(" ".join("".join(self._text).split()), *self._span))
            self._text = None


def _latex_tables(text: str) -> list[tuple[int, int, str]]:
    """Where each outermost ``tabular`` begins and ends, and what stands between."""
    tables, position = [], 0
    while (start := text.find(_BEGIN, position)) >= 0:
        depth, position = 1, start + len(_BEGIN)
        while depth:
            opening, closing = text.find(_BEGIN, position), text.find(_END, position)
            if closing < 0:
                tables.append((start, len(text), text[start + len(_BEGIN) :]))
                return tables
            if 0 <= opening < closing:  # a table inside a cell
                depth, position = depth + 1, opening + len(_BEGIN)
            else:
                depth, position = depth - 1, closing + len(_END)
        tables.append((start, position, text[start + len(_BEGIN) : position - len(_END)]))
    return tables


def _latex_cell(text: str) -> Cell:
    rows = columns = 1
    for _ in range(2):  # \multicolumn may hold \multirow, and the other way round
        match = re.match(r"\\(multicolumn|multirow)\*?\s*(?=[{\[])", text)
        if not match:
            break
        first, position = _argument(text, match.end())
        _, position = _argument(text, position)
        inner, _ = _argument(text, position)
        if match.group(1) == "multicolumn":
            columns = _count(first)
        else:
            rows = _count(first)
        text = inner.strip()
    return Cell(" ".join(text.split()), rows, columns)


def _argument(text: str, position: int) -> tuple[str, int]:
    """The next ``{...}`` (options in brackets are skipped; ``*`` counts as an argument) and where it ends."""
    match = re.compile(r"\s*(?:\[[^\]]*\]\s*)?").match(text, position)
    position = match.end() if match else position
    if not text.startswith("{", position):
        return "", position + text.startswith("*", position)
    depth = 0
    for index in range(position, len(text)):
        if text[index] in "{}" and text[index - 1 : index] != "\\":
            depth += 1 if text[index] == "{" else -1
            if depth == 0:
                return text[position + 1 : index], index + 1
    return text[position + 1 :], len(text)


def _split(text: str, separator: str) -> list[str]:
    r"""Split at ``&`` or ``\\`` outside braces, inner tables and escapes."""
    parts, start, depth, index = [], 0, 0, 0
    while index < len(text):
        if text.startswith(r"\begin", index):
            depth += 1
            index += 6
        elif text.startswith(r"\end", index):
            depth -= 1
            index += 4
        elif text.startswith(separator, index) and depth <= 0:
            parts.append(text[start:index])
            index += len(separator)
            start = index
        elif text[index] == "\\":
            index += 2
        else:
            depth += (text[index] == "{") - (text[index] == "}")
            index += 1
    return [*parts, text[start:]]


def _pipe_tables(text: str) -> list[tuple[int, int, Table]]:
    tables: list[tuple[int, int, Table]] = []
    rows: Table = []
    start = end = lines = 0
    for line in [*text.splitlines(keepends=True), ""]:
        if _PIPE_ROW.match(line):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                rows.append([Cell(cell) for cell in cells])
            lines += 1
        else:
            if lines > 1 and rows:  # a line of its own may be words between bars
                tables.append((start, end, rows))
            start, lines, rows = end + len(line), 0, []
        end += len(line)
    return tables


def _count(text: str | None) -> int:
    return max(1, int(text)) if text and text.strip().isdecimal() and len(text.strip()) < 5 else 1


def latex_tables_to_html(text: str) -> str:
    """Replace every LaTeX table of a text by HTML, for scorers that read no LaTeX; everything else stays as it is."""
    pieces, position = [], 0
    for start, end, body in _latex_tables(text):
        pieces += [text[position:start], to_html(parse_latex(body))]
        position = end
    return "".join([*pieces, text[position:]])


def to_html(table: Table) -> str:
    """Rows of cells as an HTML table without attributes other than spans."""
    lines = ["<table>"]
    for row in table:
        cells = []
        for cell in row:
            spans = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
            spans += f' colspan="{cell.columns}"' if cell.columns > 1 else ""
            cells.append(f"<td{spans}>{html.escape(_unescape(cell.text), quote=False)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</table>"])


def _unescape(text: str) -> str:
    r"""``\%`` and ``\&`` of a LaTeX cell to the characters they print."""
    return re.sub(r"\\([%&#_$])", r"\1", text)
