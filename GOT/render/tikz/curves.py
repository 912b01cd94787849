"""Shapes of a TikZ path as Bézier pieces and lines: ellipses, smooth plots, bends, grids."""

from __future__ import annotations

import math

from GOT.render.tikz.shapes import Matrix, Point, Segment, transform

TENSION = 0.5 * 0.2775  # of TikZ's `smooth`
BEND_REACH = 0.3915  # of the distance: TikZ's `looseness` 1
MAX_LINES = 400  # of a grid


def ellipse(
    center: Point, rx: float, ry: float, begin: float, end: float, matrix: Matrix, *, closed: bool
) -> list[Segment]:
    """An ellipse or a part of it, in pieces of at most 90 degrees; angles in degrees."""
    pieces = max(1, min(math.ceil(abs(end - begin) / 90 - 1e-9), 40))
    step = math.radians(end - begin) / pieces
    reach = 4 / 3 * math.tan(step / 4)
    cx, cy = center

    def at(x: float, y: float) -> Point:
        tx, ty = transform(matrix, (rx * x, ry * y))
        return cx + tx, cy + ty

    angle = math.radians(begin)
    made: list[Segment] = [("M", (at(math.cos(angle), math.sin(angle)),))] if closed else []
    for _ in range(pieces):
        c0, s0, c1, s1 = math.cos(angle), math.sin(angle), math.cos(angle + step), math.sin(angle + step)
        first, second = at(c0 - reach * s0, s0 + reach * c0), at(c1 + reach * s1, s1 - reach * c1)
        made.append(("C", (first, second, at(c1, s1))))
        angle += step
    return [*made, ("Z", ()), ("M", (center,))] if closed else made


def smooth(points: list[Point]) -> list[Segment]:
    """TikZ's ``smooth`` with its usual tension: tangents follow the neighbours."""
    made: list[Segment] = []
    for index in range(len(points) - 1):
        before, here = points[max(index - 1, 0)], points[index]
        there, behind = points[index + 1], points[min(index + 2, len(points) - 1)]
        first = (here[0] + TENSION * (there[0] - before[0]), here[1] + TENSION * (there[1] - before[1]))
        second = (there[0] - TENSION * (behind[0] - here[0]), there[1] - TENSION * (behind[1] - here[1]))
        made.append(("C", (first, second, there)))
    return made


def bend(here: Point, there: Point, out: float, into: float) -> Segment:
    """A curve that leaves and arrives at these angles, in degrees."""
    far = BEND_REACH * math.hypot(there[0] - here[0], there[1] - here[1])
    out, into = math.radians(out), math.radians(into)
    first = (here[0] + far * math.cos(out), here[1] + far * math.sin(out))
    second = (there[0] + far * math.cos(into), there[1] + far * math.sin(into))
    return ("C", (first, second, there))


def grid(corner: Point, other: Point, step: float) -> list[Segment]:
    """The lines of a grid.

    Raises:
        ValueError: If there are more than a page holds.
    """
    (x0, y0), (x1, y1) = corner, other
    if step <= 0 or (abs(x1 - x0) + abs(y1 - y0)) / step > MAX_LINES:
        raise ValueError("a grid of more lines than a page holds")
    left, right, low, high = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    made: list[Segment] = []
    for index in range(math.ceil(left / step - 1e-9), math.floor(right / step + 1e-9) + 1):
        made += [("M", ((index * step, low),)), ("L", ((index * step, high),))]
    for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
        made += [("M", ((left, index * step),)), ("L", ((right, index * step),))]
    return made
