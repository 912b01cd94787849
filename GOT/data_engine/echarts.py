"""A chart to pixels by ECharts: our own option JSON, SVG from a kept node process, pixels by resvg.

Node and ECharts are the user's (``npm install echarts@6``); neither pyecharts nor a browser is needed.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from GOT.data_engine import node_child, svg
from GOT.data_engine.chart_data import NONE, Chart
from GOT.data_engine.chart_painter import ChartStyle
from GOT.data_engine.fonts import PRINTABLE_ASCII, Font
from GOT.data_engine.sample import Rejected
from GOT.data_engine.svg_texts import check_texts, find_texts

WORKER = Path(__file__).with_name("echarts_worker.js")
FOLDER_VARIABLE = "GOT_NODE_MODULES"
MAJOR = 6  # its grids make room for labels and names on their own
EDGE = 12  # pixels around a chart

# Colours of ECharts 5 and 6, and of the themes that come with it.
PALETTES = {
    "v6": "5070dd b6d634 505372 ff994d 0ca8df ffd10a fb628b 785db0 3fbe95",
    "v5": "5470c6 91cc75 fac858 ee6666 73c0de 3ba272 fc8452 9a60b4 ea7ccc",
    "macarons": "2ec7c9 b6a2de 5ab1ef ffb980 d87a80 8d98b3 e5cf0d 97b552 95706d dc69aa",
    "roma": "e01f54 001852 b8d2c7 c6b38e a4d8c2 f3d999 d3758f dcc392 2e4783 82b6e9",
    "vintage": "d87c7c 919e8b d7ab82 6e7074 61a0a8 efa18d 787464 cc7e63 724e58 4b565b",
}
_SYMBOLS = {"": "none", "o": "circle", "s": "rect", "^": "triangle", "D": "diamond"}
INK = "#333333"


def palette(name: str, count: int) -> tuple[tuple[float, float, float], ...]:
    """The first colours of one of :data:`PALETTES`, repeated as needed; from 0 to 1."""
    colors = PALETTES[name].split()
    rgb = [bytes.fromhex(colors[place % len(colors)]) for place in range(count)]
    return tuple((red / 255, green / 255, blue / 255) for red, green, blue in rgb)


def paint(chart: Chart, style: ChartStyle, node_modules: str | None = None) -> Image.Image:
    """Draw a chart.

    Args:
        chart: What it says.
        style: How it looks.
        node_modules: The folder that holds ``echarts``; see :func:`find_folder`.

    Raises:
        FileNotFoundError: If node or ECharts is missing, in one line with the command that installs it.
        ImportError: If resvg_py is not installed.
        Rejected: If a text is missing, clipped or on another one, or ECharts refuses the chart.
    """
    if not style.font.path:
        raise FileNotFoundError(
            "renderer=echarts needs a font file; install fonts-dejavu or pass --fonts DIR."
        )
    markup = render(chart, style, find_folder(node_modules))
    texts = find_texts(markup, style.font)
    drawn = Counter(text.words for text in texts)
    for words, times in Counter(printed_texts(chart, style)).items():
        if drawn[words] < times:
            raise Rejected(f"ECharts leaves {words!r} out")
    check_texts(texts, *_pixels(style))
    return svg.render_svg(markup, background=_css(style.paper), font_files=[Path(style.font.path)])


def render(chart: Chart, style: ChartStyle, folder: Path) -> str:
    """The SVG of a chart."""
    width, height = _pixels(style)
    request = {
        "option": build_option(chart, style),
        "width": width,
        "height": height,
        "advances": _advances(style.font, "".join(sorted(set(chart.to_target())))),
    }
    answer = node_child.ask(str(WORKER), (str(folder),), request)
    if answer is None:
        raise Rejected("node did not survive this chart")
    if "svg" not in answer:
        raise Rejected(f"ECharts: {answer.get('error', 'refused')}")
    # ECharts remembers widths by family: it is given a name of this one file, resvg the name in the file.
    return str(answer["svg"]).replace(_alias(style.font), _family(style.font))


def renderer_version(node_modules: str | None = None) -> str:
    """``"echarts 6.1.0, resvg_py 0.5.0"``, for a sample's meta."""
    return f"echarts {_version(find_folder(node_modules))}, {svg.renderer_version()}"


def find_folder(node_modules: str | None = None) -> Path:
    """The ``node_modules`` folder with ECharts: the one named, else ``$GOT_NODE_MODULES``, else ``./node_modules``.

    Raises:
        FileNotFoundError: If ECharts 6 is not there.
    """
    folder = Path(node_modules or os.environ.get(FOLDER_VARIABLE) or "node_modules").absolute()
    if not (folder / "echarts" / "package.json").is_file():
        raise FileNotFoundError(
            f"No ECharts in {folder}; run npm install echarts@6 and name its node_modules folder by"
            f" node_modules=DIR or {FOLDER_VARIABLE}."
        )
    if int(_version(folder).partition(".")[0]) < MAJOR:
        raise FileNotFoundError(
            f"{folder} holds ECharts {_version(folder)}; this needs 6 or newer: npm install echarts@6"
        )
    return folder


