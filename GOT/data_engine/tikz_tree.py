"""A geometric drawing as a tree that prints itself as TikZ: the answer. Units are centimetres, angles degrees.

Every shape also gives its outline as points, which is all that a painter needs.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from GOT.data_engine.formula_tree import Node

Point = tuple[float, float]
Anchor = Literal["above", "below", "left", "right", "above left", "above right", "below left", "below right"]
ANCHORS: tuple[Anchor, ...] = (
    "above", "below", "left", "right", "above left", "above right", "below left", "below right",
)  # fmt: skip
DOT_RADIUS = 1.5  # points
WIDTHS = {"": 0.4, "thick": 0.8, "very thick": 1.2}  # TikZ's line widths, in points
COLORS = {
    "": (0, 0, 0),
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "teal": (0, 128, 128),
    "gray": (128, 128, 128),
}
FILLS = {
    "gray!20": (230, 230, 230),
    "blue!10": (230, 230, 255),
    "red!10": (255, 230, 230),
    "green!10": (230, 255, 230),
}
# A curve's formula in TikZ and in Python; {a}, {b} and {c} are numbers, x the place.
FUNCTIONS = {
    "line": "{a}*\\x+{b}", "parabola": "{a}*\\x*\\x+{b}", "cubic": "{a}*\\x*\\x*\\x+{b}*\\x",
    "sine": "{a}*sin({b}*\\x r)", "hyperbola": "{a}/\\x", "root": "{a}*sqrt(\\x)", "exponential": "{a}*exp({b}*\\x)",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Stroke:
    """How a shape is drawn; every field is a TikZ option."""

    width: str = ""
    dash: Literal["", "dashed", "dotted"] = ""
    arrow: Literal["", "->", "<->"] = ""
    color: str = ""
    fill: str = ""

    def options(self, *more: str) -> str:
        """The options in brackets, or nothing."""
        fill = f"fill={self.fill}" if self.fill else ""
        chosen = [option for option in (self.arrow, self.width, self.dash, self.color, fill, *more) if option]
        return f"[{','.join(chosen)}]" if chosen else ""


class Shape:
    """One path of a drawing."""

    stroke: Stroke = Stroke()

    def to_tikz(self) -> str:
        """The shape's TikZ command."""
        raise NotImplementedError

    def outline(self) -> list[Point]:
        """Points along the path, close enough to be joined by straight lines."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Polyline(Shape):
    """Straight lines through points; closed, a polygon."""

    points: tuple[Point, ...]
    is_closed: bool = False
    stroke: Stroke = Stroke()

    def to_tikz(self) -> str:
        path = " -- ".join(map(coordinate, self.points))
        return f"\\draw{self.stroke.options()} {path}{' -- cycle' if self.is_closed else ''};"

    def outline(self) -> list[Point]:
        return [*self.points, *([self.points[0]] if self.is_closed else [])]


@dataclasses.dataclass(frozen=True)
class Ellipse(Shape):
    """An ellipse along the axes; of equal radii, a circle."""

    center: Point
    radii: Point
    stroke: Stroke = Stroke()

    def to_tikz(self) -> str:
        x, y = self.radii
        form = f"circle ({number(x)})" if x == y else f"ellipse ({number(x)} and {number(y)})"
        return f"\\draw{self.stroke.options()} {coordinate(self.center)} {form};"

    def outline(self) -> list[Point]:
        turns = [2 * math.pi * step / 120 for step in range(121)]
        return [
            (self.center[0] + self.radii[0] * math.cos(t), self.center[1] + self.radii[1] * math.sin(t))
            for t in turns
        ]


@dataclasses.dataclass(frozen=True)
class Arc(Shape):
    """A part of a circle, by its centre; TikZ wants the point where it starts."""

    center: Point
    radius: float
    start: float
    end: float
    stroke: Stroke = Stroke()

    def to_tikz(self) -> str:
        first = (round(self.outline()[0][0], 2), round(self.outline()[0][1], 2))
        turn = f"{number(self.start)}:{number(self.end)}:{number(self.radius)}"
        return f"\\draw{self.stroke.options()} {coordinate(first)} arc ({turn});"

    def outline(self) -> list[Point]:
        angles = [math.radians(self.start + (self.end - self.start) * step / 48) for step in range(49)]
        return [
            (self.center[0] + self.radius * math.cos(a), self.center[1] + self.radius * math.sin(a))
            for a in angles
        ]


@dataclasses.dataclass(frozen=True)
class Bezier(Shape):
    """A cubic curve by its ends and two controls."""

    start: Point
    first: Point
    second: Point
    end: Point
    stroke: Stroke = Stroke()

    def to_tikz(self) -> str:
        controls = f"controls {coordinate(self.first)} and {coordinate(self.second)}"
        return (
            f"\\draw{self.stroke.options()} {coordinate(self.start)} .. {controls} .. {coordinate(self.end)};"
        )

    def outline(self) -> list[Point]:
        corners = (self.start, self.first, self.second, self.end)
        points = []
        for step in range(61):
            t = step / 60
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            x = sum(weight * corner[0] for weight, corner in zip(weights, corners, strict=True))
            y = sum(weight * corner[1] for weight, corner in zip(weights, corners, strict=True))
            points.append((x, y))
        return points


@dataclasses.dataclass(frozen=True)
class Plot(Shape):
    """The graph of a function of :data:`FUNCTIONS`."""

    function: str
    a: float
    b: float
    start: float
    end: float
    stroke: Stroke = Stroke()

    def to_tikz(self) -> str:
        formula = FUNCTIONS[self.function].format(a=number(self.a), b=number(self.b)).replace("+-", "-")
        options = self.stroke.options(f"domain={number(self.start)}:{number(self.end)}", "smooth")
        return f"\\draw{options} plot (\\x,{{{formula}}});"

    def outline(self) -> list[Point]:
        places = [self.start + (self.end - self.start) * step / 100 for step in range(101)]
        return [(x, self._value(x)) for x in places]

    def _value(self, x: float) -> float:
        a, b = self.a, self.b
        return {
            "line": lambda: a * x + b,
            "parabola": lambda: a * x * x + b,
            "cubic": lambda: a * x**3 + b * x,
            "sine": lambda: a * math.sin(b * x),
            "hyperbola": lambda: a / x,
            "root": lambda: a * math.sqrt(x),
            "exponential": lambda: a * math.exp(b * x),
        }[self.function]()


@dataclasses.dataclass(frozen=True)
class Dot(Shape):
    """A filled point."""

    center: Point
    stroke: Stroke = Stroke()

    def to_tikz(self) -> str:
        return f"\\fill{self.stroke.options()} {coordinate(self.center)} circle ({number(DOT_RADIUS)}pt);"

    def outline(self) -> list[Point]:
        return [self.center]


@dataclasses.dataclass(frozen=True)
class Label:
    """A formula beside a point."""

    place: Point
    formula: Node
    anchor: Anchor

    def to_tikz(self) -> str:
        return f"\\node[{self.anchor}] at {coordinate(self.place)} {{${self.formula.to_latex()}$}};"


@dataclasses.dataclass(frozen=True)
class Drawing:
    """Shapes, later ones over earlier ones, and labels over all."""

    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]

    def to_tikz(self) -> str:
        """The answer: a tikzpicture, one command a line."""
        lines = [shape.to_tikz() for shape in self.shapes] + [label.to_tikz() for label in self.labels]
        return "\n".join([r"\begin{tikzpicture}", *lines, r"\end{tikzpicture}"])


def coordinate(point: Point) -> str:
    """``(1.5,-2)``."""
    return f"({number(point[0])},{number(point[1])})"


def number(value: float) -> str:
    """A number as short as two decimals allow."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
