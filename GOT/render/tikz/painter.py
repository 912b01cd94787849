"""TikZ shapes to SVG: the painter for machines without TeX, and for text that TeX must not see."""

from __future__ import annotations

import dataclasses
import math
from xml.etree.ElementTree import Element

from GOT.render.drawing import CannotDraw
from GOT.render.elements import SVG_NAMESPACE, append, element
from GOT.render.tikz.numbers import PT_PER_CM
from GOT.render.tikz.reader import parse_tikz
from GOT.render.tikz.runs import Run, to_lines, width
from GOT.render.tikz.shapes import Curve, Label, Point, Style

PX_PER_PT = 1.5
PX_PER_CM = PT_PER_CM * PX_PER_PT
FONT_SIZE = 10 * PX_PER_PT  # TikZ labels are 10 pt
MARGIN = 8.0  # px around the drawing
MAX_SIDE = 6000.0  # px; larger drawings are scaled down
FONT = "'Latin Modern Roman', 'STIX Two Text', 'Times New Roman', 'Liberation Serif', serif"


@dataclasses.dataclass(frozen=True)
class Painting:
    """A drawing, and the statements that are not in it."""

    svg: Element
    skipped: tuple[str, ...]


def paint(text: str) -> Painting:
    """Draw a ``tikzpicture``.

    Raises:
        CannotDraw: If nothing in it is understood.
        ValueError: If it asks for more than a page holds.
    """
    scene = parse_tikz(text)
    if not scene.shapes:
        raise CannotDraw(
            "nothing in it is understood by the painter" if scene.skipped else "the drawing is empty"
        )
    canvas = _Canvas()
    for shape in scene.shapes:
        if isinstance(shape, Curve):
            canvas.curve(shape)
        else:
            canvas.label(shape)
    return Painting(canvas.finish(), tuple(scene.skipped))


