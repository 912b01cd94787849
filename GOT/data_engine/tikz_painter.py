"""The TikZ tree to pixels without TeX: strokes by Pillow, four times too large and reduced; labels set by typst.

Lengths, dashes and label distances are TikZ's own, so the picture is the one TeX would print, to a pixel or so.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
from PIL import Image, ImageDraw

from GOT.data_engine import typst_compiler
from GOT.data_engine.formula_tree import Node
from GOT.data_engine.tikz_tree import (
    COLORS,
    DOT_RADIUS,
    FILLS,
    WIDTHS,
    Anchor,
    Dot,
    Drawing,
    Label,
    Point,
    Shape,
)

OVERSAMPLING = 4
POINTS_PER_CENTIMETRE = 28.4528  # TeX points
TEX_POINTS_PER_INCH = 72.27
INNER_SEP = 3.333  # points between a place and its label (TikZ: 0.3333em of 10 pt)
DASHES = {"dashed": (3.0, 3.0), "dotted": (0.4, 2.0)}  # points on and off
FONT_SIZE = 10.0  # points


class Painter:
    """A canvas for one drawing: where its centimetres are in pixels, and its strokes."""

    def __init__(self, shapes: tuple[Shape, ...], *, ppi: float, border: float = 24.0) -> None:
        self.ppi = ppi
        self.scale = ppi / TEX_POINTS_PER_INCH  # pixels per point
        self.unit = self.scale * POINTS_PER_CENTIMETRE  # pixels per centimetre
        outlines = [shape.outline() for shape in shapes]
        xs, ys = zip(*(point for outline in outlines for point in outline), strict=True)
        self.left, self.top = (
            min(xs) - border / POINTS_PER_CENTIMETRE,
            max(ys) + border / POINTS_PER_CENTIMETRE,
        )
        width = int((max(xs) - self.left + border / POINTS_PER_CENTIMETRE) * self.unit) + 1
        height = int((self.top - min(ys) + border / POINTS_PER_CENTIMETRE) * self.unit) + 1
        large = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING), "white")
        draw = ImageDraw.Draw(large)
        for shape, outline in zip(shapes, outlines, strict=True):
            self._paint(draw, shape, outline)
        self.picture = large.reduce(OVERSAMPLING)
        self.ink = np.asarray(self.picture.convert("L")) < 250

    def to_pixels(self, point: Point) -> tuple[float, float]:
        """A place of the drawing on the picture."""
        return (point[0] - self.left) * self.unit, (self.top - point[1]) * self.unit

    def label_box(self, place: Point, formula: Node, anchor: Anchor) -> tuple[int, int, int, int]:
        """``(left, top, right, bottom)`` of a label on the picture, in pixels."""
        mask = label_mask(formula, self.ppi)
        x, y = self.to_pixels(place)
        gap = INNER_SEP * self.scale
        # TikZ puts corners of diagonal labels at the place; the gap counts in both directions.
        dx = (
            -mask.width / 2
            if "left" not in anchor and "right" not in anchor
            else gap
            if "right" in anchor
            else 0.0
        )
        dx = -mask.width - gap if "left" in anchor else dx
        dy = (
            -mask.height / 2
            if "above" not in anchor and "below" not in anchor
            else gap
            if "below" in anchor
            else 0.0
        )
        dy = -mask.height - gap if "above" in anchor else dy
        left, top = round(x + dx), round(y + dy)
        return left, top, left + mask.width, top + mask.height

    def is_free(self, box: tuple[int, int, int, int]) -> bool:
        """Whether a box is on the picture and holds no stroke."""
        left, top, right, bottom = box
        if left < 1 or top < 1 or right >= self.picture.width or bottom >= self.picture.height:
            return False
        return not self.ink[top - 1 : bottom + 1, left - 1 : right + 1].any()

    def finish(self, labels: tuple[Label, ...]) -> Image.Image:
        """The picture with its labels, cut to what is drawn."""
        picture = self.picture.copy()
        for label in labels:
            left, top, _, _ = self.label_box(label.place, label.formula, label.anchor)
            picture.paste((0, 0, 0), (left, top), label_mask(label.formula, self.ppi))
        rows, columns = np.nonzero(np.asarray(picture.convert("L")) < 250)
        box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        return picture.crop(box)

    def _paint(self, draw: ImageDraw.ImageDraw, shape: Shape, outline: list[Point]) -> None:
        stroke = shape.stroke
        points = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in map(self.to_pixels, outline)]
        factor = self.scale * OVERSAMPLING  # pixels of the large picture per point
        color = COLORS[stroke.color]
        if isinstance(shape, Dot):
            radius = DOT_RADIUS * factor
            (x, y) = points[0]
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
            return
        if stroke.fill:
            draw.polygon(points, fill=FILLS[stroke.fill])
        width = WIDTHS[stroke.width] * factor
        if stroke.dash:
            on, off = DASHES[stroke.dash]
            # A dotted line's dots are as long as the line is wide.
            on = WIDTHS[stroke.width] if stroke.dash == "dotted" else on
            for piece in _dashes(points, on * factor, off * factor):
                _line(draw, piece, color, width)
        else:
            _line(draw, points, color, width)
        if stroke.arrow:
            _tip(draw, points[-2], points[-1], color, width, factor)
        if stroke.arrow == "<->":
            _tip(draw, points[1], points[0], color, width, factor)


def paint(drawing: Drawing, *, ppi: float) -> Image.Image:
    """Paint a drawing, cut tightly.

    Args:
        drawing: What to paint; labels are not checked for overlap.
        ppi: Pixels per inch.
    """
    return Painter(drawing.shapes, ppi=ppi).finish(drawing.labels)


@functools.lru_cache(maxsize=4096)
def label_mask(formula: Node, ppi: float) -> Image.Image:
    """A label's ink, 255 where black, cut tightly."""
    source = (
        "#set page(width: auto, height: auto, margin: 1pt)\n#set par(leading: 0pt)\n"  # leading would hide subscripts
        f'#set text(size: {FONT_SIZE}pt, font: "New Computer Modern")\n${formula.to_typst()}$\n'
    )
    page = typst_compiler.render_pages(source, ppi=ppi)[0].convert("L")
    mask = Image.fromarray(255 - np.asarray(page))
    return mask.crop(mask.getbbox())