def build_option(chart: Chart, style: ChartStyle) -> dict[str, Any]:
    """What ECharts is told: its option, as JSON; every value is the chart's own."""
    width, height = _pixels(style)
    size = _font_size(style)
    top, right, bottom = EDGE, EDGE, EDGE
    titles = []
    if chart.title != NONE:
        titles.append({"text": chart.title, "left": "center", "top": top, "textStyle": _text(style, 1.3)})
        top += round(1.3 * size * 1.8)
    if chart.source != NONE:
        source = {
            "text": f"Source: {chart.source}",
            "left": EDGE,
            "bottom": EDGE,
            "textStyle": _text(style, 0.75),
        }
        titles.append({**source, "padding": 0})
        bottom += round(0.75 * size * 1.8)
    option: dict[str, Any] = {
        "animation": False,
        "color": [_css(color) for color in style.colors],
        "textStyle": _text(style),
        "title": titles,
    }
    names = legend_names(chart, style)
    if names:
        longest = max(_width(style.font, name) for name in names) * 0.9 * size
        legend = {"type": "plain", "data": list(names), "textStyle": _text(style, 0.9), "padding": 0}
        if style.legend in ("outside lower center", "outside upper center"):
            lines = -(-len(names) // max(1, int((width - 2 * EDGE) / (longest + 45))))
            room = round(lines * (size + 10) + 8)
            below = "lower" in style.legend
            option["legend"] = {**legend, "left": "center", **({"bottom": bottom} if below else {"top": top})}
            bottom, top = (bottom + room, top) if below else (bottom, top + room)
        else:
            option["legend"] = {**legend, "orient": "vertical", "right": EDGE, "top": top + 6}
            right += round(longest + 50)
    if chart.kind in ("pie", "donut"):
        option["series"] = [_parts(chart, style, (top, right, bottom, EDGE), (width, height))]
        return option
    option["grid"] = {
        "left": EDGE, "right": right + EDGE, "top": top + 14, "bottom": bottom,
        "outerBoundsMode": "same", "show": style.frame, "backgroundColor": "transparent",
    }  # fmt: skip
    category, value = _axes(chart, style, width - right - EDGE)
    option["xAxis"], option["yAxis"] = (value, category) if chart.kind == "barh" else (category, value)
    option["series"] = [_series(chart, style, number) for number in range(len(chart.series))]
    return option


def legend_names(chart: Chart, style: ChartStyle) -> tuple[str, ...]:
    """What the legend lists: several series, or the parts of a pie that have no name beside them."""
    if chart.kind in ("pie", "donut"):
        return chart.categories if style.legend != "best" else ()
    return tuple(name for name, _ in chart.series) if len(chart.series) > 1 else ()


def printed_texts(chart: Chart, style: ChartStyle) -> list[str]:
    """Every text that must be on the picture, as often as it must (ticks of the value axis aside)."""
    texts = [words for words in (chart.title, chart.x_title, chart.y_title) if words != NONE]
    texts += [f"Source: {chart.source}"] if chart.source != NONE else []
    texts += legend_names(chart, style)
    values = [text for _, row in chart.series for text in row]
    if chart.kind in ("pie", "donut"):
        return texts + _part_labels(chart, style)
    return [*texts, *chart.categories, *(values if style.labelled else ())]


def _axes(chart: Chart, style: ChartStyle, room: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """The categories' axis and the values'."""
    title = {"nameLocation": "middle", "nameTextStyle": _text(style), "nameGap": 10}
    line = {"show": True, "onZero": False, "lineStyle": {"color": INK}}
    category: dict[str, Any] = {
        "type": "category",
        "data": list(chart.categories),
        "axisLabel": {"interval": 0, "hideOverlap": False, **_text(style, 0.9)},
        "axisLine": line,
        "splitLine": {"show": style.grid == "both"},
    }
    value: dict[str, Any] = {
        "type": "value",
        "axisLabel": {"formatter": "{value}" + chart.unit, **_text(style, 0.9)},
        "axisLine": line,
        "splitLine": {"show": bool(style.grid)},
        "scale": chart.kind in ("line", "scatter"),
        "boundaryGap": [0, "12%"],
    }
    # Below level labels; past wider ones ECharts moves a name by itself, but then closely.
    below = {"nameGap": round(1.9 * _font_size(style)) + 8}
    if chart.x_title != NONE:
        category |= {"name": chart.x_title, **title, **({} if chart.kind == "barh" else below)}
    if chart.y_title != NONE:
        value |= {"name": chart.y_title, **title, **(below if chart.kind == "barh" else {})}
    if chart.kind == "barh":
        category["inverse"] = True
    elif chart.kind != "scatter":
        # Names that would touch when set level are turned.
        longest = max(_width(style.font, name) for name in chart.categories) * 0.9 * _font_size(style)
        place = room * 0.88 / len(chart.categories)
        category["axisLabel"]["rotate"] = 0 if longest < place - 6 else 30 if longest < 2 * place else 60
    if chart.kind == "scatter":
        ticks = [float(name) for name in chart.categories]
        category |= {"type": "value", "scale": True, "boundaryGap": ["6%", "6%"]}
        category["axisLabel"] |= {"customValues": ticks}
        category["axisTick"] = {"customValues": ticks}
        del category["data"]
    return category, value


def _series(chart: Chart, style: ChartStyle, number: int) -> dict[str, Any]:
    name, texts = chart.series[number]
    data: list[Any] = []
    for place, value in enumerate(chart.numbers()[number]):
        point = [float(chart.categories[place]), value] if chart.kind == "scatter" else value
        data.append({"value": point, "label": {"formatter": texts[place]}})
    where = {"barh": "right", "stacked": "inside"}.get(chart.kind, "top")
    label = {"show": style.labelled, "position": where, **_text(style, 0.8)}
    if chart.kind == "stacked":
        label |= {"textBorderColor": "#ffffff", "textBorderWidth": 2}
    if chart.kind in ("line", "area"):  # a steep line passes through its own labels
        label |= {"textBorderColor": _css(style.paper), "textBorderWidth": 2}
    shared = {"name": name, "data": data, "label": label, "silent": True}
    if chart.kind in ("line", "area"):
        # ECharts prints labels of points that it draws only.
        symbol = _SYMBOLS[style.marker] if style.marker or not style.labelled else "circle"
        thick = round(2.5 * style.width * style.dpi / 72, 2)
        more: dict[str, Any] = {"areaStyle": {"opacity": 0.4}} if chart.kind == "area" else {}
        return {
            "type": "line", **shared, **more, "symbol": symbol, "symbolSize": 7 if style.marker else 4,
            "showAllSymbol": True, "lineStyle": {"width": thick},
        }  # fmt: skip
    if chart.kind == "scatter":
        return {"type": "scatter", **shared, "symbol": _SYMBOLS[style.marker or "o"], "symbolSize": 9}
    stack = {"stack": "all"} if chart.kind == "stacked" else {}
    return {
        "type": "bar",
        **shared,
        **stack,
        "barGap": "0%",
        "barCategoryGap": f"{100 * (1 - style.width):.0f}%",
    }


def _parts(
    chart: Chart, style: ChartStyle, around: tuple[int, int, int, int], size: tuple[int, int]
) -> dict[str, Any]:
    top, right, bottom, left = around
    room = min(size[0] - left - right, size[1] - top - bottom)
    labels = _part_labels(chart, style)
    data = [
        {"name": name, "value": value, "label": {"formatter": label}}
        for name, value, label in zip(chart.categories, chart.numbers()[0], labels, strict=True)
    ]
    radius = round(room * 0.36)
    return {
        "type": "pie",
        "data": data,
        "radius": [round(radius * 0.55), radius] if chart.kind == "donut" else radius,
        "center": [left + (size[0] - left - right) / 2, top + (size[1] - top - bottom) / 2],
        "label": {"overflow": "none", "position": "outside", **_text(style, 0.85)},
        "labelLine": {"length": 10, "length2": 8},
        "itemStyle": {"borderColor": _css(style.paper), "borderWidth": 1},
        "silent": True,
    }


def _part_labels(chart: Chart, style: ChartStyle) -> list[str]:
    texts = chart.series[0][1]
    if legend_names(chart, style):
        return list(texts)
    return [f"{name}: {text}" for name, text in zip(chart.categories, texts, strict=True)]


def _text(style: ChartStyle, scale: float = 1.0) -> dict[str, Any]:
    return {
        "fontFamily": _alias(style.font),
        "fontSize": round(_font_size(style) * scale, 1),
        "fontWeight": "normal",
        "color": INK,
    }


def _pixels(style: ChartStyle) -> tuple[int, int]:
    return round(style.size[0] * style.dpi), round(style.size[1] * style.dpi)


def _font_size(style: ChartStyle) -> float:
    return style.font_size * style.dpi / 72


def _css(color: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(value * 255):02x}" for value in color)


@functools.lru_cache(maxsize=256)
def _alias(font: Font) -> str:
    """A family name of this file alone, the same in every process."""
    return "got-" + re.sub(r"[^a-z0-9]+", "-", Path(font.path).name.lower())


@functools.lru_cache(maxsize=256)
def _family(font: Font) -> str:
    return (font.open(10).getname()[0] or "").replace("&", "&amp;").replace('"', "").replace("'", "")


def _advances(font: Font, characters: str) -> dict[str, float]:
    """Widths in em; of all ASCII always, because ECharts measures some of it for any font and keeps the widths."""
    return {
        char: _width(font, char) for char in {**dict.fromkeys(PRINTABLE_ASCII), **dict.fromkeys(characters)}
    }


@functools.lru_cache(maxsize=1 << 16)
def _width(font: Font, text: str) -> float:
    return float(_opened(font).getlength(text)) / 100


@functools.lru_cache(maxsize=32)
def _opened(font: Font) -> Any:
    return font.open(100)


@functools.lru_cache(maxsize=8)
def _version(folder: Path) -> str:
    return str(json.loads((folder / "echarts" / "package.json").read_text(encoding="utf-8"))["version"])
