"""METEOR of one text: tokens aligned exactly, by stem, by synonym; recall first, with a penalty for scattered matches."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence

from GOT.utils.lazy import require

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5  # weight of recall; shape and weight of the penalty (Lavie and Agarwal 2007)

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


def meteor(
    *, reference: Sequence[str], prediction: Sequence[str], synonyms: Synonyms | None, whole_is_one: bool = False
) -> float:
    """METEOR of tokens, equal to ``nltk.translate.meteor_score.meteor_score([reference], prediction)`` to the last bit.

    Args:
        reference: The tokens that stand on the page.
        prediction: The tokens that were read.
        synonyms: From :func:`load_synonyms`, or ``None`` to leave synonyms out.
        whole_is_one: Charge no scatter when both texts align completely and in order (as METEOR 1.3 and later do),
            so that an exact text of any length scores 1; nltk gives 0.5 to an exact single token.
    """
    pairs = _align([token.lower() for token in reference], [token.lower() for token in prediction], synonyms)
    if not pairs:
        return 0.0
    matched = len(pairs)
    precision, recall = matched / len(prediction), matched / len(reference)
    mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall)
    chunks = 1 + sum(
        after != (before[0] + 1, before[1] + 1) for before, after in zip(pairs, pairs[1:], strict=False)
    )
    if whole_is_one and chunks == 1 and matched == len(prediction) == len(reference):
        return mean
    return (1 - GAMMA * (chunks / matched) ** BETA) * mean


def _align(reference: list[str], prediction: list[str], synonyms: Synonyms | None) -> list[tuple[int, int]]:
    """Pairs (position in the prediction, position in the reference), in the order of the prediction."""
    ours, theirs = dict(enumerate(prediction)), dict(enumerate(reference))
    pairs = _match(ours, theirs, lambda word: (word,))
    if ours and theirs:
        stem = _stemmer()
        ours = {place: stem(word) for place, word in ours.items()}
        theirs = {place: stem(word) for place, word in theirs.items()}
        pairs += _match(ours, theirs, lambda word: (word,))
        if synonyms is not None and ours and theirs:
            pairs += _match(ours, theirs, lambda word: synonyms(word) | {word})
    return sorted(pairs)


def _match(
    ours: dict[int, str], theirs: dict[int, str], spellings: Callable[[str], Sequence[str] | frozenset[str]]
) -> list[tuple[int, int]]:
    """Pair equal words from the end backwards, each with the last one still free, and take both out."""
    free = defaultdict(list)
    for place, word in theirs.items():
        free[word].append(place)
    pairs = []
    for place in reversed(ours):
        found = max((free[word][-1] for word in spellings(ours[place]) if free.get(word)), default=None)
        if found is not None:
            free[theirs[found]].pop()
            pairs.append((place, found))
    for place, other in pairs:
        del ours[place], theirs[other]
    return pairs


@functools.cache
def _stemmer() -> Callable[[str], str]:
    porter = require("nltk.stem.porter", extra="eval").PorterStemmer()
    return functools.lru_cache(maxsize=1 << 18)(porter.stem)
