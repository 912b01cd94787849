"""METEOR of one text: tokens aligned exactly, by stem, by synonym; recall first, scattered matches cost."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

from GOT.utils.lazy import require

ALPHA, BETA, GAMMA = (
    0.9,
    3.0,
    0.5,
)  # weight of recall; shape and weight of the penalty (Lavie and Agarwal 2007)

Synonyms = Callable[[str], frozenset[str]]


@functools.cache
def load_synonyms() -> Synonyms | None:
    """The synonyms of WordNet where nltk finds it installed, else ``None``; the network is never asked.

    Both ways score within 0.0002 of each other on average, since nltk looks synonyms up by stem ("automobil").
    """
    try:
        wordnet = require("nltk.corpus", extra="eval").wordnet
        wordnet.ensure_loaded()
        wordnet.synsets("dog")  # a copy with Windows line ends loads, and fails here
    except (LookupError, OSError, AttributeError, ValueError):
        return None

    @functools.lru_cache(maxsize=1 << 16)
    def synonyms(stem: str) -> frozenset[str]:
        names = {lemma.name() for synset in wordnet.synsets(stem) for lemma in synset.lemmas()}
        return frozenset(name for name in names if "_" not in name)

    return synonyms


def wordnet_note() -> str:
    """Which METEOR this machine computes, in the words of the reports."""
    return "METEOR with WordNet" if load_synonyms() else "METEOR without WordNet (nltk finds none installed)"


@dataclasses.dataclass(frozen=True)
class Alignment:
    """How many tokens of two texts could be paired, and in how many unbroken stretches."""

    matched: int
    chunks: int


def align(*, reference: Sequence[str], prediction: Sequence[str], synonyms: Synonyms | None) -> Alignment:
    """Pair tokens exactly, then by Porter stem, then by synonym, from the end of the text backwards.

    Without synonyms the result is the same when both texts change places.
    """
    ours, theirs = list(enumerate(map(str.lower, prediction))), list(enumerate(map(str.lower, reference)))
    pairs, our_rest, their_rest = _match_equal(ours, theirs)
    if our_rest and their_rest:
        stem = _stemmer()
        our_rest = [(place, stem(word)) for place, word in our_rest]
        their_rest = [(place, stem(word)) for place, word in their_rest]
        found, our_rest, their_rest = _match_equal(our_rest, their_rest)
        pairs += found
        if synonyms is not None and our_rest and their_rest:
            pairs += _match_synonyms(our_rest, their_rest, synonyms)
    partner = dict(pairs)
    joined = sum(partner.get(place + 1) == other + 1 for place, other in pairs)
    return Alignment(len(pairs), len(pairs) - joined)


def meteor(
    *,
    reference: Sequence[str],
    prediction: Sequence[str],
    synonyms: Synonyms | None,
    whole_is_one: bool = False,
    alignment: Alignment | None = None,
) -> float:
    """METEOR of tokens, equal to nltk's ``meteor_score([reference], prediction)`` to the last bit.

    Args:
        reference: The tokens that stand on the page.
        prediction: The tokens that were read.
        synonyms: From :func:`load_synonyms`, or ``None`` to leave synonyms out.
        whole_is_one: Charge no scatter when both texts align completely and in order (as METEOR 1.3 and later do),
            so that an exact text of any length scores 1; nltk gives 0.5 to an exact single token.
        alignment: :func:`align` of the two, where it is known already.
    """
    found = alignment or align(reference=reference, prediction=prediction, synonyms=synonyms)
    if not found.matched:
        return 0.0
    precision, recall = found.matched / len(prediction), found.matched / len(reference)
    mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall)
    if whole_is_one and found.chunks == 1 and found.matched == len(prediction) == len(reference):
        return 1.0
    return (1 - GAMMA * (found.chunks / found.matched) ** BETA) * mean


Placed = list[tuple[int, str]]  # tokens with their places in the text


def _match_equal(ours: Placed, theirs: Placed) -> tuple[list[tuple[int, int]], Placed, Placed]:
    """Pair equal words from the end backwards, each with the last one still free; the pairs, and what is left over."""
    free: dict[str, list[int]] = {}
    for place, word in theirs:
        free.setdefault(word, []).append(place)
    pairs, rest = [], []
    for place, word in reversed(ours):
        places = free.get(word)
        if places:
            pairs.append((place, places.pop()))
        else:
            rest.append((place, word))
    if not rest and len(pairs) == len(theirs):
        return pairs, [], []
    left = {place for places in free.values() for place in places}
    return pairs, rest[::-1], [item for item in theirs if item[0] in left]


def _match_synonyms(ours: Placed, theirs: Placed, synonyms: Synonyms) -> list[tuple[int, int]]:
    """Pair each word from the end backwards with the last free one that is spelled as one of its synonyms."""
    free: dict[str, list[int]] = {}
    for place, word in theirs:
        free.setdefault(word, []).append(place)
    spelled = dict(theirs)
    pairs = []
    for place, word in reversed(ours):
        found = max((free[name][-1] for name in synonyms(word) | {word} if free.get(name)), default=None)
        if found is not None:
            free[spelled[found]].pop()
            pairs.append((place, found))
    return pairs


@functools.cache
def _stemmer() -> Callable[[str], str]:
    porter = require("nltk.stem.porter", extra="eval").PorterStemmer()

    @functools.lru_cache(maxsize=1 << 18)
    def stem(word: str) -> str:
        # All of Porter's endings are Latin letters: nothing to cut from a Chinese word.
        return porter.stem(word) if word[-1:].isascii() else word

    return stem
