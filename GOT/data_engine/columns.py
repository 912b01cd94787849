"""Pages of several columns, read column by column, with a title over all of them now and then."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.glyphs import glyph_cache
from GOT.data_engine.languages import choose_language
from GOT.data_engine.layout import PlacedLine, place, wrap
from GOT.data_engine.plain import (
    PlainSettings,
    Range,
    draw_face,
    draw_float,
    draw_int,
    draw_text,
    fill_column,
    finish,
)
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.text import load_pool

KIND = "columns"


@dataclasses.dataclass(frozen=True)
class ColumnSettings(PlainSettings):
    """Plain settings, and those of columns.

    Attributes:
        columns: Fewest and most columns.
        gutter: Room between columns, in font sizes.
        title: Chance of a title over all columns.
        chinese: Chance of a Chinese page, where there is a Chinese font.
    """

    font_size: Range = (13, 24)
    characters: Range = (80, 500)
    margin: Range = (0.03, 0.07)
    headings: float = 0.3
    columns: Range = (2, 3)
    gutter: Range = (1.2, 2.5)
    title: float = 0.6
    chinese: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("columns", self.columns, 1, 8)
        check_range("gutter", self.gutter, 0.5, 10)


DEFAULTS = ColumnSettings()


def sample(index: int, seed: int, **settings: Any) -> Sample:
    """A page of two or three columns. ``settings``: fields of :class:`ColumnSettings`."""
    chosen = build_settings(DEFAULTS, settings, kind=KIND)
    return first_accepted(KIND, index, seed, lambda rng: _draw(rng, chosen))


def _draw(rng: np.random.Generator, settings: ColumnSettings) -> Sample:
    language = choose_language(rng, settings.chinese, settings)
    pool = load_pool(language, folder=settings.text, split=settings.split)
    width, height = draw_int(rng, settings.width), draw_int(rng, settings.height)
    face = draw_face(rng, pool, settings, largest=int(height / 4))
    margin = draw_float(rng, settings.margin, count=4) * min(width, height)
    left, top, right, bottom = margin[0], margin[1], width - margin[2], height - margin[3]
    placed: list[PlacedLine] = []
    if rng.random() < settings.title:
        size = round(face.size * float(rng.choice([1.6, 2.0, 2.4])))
        large = glyph_cache().face(face.font, size)
        length = int((right - left) / size * (1.3 if language == "en" else 0.7))
        lines = wrap(draw_text(rng, pool, settings, face.font, length), right - left, large)[:2]
        pitch = (large.ascent + large.descent) * 1.15
        placed = place(lines, large, left=left, top=top, width=right - left, pitch=pitch, align="center")
        top += len(lines) * pitch + face.size
    count = draw_int(rng, settings.columns)
    gutter = face.size * float(draw_float(rng, settings.gutter)[0])
    column = (right - left - gutter * (count - 1)) / count
    if column < 6 * face.size:
        raise Rejected(f"{count} columns of {face.size} pixel text are {column:.0f} pixels wide each")
    for number in range(count):
        placed += fill_column(
            rng,
            pool,
            settings,
            face,
            left=left + number * (column + gutter),
            top=top,
            width=column,
            bottom=bottom,
            first_paragraph=placed[-1].paragraph + 1 if placed else 0,
            align="justify" if rng.random() < 0.7 else "left",
        )
    return finish(rng, placed, (width, height), settings)