class _Canvas:
    """Collects marks and how far they reach."""

    def __init__(self) -> None:
        self.marks: list[Element] = []
        self.low = [math.inf, math.inf]
        self.high = [-math.inf, -math.inf]

    def reach(self, x: float, y: float, around: float = 0.0) -> None:
        self.low = [min(self.low[0], x - around), min(self.low[1], y - around)]
        self.high = [max(self.high[0], x + around), max(self.high[1], y + around)]

    def curve(self, curve: Curve) -> None:
        style = curve.style
        parts: list[str] = []
        spots: list[Point] = []
        for kind, points in curve.segments:
            placed = [_to_px(point) for point in points]
            spots += placed
            parts.append(kind + " ".join(f"{_short(x)},{_short(y)}" for x, y in placed))
        while parts and parts[-1].startswith("M"):
            parts.pop()
        drawn = [
            spot
            for index, (kind, points) in enumerate(curve.segments)
            if kind != "M" or index + 1 < len(curve.segments)
            for spot in map(_to_px, points)
        ]
        for x, y in drawn or spots:
            self.reach(x, y, style.width * PX_PER_PT)
        self.marks.append(element("path", {"d": " ".join(parts), **_paint(style)}))
        if style.stroke not in ("", "none"):
            self.arrows(curve, style)

    def arrows(self, curve: Curve, style: Style) -> None:
        """Heads at the ends of an open path."""
        spots = [
            (kind, [_to_px(point) for point in points]) for kind, points in curve.segments if kind != "Z"
        ]
        flat = [point for _, points in spots for point in points]
        if len(flat) < 2 or any(kind == "Z" for kind, _ in curve.segments):
            return
        if style.end_arrow:
            self.head(flat[-2], flat[-1], style)
        if style.start_arrow:
            self.head(flat[1], flat[0], style)

    def head(self, tail: Point, tip: Point, style: Style) -> None:
        length = math.hypot(tip[0] - tail[0], tip[1] - tail[1])
        if not length:
            return
        ux, uy = (tip[0] - tail[0]) / length, (tip[1] - tail[1]) / length
        size = (4.0 + 2.2 * style.width) * PX_PER_PT
        x, y = tip[0] + ux * style.width, tip[1] + uy * style.width
        bx, by = x - ux * size, y - uy * size
        notch = (x - ux * size * 0.72, y - uy * size * 0.72)
        wing = size * 0.38
        points = [(x, y), (bx - uy * wing, by + ux * wing), notch, (bx + uy * wing, by - ux * wing)]
        self.marks.append(
            element(
                "path",
                {
                    "d": "M" + " L".join(f"{_short(px)},{_short(py)}" for px, py in points) + " Z",
                    "fill": style.stroke,
                },
            )
        )
        for px, py in points:
            self.reach(px, py)

    def label(self, label: Label) -> None:
        x, y = _to_px(label.at)
        size = FONT_SIZE * label.scale
        lines = to_lines(label.source)
        text_width = max((width(line) for line in lines), default=0.0) * size
        line_height = 1.2 * size
        tall = line_height * len(lines) if any(lines) else 0.0
        pad = label.padding * PX_PER_PT
        half_width = max(text_width / 2 + pad, label.minimum * PX_PER_PT / 2)
        half_height = max(
            (0.72 * size + line_height * (len(lines) - 1) if any(lines) else 0.0) / 2 + pad,
            label.minimum * PX_PER_PT / 2,
        )
        if label.frame == "circle":
            half_width = half_height = max(
                math.hypot(text_width / 2, tall / 2 if tall else 0) + pad * 0.7, label.minimum * PX_PER_PT / 2
            )
        away = label.distance * PX_PER_PT
        corner = 0.85 if label.side[0] and label.side[1] else 1.0  # TikZ's corners sit a little nearer
        x += label.side[0] * (half_width + away) * corner
        y -= label.side[1] * (half_height + away) * corner
        if label.frame:
            style = _paint(label.style)
            if label.frame == "circle":
                self.marks.append(
                    element("circle", {"cx": _short(x), "cy": _short(y), "r": _short(half_width), **style})
                )
            else:
                self.marks.append(
                    element(
                        "rect",
                        {
                            "x": _short(x - half_width),
                            "y": _short(y - half_height),
                            "width": _short(2 * half_width),
                            "height": _short(2 * half_height),
                            **style,
                        },
                    )
                )
            self.reach(x, y, 0)
            self.reach(x - half_width, y - half_height, 1)
            self.reach(x + half_width, y + half_height, 1)
        if any(lines):
            self.reach(x - half_width + pad, y - half_height + pad)
            self.reach(x + half_width - pad, y + half_height - pad)
        holder = element(
            "g",
            {"transform": f"rotate({_short(-label.rotation)} {_short(x)} {_short(y)})"}
            if label.rotation
            else None,
        )
        first = y - line_height * (len(lines) - 1) / 2 + 0.33 * size
        for number, line in enumerate(lines):
            if line:
                append(holder, _text(line, x, first + number * line_height, size, label.style))
        if len(holder):
            self.marks.append(holder)

    def finish(self) -> Element:
        (left, top), (right, bottom) = self.low, self.high
        if not all(map(math.isfinite, (left, top, right, bottom))):
            left = top = right = bottom = 0.0
        left, top, right, bottom = left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN
        wide, tall = right - left, bottom - top
        if max(wide, tall) > 1e6:
            raise CannotDraw("the drawing reaches out of every page")
        shrink = min(1.0, MAX_SIDE / max(wide, tall))
        root = element(
            "svg",
            {
                "xmlns": SVG_NAMESPACE,
                "viewBox": f"{_short(left)} {_short(top)} {_short(wide)} {_short(tall)}",
                "width": _short(wide * shrink),
                "height": _short(tall * shrink),
                "fill": "none",
                "stroke-linejoin": "round",
            },
        )
        return append(root, *self.marks)


def _text(runs: list[Run], x: float, y: float, size: float, style: Style) -> Element:
    text = element(
        "text",
        {
            "x": _short(x),
            "y": _short(y),
            "text-anchor": "middle",
            "font-family": FONT,
            "font-size": _short(size),
            "fill": style.color,
        },
    )
    if style.opacity < 1:
        text.set("opacity", _short(style.opacity))
    risen = 0.0
    for run in runs:
        attributes: dict[str, str] = {}
        if run.shift != risen:
            attributes["dy"] = _short((risen - run.shift) * size)
            risen = run.shift
        if run.size != 1.0:
            attributes["font-size"] = _short(run.size * size)
        if run.italic:
            attributes["font-style"] = "italic"
        append(text, element("tspan", attributes, run.text))
    return text


def _paint(style: Style) -> dict[str, str]:
    made = {"fill": style.fill or "none"}
    if style.stroke and style.stroke != "none":
        made |= {"stroke": style.stroke, "stroke-width": _short(style.width * PX_PER_PT)}
        if style.dashes:
            made["stroke-dasharray"] = " ".join(
                _short(float(part) * PX_PER_PT) for part in style.dashes.split()
            )
    if style.opacity < 1:
        made["opacity"] = _short(style.opacity)
    return made


def _to_px(point: Point) -> Point:
    return point[0] * PX_PER_CM, -point[1] * PX_PER_CM


def _short(value: float) -> str:
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
