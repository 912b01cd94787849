"""Nodes of a TikZ path to labels: where they stand, how large, and whether they have a frame."""

from __future__ import annotations

import dataclasses
import math
import re

from GOT.render.tikz.numbers import PT_PER_CM, evaluate
from GOT.render.tikz.scope import Scope
from GOT.render.tikz.shapes import ANCHORS, NAMED_ANCHORS, POSITIONS, Label, Point
from GOT.render.tikz.splitting import with_unit

INNER_SEP = 3.3  # pt

_SIZES = {
    "tiny": 0.5, "scriptsize": 0.7, "footnotesize": 0.8, "small": 0.9, "large": 1.2, "Large": 1.44, "LARGE": 1.73,
    "huge": 2.07, "Huge": 2.49,
}  # fmt: skip
_SIZE = re.compile(rf"\\({'|'.join(_SIZES)})(?![A-Za-z])")


def make_label(source: str, scope: Scope, path_scope: Scope, start: Point, end: Point) -> Label:
    """A label on the way from ``start`` to ``end``.

    Args:
        source: The node's text.
        scope: The node's; its ``label`` holds the node's options.
        path_scope: The path's, whose shift the node does not repeat.
        start: Where the path's piece begins.
        end: Where it ends; the same for a node on its own.
    """
    options, style = scope.label, scope.style
    share = next((POSITIONS[key] for key in options if key in POSITIONS), 0.5)
    share = evaluate(options["pos"]) if options.get("pos") else share
    at = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
    at = (at[0] + scope.matrix[4] - path_scope.matrix[4], at[1] + scope.matrix[5] - path_scope.matrix[5])
    side, distance = _side(options, scope.variables)
    drawn = style.stroke not in ("", "none") or style.fill not in ("", "none")
    is_circle = "circle" in options or options.get("shape") == "circle"
    return Label(
        at=at,
        source=source,
        side=side,
        distance=distance,
        style=dataclasses.replace(style, color=options.get("text", style.color)),
        frame=("circle" if is_circle else "rectangle") if drawn else "",
        padding=_points(options.get("inner sep")) if options.get("inner sep") else INNER_SEP,
        scale=_scale(source, options),
        rotation=_rotation(options, scope.variables, start, end),
        minimum=max(_points(options.get(f"minimum {key}")) for key in ("size", "width", "height")),
    )


def _side(options: dict[str, str], variables: dict[str, float]) -> tuple[Point, float]:
    """The direction in which the label stands from its place, and how far, in pt."""
    side, distance = (0.0, 0.0), 0.0
    for key, value in options.items():
        if key in ANCHORS:
            side = ANCHORS[key]
            if value and " of " not in f" {value} ":
                distance = evaluate(value if value[-1:].isalpha() else value + "cm", variables) * PT_PER_CM
        elif key == "anchor":
            side = NAMED_ANCHORS.get(value, (0.0, 0.0))
    return side, distance


def _scale(source: str, options: dict[str, str]) -> float:
    found = _SIZE.search(options.get("font", "") + source[:20])
    scale = _SIZES[found[1]] if found else 1.0
    return scale * min(max(abs(evaluate(options["scale"])), 0.1), 6) if "scale" in options else scale


def _rotation(options: dict[str, str], variables: dict[str, float], start: Point, end: Point) -> float:
    if "sloped" in options and start != end:
        slope = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
        return (slope + 90) % 180 - 90
    return evaluate(options["rotate"], variables) if "rotate" in options else 0.0


def _points(length: str | None) -> float:
    return evaluate(with_unit(length)) * PT_PER_CM if length else 0.0
