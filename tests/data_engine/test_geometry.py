"""Geometry: the answer is the drawing's TikZ; our painter and TeX put the same lines and labels in the same places."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image, ImageFilter

from GOT.data_engine import geometry, tex
from GOT.data_engine.formula_tree import row
from GOT.data_engine.geometry_grammar import Scene, random_scene
from GOT.data_engine.sample import Rejected, Sample, random_generator
from GOT.data_engine.tikz_painter import Painter, paint
from GOT.data_engine.tikz_tree import (
    Arc,
    Bezier,
    Dot,
    Drawing,
    Ellipse,
    Label,
    Plot,
    Polyline,
    Shape,
    Stroke,
    number,
)
from GOT.utils.lazy import is_available
from tests.helpers import has_tex

needs_typst = pytest.mark.skipif(not is_available("typst"), reason="typst is not installed")
needs_tex = pytest.mark.skipif(not has_tex(), reason="no pdflatex with its packages on this machine")

SHAPES: tuple[Shape, ...] = (
    Polyline(((0, 0), (4, 0), (2, 3)), is_closed=True, stroke=Stroke(width="thick", fill="gray!20")),
    Polyline(((0, 0), (4, 3)), stroke=Stroke(dash="dashed", arrow="->")),
    Ellipse((2, 1), (1.5, 1.5)),
    Ellipse((2, 1), (1.5, 0.5), stroke=Stroke(color="red", dash="dotted")),
    Arc((0, 0), 1, 0, 60),
    Bezier((0, 0), (1, 2), (3, -2), (4, 2)),
    Plot("parabola", 0.5, -1, -2, 2),
    Dot((2, 3)),
)


def dark(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    grey = picture.convert("L").filter(ImageFilter.GaussianBlur(1)).resize(size, Image.Resampling.BOX)
    return np.asarray(grey, dtype=float) < 200


def near(shape: np.ndarray, pixels: int = 3) -> np.ndarray:
    """A shape made thicker."""
    picture = Image.fromarray((shape * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * pixels + 1))
    return np.asarray(picture) > 0


def test_shapes_are_spelled_as_tikz():
    drawing = Drawing(SHAPES, (Label((2, 3), row("A"), "above left"),))
    assert drawing.to_tikz().split("\n") == [
        r"\begin{tikzpicture}",
        r"\draw[thick,fill=gray!20] (0,0) -- (4,0) -- (2,3) -- cycle;",
        r"\draw[->,dashed] (0,0) -- (4,3);",
        r"\draw (2,1) circle (1.5);",
        r"\draw[dotted,red] (2,1) ellipse (1.5 and 0.5);",
        r"\draw (1,0) arc (0:60:1);",
        r"\draw (0,0) .. controls (1,2) and (3,-2) .. (4,2);",
        r"\draw[domain=-2:2,smooth] plot (\x,{0.5*\x*\x-1});",
        r"\fill (2,3) circle (1.5pt);",
        r"\node[above left] at (2,3) {$A$};",
        r"\end{tikzpicture}",
    ]
    assert [number(value) for value in (-0.001, 1.0, 2.5, -3.14159)] == ["0", "1", "2.5", "-3.14"]


def test_coordinates_are_drawn_as_they_are_written():
    """Two decimals are all that TikZ text has: no point of a scene may have more."""
    for index in range(200):
        try:
            scene = random_scene(random_generator("test", index, 0))
        except Rejected:
            continue
        for shape in scene.shapes:
            points = shape.points if isinstance(shape, Polyline) else [getattr(shape, "center", (0.0, 0.0))]
            for point in points:
                assert all(abs(value - round(value, 2)) < 1e-9 for value in point), shape
        assert len(scene.shapes) <= 14


@needs_typst
def test_labels_cover_nothing_and_all_are_there():
    for index in range(15):
        try:
            scene = random_scene(random_generator("test", index, 1))
            painter = Painter(scene.shapes, ppi=150)
            drawing = geometry.place_labels(scene, painter)
        except Rejected:
            continue
        boxes = [painter.label_box(label.place, label.formula, label.anchor) for label in drawing.labels]
        assert len(boxes) == len(scene.wishes)
        for number_, (left, top, right, bottom) in enumerate(boxes):
            assert not painter.ink[top:bottom, left:right].any()
            for other in boxes[:number_]:
                assert left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]


@needs_typst
def test_a_label_without_room_rejects_the_drawing():
    fan = tuple(Polyline(((0, 0), (np.cos(t), np.sin(t)))) for t in np.linspace(0, 2 * np.pi, 40))
    scene = Scene(fan, (((0.0, 0.0), row("A")),))
    with pytest.raises(Rejected, match="no room for the label A"):
        geometry.place_labels(scene, Painter(fan, ppi=150))


@needs_typst
@needs_tex
def test_tex_draws_what_our_painter_draws():
    drawing = Drawing(
        SHAPES, (Label((4, 0), row("B"), "right"), Label((0, 0), row("A", "=", "1"), "below left"))
    )
    ours = paint(drawing, ppi=150)
    (theirs,) = tex.render_fragments([drawing.to_tikz()], packages=geometry.TEX_PACKAGES, ppi=150, border=0)
    assert isinstance(theirs, Image.Image), theirs
    ink = np.nonzero(np.asarray(theirs.convert("L")) < 250)
    theirs = theirs.crop((int(ink[1].min()), int(ink[0].min()), int(ink[1].max()) + 1, int(ink[0].max()) + 1))
    assert np.abs(np.subtract(ours.size, theirs.size)).max() <= 4
    a, b = dark(ours, ours.size), dark(theirs, ours.size)
    # Every stroke of one is beside a stroke of the other.
    assert (a & ~near(b)).sum() < 0.02 * a.sum() and (b & ~near(a)).sum() < 0.02 * b.sum()


@needs_typst
@needs_tex
def test_random_drawings_compile_and_agree_with_the_painter():
    ours = [geometry.sample(index, 6) for index in range(12)]
    theirs = geometry.samples(range(12), 6, renderer="pdflatex")
    for our, their in zip(ours, theirs, strict=True):
        assert isinstance(their, Sample), their
        assert our.target == their.target
        assert re.fullmatch(r"\\begin\{tikzpicture\}\n.*\n\\end\{tikzpicture\}", our.target, flags=re.DOTALL)


@needs_typst
def test_drawings_have_ink_and_a_white_edge():
    for index in range(8):
        picture = np.asarray(geometry.sample(index, 2).images[0].convert("L"))
        assert (picture < 160).any()
        edges = np.concatenate(
            [picture[:2].ravel(), picture[-2:].ravel(), picture[:, :2].ravel(), picture[:, -2:].ravel()]
        )
        assert edges.min() > 200


@needs_typst
def test_simple_drawings_are_simple_and_settings_are_checked():
    assert all(geometry.sample(index, 0, shapes=3).meta["shapes"] <= 3 for index in range(5))
    with pytest.raises(ValueError, match="painter, pdflatex"):
        geometry.sample(0, 0, renderer="asymptote")
    with pytest.raises(ValueError, match="shapes must be"):
        geometry.sample(0, 0, shapes=0)
