"""Charts: the answer's values are those of the drawn bars, lines and wedges; no text is clipped or covered."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from GOT.data_engine import chart, chart_painter
from GOT.data_engine.chart_data import KINDS, Chart, random_chart
from GOT.data_engine.fonts import alphabet, find_fonts
from GOT.data_engine.sample import Rejected, random_generator
from GOT.data_engine.sfnt import has_bitmaps
from GOT.data_engine.wording import Wording
from GOT.utils.lazy import is_available

needs_matplotlib = pytest.mark.skipif(not is_available("matplotlib"), reason="matplotlib is not installed")
TWO_SERIES = Chart(
    kind="grouped",
    title="Sales",
    source="None",
    x_title="None",
    y_title="Euro",
    categories=("2001", "2002"),
    series=(("North", ("1.5%", "2.0%")), ("South", ("3.0%", "4.5%"))),
    unit="%",
)


def has_chinese_font() -> bool:
    try:
        return any(font.index == 0 for font in find_fonts(alphabet("zh")))
    except FileNotFoundError:
        return False


def draw(index: int, kind: str) -> tuple[Chart, chart_painter.ChartStyle]:
    rng = random_generator("test", index, 0)
    data = random_chart(rng, Wording(rng, "en"), kinds=(kind,))
    return data, chart.choose_style(rng, data, chart.ChartSettings())


def read_values(figure, kind: str) -> list[list[float]]:
    """The values of matplotlib's artists, series by series."""
    (axes,) = figure.axes
    if kind == "barh":
        return [[bar.get_width() for bar in bars] for bars in axes.containers]
    if kind in ("bar", "grouped", "stacked"):
        return [[bar.get_height() for bar in bars] for bars in axes.containers]
    if kind in ("line", "area"):
        return [line.get_ydata().tolist() for line in axes.lines]
    if kind == "scatter":
        return [np.asarray(points.get_offsets())[:, 1].tolist() for points in axes.collections]
    return [[(wedge.theta2 - wedge.theta1) / 3.6 for wedge in axes.patches]]


def test_the_answer_is_onecharts_dict():
    assert json.loads(TWO_SERIES.to_target()) == {
        "title": "Sales",
        "source": "None",
        "x_title": "None",
        "y_title": "Euro",
        "values": {"North": {"2001": "1.5%", "2002": "2.0%"}, "South": {"2001": "3.0%", "2002": "4.5%"}},
    }
    assert list(json.loads(TWO_SERIES.to_target())) == ["title", "source", "x_title", "y_title", "values"]
    single = Chart("bar", "A", "B", "None", "None", ("x", "y"), (("S", ("1", "2")),))
    assert single.to_dict()["values"] == {"x": "1", "y": "2"}
    assert single.numbers() == ((1.0, 2.0),)


@needs_matplotlib
@pytest.mark.parametrize("kind", KINDS)
def test_drawn_values_are_the_answers(kind):
    for index in range(3):
        try:
            data, style = draw(index, kind)
        except Rejected:
            continue
        figure = chart_painter.build_figure(data, style)
        np.testing.assert_allclose(read_values(figure, kind), data.numbers(), rtol=1e-5)
        values = json.loads(data.to_target())["values"]
        rows = list(values.values()) if isinstance(next(iter(values.values())), dict) else [values]
        answered = [[float(text.rstrip("%")) for text in found.values()] for found in rows]
        np.testing.assert_allclose(read_values(figure, kind), answered, rtol=1e-5)


@needs_matplotlib
@pytest.mark.parametrize("kind", KINDS)
def test_every_text_of_the_answer_is_on_the_chart(kind):
    data, style = next(found for index in range(20) if (found := try_draw(index, kind)))
    figure = chart_painter.build_figure(data, style)
    figure.canvas.draw()
    drawn = [text.get_text() for text in chart_painter._drawn_texts(figure)]
    for words in (data.title, data.x_title, data.y_title, *data.categories):
        assert words == "None" or words in drawn
    assert data.source == "None" or f"Source: {data.source}" in drawn
    if len(data.series) > 1:
        assert all(name in drawn for name, _ in data.series)
    if style.labelled:
        assert all(text in drawn for _, row in data.series for text in row)


