"""LaTeX tables to grids, HTML and Markdown, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from GOT.data_engine.formula_tree import Node
from GOT.data_engine.table import TableSettings, random_table
from GOT.render import latex_table
from GOT.render.html import table as html_table
from GOT.render.nodes import Cell, Grid
from GOT.render.tabular import grid_to_latex, parse_column_spec, parse_tabular
from tests.helpers import count_steps, grows_linearly

SPANS = r"""\begin{tabular}{|l|c|r|}
\hline \multirow{2}{*}{A} & \multicolumn{2}{|c|}{B} \\
\cline{2-3} & \(x_{1}\) & 2 \\
\hline c & d & \begin{tabular}{l}e \\ f\end{tabular} \\
\hline
\end{tabular}"""


def cells(grid: Grid) -> list[tuple[str, int, int, int, int]]:
    return [(cell.text, cell.row, cell.column, cell.rows, cell.columns) for cell in grid.cells]


def test_spans_formulas_and_nested_tables() -> None:
    grid = parse_tabular(SPANS)
    assert cells(grid) == [
        ("A", 0, 0, 2, 1), ("B", 0, 1, 1, 2), (r"\(x_{1}\)", 1, 1, 1, 1), ("2", 1, 2, 1, 1),
        ("c", 2, 0, 1, 1), ("d", 2, 1, 1, 1), (r"\begin{tabular}{l}e \\ f\end{tabular}", 2, 2, 1, 1),
    ]  # fmt: skip
    assert grid.header_rows == 2 and grid.notes == ()
    assert [cell.align for cell in grid.rows()[2]] == ["left", "center", "right"]


def test_html_has_the_spans_and_mathml() -> None:
    made = latex_table.to_html(SPANS)
    assert '<th class="left" rowspan="2">A</th>' in made
    assert '<th class="center" colspan="2">B</th>' in made
    assert "<msub><mi>x</mi><mn>1</mn></msub>" in made
    assert "e<br>f" in made


@pytest.mark.parametrize(
    ("source", "note"),
    [
        (r"\begin{tabular}{ll} a & b \\ c \end{tabular}", "row 2: 1 of 2 cells are missing"),
        (r"\begin{tabular}{ll} a & b", r"\end{tabular} is missing"),
        (r"\begin{tabular}{l} \multirow{2}{*}{a} \\ b \end{tabular}", "was cut short"),
        (r"\begin{tabular}{lll} a & b \\ \end{tabular}", "3 columns are announced, 2 are there"),
    ],
)
def test_what_is_wrong_is_mended_and_said(source: str, note: str) -> None:
    grid = parse_tabular(source)
    assert any(note in said for said in grid.notes)
    assert {"a", "b"} & {cell.text for cell in grid.cells}
    assert note.split(":")[0] in latex_table.to_html(source)


def test_rules_take_their_own_arguments_only() -> None:
    rows = r"\toprule[1pt] [a] & {b} \\ \hline [c] & d \\ \hline {e} & f \\[2pt] "
    rows += r"\cmidrule(lr){1-2} g & h \\ \rowcolor{red} i & j"
    grid = parse_tabular(rf"\begin{{tabular}}{{ll}} {rows} \\ \bottomrule \end{{tabular}}")
    assert [cell.text for cell in grid.cells] == ["[a]", "b", "[c]", "d", "e", "f", "g", "h", "i", "j"]


def test_absurd_spans_are_bounded() -> None:
    grid = parse_tabular(
        r"\begin{tabular}{l}\multicolumn{99999999}{c}{x} \\ \multirow{99999999}{*}{y} \end{tabular}"
    )
    assert grid.num_columns <= 100 and grid.num_rows == 2
    with pytest.raises(ValueError, match="larger than a page"):
        parse_tabular(r"\begin{tabular}{l}" + ("&" * 110 + r"x\\") * 200)
    assert parse_column_spec("*{999}{c}") == ["center"] * 100


def test_not_a_table_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="A table begins with"):
        parse_tabular("hello")
    assert "Shown as its source" in latex_table.to_html("hello")


def test_grids_must_be_whole() -> None:
    with pytest.raises(ValueError, match="overlap or leave a hole"):
        Grid((Cell("a", 0, 0),), 1, 2)


def test_markdown_and_latex_are_read_back() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    source = r"\begin{tabular}{lcr} a \& b & x|y & \(|z|\) \\ \hline 1 & *s* & \_ \\ \end{tabular}"
    made = latex_table.to_markdown(source)
    read = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).render(made)
    assert re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", read) == [
        "a &amp; b",
        "x|y",
        "$|z|$",
        "1",
        "<em>s</em>",
        "_",
    ]
    assert cells(parse_tabular(grid_to_latex(parse_tabular(SPANS)))) == cells(parse_tabular(SPANS))


def html_cells(made: str) -> list[tuple[str, int, int]]:
    root = ElementTree.fromstring(made.replace("<br>", "<br/>"))
    return [
        ("".join(cell.itertext()), int(cell.get("rowspan", "1")), int(cell.get("colspan", "1")))
        for cell in root.iter()
        if cell.tag in ("td", "th")
    ]


def test_html_of_a_grid_lists_its_cells_in_order() -> None:
    from GOT.render.elements import to_html

    grid = parse_tabular(r"\begin{tabular}{ll}\multicolumn{2}{c}{a} \\ b & c \end{tabular}")
    assert html_cells(to_html(html_table(grid))) == [("a", 1, 2), ("b", 1, 1), ("c", 1, 1)]


class TableReader(HTMLParser):
    """Cells of a table as a browser places them; of a formula, its LaTeX."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[tuple[str, int, int, int, int]] = []
        self.taken: set[tuple[int, int]] = set()
        self.row = -1
        self.formula = ""
        self.words: list[str] = []
        self.spans = (1, 1)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.row += 1
        elif tag in ("td", "th"):
            given = dict(attrs)
            self.words = []
            self.spans = (int(given.get("rowspan") or 1), int(given.get("colspan") or 1))
        elif tag in ("math", "annotation"):
            self.formula = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            column = 0
            while (self.row, column) in self.taken:
                column += 1
            rows, columns = self.spans
            self.taken |= {(self.row + y, column + x) for y in range(rows) for x in range(columns)}
            self.cells.append(("".join(self.words), self.row, column, rows, columns))
        elif tag == "math":
            self.formula = ""
        elif tag == "annotation":
            self.formula = "math"

    def handle_data(self, data: str) -> None:
        if self.formula == "annotation":
            self.words.append(f"\\({data}\\)")
        elif not self.formula:
            self.words.append(data)


