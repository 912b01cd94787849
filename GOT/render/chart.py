"""A chart's data to a drawn chart (our own SVG) and a table.

The answer does not say which kind of chart the page shows: lines for series over many years or numbers, bars otherwise
(lying when their names are long).
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from GOT.render.chart_canvas import Canvas
from GOT.render.chart_data import ChartData, parse_chart, to_number
from GOT.render.drawing import CannotDraw, draw_checked, figure, source_with_note, to_svg_text
from GOT.render.elements import append, element
from GOT.render.elements import to_html as serialise
from GOT.utils.log import get_logger

logger = get_logger(__name__)

MAX_BARS = 240
LONG_NAME = 11  # characters; longer names stand beside lying bars


def matches(text: str) -> bool:
    """Whether the whole text is a chart's dict."""
    head = text.lstrip()[:400]
    return (
        bool(re.match(r"\{\s*[\"'](?:title|source|x_title|y_title|values)[\"']\s*:", head))
        and "values" in text
    )


def to_html(text: str) -> str:
    """The drawn chart above its data as a table; the source with a note if it is none."""
    return serialise(to_element(text))


def to_svg(text: str) -> str:
    """The drawn chart.

    Raises:
        CannotDraw: If the values are no numbers, or the text is no chart.
    """
    return to_svg_text(text, draw)


def to_element(text: str) -> Element:
    """The element behind :func:`to_html`."""
    try:
        data = parse_chart(text)
    except (ValueError, RecursionError) as error:
        return source_with_note(text, str(error))
    holder = element("div", {"class": "chart"})
    try:
        drawn = draw_checked(text, lambda _: _draw(data))
        append(holder, figure("chart", text, lambda _: drawn))
    except CannotDraw as error:
        logger.debug("a chart is shown as its table only: %s", error)
        if data.title:
            append(holder, element("p", {"class": "caption"}, data.title))
    return append(
        holder,
        _table(data),
        None
        if data.complete
        else element("p", {"class": "note"}, "The data end in mid-air: the answer was cut."),
    )


def draw(text: str) -> Element:
    """Draw the chart; see :func:`to_svg`."""
    return _draw(parse_chart(text))


def _draw(data: ChartData) -> Element:
    points = {
        name: {
            category: number for category, value in values.items() if (number := to_number(value)) is not None
        }
        for name, values in data.series.items()
    }
    points = {name: values for name, values in points.items() if values}
    if not points:
        raise CannotDraw("the chart's values are no numbers")
    if len(data.categories) * len(points) > MAX_BARS:
        raise CannotDraw(f"{len(data.categories) * len(points)} values are too many for one drawing")
    longest = max(len(category) for category in data.categories)
    if _is_line(data, points):
        return Canvas(data, points).lines()
    if longest > LONG_NAME or len(data.categories) > 12:
        return Canvas(data, points).lying_bars()
    return Canvas(data, points).standing_bars()


def _is_line(data: ChartData, points: dict[str, dict[str, float]]) -> bool:
    numbered = all(re.fullmatch(r"[-\d./:\s]{1,10}", category) for category in data.categories)
    return numbered and len(data.categories) >= 5


def _table(data: ChartData) -> Element:
    names = list(data.series)
    head = element(
        "tr",
        None,
        element("th", None, data.x_title),
        *(element("th", {"class": "right"}, name or data.y_title or "value") for name in names),
    )
    rows = [
        element(
            "tr",
            None,
            element("th", {"scope": "row"}, category),
            *(element("td", {"class": "right"}, data.series[name].get(category, "")) for name in names),
        )
        for category in data.categories
    ]
    return element(
        "div",
        {"class": "scroll"},
        element("table", {"class": "grid"}, element("thead", None, head), element("tbody", None, *rows)),
    )
