"""Multi-page samples: two to eight pages, English and Chinese mixed, read in one answer.

Each page stays below 650 tokens, so that eight pages and their views fit into the context.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from GOT.data.prompt import build_question
from GOT.data.tokenizer import count_tokens
from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.bases import Bases, check_bases, draw_base
from GOT.data_engine.fonts import Split
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range

KIND = "multi_page"
MAX_PAGE_TOKENS = 650  # of one page's answer; arXiv 2409.01704, section 3.2.3
PAGE_TRIES = 8  # pages drawn for one place before the attempt is given up


@dataclasses.dataclass(frozen=True)
class MultiPageSettings:
    """Which pages.

    Attributes:
        bases: Kinds of single pages and their weights, drawn for every page.
        settings: Settings of those kinds.
        pages: Fewest and most pages.
        page_tokens: Most tokens of one page's answer.
        fonts: Passed on.
        text: Passed on.
        split: Passed on.
    """

    bases: Bases = dataclasses.field(default_factory=lambda: {"page_en": 0.5, "page_zh": 0.5})
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    pages: tuple[float, float] = (2, 8)
    page_tokens: int = MAX_PAGE_TOKENS
    fonts: tuple[str, ...] = ()
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_bases(self.bases)
        check_range("pages", self.pages, 1, 64)


DEFAULTS = MultiPageSettings()


def sample(index: int, seed: int, **settings: Any) -> Sample:
    """Two to eight pages. ``settings``: fields of :class:`MultiPageSettings`."""
    chosen = build_settings(DEFAULTS, settings, kind=KIND)
    return first_accepted(KIND, index, seed, lambda rng: _draw(rng, chosen))


def _draw(rng: np.random.Generator, settings: MultiPageSettings) -> Sample:
    count = int(rng.integers(int(settings.pages[0]), int(settings.pages[1]) + 1))
    pages = [_page(rng, settings) for _ in range(count)]
    target = "\n".join(page.target for page in pages)
    meta = {"bases": [page.meta.get("kind") for page in pages]}
    return Sample(tuple(page.images[0] for page in pages), build_question("multi-page"), target, meta)


def _page(rng: np.random.Generator, settings: MultiPageSettings) -> Sample:
    common = {"fonts": settings.fonts, "text": settings.text, "split": settings.split}
    for _ in range(PAGE_TRIES):
        page = draw_base(rng, settings.bases, settings.settings, common)
        if count_tokens(page.target) < settings.page_tokens:
            return page
    raise Rejected(f"{PAGE_TRIES} pages in a row have {settings.page_tokens} tokens or more")
