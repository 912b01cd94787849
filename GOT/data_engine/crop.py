"""Multi-crop samples: pages stitched side by side or one above the other, too large for one square view.

The picture is written whole; whoever reads the sample cuts it into tiles (12 at most) and a thumbnail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from GOT.data.prompt import build_question
from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.bases import Bases, check_bases, draw_base
from GOT.data_engine.fonts import Split
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range

KIND = "crop"
MAX_ASPECT = 6.0  # longer by shorter side; with 12 tiles a wider picture would be squeezed into one row
MAX_SIDE = 6144  # pixels: what 6 tiles in a row show at full size


@dataclasses.dataclass(frozen=True)
class CropSettings:
    """What is stitched.

    Attributes:
        bases: Kinds of single pages and their weights; a spread is formatted or plain throughout.
        settings: Settings of those kinds.
        pages: Fewest and most pages of a spread.
        vertical: Chance of stacking instead of placing side by side.
        fonts: Passed on.
        text: Passed on.
        split: Passed on.
    """

    bases: Bases = dataclasses.field(
        default_factory=lambda: {"page_en": 0.3, "page_zh": 0.25, "plain_en": 0.25, "plain_zh": 0.2}
    )
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    pages: tuple[float, float] = (2, 3)
    vertical: float = 0.4
    fonts: tuple[str, ...] = ()
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_bases(self.bases)
        check_range("pages", self.pages, 1, 12)


DEFAULTS = CropSettings()


def sample(index: int, seed: int, **settings: Any) -> Sample:
    """A spread of two or three pages. ``settings``: fields of :class:`CropSettings`."""
    chosen = build_settings(DEFAULTS, settings, kind=KIND)
    return first_accepted(KIND, index, seed, lambda rng: _draw(rng, chosen))


def _draw(rng: np.random.Generator, settings: CropSettings) -> Sample:
    common = {"fonts": settings.fonts, "text": settings.text, "split": settings.split}
    count = int(rng.integers(int(settings.pages[0]), int(settings.pages[1]) + 1))
    first = draw_base(rng, settings.bases, settings.settings, common)
    formatted = "format" in first.prompt
    pages = [first]
    same = {name: weight for name, weight in settings.bases.items() if name.startswith("page") == formatted}
    for _ in range(count - 1):
        pages.append(draw_base(rng, same or settings.bases, settings.settings, common))
    if any(("format" in page.prompt) != formatted for page in pages):
        raise Rejected("formatted and plain pages do not share a question")
    image = stitch([page.images[0] for page in pages], vertical=bool(rng.random() < settings.vertical))
    longer, shorter = max(image.size), min(image.size)
    if longer > MAX_SIDE or longer > MAX_ASPECT * shorter:
        raise Rejected(f"the spread is {image.width}x{image.height}")
    question = build_question("crop-format" if formatted else "crop-ocr")
    target = "\n".join(page.target for page in pages)
    return Sample((image,), question, target, {"bases": [page.meta.get("kind") for page in pages]})


def stitch(pages: list[Image.Image], *, vertical: bool) -> Image.Image:
    """Put pages in one row (scaled to the same height) or one column (to the same width)."""
    mode = "L" if all(page.mode == "L" for page in pages) else "RGB"
    side = max(page.width if vertical else page.height for page in pages)
    scaled = []
    for page in pages:
        factor = side / (page.width if vertical else page.height)
        size = (side, round(page.height * factor)) if vertical else (round(page.width * factor), side)
        same = size == page.size
        scaled.append(
            page.convert(mode) if same else page.convert(mode).resize(size, Image.Resampling.LANCZOS)
        )
    length = sum(page.height if vertical else page.width for page in scaled)
    spread = Image.new(mode, (side, length) if vertical else (length, side))
    offset = 0
    for page in scaled:
        spread.paste(page, (0, offset) if vertical else (offset, 0))
        offset += page.height if vertical else page.width
    return spread
