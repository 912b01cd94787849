"""Which language a sample of a mixed kind is in: Chinese at a given chance, where there is a font for it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from GOT.data_engine.fonts import Split, alphabet, find_fonts
from GOT.utils.log import get_logger, warn_once

logger = get_logger(__name__)


class TextChoice(Protocol):
    """The settings that decide which fonts and texts there are."""

    @property
    def fonts(self) -> tuple[str, ...]: ...
    @property
    def text(self) -> str | None: ...
    @property
    def split(self) -> Split | None: ...


def choose_language(rng: np.random.Generator, chinese: float, settings: TextChoice) -> str:
    """Draw ``en`` or ``zh``; a machine without a Chinese font says so once and goes on in English.

    With a user's own text the language only chooses the generated strings, and fonts follow the text.
    """
    wanted = bool(rng.random() < chinese)
    if not wanted or settings.text is not None:
        return "zh" if wanted else "en"
    try:
        find_fonts(alphabet("zh"), folders=tuple(settings.fonts), split=settings.split)
    except FileNotFoundError as error:
        warn_once(logger, f"Only English: {error}")
        return "en"
    return "zh"
