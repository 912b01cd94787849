"""A chart being drawn as our own SVG: scales, frame, and the marks of bars and lines."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

from GOT.render.chart_data import ChartData
from GOT.render.elements import SVG_NAMESPACE, element

WIDTH = 720  # user units; scales with the page
COLORS = (
    "#4c78d8",
    "#e8833a",
    "#3fa66b",
    "#c45ab3",
    "#d9a521",
    "#28a0b4",
    "#d65a5a",
    "#7f6bd1",
    "#8d8d8d",
    "#a0703c",
)


class Canvas:
    """One chart; each kind is a method that returns the finished drawing."""

    def __init__(self, data: ChartData, points: dict[str, dict[str, float]]) -> None:
        self.data = data
        self.points = points
        values = [value for series in points.values() for value in series.values()]
        self.ticks = nice_ticks(min(0.0, *values), max(0.0, *values))
        self.low, self.high = self.ticks[0], self.ticks[-1]
        self.root = element(
            "svg",
            {
                "xmlns": SVG_NAMESPACE,
                "font-family": "system-ui, sans-serif",
                "font-size": "13",
                "fill": "currentColor",
            },
        )
        self.top = 16.0
        self.left, self.right = 64.0, 20.0
        self.bottom = 46.0 + (20 if data.x_title else 0)
        self.head()

    # -- frame --

    def head(self) -> None:
        """Title, and a legend where there are several series."""
        for line in wrap(self.data.title, 76):
            self.text(line, WIDTH / 2, self.top + 14, anchor="middle", size=17, weight="600")
            self.top += 24
        names = [name for name in self.points if name]
        if len(self.points) > 1 or names:
            x, self.top = 24.0, self.top + 8
            for index, name in enumerate(names):
                shown = shorten(name, 40)
                width = 24 + text_width(shown) + 18
                if x + width > WIDTH - 12 and x > 24:
                    x, self.top = 24.0, self.top + 20
                self.add(
                    "rect", x=x, y=self.top, width=12, height=12, rx=2.5, fill=COLORS[index % len(COLORS)]
                )
                self.text(shown, x + 18, self.top + 11)
                x += width
            self.top += 26
        self.top += 6

    def finish(self, height: float) -> Element:
        if self.data.source:
            self.text(shorten(f"Source: {self.data.source}", 100), 24, height + 12, size=11, opacity="0.65")
            height += 22
        self.root.set("viewBox", f"0 0 {WIDTH} {height:.0f}")
        self.root.set("width", str(WIDTH))
        self.root.set("height", f"{height:.0f}")
        return self.root

    def y_axis(self, top: float, bottom: float) -> None:
        for tick in self.ticks:
            y = self.scale(tick, bottom, top)
            self.add(
                "line",
                x1=self.left,
                x2=WIDTH - self.right,
                y1=y,
                y2=y,
                stroke="currentColor",
                stroke_opacity="0.55" if tick == 0 else "0.14",
            )
            self.text(format_tick(tick), self.left - 8, y + 4.5, anchor="end", opacity="0.75")
        if self.data.y_title:
            middle = (top + bottom) / 2
            self.text(
                shorten(self.data.y_title, 50),
                16,
                middle,
                anchor="middle",
                transform=f"rotate(-90 16 {middle:.1f})",
                opacity="0.85",
            )

    def scale(self, value: float, start: float, end: float) -> float:
        return start + (value - self.low) / (self.high - self.low) * (end - start)

    # -- kinds --

    def standing_bars(self) -> Element:
        top, bottom = self.top, self.top + 280
        self.fit_ticks()
        self.y_axis(top, bottom)
        slot = (WIDTH - self.left - self.right) / len(self.data.categories)
        bar = min(slot * 0.72 / len(self.points), 64)
        zero = self.scale(0, bottom, top)
        for column, category in enumerate(self.data.categories):
            middle = self.left + slot * (column + 0.5)
            start = middle - bar * len(self.points) / 2
            for index, series in enumerate(self.points.values()):
                if category in series:
                    y = self.scale(series[category], bottom, top)
                    self.add(
                        "rect",
                        x=start + index * bar,
                        y=min(y, zero),
                        width=bar * 0.94,
                        height=max(abs(zero - y), 0.5),
                        rx=min(2.0, bar / 4),
                        fill=COLORS[index % len(COLORS)],
                    )
            room = max(int(slot / 7), 2)
            for number, line in enumerate(wrap(category, room)[:2]):
                self.text(
                    shorten(line, room + 2),
                    middle,
                    bottom + 18 + 15 * number,
                    anchor="middle",
                    size=12 if slot > 36 else 10,
                )
        self.x_title(bottom + 56)
        return self.finish(bottom + self.bottom)

    def lines(self) -> Element:
        top, bottom = self.top, self.top + 280
        values = [value for series in self.points.values() for value in series.values()]
        if (
            min(values) > 0 and min(values) > (max(values) - min(values)) * 1.5
        ):  # a line need not stand on zero
            self.ticks = nice_ticks(min(values), max(values))
            self.low, self.high = self.ticks[0], self.ticks[-1]
        self.fit_ticks()
        self.y_axis(top, bottom)
        count = len(self.data.categories)
        step = (WIDTH - self.left - self.right - 30) / max(count - 1, 1)
        places = {
            category: self.left + 15 + step * index for index, category in enumerate(self.data.categories)
        }
        for index, series in enumerate(self.points.values()):
            color = COLORS[index % len(COLORS)]
            spots = [
                (places[c], self.scale(series[c], bottom, top)) for c in self.data.categories if c in series
            ]
            self.add(
                "polyline",
                points=" ".join(f"{x:.1f},{y:.1f}" for x, y in spots),
                fill="none",
                stroke=color,
                stroke_width=2.2,
                stroke_linejoin="round",
            )
            for x, y in spots if count <= 40 else []:
                self.add("circle", cx=x, cy=y, r=3.4, fill=color)
        every = math.ceil(
            count * max(text_width(c) + 10 for c in self.data.categories) / (WIDTH - self.left - self.right)
        )
        for index, (category, x) in enumerate(places.items()):
            if index % max(every, 1) == 0:
                self.text(category, x, bottom + 18, anchor="middle", size=12)
        self.x_title(bottom + 44)
        return self.finish(bottom + self.bottom - 8)

    def lying_bars(self) -> Element:
        names = [shorten(category, 34) for category in self.data.categories]
        self.left = min(max(text_width(name) for name in names) + 22, 270.0)
        bar = 20 if len(self.points) == 1 else max(9, 20 - 3 * len(self.points))
        slot = bar * len(self.points) + 12
        top, bottom = self.top, self.top + slot * len(names)
        right = WIDTH - self.right - 26
        for tick in self.ticks:
            x = self.scale(tick, self.left, right)
            self.add(
                "line",
                x1=x,
                x2=x,
                y1=top,
                y2=bottom,
                stroke="currentColor",
                stroke_opacity="0.55" if tick == 0 else "0.14",
            )
            self.text(format_tick(tick), x, bottom + 18, anchor="middle", opacity="0.75", size=12)
        zero = self.scale(0, self.left, right)
        for row, (category, name) in enumerate(zip(self.data.categories, names, strict=True)):
            y = top + slot * row + 6
            self.text(name, self.left - 10, y + slot / 2 - 1.5, anchor="end")
            for index, series in enumerate(self.points.values()):
                if category in series:
                    x = self.scale(series[category], self.left, right)
                    self.add(
                        "rect",
                        x=min(x, zero),
                        y=y + bar * index,
                        width=max(abs(x - zero), 0.5),
                        height=bar * 0.94,
                        rx=2,
                        fill=COLORS[index % len(COLORS)],
                    )
        if self.data.y_title:  # the values' axis, which lies here
            self.text(
                shorten(self.data.y_title, 60),
                (self.left + right) / 2,
                bottom + 40,
                anchor="middle",
                opacity="0.85",
            )
        return self.finish(bottom + (54 if self.data.y_title else 30))

    def x_title(self, y: float) -> None:
        if self.data.x_title:
            self.text(
                shorten(self.data.x_title, 70), (WIDTH + self.left) / 2, y, anchor="middle", opacity="0.85"
            )

    def fit_ticks(self) -> None:
        self.left = max(text_width(format_tick(tick)) for tick in self.ticks) + (
            40 if self.data.y_title else 20
        )

    # -- marks --

    def add(self, tag: str, **attributes: float | str) -> None:
        values = {
            name.replace("_", "-"): f"{value:.2f}".rstrip("0").rstrip(".")
            if isinstance(value, float)
            else str(value)
            for name, value in attributes.items()
        }
        self.root.append(element(tag, values))

    def text(
        self,
        words: str,
        x: float,
        y: float,
        *,
        anchor: str = "start",
        size: float = 13,
        weight: str = "",
        opacity: str = "",
        transform: str = "",
    ) -> None:
        attributes = {
            "x": f"{x:.1f}",
            "y": f"{y:.1f}",
            "text-anchor": anchor,
            "font-size": str(size),
            "font-weight": weight,
            "opacity": opacity,
            "transform": transform,
        }
        self.root.append(element("text", {name: value for name, value in attributes.items() if value}, words))


def nice_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers that cover ``low``..``high``, about ``count`` of them.

    Example:
        >>> nice_ticks(0, 68.4)
        [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    if high <= low:
        high = low + 1
    rough = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def format_tick(value: float) -> str:
    """A tick's label: ``1,200``, ``0.25``, ``3M``."""
    for size, suffix in ((1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:,.10g}"


def text_width(text: str, size: float = 13) -> float:
    """About how wide text is drawn, in user units."""
    return sum(1.0 if ord(character) > 0x2E7F else 0.56 for character in text) * size


def shorten(text: str, limit: int) -> str:
    """Cut text with an ellipsis (the table below has all of it)."""
    limit = max(limit, 2)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most about ``width`` characters."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines
