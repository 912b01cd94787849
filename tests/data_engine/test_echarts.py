"""ECharts draws the chart's own values and every text; what it needs is named when it is missing."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from GOT.data_engine import chart, echarts, node_child
from GOT.data_engine.chart_data import KINDS, Chart, random_chart
from GOT.data_engine.fonts import PRINTABLE_ASCII, Font, find_fonts
from GOT.data_engine.sample import Rejected, random_generator
from GOT.data_engine.svg_texts import SvgText, check_texts, find_texts
from GOT.data_engine.wording import Wording
from GOT.utils import child
from GOT.utils.lazy import is_available


def why_not() -> str:
    if shutil.which("node") is None:
        return "node is not on the PATH"
    try:
        echarts.find_folder()
    except FileNotFoundError as error:
        return str(error)
    if not is_available("resvg_py"):
        return "resvg_py is not installed"
    return ""


needs_echarts = pytest.mark.skipif(bool(why_not()), reason=why_not() or "echarts is there")
SETTINGS = chart.ChartSettings(renderer="echarts", labels=1.0)


def usable_font() -> Font:
    return next(font for font in find_fonts(PRINTABLE_ASCII) if font.index == 0 and font.path)


def draw(index: int, kind: str):
    """A chart with every text, and a style in which it is drawn."""
    for attempt in range(20):
        rng = random_generator("echarts", index, attempt)
        data = random_chart(rng, Wording(rng, "en"), kinds=(kind,), categories=(3, 4), series=(2, 2))
        try:
            return data, chart.choose_style(rng, data, SETTINGS)
        except Rejected:
            continue
    raise AssertionError("no style in twenty attempts")


@pytest.mark.parametrize("kind", KINDS)
def test_the_option_holds_the_charts_very_values(kind):
    data, style = draw(1, kind)
    option = json.loads(json.dumps(echarts.build_option(data, style)))
    assert option["animation"] is False
    rows = []
    for series, (name, texts) in zip(option["series"], data.series, strict=True):
        values = [point["value"] for point in series["data"]]
        if kind == "scatter":
            assert [x for x, _ in values] == [float(name) for name in data.categories]
            values = [y for _, y in values]
        rows.append(tuple(values))
        printed = [point["label"]["formatter"] for point in series["data"]]
        assert all(label.endswith(text) for label, text in zip(printed, texts, strict=True))
        if kind not in ("pie", "donut"):
            assert series["name"] == name
    assert tuple(rows) == data.numbers()
    if kind in ("pie", "donut"):
        assert [part["name"] for part in option["series"][0]["data"]] == list(data.categories)
    elif kind != "scatter":
        assert option["yAxis" if kind == "barh" else "xAxis"]["data"] == list(data.categories)


@needs_echarts
@pytest.mark.parametrize("kind", KINDS)
def test_every_text_of_the_answer_is_drawn(kind):
    drawn = 0
    for index in range(3):
        data, style = draw(index, kind)
        markup = echarts.render(data, style, echarts.find_folder())
        words = [text.words for text in find_texts(markup, style.font)]
        for text in (data.title, data.x_title, data.y_title, f"Source: {data.source}"):
            drawn += text in words
            assert text in words or text.endswith("None")
        for text in echarts.printed_texts(data, style):
            assert text in words
    assert drawn


@needs_echarts
def test_bars_are_as_high_as_their_values():
    values = ("10", "20", "35")
    data = Chart("bar", "T", "None", "None", "None", ("a", "b", "c"), (("S", values),))
    _, style = draw(0, "bar")
    markup = echarts.render(data, style, echarts.find_folder())
    bars = [path for path in re.findall(r"<path [^>]*>", markup) if "ecmeta_data_index" in path]
    heights = [abs(float(re.search(r"l0 (-?[\d.]+)", bar)[1])) for bar in bars]
    np.testing.assert_allclose(np.array(heights) / heights[0], [1, 2, 3.5], rtol=0.02)


@needs_echarts
def test_a_sample_is_the_same_whatever_was_drawn_before():
    first = chart.sample(3, 1, renderer="echarts")
    for index in range(4):
        chart.sample(index, 2, renderer="echarts")
    assert chart.sample(3, 1, renderer="echarts").images[0].tobytes() == first.images[0].tobytes()
    child._kept.cache_clear()
    again = chart.sample(3, 1, renderer="echarts")
    assert again.images[0].tobytes() == first.images[0].tobytes() and again.meta == first.meta
    assert re.fullmatch(r"echarts \d[\d.]+, resvg_py \d[\d.]+", first.meta["renderer"])
    assert list(json.loads(first.target)) == ["title", "source", "x_title", "y_title", "values"]


@needs_echarts
def test_texts_are_ink_on_the_picture():
    data = Chart("bar", "Wide title", "None", "None", "None", ("a", "b"), (("S", ("1", "2")),))
    _, style = draw(0, "bar")
    picture = np.asarray(echarts.paint(data, style).convert("L")).astype(int)
    markup = echarts.render(data, style, echarts.find_folder())
    for text in find_texts(markup, style.font):
        (left, top), _, (right, bottom), _ = text.corners
        box = picture[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
        assert np.ptp(box) > 40, text.words


@needs_echarts
def test_a_chart_that_echarts_refuses_is_rejected_and_the_next_one_drawn():
    data, style = draw(0, "bar")
    answer = node_child.ask(
        str(echarts.WORKER), (str(echarts.find_folder()),), {"option": None, "width": -1, "advances": {}}
    )
    assert answer is not None and ("svg" in answer or "error" in answer)
    assert echarts.render(data, style, echarts.find_folder()).startswith("<svg")


def test_clipped_and_covering_texts_are_rejected():
    font = usable_font()
    style = 'style="font-size:20px;font-family:x;" dominant-baseline="central"'
    root = '<svg xmlns="http://www.w3.org/2000/svg">'

    def texts(*places: str) -> list[SvgText]:
        return find_texts(
            root + "".join(f"<text {style} {at}>Words</text>" for at in places) + "</svg>", font
        )

    apart = texts('transform="translate(50 50)"', 'transform="translate(50 90)" text-anchor="middle"')
    check_texts(apart, 200, 200)
    width = apart[0].corners[1][0] - apart[0].corners[0][0]
    assert width == pytest.approx(font.open(100).getlength("Words") / 5)
    assert apart[1].corners[0][0] == pytest.approx(50 - width / 2)
    with pytest.raises(Rejected, match="'Words' is clipped"):
        check_texts(texts('transform="translate(10 50)" text-anchor="end"'), 200, 200)
    with pytest.raises(Rejected, match="overlap"):
        check_texts(
            texts('transform="translate(50 50)"', 'x="5" y="5" transform="translate(50 50)"'), 200, 200
        )
    turned = "matrix(0.7071,-0.7071,0.7071,0.7071,{},100)"  # side by side: their upright boxes overlap
    side_by_side = [f'transform="{turned.format(x)}"' for x in (50, 85)]
    check_texts(texts(*side_by_side), 200, 200)


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"npm install echarts@6"):
        chart.sample(0, 0, renderer="echarts", node_modules=str(tmp_path))
    monkeypatch.setenv(echarts.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        echarts.find_folder()
    (tmp_path / "echarts").mkdir()
    package = tmp_path / "echarts" / "package.json"
    package.write_text('{"version": "6.0.0"}', encoding="utf-8")
    assert echarts.find_folder() == tmp_path
    old = tmp_path / "old"
    (old / "echarts").mkdir(parents=True)
    (old / "echarts" / "package.json").write_text('{"version": "5.6.0"}', encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"holds ECharts 5\.6\.0"):
        echarts.find_folder(str(old))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="node is not on the PATH"):
        chart.sample(0, 0, renderer="echarts")
    with pytest.raises(ValueError, match="There is no renderer 'excel'"):
        chart.sample(0, 0, renderer="excel")
