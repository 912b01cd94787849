"""Formulas: a random tree to its picture (typst, or pdflatex in batches) and its LaTeX, the answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

from GOT.data.prompt import build_question
from GOT.data_engine import tex, typst_compiler
from GOT.data_engine.attempts import accepted_in_batches, check_choice, each, is_on_side
from GOT.data_engine.canvas import put_on_paper
from GOT.data_engine.fonts import Split
from GOT.data_engine.formula_grammar import FormulaSize, random_formula
from GOT.data_engine.formula_tree import Node, count_symbols
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings

WEIGHTS = (400, 450)  # New Computer Modern Math comes in regular and book; bold would read as \mathbf
PIXEL_PPI = 72.0  # at which a typst point is a pixel, so that formulas of any resolution go into one document
TYPST_BATCH = 32  # formulas a call; more are not quicker
SIDE_TRIES = 30  # inside an attempt, because every further attempt is another run of TeX
MAX_PIXELS = 3000  # of either side; a longer formula would be hairlines in the 1024-pixel view


@dataclasses.dataclass(frozen=True)
class FormulaSettings:
    """How formulas grow and look.

    Attributes:
        min_symbols: Fewest signs of a formula.
        max_symbols: Most signs; 10 with ``max_depth=1, structures=False, accents=False`` is a gentle start.
        max_depth: How deep fractions, roots and brackets may nest.
        structures: Allow matrices, cases and aligned lines.
        accents: Allow accents and other alphabets.
        renderer: ``typst`` (a wheel) or ``pdflatex`` (TeX; quick in batches only); both: see :func:`samples`.
        inline: Share of formulas in text style, answered as ``\\( … \\)`` rather than ``\\[ … \\]``.
        font_size: Smallest and largest size, in points.
        ppi: Lowest and highest resolution, in pixels per inch.
        max_aspect: A longer formula is put on white of this aspect ratio, because a model sees a square.
        split: Formulas of the ``train`` or the ``heldout`` side only; ``None``: both.
    """

    min_symbols: int = 3
    max_symbols: int = 45
    max_depth: int = 3
    structures: bool = True
    accents: bool = True
    renderer: Literal["typst", "pdflatex"] = "typst"
    inline: float = 0.0
    font_size: tuple[float, float] = (10.0, 14.0)
    ppi: tuple[float, float] = (100.0, 200.0)
    max_aspect: float = 8.0
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_choice("renderer", self.renderer, ("typst", "pdflatex"))
        self.size()

    def size(self) -> FormulaSize:
        """The part of the settings that the grammar obeys."""
        return FormulaSize(self.min_symbols, self.max_symbols, self.max_depth, self.structures, self.accents)


@dataclasses.dataclass(frozen=True)
class Style:
    """How one formula is printed: points, font weight, pixels per inch, displayed or in text style."""

    font_size: float
    weight: int
    ppi: float
    display: bool


def sample(index: int, seed: int, **changes: Any) -> Sample:
    """Draw one formula sample.

    Args:
        index: Number of the sample.
        seed: Seed of the run.
        changes: Fields of :class:`FormulaSettings`.

    Raises:
        ValueError: For a setting that does not exist or cannot be met.
        ImportError, FileNotFoundError: If the renderer is missing; the message says what brings it.
        Rejected: If no attempt became a sample.
    """
    result = samples([index], seed, **changes)[0]
    if isinstance(result, Rejected):
        raise result
    return result


def samples(indices: Sequence[int], seed: int, **changes: Any) -> list[Sample | Rejected]:
    """Draw many at once, which is quicker; each equals what :func:`sample` gives for it."""
    settings = build_settings(FormulaSettings(), changes, kind="formula")
    version = (tex if settings.renderer == "pdflatex" else typst_compiler).renderer_version()

    def draw_many(generators: list[np.random.Generator]) -> list[Sample | Rejected]:
        chosen = each(generators, lambda rng: _choose(rng, settings))
        good = [entry for entry in chosen if not isinstance(entry, Rejected)]
        pictures = iter(_render_by_tex(good) if settings.renderer == "pdflatex" else _render_by_typst(good))

        def finish(place: int) -> Sample:
            entry = chosen[place]
            if isinstance(entry, Rejected):
                raise entry
            picture = next(pictures)
            if isinstance(picture, Rejected):
                raise picture
            return _finish(*entry, picture, settings, version, generators[place])

        return each(range(len(generators)), finish)

    return accepted_in_batches("formula", indices, seed, draw_many)


def to_target(tree: Node, *, display: bool = True) -> str:
    """The answer to a formula: LaTeX between the marks of Mathpix markdown."""
    return f"\\[ {tree.to_latex()} \\]" if display else f"\\( {tree.to_latex()} \\)"


def to_typst_document(formulas: Sequence[tuple[Node, Style]]) -> str:
    """A typst document with each formula on a page of its size, in pixels: to be rendered at :data:`PIXEL_PPI`."""
    pages = []
    for tree, style in formulas:
        scale = style.ppi / PIXEL_PPI
        mathematics = f"$ {tree.to_typst()} $" if style.display else f"${tree.to_typst()}$"
        pages.append(
            f"#page(margin: {2 * scale:.4f}pt)[#set text(size: {style.font_size * scale:.4f}pt)\n"
            f'#show math.equation: set text(font: "New Computer Modern Math", weight: {style.weight})\n'
            f"{mathematics}]\n"
        )
    return (
        "#set page(width: auto, height: auto)\n#set par(leading: 0pt)\n"  # leading would hide subscripts
        f'#set text(font: "New Computer Modern")\n{"".join(pages)}'
    )


def to_tex_fragment(tree: Node, style: Style) -> str:
    """The same for TeX, in the same size."""
    displayed = "\\displaystyle " if style.display else ""
    size = f"\\fontsize{{{style.font_size:.2f}}}{{{style.font_size * 1.2:.2f}}}\\selectfont"
    return f"{size} ${displayed}{tree.to_latex()}$"


def _render_by_typst(formulas: list[tuple[Node, Style]]) -> list[Image.Image]:
    pictures: list[Image.Image] = []
    for start in range(0, len(formulas), TYPST_BATCH):
        batch = formulas[start : start + TYPST_BATCH]
        pages = typst_compiler.render_pages(to_typst_document(batch), ppi=PIXEL_PPI)
        if len(pages) != len(batch):
            raise AssertionError(f"{len(batch)} formulas came on {len(pages)} pages")
        pictures += pages
    return pictures


def _render_by_tex(formulas: list[tuple[Node, Style]]) -> list[Image.Image | Rejected]:
    fragments = [to_tex_fragment(tree, style) for tree, style in formulas]
    return tex.render_fragments(fragments, ppi=[style.ppi for _, style in formulas])


def _choose(rng: np.random.Generator, settings: FormulaSettings) -> tuple[Node, Style]:
    for _ in range(SIDE_TRIES):
        tree = random_formula(rng, settings.size())
        if is_on_side("formula/" + tree.to_latex(), settings.split):
            break
    else:
        raise Rejected(f"{SIDE_TRIES} formulas of the other side of the split than {settings.split}")
    style = Style(
        font_size=round(float(rng.uniform(*settings.font_size)), 2),
        weight=int(rng.choice(WEIGHTS)),
        ppi=round(float(rng.uniform(*settings.ppi)), 1),
        display=bool(rng.random() >= settings.inline),
    )
    return tree, style


def _finish(
    tree: Node,
    style: Style,
    picture: Image.Image,
    settings: FormulaSettings,
    version: str,
    rng: np.random.Generator,
) -> Sample:
    if max(picture.size) > MAX_PIXELS:
        raise Rejected(f"{picture.width}x{picture.height} pixels, more than {MAX_PIXELS}")
    meta = {"renderer": version, "symbols": count_symbols(tree), **dataclasses.asdict(style)}
    paper = put_on_paper(picture, rng, max_aspect=settings.max_aspect)
    return Sample((paper,), build_question("format"), to_target(tree, display=style.display), meta)
