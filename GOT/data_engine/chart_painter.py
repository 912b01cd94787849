"""A chart to pixels by matplotlib's Figure and Agg (no pyplot, no global state), nothing clipped or overlapping."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from PIL import Image

from GOT.data_engine.chart_data import NONE, Chart
from GOT.data_engine.fonts import Font
from GOT.data_engine.sample import Rejected
from GOT.utils.lazy import require

PALETTES = ("tab10", "Set1", "Set2", "Dark2", "Paired", "Accent", "tab20")


@dataclasses.dataclass(frozen=True)
class ChartStyle:
    """How one chart is drawn.

    Attributes:
        font: Of all text; the face must be the first of its file.
        size: Width and height, in inches.
        dpi: Pixels per inch.
        font_size: Points.
        colors: RGB of each series (or part), from 0 to 1.
        labelled: Print the values.
        grid: ``""``, ``"y"`` or ``"both"``.
        frame: Draw the upper and right border.
        paper: RGB of the ground.
        marker: Of lines, e.g. ``"o"``; ``""`` for none.
        legend: Matplotlib's word for where the legend stands.
        width: Of bars, as a share of their place; of lines, twice the points.
    """

    font: Font
    size: tuple[float, float]
    dpi: int
    font_size: float
    colors: tuple[tuple[float, float, float], ...]
    labelled: bool
    grid: str
    frame: bool
    paper: tuple[float, float, float]
    marker: str
    legend: str
    width: float


def palette(name: str, count: int) -> tuple[tuple[float, float, float], ...]:
    """The first colours of one of :data:`PALETTES`, repeated as needed."""
    colors = require("matplotlib", extra="synth").colormaps[name].colors
    return tuple(tuple(colors[place % len(colors)][:3]) for place in range(count))


def paint(chart: Chart, style: ChartStyle) -> Image.Image:
    """Draw a chart.

    Raises:
        ImportError: If matplotlib is not installed.
        Rejected: If a text would be clipped or lie on another one.
    """
    figure = build_figure(chart, style)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()
    _check_texts(figure, pixels)
    figure.clear()
    return Image.fromarray(pixels)


def build_figure(chart: Chart, style: ChartStyle) -> Any:
    """The matplotlib ``Figure`` of a chart, not yet drawn; its artists hold the chart's very values."""
    matplotlib = require("matplotlib", extra="synth")
    agg = require("matplotlib.backends.backend_agg", extra="synth")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's own matplotlibrc must not change samples
        figure = require("matplotlib.figure", extra="synth").Figure(
            figsize=style.size, dpi=style.dpi, layout="constrained", facecolor=style.paper
        )
        agg.FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_facecolor(style.paper)
        _DRAW[chart.kind](axes, chart, style)
        _add_texts(figure, axes, chart, style)
    return figure


def text_properties(style: ChartStyle, scale: float = 1.0) -> dict[str, Any]:
    """Keywords for matplotlib's texts: the font file itself, and no mathematics in dollar signs."""
    manager = require("matplotlib.font_manager", extra="synth")
    path = style.font.path or None
    return {
        "fontproperties": manager.FontProperties(fname=path, size=style.font_size * scale),
        "parse_math": False,
    }


def _bars(axes: Any, chart: Chart, style: ChartStyle) -> None:
    places = np.arange(len(chart.categories))
    rows = chart.numbers()
    base = np.zeros(len(places))
    width = style.width / (len(rows) if chart.kind == "grouped" else 1)
    for number, ((name, texts), row) in enumerate(zip(chart.series, rows, strict=True)):
        shift = (number - (len(rows) - 1) / 2) * width if chart.kind == "grouped" else 0.0
        color = style.colors[number]
        if chart.kind == "barh":
            bars = axes.barh(places, row, height=width, color=color, label=name)
        else:
            bars = axes.bar(places + shift, row, width=width, color=color, label=name, bottom=base)
        if style.labelled:
            middle = "center" if chart.kind == "stacked" else "edge"
            axes.bar_label(
                bars,
                labels=texts,
                label_type=middle,
                padding=0 if middle == "center" else 2,
                **text_properties(style, 0.8),
            )
        if chart.kind == "stacked":
            base = base + np.array(row)
    _name_categories(axes, chart, style, "y" if chart.kind == "barh" else "x")
    if chart.kind == "barh":
        axes.invert_yaxis()
        axes.margins(x=0.12)
    else:
        axes.margins(y=0.12)


def _lines(axes: Any, chart: Chart, style: ChartStyle) -> None:
    places = np.arange(len(chart.categories))
    for number, ((name, texts), row) in enumerate(zip(chart.series, chart.numbers(), strict=True)):
        color = style.colors[number]
        axes.plot(
            places, row, color=color, label=name, marker=style.marker or None, linewidth=2.5 * style.width
        )
        if chart.kind == "area":
            axes.fill_between(places, row, color=color, alpha=0.4)
        if style.labelled:
            _label_points(axes, places, row, texts, style)
    _name_categories(axes, chart, style, "x")
    axes.margins(y=0.15)
    if chart.kind == "area":
        axes.set_ylim(bottom=0)


def _points(axes: Any, chart: Chart, style: ChartStyle) -> None:
    places = [float(name) for name in chart.categories]
    (name, texts), row = chart.series[0], chart.numbers()[0]
    axes.scatter(places, row, color=[style.colors[0]], marker=style.marker or "o", label=name)
    if style.labelled:
        _label_points(axes, places, row, texts, style)
    axes.set_xticks(places, chart.categories, **text_properties(style, 0.9))
    axes.margins(0.08, 0.15)


