"""Operations of a TikZ path that read more than a coordinate: circles, arcs, plots, marks of angles."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

from GOT.render.tikz import curves
from GOT.render.tikz.numbers import evaluate
from GOT.render.tikz.scope import Unknown
from GOT.render.tikz.shapes import IDENTITY, Label, Matrix, Point, transform
from GOT.render.tikz.splitting import close

if TYPE_CHECKING:
    from GOT.render.tikz.path import Path


def circle(path: Path) -> None:
    options, _ = path.options()
    path.blanks()
    label = path.reader.apply(dataclasses.replace(path.scope, label={}), options).label
    if path.text.startswith("(", path.position):
        end = close(path.text, path.position, "()")
        inside = path.text[path.position + 1 : end]
        path.position = end + 1
        first, _, second = inside.partition(" and ")
        rx, rx_fixed = radius(path, first)
        ry, _ = radius(path, second) if second else (rx, rx_fixed)
    else:
        rx, rx_fixed = radius(path, label.get("x radius") or label.get("radius") or "1")
        ry, _ = radius(path, label.get("y radius") or label.get("radius") or "1")
    matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0) if rx_fixed else (*path.scope.matrix[:4], 0.0, 0.0)
    path.add(curves.ellipse(path.here, rx, ry, 0, 360, matrix, closed=True))


def radius(path: Path, text: str) -> tuple[float, bool]:
    """A radius, and whether it is given in points: those do not grow with the picture."""
    fixed = bool(re.search(r"\d\s*(?:pt|cm|mm|in|ex|em)\b", text))
    return evaluate(text, path.scope.variables), fixed


def arc(path: Path) -> None:
    options, _ = path.options()
    path.blanks()
    label = path.reader.apply(dataclasses.replace(path.scope, label={}), options).label
    variables = path.scope.variables
    if path.text.startswith("(", path.position):
        end = close(path.text, path.position, "()")
        parts = path.text[path.position + 1 : end].split(":")
        path.position = end + 1
        if len(parts) != 3:
            raise Unknown(path.text)
        begin, stop = evaluate(parts[0], variables), evaluate(parts[1], variables)
        first, _, second = parts[2].partition(" and ")
        rx = evaluate(first, variables)
        ry = evaluate(second, variables) if second else rx
    else:
        begin = evaluate(label.get("start angle", "0"), variables)
        stop = (
            evaluate(label["end angle"], variables)
            if "end angle" in label
            else begin + evaluate(label.get("delta angle", "90"), variables)
        )
        rx = evaluate(label.get("x radius") or label.get("radius") or "1", variables)
        ry = evaluate(label.get("y radius") or label.get("radius") or "1", variables)
    if abs(stop - begin) > 3600:
        raise ValueError("an arc turns too often")
    matrix: Matrix = (*path.scope.matrix[:4], 0.0, 0.0)
    dx, dy = transform(matrix, (rx * math.cos(math.radians(begin)), ry * math.sin(math.radians(begin))))
    center = (path.here[0] - dx, path.here[1] - dy)
    if not path.segments:
        path.segments.append(("M", (path.here,)))
    path.add(curves.ellipse(center, rx, ry, begin, stop, matrix, closed=False))
    path.previous, path.here = path.here, path.segments[-1][1][-1]
    path.place_pending(path.previous, path.here)


def plot(path: Path, *, joined: bool) -> None:
    options, _ = path.options()
    scope = path.reader.apply(path.scope, options)
    path.blanks()
    variable = re.search(r"variable\s*=\s*\{?(\\[A-Za-z]+)", options)
    name = variable[1] if variable else "\\x"
    listed = re.compile(r"coordinates\s*\{").match(path.text, path.position)
    points: list[Point] = []
    if listed:
        start = listed.end() - 1
        end = close(path.text, start)
        inside, path.position = path.text[start + 1 : end], end + 1
        points = [
            path.reader.places.point(item, scope)
            for item in re.findall(r"\((?:[^()]|\([^()]*\))*\)", inside)[:2000]
        ]
    elif path.text.startswith("(", path.position):
        end = close(path.text, path.position, "()")
        inside, path.position = path.text[path.position + 1 : end], end + 1
        low, high = scope.domain
        for index in range(scope.samples):
            value = low + (high - low) * index / (scope.samples - 1)
            point_scope = dataclasses.replace(scope, variables={**scope.variables, name: value})
            try:
                points.append(path.reader.places.point(f"({inside})", point_scope))
            except Unknown:
                raise
            except ValueError:
                continue  # outside the function's domain
    if len(points) < 2:
        raise Unknown(path.text)
    path.reader.count_points(len(points))
    path.segments.append(("L" if joined else "M", (points[0],)))
    if scope.smooth:
        path.segments += curves.smooth(points)
    else:
        path.segments += [("L", (point,)) for point in points[1:]]
    path.previous, path.here = points[-2], points[-1]


def angle_mark(path: Path) -> None:
    """``pic {angle = A--B--C}`` and ``right angle``."""
    options, _ = path.options()
    path.blanks()
    found = re.compile(r"\{\s*(right )?angle\s*=\s*([\w']+)\s*--\s*([\w']+)\s*--\s*([\w']+)\s*\}").match(
        path.text, path.position
    )
    if not found or any(found[index] not in path.reader.places.names for index in (2, 3, 4)):
        raise Unknown(path.text)
    path.position = found.end()
    a, b, c = (path.reader.places.names[found[index]] for index in (2, 3, 4))
    radius_text = re.search(r"angle radius\s*=\s*([\d.]+\s*(?:cm|mm|pt)?)", options)
    radius = evaluate(radius_text[1]) if radius_text else 0.5
    begin = math.degrees(math.atan2(a[1] - b[1], a[0] - b[0]))
    end = math.degrees(math.atan2(c[1] - b[1], c[0] - b[0]))
    end += 360 if end < begin else 0

    def at(degrees: float, far: float) -> Point:
        return b[0] + far * math.cos(math.radians(degrees)), b[1] + far * math.sin(math.radians(degrees))

    if found[1]:
        side = radius * 0.7
        p, q = at(begin, side), at(end, side)
        path.segments += [("M", (p,)), ("L", ((p[0] + q[0] - b[0], p[1] + q[1] - b[1]),)), ("L", (q,))]
    else:
        path.segments.append(("M", (at(begin, radius),)))
        path.add(curves.ellipse(b, radius, radius, begin, end, IDENTITY, closed=False))
    text = re.search(r"\"([^\"]*)\"", options)
    if text:
        path.labels.append(
            Label(at((begin + end) / 2, radius * 1.5), text[1], (0.0, 0.0), 0, path.scope.style)
        )
    if not path.scope.style.stroke:
        path.scope.style = dataclasses.replace(path.scope.style, stroke=path.scope.style.color)
