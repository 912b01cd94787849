"""Text to tokens as the published scores cut it: at white space, or by jieba's words where there is Chinese."""

from __future__ import annotations

import re
import unicodedata

from GOT.eval.chinese import cut_chinese

# One of these in either text, and the published tools cut both by words.
CHINESE = re.compile("[\u4e00-\u9fa5]")


def has_chinese(*texts: str) -> bool:
    """Tell whether any text holds a Chinese character, by the published tools' range."""
    return any(CHINESE.search(text) for text in texts)


def split_words(text: str, *, chinese: bool) -> list[str]:
    """Cut a text into words.

    Args:
        text: Any text.
        chinese: Cut by jieba's words, where white space is a token too; otherwise at white space.
    """
    return cut_chinese(text) if chinese else text.split()


def without_space(tokens: list[str]) -> list[str]:
    """Leave white-space tokens out."""
    return [token for token in tokens if not token.isspace()]


def nfc(text: str) -> str:
    """One code for one character: composed and decomposed accents compare equal."""
    return unicodedata.normalize("NFC", text)
