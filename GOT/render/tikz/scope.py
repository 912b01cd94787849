"""What holds at a place of a TikZ drawing: style, transformation, variables; and what options change in it."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable

from GOT.render.tikz.numbers import PT_PER_CM, evaluate
from GOT.render.tikz.shapes import (
    ANCHORS,
    COLORS,
    IDENTITY,
    LINE_WIDTHS,
    POSITIONS,
    Matrix,
    Point,
    Style,
    color_of,
    combine,
)
from GOT.render.tikz.splitting import split_options, with_unit

MAX_SAMPLES = 200

_DASHES = {
    "solid": "", "dashed": "3 3", "densely dashed": "3 2", "loosely dashed": "3 6", "dotted": "0.4 2",
    "densely dotted": "0.4 1", "loosely dotted": "0.4 4", "dash dot": "3 2 0.4 2", "dash pattern": "3 2 0.4 2",
    "dashdotted": "3 2 0.4 2",
}  # fmt: skip
_FILLS = ("fill", "pattern color", "top color", "ball color", "inner color")
# Kept as they are, for nodes, arcs and grids to look at.
_KEPT = {*ANCHORS, *POSITIONS}.union(
    "anchor,pos,inner sep,outer sep,circle,rectangle,minimum size,minimum width,minimum height,sloped".split(
        ","
    ),
    "bend left,bend right,out,in,font,shape,start angle,end angle,delta angle,step,label,node font".split(
        ","
    ),
    "radius,x radius,y radius".split(","),
)
_TIP = r"(?:<|<<|>|>>|\||stealth'?|latex'?|Stealth|Latex|to|\{[A-Za-z]+(?:\[[^\]]*\])?\})?"
_ARROW = re.compile(f"{_TIP}-{_TIP}")

ReadPoint = Callable[[str, "Scope"], Point]


class Unknown(ValueError):
    """Something that the painter does not read."""


@dataclasses.dataclass
class Scope:
    """Options and names that hold where we stand.

    Attributes:
        style: Of lines, areas and text.
        matrix: From what is written to the picture's centimetres.
        variables: Of loops and macros.
        domain: Of plots.
        samples: Points of a plot.
        smooth: Whether plots are.
        label: Options that only nodes, arcs and grids know.
    """

    style: Style = dataclasses.field(default_factory=Style)
    matrix: Matrix = IDENTITY
    variables: dict[str, float] = dataclasses.field(default_factory=dict)
    domain: tuple[float, float] = (-5.0, 5.0)
    samples: int = 25
    smooth: bool = False
    label: dict[str, str] = dataclasses.field(default_factory=dict)


def apply(scope: Scope, options: str, read_point: ReadPoint, *, whole: bool = False) -> Scope:
    """A scope with options applied.

    Args:
        scope: What held before; it is left as it is.
        options: What stands between the brackets.
        read_point: Reads the coordinates of ``shift`` and ``rotate around``.
        whole: These are options of a picture or scope, whose colour draws nothing yet.
    """
    changed = dataclasses.replace(scope, label=dict(scope.label))
    for option in split_options(options):
        key, _, value = (part.strip() for part in option.partition("="))
        value = value[1:-1].strip() if value.startswith("{") and value.endswith("}") else value
        if _ARROW.fullmatch(option.replace(" ", "")):
            head, _, tail = option.replace(" ", "").partition("-")
            changed.style = dataclasses.replace(changed.style, start_arrow=bool(head), end_arrow=bool(tail))
            continue
        moved = _move(key, value, changed, read_point)
        if moved is not None:
            changed.matrix = combine(changed.matrix, moved)
        elif key == "domain":
            low, _, high = value.partition(":")
            changed.domain = (evaluate(low, scope.variables), evaluate(high, scope.variables))
        elif key == "samples":
            changed.samples = max(2, min(int(evaluate(value, scope.variables)), MAX_SAMPLES))
        elif key in ("smooth", "smooth cycle"):
            changed.smooth = True
        elif key in _KEPT:
            changed.label[key] = value
        elif key == "text":
            changed.label["text"] = color_of(value) or changed.style.color
        else:
            changed.style = _restyle(changed.style, key, value, whole=whole, variables=scope.variables)
        if key in ("scale", "rotate"):  # nodes take these, too
            changed.label[key] = value
    return changed


def _restyle(style: Style, key: str, value: str, *, whole: bool, variables: dict[str, float]) -> Style:
    if key in LINE_WIDTHS and not value:
        color = COLORS["gray"] if key == "help lines" else style.color
        return dataclasses.replace(style, width=LINE_WIDTHS[key], color=color)
    if key == "line width":
        return dataclasses.replace(style, width=min(max(evaluate(with_unit(value)) * PT_PER_CM, 0.05), 40))
    if key in _DASHES:
        return dataclasses.replace(style, dashes=_DASHES[key])
    if key == "draw":
        return dataclasses.replace(
            style, stroke="none" if value == "none" else color_of(value) or style.color
        )
    if key == "color":
        return dataclasses.replace(
            style, color=color_of(value) or style.color, stroke="" if whole else style.stroke
        )
    if key in _FILLS:
        return dataclasses.replace(style, fill="none" if value == "none" else color_of(value) or style.color)
    if key in ("opacity", "fill opacity", "draw opacity"):
        return dataclasses.replace(style, opacity=min(max(evaluate(value, variables), 0.0), 1.0))
    color = color_of(key) if not value else ""
    if not color:
        return style
    drawn = not whole and style.stroke not in ("", "none")
    return dataclasses.replace(style, color=color, stroke=color if drawn else style.stroke)


def _move(key: str, value: str, scope: Scope, read_point: ReadPoint) -> Matrix | None:
    """The transformation that an option stands for; ``None`` if it stands for none."""
    variables = scope.variables
    if key in ("scale", "xscale", "yscale"):
        factor = evaluate(value, variables)
        return (1 if key == "yscale" else factor, 0, 0, 1 if key == "xscale" else factor, 0, 0)
    if key in ("x", "y") and value and not value.startswith("("):
        factor = evaluate(value, variables)
        return (factor, 0, 0, 1, 0, 0) if key == "x" else (1, 0, 0, factor, 0, 0)
    if key == "rotate":
        return _turn(evaluate(value, variables))
    if key == "rotate around":
        angle, _, center = value.partition(":")
        x, y = read_point(center, scope)
        return combine(combine((1, 0, 0, 1, x, y), _turn(evaluate(angle, variables))), (1, 0, 0, 1, -x, -y))
    if key in ("xshift", "yshift"):
        amount = evaluate(with_unit(value), variables)
        return (1, 0, 0, 1, amount, 0) if key == "xshift" else (1, 0, 0, 1, 0, amount)
    if key == "shift":
        x, y = read_point(value, dataclasses.replace(scope, matrix=IDENTITY))
        return (1, 0, 0, 1, x, y)
    return None


def _turn(degrees: float) -> Matrix:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (cosine, sine, -sine, cosine, 0.0, 0.0)
