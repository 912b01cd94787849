"""Single characters on a grid, read row by row: what an encoder learns its first glyphs from.

Every image token covers one cell and every cell holds one character, so that a decoder's place in the answer is a fixed
step from its place in the picture; later kinds let go of the grid.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from PIL import Image

from GOT.data.prompt import build_question
from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.degrade import degrade
from GOT.data_engine.fonts import Split, alphabet, draw_font, find_fonts
from GOT.data_engine.glyphs import glyph_cache, paint_text
from GOT.data_engine.sample import Sample
from GOT.data_engine.settings import build_settings, check_range

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class GridSettings:
    """How the grid looks.

    Attributes:
        columns: Cells in a row.
        rows: Rows.
        cell: Side of a cell, in pixels.
        font_size: Pixels per em, as a share of the cell.
        jitter: How far a character strays from its cell's middle, as a share of the cell.
        language: ``en`` (printable ASCII without the blank) or ``zh``.
        font_limit: At most this many fonts.
        fonts: Font folders or files; empty: the machine's own.
        split: Fonts of the ``train`` or the ``heldout`` side only; None: both.
        ink: Grey of the text, 0 black.
        paper: Grey of the paper, 255 white.
        degrade: Wear, 0 to 1.
        glyphs: Tell where every character stands, for stage 1's glyph maps.
    """

    columns: int = 8
    rows: int = 8
    cell: int = 32
    font_size: Range = (0.55, 0.8)
    jitter: float = 0.08
    language: str = "en"
    font_limit: int | None = None
    fonts: tuple[str, ...] = ()
    split: Split | None = "train"
    ink: Range = (0, 60)
    paper: Range = (225, 255)
    degrade: float = 0.0
    glyphs: bool = False

    def __post_init__(self) -> None:
        check_range("font_size", self.font_size, 0.2, 1.2)
        check_range("ink", self.ink, 0, 255)
        check_range("paper", self.paper, 0, 255)
        if min(self.columns, self.rows, self.cell) < 1:
            raise ValueError(f"A grid needs cells; got {self.columns}x{self.rows} of {self.cell} pixels.")


def sample(index: int, seed: int, **settings: Any) -> Sample:
    """A grid of random characters. ``settings``: fields of :class:`GridSettings`."""
    chosen = build_settings(GridSettings(), settings, kind="glyph_grid")
    return first_accepted("glyph_grid", index, seed, lambda rng: _draw(rng, chosen))


def _draw(rng: np.random.Generator, settings: GridSettings) -> Sample:
    characters = alphabet(settings.language).replace(" ", "")
    fonts = find_fonts(
        alphabet(settings.language), folders=settings.fonts, split=settings.split, limit=settings.font_limit
    )
    size = round(float(rng.uniform(*settings.font_size)) * settings.cell)
    face = glyph_cache().face(draw_font(rng, fonts), size)
    ink = np.zeros((settings.rows * settings.cell, settings.columns * settings.cell), dtype=np.uint8)
    chosen = rng.integers(len(characters), size=(settings.rows, settings.columns))
    lines = ["".join(characters[i] for i in row) for row in chosen]
    stray = (
        rng.uniform(-settings.jitter, settings.jitter, size=(settings.rows, settings.columns, 2))
        * settings.cell
    )
    centers = []
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            width = face.width(character)
            x = (column + 0.5) * settings.cell - width / 2 + stray[row, column, 0]
            baseline = (row + 0.5) * settings.cell + (face.ascent - face.descent) / 2 + stray[row, column, 1]
            paint_text(ink, max(0.0, x), round(baseline), character, face)
            centers.append((character, x + width / 2, baseline - 0.25 * size))
    dark, light = rng.uniform(*settings.ink), rng.uniform(*settings.paper)
    gray = light + (dark - light) * (ink.astype(np.float32) / 255)
    picture = Image.fromarray(gray.round().astype(np.uint8)).convert("RGB")
    if settings.degrade:
        picture, _ = degrade(picture, rng, settings.degrade, warp=False)
    meta: dict[str, Any] = {"font": face.font.name, "size": size}
    if settings.glyphs:
        meta["glyphs"] = centers
    return Sample((picture,), build_question("ocr"), "\n".join(lines), meta)