def try_draw(index: int, kind: str) -> tuple[Chart, chart_painter.ChartStyle] | None:
    try:
        return draw(index, kind)
    except Rejected:
        return None


@needs_matplotlib
def test_clipped_and_covering_texts_reject_the_chart():
    data, style = next(found for index in range(20) if (found := try_draw(index, "bar")))
    figure = chart_painter.build_figure(data, style)
    figure.text(0.99, 0.5, "reaches out of the picture")
    figure.canvas.draw()
    with pytest.raises(Rejected, match="clipped"):
        chart_painter._check_texts(figure, pixels_of(figure))
    figure = chart_painter.build_figure(data, style)
    for _ in range(2):
        figure.text(0.5, 0.5, "twice")
    figure.canvas.draw()
    with pytest.raises(Rejected, match="overlap"):
        chart_painter._check_texts(figure, pixels_of(figure))


def pixels_of(figure) -> np.ndarray:
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3]


@needs_matplotlib
def test_a_text_without_ink_rejects_the_chart():
    """Matplotlib draws nothing for letters that a font holds as bitmaps: names and values were missing."""
    data, style = next(found for index in range(20) if (found := try_draw(index, "bar")))
    figure = chart_painter.build_figure(data, style)
    figure.text(0.5, 0.5, "white on white", color=style.paper, backgroundcolor=style.paper)
    figure.canvas.draw()
    with pytest.raises(Rejected, match="shows nothing"):
        chart_painter._check_texts(figure, pixels_of(figure))


def test_fonts_with_bitmaps_are_known():
    fontTools = pytest.importorskip("fontTools.ttLib")
    paths = sorted({font.path for lang in ("en", "zh") for font in fonts_of(lang) if font.path})
    found = set()
    for path in paths[:: max(1, len(paths) // 40)] + [
        path for path in paths if "wqy" in path or "uming" in path
    ]:
        with open(path, "rb") as file, fontTools.TTFont(path, fontNumber=0, lazy=True) as font:
            expected = bool({"EBLC", "EBDT", "CBLC", "bloc"} & set(font.keys()))
            assert has_bitmaps(file) == expected, path
            found.add(expected)
    assert False in found or not paths


def fonts_of(language: str):
    try:
        return find_fonts(alphabet(language))
    except FileNotFoundError:
        return ()


@needs_matplotlib
def test_shares_of_a_pie_add_up():
    for index in range(30):
        rng = random_generator("test", index, 1)
        data = random_chart(rng, Wording(rng, "en"), kinds=("pie",))
        assert sum(data.numbers()[0]) == pytest.approx(100.0)
        assert min(data.numbers()[0]) >= 4.0


@needs_matplotlib
def test_a_users_matplotlib_style_changes_nothing():
    import matplotlib

    before = chart.sample(2, 3, kinds=("line",), width=4, height=3)
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "black", "text.usetex": False}):
        after = chart.sample(2, 3, kinds=("line",), width=4, height=3)
        assert matplotlib.rcParams["lines.linewidth"] == 9
    assert before.images[0].tobytes() == after.images[0].tobytes()


@needs_matplotlib
@pytest.mark.skipif(not has_chinese_font(), reason="no Chinese font whose first face matplotlib can open")
def test_chinese_charts_keep_their_characters():
    sample = chart.sample(0, 0, language="zh", width=5, height=4)
    assert any("\u4e00" <= char <= "\u9fff" for char in sample.target)
    assert "\\u" not in sample.target


@needs_matplotlib
def test_settings_are_checked_and_a_missing_library_is_named(monkeypatch):
    with pytest.raises(ValueError, match="There is no chart kind 'radar'"):
        chart.sample(0, 0, kinds=("radar",))
    with pytest.raises(ValueError, match="categories takes"):
        chart.sample(0, 0, categories=(1, 99))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"got-ocr\[synth\]"):
        chart.sample(0, 0)
