"""METEOR of one text: tokens aligned exactly, by stem, by synonym; recall first, scattered matches cost."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from GOT.eval.coded import Codes, encode_tokens, pair_from_end
from GOT.eval.porter import stem
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
    if not _may_have_wordnet():
        return None
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


def _may_have_wordnet() -> bool:
    """Tell whether nltk could find WordNet, without importing nltk, which takes a second or more."""
    if "nltk" in sys.modules or sys.platform == "win32":
        return True
    folders = [
        Path(folder).expanduser() for folder in os.environ.get("NLTK_DATA", "").split(os.pathsep) if folder
    ]
    roots = [Path(sys.prefix), *(Path(sys.prefix) / name for name in ("share", "lib"))]
    roots += [Path.home(), *map(Path, ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib"))]
    folders += [root / "nltk_data" for root in roots]  # nltk.data.path of nltk 3.8 to 3.10
    return any(any(folder.glob("corpora/wordnet*")) for folder in folders)


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
    our_words, their_words = list(map(str.lower, prediction)), list(map(str.lower, reference))
    partners = pair_from_end(*encode_tokens(our_words, their_words))
    our_rest, their_rest = _unpaired(partners, len(their_words))
    if len(our_rest) and len(their_rest):
        our_stems = [stem(our_words[place]) for place in our_rest.tolist()]
        their_stems = [stem(their_words[place]) for place in their_rest.tolist()]
        found = pair_from_end(*encode_tokens(our_stems, their_stems))
        if synonyms is not None:
            _pair_synonyms(found, our_stems, their_stems, synonyms)
        paired = np.flatnonzero(found >= 0)
        partners[our_rest[paired]] = their_rest[found[paired]]
    places = np.flatnonzero(partners >= 0)
    joined = np.count_nonzero((np.diff(places) == 1) & (np.diff(partners[places]) == 1))
    return Alignment(len(places), len(places) - int(joined))


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


def _unpaired(partners: Codes, their_length: int) -> tuple[Codes, Codes]:
    """The places of both texts that have no partner."""
    free = np.ones(their_length, bool)
    free[partners[partners >= 0]] = False
    return np.flatnonzero(partners < 0), np.flatnonzero(free)


def _pair_synonyms(
    partners: Codes, our_stems: Sequence[str], their_stems: Sequence[str], synonyms: Synonyms
) -> None:
    """Pair each unpaired word, from the end, with the last free one that is spelled as one of its synonyms."""
    our_rest, their_rest = _unpaired(partners, len(their_stems))
    free: dict[str, list[int]] = {}
    for place in their_rest.tolist():
        free.setdefault(their_stems[place], []).append(place)
    for place in reversed(our_rest.tolist()):
        names = synonyms(our_stems[place]) | {our_stems[place]}
        found = max((free[name][-1] for name in names if free.get(name)), default=None)
        if found is not None:
            free[their_stems[found]].pop()
            partners[place] = found
