"""Geometry: a random drawing, painted here or by TeX; the answer is its TikZ."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

from GOT.data.prompt import build_question
from GOT.data_engine import tex, typst_compiler
from GOT.data_engine.attempts import accepted_in_batches, check_choice, each, first_accepted, is_on_side
from GOT.data_engine.canvas import put_on_paper
from GOT.data_engine.fonts import Split
from GOT.data_engine.geometry_grammar import Scene, random_scene
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.tikz_painter import Painter
from GOT.data_engine.tikz_tree import ANCHORS, Drawing, Label

SIDE_TRIES = 30  # inside an attempt, because every further attempt is another run of TeX
TEX_PACKAGES = ("amsmath", "amssymb", "lmodern", "tikz")

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class GeometrySettings:
    """How drawings grow and look.

    Attributes:
        shapes: Most shapes of a drawing.
        renderer: ``painter`` (Pillow, with typst for labels) or ``pdflatex`` (quick in batches only).
        ppi: Pixels per inch; a drawing is up to 6 cm (2.4 inches) wide.
        max_aspect: A longer drawing is put on white of this aspect ratio.
        split: Drawings of this side of the held-out split only; ``None``: both.
    """

    shapes: int = 14
    renderer: Literal["painter", "pdflatex"] = "painter"
    ppi: Range = (120, 240)
    max_aspect: float = 3.0
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_choice("renderer", self.renderer, ("painter", "pdflatex"))
        check_range("ppi", self.ppi, 36, 1200)
        if self.shapes < 1:
            raise ValueError(f"shapes must be 1 or more, got {self.shapes}.")


def sample(index: int, seed: int, **changes: Any) -> Sample:
    """Draw one geometry sample.

    Args:
        index: Number of the sample.
        seed: Seed of the run.
        changes: Fields of :class:`GeometrySettings`.

    Raises:
        ValueError: For a setting that does not exist or cannot be met.
        ImportError, FileNotFoundError: If typst or TeX is missing; the message says what brings it.
        Rejected: If no attempt became a sample.
    """
    settings = build_settings(GeometrySettings(), changes, kind="geometry")
    if settings.renderer == "pdflatex":
        result = samples([index], seed, **changes)[0]
        if isinstance(result, Rejected):
            raise result
        return result

    def draw(rng: np.random.Generator) -> Sample:
        drawing, painter = _choose(rng, settings)
        version = f"painter 1, {typst_compiler.renderer_version()}"
        return _finish(drawing, painter.finish(drawing.labels), settings, version, painter.ppi, rng)

    return first_accepted("geometry", index, seed, draw)


def samples(indices: Sequence[int], seed: int, **changes: Any) -> list[Sample | Rejected]:
    """Draw many at once, as quick as pdflatex gets; each equals what :func:`sample` gives for it."""
    settings = build_settings(GeometrySettings(), changes, kind="geometry")
    if settings.renderer == "painter":
        return each(indices, lambda index: sample(index, seed, **changes))

    def draw_many(generators: list[np.random.Generator]) -> list[Sample | Rejected]:
        chosen = each(generators, lambda rng: _choose(rng, settings))
        good = [entry for entry in chosen if not isinstance(entry, Rejected)]
        pictures = iter(
            tex.render_fragments(
                [drawing.to_tikz() for drawing, _ in good],
                packages=TEX_PACKAGES,
                ppi=[painter.ppi for _, painter in good],
            )
        )

        def finish(place: int) -> Sample:
            entry = chosen[place]
            if isinstance(entry, Rejected):
                raise entry
            picture = next(pictures)
            if isinstance(picture, Rejected):
                raise picture
            drawing, painter = entry
            return _finish(drawing, picture, settings, tex.renderer_version(), painter.ppi, generators[place])

        return each(range(len(generators)), finish)

    return accepted_in_batches("geometry", indices, seed, draw_many)


def place_labels(scene: Scene, painter: Painter) -> Drawing:
    """Give every label a side of its point where it covers nothing.

    Raises:
        Rejected: If one finds no room.
    """
    taken: list[tuple[int, int, int, int]] = []
    labels = []
    middle = np.mean([point for shape in scene.shapes for point in shape.outline()], axis=0)
    for place, formula in scene.wishes:
        # Outwards first: names stand outside of the figure where they can.
        outwards = np.subtract(place, middle)
        directions = {
            anchor: ("right" in anchor)
            - ("left" in anchor)
            + 1j * (("above" in anchor) - ("below" in anchor))
            for anchor in ANCHORS
        }
        order = sorted(
            ANCHORS,
            key=lambda anchor: (
                -(directions[anchor] / abs(directions[anchor]) * complex(outwards[0], -outwards[1])).real
            ),
        )
        for anchor in order:
            box = painter.label_box(place, formula, anchor)
            if painter.is_free(box) and not any(_overlap(box, other) for other in taken):
                labels.append(Label(place, formula, anchor))
                taken.append(box)
                break
        else:
            raise Rejected(f"no room for the label {formula.to_latex()}")
    return Drawing(scene.shapes, tuple(labels))


def _choose(rng: np.random.Generator, settings: GeometrySettings) -> tuple[Drawing, Painter]:
    for _ in range(SIDE_TRIES):
        scene = random_scene(rng, most_shapes=settings.shapes)
        if is_on_side("geometry/" + Drawing(scene.shapes, ()).to_tikz(), settings.split):
            break
    else:
        raise Rejected(f"{SIDE_TRIES} drawings of the other side of the split than {settings.split}")
    painter = Painter(scene.shapes, ppi=round(float(rng.uniform(*settings.ppi)) / 10) * 10)
    return place_labels(scene, painter), painter


def _finish(
    drawing: Drawing,
    picture: Image.Image,
    settings: GeometrySettings,
    version: str,
    ppi: float,
    rng: np.random.Generator,
) -> Sample:
    meta = {"renderer": version, "ppi": ppi, "shapes": len(drawing.shapes), "labels": len(drawing.labels)}
    paper = put_on_paper(picture, rng, max_aspect=settings.max_aspect)
    return Sample((paper,), build_question("format"), drawing.to_tikz(), meta)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] + 2 and b[0] < a[2] + 2 and a[1] < b[3] + 2 and b[1] < a[3] + 2
