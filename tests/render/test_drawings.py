"""Scores, geometry, molecules and charts to SVG, or to their source with a note."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from xml.etree import ElementTree

import pytest

from GOT.render import chart, kern, smiles, tikz, worker
from GOT.render.chart_data import parse_chart, to_number
from GOT.render.drawing import CannotDraw
from GOT.render.elements import adopt_svg, to_xml
from GOT.render.tikz import tex
from GOT.render.tikz.painter import paint

SCORE = "**kern\t**kern\n*clefF4\t*clefG2\n*M4/4\t*M4/4\n4F\t4f\n4A\t4a\n2c\t2cc\n==\t==\n*-\t*-\n"
TRIANGLE = r"""\begin{tikzpicture}
\draw (0,0) node[left]{$A$} -- (4,0) node[right]{$B_{1}$} -- (3,3) node[above]{$C$} -- cycle;
\draw[dashed] (3,3) -- (3,0);
\draw (2,1) circle (1);
\end{tikzpicture}"""


def test_a_score_is_engraved() -> None:
    pytest.importorskip("verovio")
    root = ElementTree.fromstring(kern.to_svg(SCORE))
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert {"svg", "use", "path"} <= names and "style" not in names
    assert kern.to_svg(SCORE) == kern.to_svg(SCORE)


def test_a_score_without_terminator_or_tabs_is_mended() -> None:
    pytest.importorskip("verovio")
    assert "<svg" in kern.to_svg(SCORE.replace("*-\t*-\n", ""))
    assert "<svg" in kern.to_svg(SCORE.replace("\t", " "))


def test_spines_that_do_not_line_up_are_refused_before_verovio_sees_them() -> None:
    """Verovio ends its whole process on such a score."""
    for line, message in (("4A\t4a", "line 5 has 3 fields, the score has 2 spines there"),):
        with pytest.raises(CannotDraw, match=message):
            kern.to_svg(SCORE.replace(line, line + "\t4a"))
    shown = kern.to_html(SCORE.replace("4A\t4a", "4A"))
    assert "Shown as its source: line 5 has 1 fields" in shown and "**kern" in shown


def test_splits_and_joins_of_spines_are_followed() -> None:
    kern.check_spines("**kern\n*^\n4c\t4e\n*v\t*v\n4c\n*-\n")
    with pytest.raises(CannotDraw, match="joins a spine with none"):
        kern.check_spines("**kern\t**kern\n*v\t*\n4c\t4e\n*-\t*-\n")


def test_a_crash_or_a_hang_of_a_tool_is_a_refusal() -> None:
    """Verovio ends its process with std::length_error on a score whose lines do not fit its spines."""
    pytest.importorskip("verovio")
    pytest.importorskip("rdkit")
    with pytest.raises(worker.ToolFailed, match=r"verovio did not survive it|verovio: the score is not read"):
        worker.ask("verovio", kern="**kern\t**kern\n4c\n4c\t4c\t4c\n*-\n", options=kern.OPTIONS)
    with pytest.raises(worker.ToolFailed, match=r"rdkit took longer than 0\.001 s"):
        worker.ask("rdkit", seconds=0.001, smiles="C" * 200, max_atoms=300)
    assert "<svg" in worker.ask("rdkit", smiles="CCO", max_atoms=300)  # started anew


def test_what_was_drawn_is_not_drawn_again_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    tools, asked = worker._Tools(), []

    class Child:
        lock, is_running = contextlib.nullcontext(), True

        def ask(self, request: dict[str, object], *, seconds: float) -> dict[str, object]:
            asked.append(request.get("svg"))
            return {"drawing": "x" * 1000}

    monkeypatch.setattr(tools, "child", Child())
    monkeypatch.setattr(worker, "MAX_KEPT", 2500)
    for svg in "abbcca":
        assert tools.ask({"tool": "resvg", "svg": svg}, 1.0) == "x" * 1000
    assert asked == [None, "a", "b", "c", "a"]  # the first loads the tool; two drawings have room
    assert tools.kept == sum(len(key) + len(drawing) for key, drawing in tools.drawings.items()) <= 2500


def test_a_molecule_is_drawn() -> None:
    pytest.importorskip("rdkit")
    made = smiles.to_svg("<smiles>CC(=O)Oc1ccccc1C(=O)O</smiles>")
    assert made.count("<path") > 12
    for wrong in ("C1CC", "hello world", "C" * 2000, "<script>"):
        with pytest.raises(CannotDraw):
            smiles.to_svg(wrong)
    assert "C1CC" in smiles.to_html("<smiles>C1CC</smiles>")


def test_missing_libraries_are_named_beside_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "verovio", None)
    monkeypatch.setitem(sys.modules, "rdkit", None)
    assert 'pip install "got-ocr[render]"' in kern.to_html(SCORE) and "2cc" in kern.to_html(SCORE)
    assert 'pip install "got-ocr[render]"' in smiles.to_html("<smiles>CCO</smiles>")


def test_geometry_is_painted() -> None:
    painting = paint(TRIANGLE)
    made = to_xml(painting.svg)
    assert painting.skipped == ()
    assert re.search(r'<path d="M0,0 L170\.72,0 L128\.04,-128\.04 ?Z', made)
    assert "stroke-dasharray" in made
    assert [text for text in ElementTree.fromstring(made).itertext() if text.strip()] == ["A", "B", "1", "C"]


@pytest.mark.parametrize(
    ("statement", "mark"),
    [
        (r"\draw[red,thick,->] (0,0) -- (1,0)", 'stroke="#d62f2f"'),
        (r"\fill[blue!50] (0,0) rectangle (1,1);", 'fill="#97b0ec"'),
        (r"\draw[domain=0:2,smooth] plot (\x,{\x^2});", "C"),
        (r"\foreach \i in {1,2,...,5} \draw (\i,0) circle (0.1);", "C"),
        (r"\draw (0,0) arc (0:90:1);", "C"),
        (r"\coordinate (A) at (1,1); \draw (A) -- ++(1,0) -- ($(A)!0.5!(2,1)$);", "L"),
        (r"\node[draw,circle] at (0,0) {$x$};", "<circle"),
        (r"\begin{scope}[rotate=90] \draw (0,0) -- (1,0); \end{scope}", "L0,-42.68"),
        ("\\draw （0，0） -- （1，1）；", "L42.68,-42.68"),
    ],
)
def test_statements_of_geometry(statement: str, mark: str) -> None:
    painting = paint(f"\\begin{{tikzpicture}}\n{statement}\n\\end{{tikzpicture}}")
    assert painting.skipped == () and mark in to_xml(painting.svg)


def test_a_line_without_semicolon_keeps_its_last_character() -> None:
    """Fault I6: ``(1,1)`` became ``(1,1;`` in the released renderer."""
    made = to_xml(
        paint("\\begin{tikzpicture}\n\\draw (0,0) -- (1,1)\n\\draw (0,0) -- (2,1)\n\\end{tikzpicture}").svg
    )
    assert "L42.68,-42.68" in made and "L85.36,-42.68" in made


@pytest.mark.parametrize(
    "body",
    [
        r"\input{/etc/passwd}",
        r"\draw (0,0) node {\openin5=x};",
        r"\draw (0,0) node {^^5cinput x};",
        r"\csname input\endcsname x",
        r"\foreach \x in {1,...,9} \draw (\x,0) circle (1);",
        r"\draw[execute at begin picture={\x}] (0,0);",
        "\\draw (0,0) -- (1,1); % x",
        r"\draw plot[domain=0:1,samples=9999] (\x,\x);",
        r"\draw plot file {x};",
        r"\end{tikzpicture}\input{x}\begin{tikzpicture}",
        r"\draw (0,0) node {$$x$$};",
        r"\draw[/pgf/x=1] (0,0);",
        r"\draw (0,0) node {\begin{filecontents}\end{filecontents}};",
    ],
)
def test_tex_is_not_given_what_is_not_on_its_list(body: str) -> None:
    assert not tex.is_allowed(f"\\begin{{tikzpicture}}{body}\\end{{tikzpicture}}")


def test_tex_draws_where_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tex.is_allowed(TRIANGLE)
    if has_tikz():
        svg = tikz.to_svg(TRIANGLE)
        assert 'href="data:image/png;base64,' in svg
    tikz._by_tex.cache_clear()
    monkeypatch.setattr(tex, "find_pdflatex", lambda: None)
    assert "<path" in tikz.to_svg(TRIANGLE)
    tikz._by_tex.cache_clear()


def has_tikz() -> bool:
    found = shutil.which("kpsewhich")
    return bool(found and subprocess.run([found, "tikz.sty"], capture_output=True, check=False).stdout)


def test_what_the_painter_does_not_know_is_named_and_the_source_kept() -> None:
    source = "\\begin{tikzpicture}\\draw (0,0) -- (1,1);\\input{/etc/passwd};\\end{tikzpicture}"
    made = tikz.to_html(source)
    assert (
        "Drawn without 1 statement that the painter does not know" in made and "\\input{/etc/passwd}" in made
    )
    assert "Shown as its source" in tikz.to_html("\\begin{tikzpicture}\\foo\\end{tikzpicture}")


@pytest.mark.parametrize(
    "body",
    [
        r"\foreach \a in {1,...,999}{\foreach \b in {1,...,999}{\draw (0,0) -- (1,1);}}",
        r"\foreach \x in {1,...,4} \foreach \y in {1,...,990} \foreach \z in {1,...,1000} {}",
        r"\draw[domain=0:1e9,samples=99999999] plot (\x,\x);",
        r"\draw (0,0) grid[step=0.0000001] (9,9);",
        r"\draw (0,0) arc (0:1e6:1);",
        r"\def\a{9^9^9^9^9}\draw (0,0) -- (\a,1);",
        "(" * 20_000 + "{" * 20_000,
        r"\draw (0,0) " + "-- (1,1) " * 9000,
    ],
)  # fmt: skip
def test_drawings_that_ask_for_too_much_are_refused_quickly(body: str) -> None:
    started = time.process_time()
    made = tikz.to_html(f"\\begin{{tikzpicture}}{body}\\end{{tikzpicture}}")
    assert len(made) < 3_000_000 and time.process_time() - started < 5


CHART = (
    '{"title": "T", "source": "S", "x_title": "X", "y_title": "Y", '
    '"values": {"a": {"p": "1", "q": "24.6%"}, "b": {"p": "$3", "q": "-4"}}}'
)


def test_a_chart_is_read_and_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name in ("parse_chart", "_draw"):
        work = getattr(chart, name)
        monkeypatch.setattr(
            chart, name, lambda given, name=name, work=work: (calls.append(name), work(given))[1]
        )
    chart.to_element(CHART)
    assert calls == ["parse_chart", "_draw"]


def test_a_chart_is_drawn_and_listed() -> None:
    made = chart.to_html(CHART)
    assert made.count("<rect") == 4 + 2  # bars and the legend
    assert re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", made) == [
        "X",
        "a",
        "b",
        "p",
        "1",
        "$3",
        "q",
        "24.6%",
        "-4",
    ]


@pytest.mark.parametrize(
    "text",
    [CHART, CHART.replace('"', "'"), CHART[:-3], CHART[:-12]],
    ids=["json", "python", "cut", "cut in a word"],
)
def test_charts_are_read_in_every_spelling_and_never_evaluated(text: str) -> None:
    data = parse_chart(text)
    assert data.title == "T" and data.series["a"] == {"p": "1", "q": "24.6%"}
    assert data.complete == (text in (CHART, CHART.replace('"', "'")))


@pytest.mark.parametrize(
    ("text", "number"),
    [("24.6%", 24.6), ("$1,200", 1200.0), ("3.5k", 3500.0), ("−4", -4.0), ("n/a", None), ("1.2.3", None)],
)  # fmt: skip
def test_numbers_of_charts(text: str, number: float | None) -> None:
    assert to_number(text) == number


def test_lines_for_years_and_lying_bars_for_long_names() -> None:
    years = {str(2000 + year): str(year) for year in range(8)}
    assert "<polyline" in chart.to_svg(repr({"title": "", "values": years}).replace("'", '"'))
    names = {f"a rather long name {index}": str(index) for index in range(3)}
    assert "<polyline" not in chart.to_svg(repr({"title": "", "values": names}).replace("'", '"'))


def test_svg_of_tools_is_copied_from_an_allow_list() -> None:
    made = to_xml(
        adopt_svg(
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()">'
            '<script>x()</script><style>@import "//e"</style><foreignObject><p/></foreignObject>'
            '<a href="javascript:x()"><path d="M0"/></a>'
            '<use xlink:href="https://e/#a"/><use xlink:href="#a"/>'
            '<path id="a" d="M1" style="fill:url(//e);stroke:red" onclick="x()"/>'
            '<text fill="url(#x)">t</text><animate attributeName="href"/><image href="//e"/></svg>',
            prefix="p-",
        )
    )
    assert made == (
        '<svg xmlns="http://www.w3.org/2000/svg"><use /><use href="#p-a" /><path id="p-a" d="M1" stroke="red" />'
        "<text>t</text></svg>"
    )
    for wrong in ("<svg", "<p/>", '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>'):
        with pytest.raises(ValueError):
            adopt_svg(wrong, prefix="")
