"""The texts of an SVG and where they stand: refuses a drawing whose texts are clipped or lie on each other."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import re
from typing import Any
from xml.etree import ElementTree

from GOT.data_engine.fonts import Font
from GOT.data_engine.sample import Rejected

HALF_HEIGHT = 0.42  # em, of capitals and descenders about the middle of a line
_TEXT = "{http://www.w3.org/2000/svg}text"

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class SvgText:
    """One text.

    Attributes:
        words: What it says.
        corners: Of its box, in pixels, in order around it; turned with the text.
    """

    words: str
    corners: tuple[Point, Point, Point, Point]


def find_texts(markup: str, font: Font) -> list[SvgText]:
    """Every ``<text>`` of an SVG with ``font-size`` in its style and at most one transform, as ECharts writes them.

    Args:
        markup: The SVG.
        font: The font that will draw all of them.
    """
    found = []
    for element in ElementTree.fromstring(markup).iter(_TEXT):
        words = "".join(element.itertext())
        size = re.search(r"font-size:\s*([\d.]+)px", element.get("style", ""))
        if not words.strip() or size is None:
            continue
        em = float(size[1])
        width = float(_opened(font).getlength(words)) * em / 100
        start = {"middle": -width / 2, "end": -width}.get(element.get("text-anchor", ""), 0.0)
        x, y = float(element.get("x", 0)) + start, float(element.get("y", 0))
        middle = {"central": 0.0, "middle": 0.0, "hanging": 0.45 * em}.get(
            element.get("dominant-baseline", ""), -0.35 * em
        )
        top, bottom = y + middle - HALF_HEIGHT * em, y + middle + HALF_HEIGHT * em
        place = _transform(element.get("transform", ""))
        box = ((x, top), (x + width, top), (x + width, bottom), (x, bottom))
        found.append(SvgText(words, tuple(place(point) for point in box)))  # type: ignore[arg-type]
    return found


def check_texts(texts: list[SvgText], width: float, height: float) -> None:
    """Check that every text is inside the picture, and none on another.

    Raises:
        Rejected: Naming the text.
    """
    for text in texts:
        if any(not (0 <= x <= width and 0 <= y <= height) for x, y in text.corners):
            raise Rejected(f"the text {text.words!r} is clipped")
    for first, second in itertools.combinations(texts, 2):
        if not _are_apart(first.corners, second.corners):
            raise Rejected(f"the texts {first.words!r} and {second.words!r} overlap")


def _are_apart(first: tuple[Point, ...], second: tuple[Point, ...]) -> bool:
    """Two convex boxes are apart when they are along a side's normal (a pixel more or less counts as touching)."""
    for box in (first, second):
        for (x1, y1), (x2, y2) in itertools.pairwise(box):
            length = math.hypot(x2 - x1, y2 - y1) or 1.0
            normal = ((y2 - y1) / length, (x1 - x2) / length)
            a, b = ([x * normal[0] + y * normal[1] for x, y in corners] for corners in (first, second))
            if max(a) - 1 <= min(b) or max(b) - 1 <= min(a):
                return True
    return False


def _transform(text: str) -> Any:
    """``translate(x y)`` or ``matrix(a,b,c,d,e,f)`` as a function of a point."""
    numbers = [float(value) for value in re.findall(r"-?[\d.]+(?:e-?\d+)?", text.partition("(")[2])]
    if text.startswith("translate"):
        numbers = [1, 0, 0, 1, numbers[0], numbers[1] if len(numbers) > 1 else 0]
    elif not text.startswith("matrix"):
        numbers = [1, 0, 0, 1, 0, 0]
    a, b, c, d, e, f = numbers
    return lambda point: (a * point[0] + c * point[1] + e, b * point[0] + d * point[1] + f)


@functools.lru_cache(maxsize=32)
def _opened(font: Font) -> Any:
    return font.open(100)
