"""Random geometry: triangles with their lines, circles with chords and tangents, polygons, graphs on axes, free scenes.

A scene is shapes and wishes for labels; where each label finds room is decided by who draws it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Literal

import numpy as np

from GOT.data_engine.formula_tree import Node, Script, row
from GOT.data_engine.sample import Rejected
from GOT.data_engine.tikz_tree import (
    COLORS,
    FILLS,
    Arc,
    Bezier,
    Dot,
    Ellipse,
    Plot,
    Point,
    Polyline,
    Shape,
    Stroke,
)

POINT_NAMES = "ABCDEFGHKLMNPQRSTXYZ"
LENGTH_NAMES = tuple("abchmnrstxy")
ANGLE_NAMES = (r"\alpha", r"\beta", r"\gamma", r"\theta", r"\phi")
ARROWS: tuple[Literal["", "->", "<->"], ...] = ("", "->", "<->")
EXTENT = 6.0  # centimetres: a drawing fits a square of this side


@dataclasses.dataclass(frozen=True)
class Scene:
    """Shapes, and ``(place, formula)`` of the labels wished for."""

    shapes: tuple[Shape, ...]
    wishes: tuple[tuple[Point, Node], ...]


def random_scene(rng: np.random.Generator, *, most_shapes: int = 14) -> Scene:
    """Draw a scene.

    Args:
        rng: Where the choices come from.
        most_shapes: A busier scene is rejected; 3 leaves only the simplest.

    Raises:
        Rejected: If the scene is too busy or degenerate.
    """
    builder = _Builder(rng)
    kinds = (
        builder.triangle,
        builder.circle,
        builder.polygon,
        builder.axes,
        builder.transversal,
        builder.free,
    )
    kinds[int(rng.choice(len(kinds), p=(0.24, 0.22, 0.16, 0.14, 0.08, 0.16)))]()
    if len(builder.shapes) > most_shapes:
        raise Rejected(f"{len(builder.shapes)} shapes, more than {most_shapes}")
    return Scene(tuple(builder.shapes), tuple(builder.wishes))


class _Builder:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.shapes: list[Shape] = []
        self.wishes: list[tuple[Point, Node]] = []
        start = int(rng.integers(0, len(POINT_NAMES) - 8)) if rng.random() < 0.5 else 0
        self.names = list(POINT_NAMES[start:] + POINT_NAMES[:start])
        self.has_dots = self.chance(0.35)
        self.is_labelled = self.chance(0.85)
        self.main = self.stroke()

    # -- choices

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def stroke(self, *, dash: float = 0.0, fill: float = 0.0) -> Stroke:
        rng = self.rng
        return Stroke(
            width=str(rng.choice(["", "thick", "very thick"], p=(0.6, 0.3, 0.1))),
            dash="dashed" if rng.random() < dash else "dotted" if rng.random() < dash * 0.3 else "",
            color=str(rng.choice(list(COLORS)[1:])) if rng.random() < 0.12 else "",
            fill=str(rng.choice(list(FILLS))) if rng.random() < fill else "",
        )

    def number(self, low: float, high: float, step: float = 0.5) -> float:
        return round(low + step * int(self.rng.integers(0, round((high - low) / step) + 1)), 2)

    def point(self) -> Point:
        return self.number(0, EXTENT), self.number(0, EXTENT - 1)

    def points(self, count: int, apart: float = 1.5) -> list[Point]:
        """Points that keep a distance, none of them between two others."""
        found: list[Point] = []
        for _ in range(200):
            new = self.point()
            if all(math.dist(new, old) >= apart for old in found) and all(
                _distance(new, a, b) > 0.7 and _distance(a, new, b) > 0.7 and _distance(b, new, a) > 0.7
                for place, a in enumerate(found)
                for b in found[:place]
            ):
                found.append(new)
            if len(found) == count:
                return found
        raise Rejected(f"no room for {count} points")

    # -- marks

    def name(self, place: Point, *, dot: bool | None = None) -> None:
        """A point's name, and its dot."""
        if self.has_dots if dot is None else dot:
            self.shapes.append(Dot(place))
        if self.is_labelled and self.names:
            label: Node = row(self.names.pop(0))
            if self.chance(0.08):
                label = Script(label, sub=row(str(self.rng.integers(0, 4))))
            self.wishes.append((place, label))

    def measure(self, a: Point, b: Point) -> None:
        """A length beside the middle of a segment."""
        value = str(self.rng.integers(1, 20)) if self.chance(0.5) else str(self.rng.choice(LENGTH_NAMES))
        self.wishes.append((_between(a, b), row(value)))

    def segment(self, a: Point, b: Point, *, dash: float = 0.3) -> None:
        self.shapes.append(Polyline((a, b), stroke=self.stroke(dash=dash)))

    def right_angle(self, corner: Point, a: Point, b: Point) -> None:
        """The little square of a right angle."""
        size = 0.25
        u, v = (tuple((end[i] - corner[i]) / math.dist(end, corner) * size for i in (0, 1)) for end in (a, b))
        path = tuple(
            _rounded((corner[0] + p * u[0] + q * v[0], corner[1] + p * u[1] + q * v[1]))
            for p, q in ((1, 0), (1, 1), (0, 1))
        )
        self.shapes.append(Polyline(path))

    def angle(self, corner: Point, a: Point, b: Point) -> None:
        """An arc between two sides, perhaps with a name in it."""
        start, end = (math.degrees(math.atan2(p[1] - corner[1], p[0] - corner[0])) for p in (a, b))
        start, end = (round(value) for value in (start, end))
        if (end - start) % 360 > 180:
            start, end = end, start
        end = start + (end - start) % 360
        if end - start < 25:
            return
        self.shapes.append(Arc(corner, 0.5, start, end))
        if self.chance(0.7):
            middle = math.radians((start + end) / 2)
            place = _rounded((corner[0] + 0.75 * math.cos(middle), corner[1] + 0.75 * math.sin(middle)))
            label: Node = row(str(self.rng.choice(ANGLE_NAMES)))
            if self.chance(0.4):
                label = Script(row(str(end - start)), sup=row(r"\circ"))
            self.wishes.append((place, label))

    # -- scenes

    def triangle(self) -> None:
        a, b, c = (0.0, 0.0), (self.number(3, 6), 0.0), (self.number(0, 6), self.number(2, 5))
        if self.chance(0.25):
            c = (0.0, c[1])
        self.shapes.append(Polyline((a, b, c), is_closed=True, stroke=self.stroke(fill=0.15)))
        for corner in (a, b, c):
            self.name(corner)
        extra = str(self.rng.choice(["none", "altitude", "median", "midline", "angles", "circle"]))
        if c[0] == 0.0 and self.chance(0.8):
            self.right_angle(a, b, c)
        if extra == "altitude" and 0.6 < c[0] < b[0] - 0.6:
            foot = (c[0], 0.0)
            self.segment(c, foot, dash=0.7)
            self.right_angle(foot, b, c)
            self.name(foot)
        elif extra == "median":
            middle = _between(a, b)
            if abs(middle[0] - c[0]) > 0.3:
                self.segment(c, middle)
                self.name(middle)
        elif extra == "midline":
            left, right = _between(a, c), _between(b, c)
            self.segment(left, right)
            self.name(left)
            self.name(right)
        elif extra == "angles":
            self.angle(a, b, c)
            if self.chance(0.5):
                self.angle(b, c, a)
        elif extra == "circle":
            self.circumscribe(a, b, c)
        if self.chance(0.4):
            for start, end in ((a, b), (b, c), (c, a)):
                if self.chance(0.6):
                    self.measure(start, end)

    def circumscribe(self, a: Point, b: Point, c: Point) -> None:
        """The circle through three corners, rounded; skipped where it would be huge."""
        x = b[0] / 2
        y = (c[0] ** 2 + c[1] ** 2 - 2 * c[0] * x) / (2 * c[1])
        radius = math.hypot(x, y)
        if radius < EXTENT / 1.6:
            self.shapes.append(
                Ellipse(_rounded((x, y)), (round(radius, 2),) * 2, stroke=self.stroke(dash=0.3))
            )

    def circle(self) -> None:
        radius = self.number(1.5, 3)
        center = (0.0, 0.0)
        self.shapes.append(Ellipse(center, (radius, radius), stroke=self.stroke(fill=0.12)))
        self.name(center, dot=True)

        def rim(angle: float) -> Point:
            return _rounded((radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle))))

        kind = str(self.rng.choice(["radius", "chord", "diameter", "inscribed", "tangent", "sector", "two"]))
        first = int(self.rng.integers(0, 36)) * 10
        if kind == "radius":
            self.segment(center, rim(first), dash=0.1)
            self.measure(center, rim(first))
        elif kind == "chord":
            ends = rim(first), rim(first + int(self.rng.integers(6, 16)) * 10)
            self.segment(*ends, dash=0.1)
            for end in ends:
                self.name(end)
                if self.chance(0.5):
                    self.segment(center, end, dash=0.5)
        elif kind == "diameter":
            ends = rim(first), rim(first + 180)
            self.segment(*ends, dash=0.1)
            third = rim(first + int(self.rng.integers(4, 15)) * 10)
            self.shapes.append(Polyline((ends[0], third, ends[1]), stroke=self.main))
            for end in (*ends, third):
                self.name(end)
        elif kind == "inscribed":
            count = int(self.rng.integers(3, 7))
            corners = tuple(rim(first + 360 * step / count) for step in range(count))
            self.shapes.append(Polyline(corners, is_closed=True, stroke=self.main))
            for corner in corners:
                self.name(corner)
        elif kind == "tangent":
            touch = (0.0, -radius)
            half = self.number(2, 3.5)
            self.segment((-half, -radius), (half, -radius), dash=0.05)
            self.segment(center, touch, dash=0.6)
            self.right_angle(touch, (half, -radius), center)
            self.name(touch)
        elif kind == "sector":
            ends = rim(first), rim(first + int(self.rng.integers(4, 14)) * 10)
            for end in ends:
                self.segment(center, end, dash=0.1)
                self.name(end)
            self.angle(center, *ends)
        else:
            other = (round(radius + self.number(0.5, 2.5), 2), 0.0)
            size = self.number(1, 2.5)
            self.shapes.append(Ellipse(other, (size, size), stroke=self.stroke(dash=0.3)))
            self.name(other, dot=True)
            if self.chance(0.6):
                self.segment(center, other)

    def polygon(self) -> None:
        rng = self.rng
        kind = str(rng.choice(["rectangle", "parallelogram", "trapezoid", "rhombus", "regular", "cuboid"]))
        w, h, s = self.number(3, 6), self.number(2, 4), self.number(0.5, 2)
        corners: tuple[Point, ...] = {
            "rectangle": ((0, 0), (w, 0), (w, h), (0, h)),
            "parallelogram": ((0, 0), (w, 0), (w + s, h), (s, h)),
            "trapezoid": ((0, 0), (w + 1, 0), (w + 1 - s, h), (s * 0.5, h)),
            "rhombus": ((w / 2, 0), (w, h), (w / 2, 2 * h), (0, h)),
            "cuboid": ((0, 0), (w, 0), (w, h), (0, h)),
        }.get(kind, ())
        if kind == "regular":
            count, radius = int(rng.integers(5, 9)), self.number(1.5, 2.5)
            corners = tuple(
                (
                    radius * math.cos(math.tau * (i + 0.5) / count),
                    radius * math.sin(math.tau * (i + 0.5) / count),
                )
                for i in range(count)
            )
        corners = tuple(_rounded(corner) for corner in corners)
        self.shapes.append(
            Polyline(corners, is_closed=True, stroke=self.stroke(fill=0.2 if kind != "cuboid" else 0))
        )
        if kind == "cuboid":
            back = tuple(_rounded((x + 1.2, y + 0.8)) for x, y in corners)
            self.shapes.append(Polyline((corners[3], back[3], back[2], corners[2]), stroke=self.main))
            self.shapes.append(Polyline((back[2], back[1], corners[1]), stroke=self.main))
            hidden = dataclasses.replace(self.main, dash="dashed")
            self.shapes += [Polyline((back[0], end), stroke=hidden) for end in (back[1], back[3], corners[0])]
            corners = (*corners, *back)
        elif self.chance(0.5):
            self.segment(corners[0], corners[2])
            if self.chance(0.5):
                self.segment(corners[1], corners[3])
        for corner in corners:
            self.name(corner)
        if self.chance(0.4) and kind != "cuboid":
            self.measure(corners[0], corners[1])
            self.measure(corners[1], corners[2])

    def axes(self) -> None:
        rng = self.rng
        left, right = -self.number(1, 3), self.number(2, 4)
        down, up = -self.number(1, 2), self.number(2, 4)
        arrow = Stroke(arrow="->", width=self.main.width)
        self.shapes.append(Polyline(((left, 0.0), (right, 0.0)), stroke=arrow))
        self.shapes.append(Polyline(((0.0, down), (0.0, up)), stroke=arrow))
        self.wishes += [((right, 0.0), row("x")), ((0.0, up), row("y"))]
        if self.chance(0.6):
            self.wishes.append(((0.0, 0.0), row("O")))
        function = str(rng.choice(["line", "parabola", "cubic", "sine", "hyperbola", "root", "exponential"]))
        ranges = {
            "line": ((-1, 1), (-1, 1)), "parabola": ((0.2, 1), (-1, 0.5)), "cubic": ((0.1, 0.4), (-1, 0.5)),
            "sine": ((0.5, 1.5), (1, 3)), "hyperbola": ((0.5, 1.5), (0, 0)), "root": ((0.5, 1.5), (0, 0)),
            "exponential": ((0.3, 1), (0.3, 0.8)),
        }[function]  # fmt: skip
        a, b = (round(float(rng.uniform(*pair)), 1) for pair in ranges)
        first = 0.3 if function == "hyperbola" else 0.0 if function == "root" else left + 0.2
        plot = Plot(function, a or 0.5, b, round(first, 1), round(right - 0.3, 1), self.stroke())
        inside = [x for x, y in plot.outline() if down <= y <= up]
        # The part of the graph that stays on the paper, as one interval from its right end.
        if len(inside) < 20:
            raise Rejected("the graph leaves the axes")
        plot = dataclasses.replace(plot, start=round(inside[0] + 0.049, 1), end=round(inside[-1] - 0.049, 1))
        if not all(down - 0.3 <= y <= up + 0.3 for _, y in plot.outline()):
            raise Rejected("the graph leaves the axes")
        self.shapes.append(plot)
        if self.chance(0.5):
            x, y = plot.outline()[int(rng.integers(25, 75))]
            place = _rounded((x, y))
            self.shapes.append(Dot(place))
            self.names = ["P", *self.names]
            self.name(place, dot=False)
        elif self.chance(0.5):
            self.wishes.append((_rounded(plot.outline()[-1]), row("f", "(", "x", ")")))

    def transversal(self) -> None:
        height = self.number(1.5, 2.5)
        width = self.number(4, 6)
        for y in (0.0, height):
            self.segment((0.0, y), (width, y), dash=0.0)
        x, slope = self.number(1, 2), self.number(-0.5, 1.5)
        bottom, top = _rounded((x, 0.0)), _rounded((x + slope, height))
        run = (top[0] - bottom[0]) / height
        self.segment(_rounded((bottom[0] - run, -1.0)), _rounded((top[0] + run, height + 1.0)), dash=0.0)
        self.angle(bottom, (width, 0.0), top)
        if self.chance(0.6):
            self.angle(top, (width, height), (top[0] + run, height + 1.0))
        for place in ((width, 0.0), (width, height)):
            self.wishes.append((place, row(str(self.rng.choice(["l", "m", "n", "p"])))))

    def free(self) -> None:
        rng = self.rng
        corners = self.points(int(rng.integers(2, 6)))
        for a, b in itertools.pairwise(corners):
            if self.chance(0.15):
                bend = (
                    _rounded((a[0] + rng.uniform(-1, 1), a[1] + 1.5)),
                    _rounded((b[0], b[1] + rng.uniform(-2, 1))),
                )
                self.shapes.append(Bezier(a, *bend, b, stroke=self.stroke(dash=0.2)))
            else:
                arrow = ARROWS[int(rng.choice(3, p=(0.7, 0.25, 0.05)))]
                stroke = dataclasses.replace(self.stroke(dash=0.25), arrow=arrow)
                self.shapes.append(Polyline((a, b), stroke=stroke))
        for _ in range(int(rng.integers(0, 3))):
            center = self.point()
            radius = self.number(0.5, 1.5)
            radii = (
                (radius, radius)
                if self.chance(0.6)
                else (radius, round(radius * float(rng.uniform(0.4, 0.8)), 1))
            )
            self.shapes.append(Ellipse(center, radii, stroke=self.stroke(dash=0.2)))
        for corner in corners:
            self.name(corner)


def _between(a: Point, b: Point) -> Point:
    return _rounded(((a[0] + b[0]) / 2, (a[1] + b[1]) / 2))


def _rounded(point: Point) -> Point:
    """Two decimals, as TikZ text has: the picture is drawn from the very numbers of the answer."""
    return round(point[0], 2), round(point[1], 2)


def _distance(point: Point, a: Point, b: Point) -> float:
    """From a point to the line through two others."""
    cross = (b[0] - a[0]) * (a[1] - point[1]) - (a[0] - point[0]) * (b[1] - a[1])
    return abs(cross) / max(math.dist(a, b), 1e-9)