def _parts(axes: Any, chart: Chart, style: ChartStyle) -> None:
    texts, row = chart.series[0][1], chart.numbers()[0]
    in_legend = style.legend != "best"
    ring = {"width": 0.45} if chart.kind == "donut" else {}
    wedges, names = axes.pie(
        row,
        labels=None if in_legend else chart.categories,
        colors=style.colors,
        wedgeprops={**ring, "edgecolor": style.paper, "linewidth": 1},
        startangle=90,
        textprops=text_properties(style),
    )
    for wedge, text in zip(wedges, texts, strict=True):
        angle = np.radians((wedge.theta1 + wedge.theta2) / 2)
        reach = 0.78 if chart.kind == "donut" else 0.68
        axes.text(
            reach * np.cos(angle),
            reach * np.sin(angle),
            text,
            ha="center",
            va="center",
            **text_properties(style, 0.85),
        )
    del names
    if in_legend:
        prop = text_properties(style, 0.9)["fontproperties"]
        axes.figure.legend(wedges, chart.categories, loc="outside right center", prop=prop)


_DRAW: dict[str, Callable[[Any, Chart, ChartStyle], None]] = {
    "bar": _bars, "barh": _bars, "grouped": _bars, "stacked": _bars, "line": _lines, "area": _lines, "scatter": _points,
    "pie": _parts, "donut": _parts,
}  # fmt: skip


def _label_points(
    axes: Any, places: Iterable[float], row: Iterable[float], texts: Iterable[str], style: ChartStyle
) -> None:
    for x, y, text in zip(places, row, texts, strict=True):
        axes.annotate(
            text,
            (x, y),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            **text_properties(style, 0.8),
        )


def _name_categories(axes: Any, chart: Chart, style: ChartStyle, axis: str) -> None:
    places = np.arange(len(chart.categories))
    properties = text_properties(style, 0.9)
    if axis == "y":
        axes.set_yticks(places, chart.categories, **properties)
        return
    # Names that would touch when set level are turned.
    room = style.size[0] * 72 * 0.8 / len(places) / (style.font_size * 0.9 * 0.55)
    longest = max(len(name) * (1.8 if ord(name[0]) > 0x2E7F else 1.0) for name in chart.categories)
    turn = 0 if longest < room else 30 if longest < 2.2 * room else 60
    more = {} if turn == 0 else {"rotation": turn, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(places, chart.categories, **properties, **more)


def _add_texts(figure: Any, axes: Any, chart: Chart, style: ChartStyle) -> None:
    """Title, axis titles, source, ticks of the value axis, legend."""
    if chart.title != NONE:
        axes.set_title(chart.title, **text_properties(style, 1.3), wrap=False)
    if chart.source != NONE:
        figure.supxlabel(f"Source: {chart.source}", x=0.02, ha="left", **text_properties(style, 0.75))
    if chart.kind in ("pie", "donut"):
        return
    horizontal = chart.kind == "barh"
    for words, setter in (
        (chart.x_title, axes.set_ylabel if horizontal else axes.set_xlabel),
        (chart.y_title, axes.set_xlabel if horizontal else axes.set_ylabel),
    ):
        if words != NONE:
            setter(words, **text_properties(style))
    value_axis = axes.xaxis if horizontal else axes.yaxis
    ticker = require("matplotlib.ticker", extra="synth")
    value_axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}{chart.unit}"))
    for label in value_axis.get_ticklabels():
        label.set(**text_properties(style, 0.9))
    value_axis.get_offset_text().set_visible(False)
    if style.grid:
        axes.grid(axis="both" if style.grid == "both" else "x" if horizontal else "y", alpha=0.4)
        axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(style.frame)
    if len(chart.series) > 1:
        prop = text_properties(style, 0.9)["fontproperties"]
        if style.legend.startswith("outside"):
            figure.legend(loc=style.legend, prop=prop, ncols=2 if "lower" in style.legend else 1)
        else:
            axes.legend(loc="best", prop=prop)


def _check_texts(figure: Any, pixels: np.ndarray) -> None:
    """Every text inside the picture, with ink, and none on another.

    Raises:
        Rejected: Naming the text.
    """
    renderer = figure.canvas.get_renderer()
    width, height = figure.bbox.width, figure.bbox.height
    boxes = [(text.get_window_extent(renderer), text) for text in _drawn_texts(figure)]
    for box, text in boxes:
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
            raise Rejected(f"the text {text.get_text()!r} is clipped")
        area = pixels[int(height - box.y1) : int(height - box.y0) + 1, int(box.x0) : int(box.x1) + 1]
        if area.size and (area == area[0, 0]).all():
            raise Rejected(f"the font shows nothing for the text {text.get_text()!r}")
    for (box, text), (other_box, other) in itertools.combinations(boxes, 2):
        if text.get_rotation() not in (0.0, 90.0) and other.get_rotation() == text.get_rotation():
            continue  # turned names: their boxes overlap where the words do not
        across = box.x0 < other_box.x1 - 1 and other_box.x0 < box.x1 - 1
        if across and box.y0 < other_box.y1 - 1 and other_box.y0 < box.y1 - 1:
            raise Rejected(f"the texts {text.get_text()!r} and {other.get_text()!r} overlap")


def _drawn_texts(figure: Any) -> list[Any]:
    """The texts that show; matplotlib keeps labels of ticks outside of an axis' range, too."""
    ticks, shown = set(), []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = (high - low) * 1e-9
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                ticks |= {id(tick.label1), id(tick.label2)}
                if axes.axison and low - slack <= tick.get_loc() <= high + slack:
                    shown.append(tick.label1)
    others = figure.findobj(require("matplotlib.text", extra="synth").Text)
    texts = [*shown, *(text for text in others if id(text) not in ticks)]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]
