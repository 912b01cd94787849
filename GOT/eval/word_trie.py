"""A word list to a trie of sorted arrays, which finds all words that begin anywhere in a text in a few numpy calls.

A dictionary of 350,000 words is larger than a processor's caches: looking up every beginning of a word by itself waits
for memory most of the time. These arrays are a tenth as large, and one search a level serves a whole page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

CODE_BITS = 21  # of a Unicode code point


class WordTrie:
    """Words and their values.

    Level ``n`` holds every beginning of ``n`` characters as one integer: the place of its first ``n - 1`` characters
    in the level above, and its last character. The integers are sorted; beside each stands the value of that very
    word, or NaN where it only begins longer ones.

    Args:
        words: The words and their values.
        unlisted: The value of a character at which no word begins.
    """

    def __init__(self, words: Mapping[str, float], *, unlisted: float) -> None:
        values = np.fromiter(words.values(), np.float64, len(words))
        lengths = np.fromiter(map(len, words), np.intp, len(words))
        characters = np.array(list(words)).view(np.uint32).reshape(len(words), -1)  # short words end in zeros
        nodes = np.zeros(len(words), np.int64)
        self._unlisted = unlisted
        self._levels: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        for level in range(characters.shape[1]):
            alive = lengths > level
            values, lengths, characters = values[alive], lengths[alive], characters[alive]
            keys, nodes = np.unique(_key(nodes[alive], characters[:, level]), return_inverse=True)
            level_values = np.full(len(keys), np.nan)
            whole = lengths == level + 1
            level_values[nodes[whole]] = values[whole]
            self._levels.append((keys, level_values))

    def find(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Find every word at every place of ``text``, or the single character where no word begins.

        Returns:
            Start, end and value of each, from the end of the text to its beginning; of those that begin at one place
            the shorter first.
        """
        characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        places = np.arange(len(characters))
        nodes = np.zeros(len(characters), np.int64)
        starts, ends, values = [], [], []
        for level, (keys, level_values) in enumerate(self._levels):
            inside = places < len(characters) - level
            places = places[inside]
            wanted = _key(nodes[inside], characters[places + level])
            order = np.argsort(wanted)  # neighbours in the list are found faster one after the other
            places, wanted = places[order], wanted[order]
            nodes = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            known = keys[nodes] == wanted
            places, nodes = places[known], nodes[known]
            if not len(places):
                break
            found = level_values[nodes]
            whole = ~np.isnan(found)
            starts.append(places[whole])
            ends.append(places[whole] + level + 1)
            values.append(found[whole])
        all_starts = np.concatenate([places[:0], *starts])
        alone = np.ones(len(characters), bool)
        alone[all_starts] = False
        singles = np.flatnonzero(alone)
        all_starts = np.concatenate([all_starts, singles])
        all_ends = np.concatenate([*ends, singles + 1])
        all_values = np.concatenate([*values, np.full(len(singles), self._unlisted)])
        order = np.argsort(-all_starts, kind="stable")
        columns = (all_starts, all_ends, all_values)
        return zip(*(column[order].tolist() for column in columns), strict=True)


def _key(nodes: NDArray[np.int64], characters: NDArray[np.uint32]) -> NDArray[np.int64]:
    return nodes << CODE_BITS | characters.astype(np.int64)