def _line(draw: ImageDraw.ImageDraw, points: list[Point], color: tuple[int, int, int], width: float) -> None:
    # Pillow rounds the corners of each segment's outline: many short segments come out a pixel too thin.
    thickness = max(1, round(width)) + (len(points) > 12)
    draw.line(points, fill=color, width=thickness, joint="curve")


def _dashes(points: list[Point], on: float, off: float) -> list[list[Point]]:
    """A path cut into pieces ``on`` long with gaps of ``off``."""
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(points)]
    total = sum(lengths)
    ends = np.cumsum([0.0, *lengths])
    xs, ys = np.array(points).T
    starts = np.arange(0.0, total, on + off)
    pieces = []
    for start in starts.tolist():
        stops = [
            start,
            *[end for end in ends.tolist() if start < end < min(start + on, total)],
            min(start + on, total),
        ]
        pieces.append(
            list(zip(np.interp(stops, ends, xs).tolist(), np.interp(stops, ends, ys).tolist(), strict=True))
        )
    return pieces


def _tip(
    draw: ImageDraw.ImageDraw,
    before: Point,
    end: Point,
    color: tuple[int, int, int],
    width: float,
    factor: float,
) -> None:
    """TikZ's arrow tip: two barbs that curve backwards."""
    angle = math.atan2(end[1] - before[1], end[0] - before[0])
    size = 1.8 * factor + 1.3 * width
    for side in (-1, 1):
        barb = []
        for step in range(9):
            t = step / 8
            back, out = size * t, side * size * 0.95 * t**0.6 * t**0.35
            x = end[0] - back * math.cos(angle) - out * math.sin(angle)
            y = end[1] - back * math.sin(angle) + out * math.cos(angle)
            barb.append((x, y))
        _line(draw, barb, color, width * 1.1)
