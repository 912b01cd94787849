"""Chinese text to words: those of ``jieba.lcut`` 0.42.1 (accurate mode, new-word model on), token for token.

The dictionary and the new-word model are jieba's; looking words up and the path search are ours, a page at a time.
Nothing is cached on disk (jieba itself leaves a file in the shared temporary folder).
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable
from pathlib import Path

from GOT.eval.word_trie import WordTrie
from GOT.utils.lazy import require

# What jieba searches for words; the rest it passes on.
_BLOCK = re.compile(r"([\u4E00-\u9FD5a-zA-Z0-9+#&\._%\-]+)")
_SPACE = re.compile(r"(\r\n|\s)")
MAX_BLOCKS = 1 << 14  # kept in memory: those of some hundred pages


def cut_chinese(text: str) -> list[str]:
    """Cut a text into the words of ``jieba.lcut(text)``; white space and punctuation are tokens too."""
    return list(_cut(text))


@functools.lru_cache(maxsize=4)  # both modes cut the same page and answer
def _cut(text: str) -> tuple[str, ...]:
    parts = _BLOCK.split(text)
    words = _word_cutter().cut_blocks(parts[1::2])
    tokens: list[str] = []
    for index, part in enumerate(parts):
        if index % 2:
            tokens += words[part]
        elif len(part) < 2:
            tokens.extend(part)
        else:
            for piece in _SPACE.split(part):
                if _SPACE.match(piece):
                    tokens.append(piece)
                else:
                    tokens.extend(piece)  # punctuation: one token a character
    return tuple(tokens)


@functools.cache
def _word_cutter() -> _WordCutter:
    return _WordCutter()


class _WordCutter:
    """Jieba's dictionary, half a second to load, and the blocks cut so far: a page and its answer share most."""

    def __init__(self) -> None:
        path = Path(str(require("jieba", extra="eval").__file__)).with_name("dict.txt")
        fields = path.read_text(encoding="utf-8").split()  # word, how often it was seen, part of speech
        counts = list(map(int, fields[1::3]))
        log_total = math.log(sum(counts))  # a word listed twice counts twice here, as in jieba
        logs = {count: math.log(count) - log_total for count in set(counts)}
        self._words = dict(zip(fields[::3], map(logs.__getitem__, counts), strict=True))
        # A character that begins no word counts as seen once.
        self._trie = WordTrie(self._words, unlisted=math.log(1) - log_total)
        self._new_words = require("jieba.finalseg", extra="eval").cut
        self._read_run = functools.lru_cache(maxsize=1 << 16)(self._read_singles)
        self._blocks: dict[str, list[str]] = {}

    def cut_blocks(self, blocks: Iterable[str]) -> dict[str, list[str]]:
        """The words of each block (and of other blocks, cut before)."""
        if len(self._blocks) > MAX_BLOCKS:
            self._blocks = {}
        new = [block for block in dict.fromkeys(blocks) if block not in self._blocks]
        if new:
            text = "\n".join(new)  # no word holds a line end
            ends = self._word_ends(text)
            start = 0
            for block in new:
                self._blocks[block] = self._split(text, ends, start, start + len(block))
                start += len(block) + 1
        return self._blocks

    def _word_ends(self, lines: str) -> list[int]:
        """Where the word that begins at each place ends, on the most probable path from there to its line's end."""
        # best[k]: logarithm of the probability of the path from place k. A line end keeps its 0: nothing exceeds that.
        best = [*map({"\n": 0.0}.get, lines, itertools.repeat(-math.inf)), 0.0]
        ends = [0] * len(lines)
        for start, end, log_probability in self._trie.find(lines):
            total = log_probability + best[end]
            if total >= best[start]:  # of equal paths jieba takes the longer word
                best[start], ends[start] = total, end
        return ends

    def _split(self, text: str, ends: list[int], start: int, stop: int) -> list[str]:
        """Follow the path from ``start``; runs of single characters go to the new-word model."""
        words: list[str] = []
        run = start
        while start < stop:
            end = ends[start]
            if end - start > 1:
                if start > run:
                    words += self._read_run(text[run:start])
                words.append(text[start:end])
                run = end
            start = end
        if start > run:
            words += self._read_run(text[run:start])
        return words

    def _read_singles(self, run: str) -> tuple[str, ...]:
        return tuple(run) if len(run) < 2 or run in self._words else tuple(self._new_words(run))
