"""What a TikZ drawing is made of: curves, labels, styles, colours, and the matrices that place them. Plain values."""

from __future__ import annotations

import dataclasses
import math
import re

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]  # x' = a x + c y + e, y' = b x + d y + f
Segment = tuple[str, tuple[Point, ...]]  # ("M" | "L" | "C" | "Z", points)

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
LINE_WIDTHS = {  # pt
    "ultra thin": 0.1, "very thin": 0.2, "thin": 0.4, "semithick": 0.6, "thick": 0.8, "very thick": 1.2,
    "ultra thick": 1.6, "help lines": 0.2,
}  # fmt: skip
COLORS = {
    "black": "currentColor", "white": "#ffffff", "red": "#d62f2f", "green": "#1f9d3a", "blue": "#2f62d9",
    "cyan": "#12a5c0",
    "magenta": "#c9379d", "yellow": "#e3c400", "orange": "#e8833a", "purple": "#8a3fb5", "violet": "#6f3fc0",
    "brown": "#94602f",
    "gray": "#808080", "grey": "#808080", "darkgray": "#555555", "lightgray": "#bbbbbb", "teal": "#158a86",
    "olive": "#7c7c1a",
    "pink": "#e58fb0", "lime": "#8fc41e",
}  # fmt: skip
ANCHORS: dict[str, Point] = {
    "above": (0, 1), "below": (0, -1), "left": (-1, 0), "right": (1, 0), "above left": (-1, 1), "above right": (1, 1),
    "below left": (-1, -1), "below right": (1, -1),
}  # fmt: skip
NAMED_ANCHORS: dict[str, Point] = {
    "north": (0, -1), "south": (0, 1), "west": (1, 0), "east": (-1, 0), "north west": (1, -1), "north east": (-1, -1),
    "south west": (1, 1), "south east": (-1, 1), "center": (0, 0), "base": (0, 0), "mid": (0, 0),
}  # fmt: skip
POSITIONS = {
    "midway": 0.5,
    "near start": 0.25,
    "near end": 0.75,
    "very near start": 0.125,
    "very near end": 0.875,
    "at start": 0.0,
    "at end": 1.0,
}


@dataclasses.dataclass(frozen=True)
class Style:
    """How a shape is drawn; lengths in pt."""

    stroke: str = ""
    fill: str = ""
    color: str = "currentColor"
    width: float = 0.4
    dashes: str = ""
    start_arrow: bool = False
    end_arrow: bool = False
    opacity: float = 1.0


@dataclasses.dataclass(frozen=True)
class Curve:
    """A path in centimetres, y upwards."""

    segments: tuple[Segment, ...]
    style: Style


@dataclasses.dataclass(frozen=True)
class Label:
    """A node's text: beside ``at`` in direction ``side`` (0, 0: on it); ``frame`` draws its border."""

    at: Point
    source: str
    side: Point
    distance: float  # pt
    style: Style
    frame: str = ""  # "", "rectangle", "circle"
    padding: float = 3.3  # pt, TikZ's inner sep
    scale: float = 1.0
    rotation: float = 0.0
    minimum: float = 0.0  # pt


@dataclasses.dataclass
class Scene:
    """Everything to draw, in order, and the statements that were not understood."""

    shapes: list[Curve | Label] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)


def color_of(text: str) -> str:
    """A colour such as ``red`` or ``blue!30!white`` as SVG writes it; ``""`` if it is none."""
    parts = [part.strip() for part in text.split("!")]
    if parts[0] not in COLORS:
        return ""
    if len(parts) == 1:
        return COLORS[parts[0]]
    share = (
        min(max(float(parts[1]), 0.0), 100.0) / 100 if re.fullmatch(r"\d{1,3}(?:\.\d+)?", parts[1]) else 1.0
    )
    first = "#000000" if parts[0] == "black" else COLORS[parts[0]]
    other = parts[2] if len(parts) > 2 and parts[2] in COLORS else "white"
    second = "#000000" if other == "black" else COLORS[other]
    mixed = (
        round(share * int(first[i : i + 2], 16) + (1 - share) * int(second[i : i + 2], 16)) for i in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def transform(matrix: Matrix, point: Point) -> Point:
    a, b, c, d, e, f = matrix
    return a * point[0] + c * point[1] + e, b * point[0] + d * point[1] + f


def combine(outer: Matrix, inner: Matrix) -> Matrix:
    a, b, c, d, e, f = outer
    p, q, r, s, t, u = inner
    made = (a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f)
    if not all(math.isfinite(value) and abs(value) < 1e6 for value in made):
        raise ValueError("the drawing is scaled out of range")
    return made
