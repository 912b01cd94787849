"""Text to tokens as the published scores cut it: at white space, or by jieba's words where there is Chinese.

The words are those of ``jieba.lcut`` 0.42.1 (accurate mode, new-word model on), token for token. The dictionary and
the new-word model are jieba's; the path search is ours, in one pass, and keeps what it found for a sentence, since
the page and its answer share most of them. Nothing is cached on disk (jieba itself leaves a file in the shared
temporary folder).
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from GOT.utils.lazy import require

CHINESE = re.compile(
    "[\u4e00-\u9fa5]"
)  # one of these in either text, and the published tools cut both by words
_BLOCK = re.compile(
    r"([\u4E00-\u9FD5a-zA-Z0-9+#&\._%\-]+)"
)  # what jieba searches for words; the rest it passes on
_SPACE = re.compile(r"(\r\n|\s)")


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


def cut_chinese(text: str) -> list[str]:
    """Cut a text into the words of ``jieba.lcut(text)``."""
    return list(_cut_chinese(text))


@functools.lru_cache(maxsize=4)  # both modes cut the same page and answer
def _cut_chinese(text: str) -> tuple[str, ...]:
    cut_block = _word_cutter()
    tokens: list[str] = []
    for index, part in enumerate(_BLOCK.split(text)):
        if index % 2:
            tokens.extend(cut_block(part))
        elif part:
            for piece in _SPACE.split(part):
                if _SPACE.match(piece):
                    tokens.append(piece)
                else:
                    tokens.extend(piece)  # punctuation: one token a character
    return tuple(tokens)


def without_space(tokens: list[str]) -> list[str]:
    """Leave white-space tokens out."""
    return [token for token in tokens if not token.isspace()]


def nfc(text: str) -> str:
    """One code for one character: composed and decomposed accents compare equal."""
    return unicodedata.normalize("NFC", text)


@functools.cache
def _word_cutter() -> Callable[[str], tuple[str, ...]]:
    """The function that cuts one block; loading jieba's dictionary takes most of a second, once."""
    jieba = require("jieba", extra="eval")
    new_words = require("jieba.finalseg", extra="eval").cut
    log_probability, unknown = _load_dictionary(Path(str(jieba.__file__)).with_name("dict.txt"))
    look_up = log_probability.get

    @functools.lru_cache(maxsize=1 << 16)
    def cut_block(block: str) -> tuple[str, ...]:
        # The most probable path from the right: score[k] is that of block[k:], after[k] where its first word ends.
        length = len(block)
        after = [0] * length
        score = [0.0] * (length + 1)
        for start in range(length - 1, -1, -1):
            best, best_end = -math.inf, 0
            end, word = start + 1, block[start]
            while (log := look_up(word)) is not None:
                if log:
                    value = log + score[end]
                    if value >= best:  # of equal paths jieba takes the longer word
                        best, best_end = value, end
                if end == length:
                    break
                end += 1
                word = block[start:end]
            score[start], after[start] = (
                (best, best_end) if best_end else (unknown + score[start + 1], start + 1)
            )
        return tuple(_join_singles(block, after))

    def _join_singles(block: str, after: list[int]) -> list[str]:
        # Runs of single characters go to the new-word model, unless the dictionary knows the run as a word.
        words: list[str] = []
        start = run = 0
        while start < len(block):
            end = after[start]
            if end - start > 1:
                if start > run:
                    words += read_run(block[run:start])
                words.append(block[start:end])
                run = end
            start = end
        words += read_run(block[run:])
        return words

    @functools.lru_cache(maxsize=1 << 16)  # runs are two or three characters long, and come again
    def read_run(run: str) -> tuple[str, ...]:
        return tuple(run) if len(run) < 2 or look_up(run) else tuple(new_words(run))

    return cut_block


def _load_dictionary(path: Path) -> tuple[dict[str, float], float]:
    """Word -> logarithm of its probability, and 0 for a beginning of words that is none itself; that of an unseen one.

    An unseen character counts as seen once. Summed in jieba's order, so that equal paths stay equal.
    """
    counts: dict[str, int] = {}
    total = 0
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            word, count, _ = line.split(" ")
            counts[word] = number = int(count)
            total += number
    for word in list(counts):
        for end in range(len(word) - 1, 0, -1):
            if word[:end] in counts:
                break  # this beginning, and so all shorter ones, stand or will stand for themselves
            counts[word[:end]] = 0
    log_total = math.log(total)
    logs = {count: math.log(count) - log_total if count else 0.0 for count in set(counts.values())}
    return {word: logs[count] for word, count in counts.items()}, math.log(1) - log_total