def written(part: str | Node) -> str:
    """Words as they are, formulas as their LaTeX."""
    return part if isinstance(part, str) else f"\\({part.to_latex()}\\)"


def drawn_tables(count: int, seed: int) -> Iterator[tuple[str, list[tuple[str, int, int, int, int]]]]:
    """Tables of the data engine: their LaTeX, and what their trees hold."""
    settings = TableSettings(spans=0.6, formulas=0.25)
    for index in range(count):
        tree = random_table(np.random.default_rng([seed, index]), settings)
        expected = [
            ("".join(map(written, cell.content)), y, x, cell.rows, cell.columns)
            for (y, x), cell in tree.cells
        ]
        yield tree.to_latex(), expected


def check_round_trip(count: int, seed: int) -> int:
    """LaTeX to HTML to cells, and LaTeX to Markdown to HTML by a parser to cells; returns how many had spans."""
    markdown_it = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable("table")
    spanned = 0
    for source, expected in drawn_tables(count, seed):
        reader = TableReader()
        reader.feed(latex_table.to_html(source))
        assert reader.cells == expected, source
        assert cells(parse_tabular(grid_to_latex(parse_tabular(source)))) == cells(parse_tabular(source)), (
            source
        )
        has_spans = any(rows > 1 or columns > 1 for _, _, _, rows, columns in expected)
        spanned += has_spans
        reader = TableReader()
        reader.feed(markdown_it.render(latex_table.to_markdown(source)))
        in_markdown = [(re.sub(r"\$(.+?)\$", r"\\(\1\\)", text), *place) for text, *place in reader.cells]
        assert [cell[1:] for cell in in_markdown] == [cell[1:] for cell in expected], source
        if not has_spans and "\\" not in "".join(cell[0] for cell in expected).replace("\\(", "").replace(
            "\\)", ""
        ):
            assert in_markdown == [(" ".join(text.split()), *place) for text, *place in expected], source
    return spanned


def test_tables_of_the_data_engine_come_back_from_html_and_markdown() -> None:
    assert check_round_trip(100, seed=1) > 10


@pytest.mark.slow
def test_two_thousand_tables_come_back() -> None:
    assert check_round_trip(2500, seed=2) > 300


@pytest.mark.parametrize("text", ["a", ""])
@pytest.mark.parametrize("reach", ["9999", "-9999"])
def test_cells_that_reach_over_all_others_take_linear_time(reach: str, text: str) -> None:
    row = rf"\multirow{{{reach}}}{{*}}{{{text}}} \\"

    def work(times: int) -> int:
        table = r"\begin{tabular}{c} \multirow{2}{*}{} \\" + row * (200 * times) + r"\end{tabular}"
        return count_steps(lambda: parse_tabular(table), "GOT")

    assert grows_linearly(work)
