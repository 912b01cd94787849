"""Words, phrases, codes and fonts for what is set by typst or drawn in charts: tables, pages, labels."""

from __future__ import annotations

import numpy as np

from GOT.data_engine import typst_compiler
from GOT.data_engine.fonts import Font, Split, alphabet, draw_font, find_fonts
from GOT.data_engine.inline import printable
from GOT.data_engine.text import load_pool

FONT_LIMIT = 60  # typst keeps the fonts of a language open: enough for variety, little memory
BUILT_IN = 'font: "{}", fallback: false'  # by which typst finds the fonts it carries
BUILT_IN_FAMILIES = ("New Computer Modern", "Libertinus Serif")


class Wording:
    """Where one sample's words come from: a language, the user's folder if any, and a side of the split."""

    def __init__(
        self,
        rng: np.random.Generator,
        language: str,
        *,
        text: str | None = None,
        split: Split | None = "train",
    ) -> None:
        self.rng = rng
        self.language = language
        self.pool = load_pool(language, folder=text, split=split)

    def words(self, least: int, most: int, *, markdown: bool = False) -> str:
        """A label or heading without a sentence's end; counted in words (Chinese: in characters)."""
        count = int(self.rng.integers(least, most + 1))
        for _ in range(20):
            if self.language == "zh":
                text = self._drawn(4 * count, markdown).translate(
                    {ord(mark): "" for mark in "，。；：？！、（）"}
                )[:count]
            else:
                pieces = [word.strip(".,;:!?()") for word in self._drawn(8 * count + 12, markdown).split()]
                text = " ".join([piece for piece in pieces if piece][:count])
            if text and len(text) <= 16 * count:
                return text
        return "表" if self.language == "zh" else "Item"

    def sentence(self, characters: int, *, markdown: bool = False) -> str:
        """Running text of about this length."""
        for _ in range(20):
            text = self._drawn(characters, markdown)
            if text:
                return text
        return self.words(3, 6, markdown=markdown)

    def code(self, characters: int, *, markdown: bool = False) -> str:
        """A date, an amount, a serial number …"""
        for _ in range(20):
            text = printable(self.pool.draw(self.rng, characters, "codes"), markdown=markdown)
            if text:
                return text
        return str(self.rng.integers(10**6))

    def _drawn(self, characters: int, markdown: bool) -> str:
        source = "prose" if self.rng.random() < 0.6 else "words" if self.rng.random() < 0.85 else "random"
        return printable(self.pool.draw(self.rng, characters, source), markdown=markdown)


def draw_text_style(
    rng: np.random.Generator, language: str, *, folders: tuple[str, ...] = (), split: Split | None = "train"
) -> tuple[str, str, tuple[Font, ...]]:
    """Draw a font for typst.

    Returns:
        The arguments of ``#set text(...)``, the font's name for the meta, and what the compiler has to load.

    Raises:
        FileNotFoundError: If a user's folder, or a machine asked for Chinese, has no font for it.
    """
    if language != "zh" and not folders and rng.random() < 0.3:
        family = str(rng.choice(BUILT_IN_FAMILIES))
        return BUILT_IN.format(family), family, ()
    fonts = find_fonts(alphabet(language), folders=folders, split=split, limit=FONT_LIMIT)
    for _ in range(20):
        font = draw_font(rng, fonts)
        if "keyboard" in font.name.lower():  # letters drawn as keys
            continue
        style = typst_compiler.text_style(font, fonts)
        if style is not None:
            return style, font.name, fonts
    return BUILT_IN.format(BUILT_IN_FAMILIES[0]), BUILT_IN_FAMILIES[0], ()
