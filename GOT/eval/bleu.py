"""BLEU of one text: how many runs of 1 to 4 tokens both texts share, with a penalty for a short prediction."""

from __future__ import annotations

import math
import sys
from collections.abc import Hashable, Sequence

import numpy as np

from GOT.eval.coded import count_shared, encode_tokens

MAX_ORDER = 4
# What nltk puts in the place of a precision of zero, so that its logarithm exists.
SMALLEST = sys.float_info.min


def count_matches(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[int]:
    """For each order 1..4, how many runs both token lists share, each as often as it stands in both.

    Which of the two is the reference does not matter, so one count serves both modes.
    """
    ours, theirs, size = encode_tokens(first, second)
    matches = [count_shared(ours, theirs, size)]
    our_runs, their_runs = ours, theirs
    for order in range(1, MAX_ORDER):
        # A run is its first tokens' number times the vocabulary, plus its last token; then numbered anew, without gaps.
        our_runs = our_runs[:-1] * size + ours[order:]
        their_runs = their_runs[:-1] * size + theirs[order:]
        runs, codes = np.unique(np.concatenate([our_runs, their_runs]), return_inverse=True)
        our_runs, their_runs = codes[: len(our_runs)], codes[len(our_runs) :]
        matches.append(count_shared(our_runs, their_runs, len(runs)))
    return matches


def sentence_bleu(
    *, reference: Sequence[Hashable], prediction: Sequence[Hashable], matches: Sequence[int] | None = None
) -> float:
    """BLEU-4 without smoothing, equal to nltk's ``sentence_bleu([reference], prediction)`` to the last bit.

    An exact prediction of fewer than four tokens scores practically 0 (2.2e-308 stands for a precision of zero).

    Args:
        reference: The tokens that stand on the page.
        prediction: The tokens that were read.
        matches: :func:`count_matches` of the two, where it is known already.

    Source:
        Papineni et al. 2002 as in nltk 3.8.1 to 3.10.4; 0 when no single token is shared.
    """
    matches = matches or count_matches(reference, prediction)
    if matches[0] == 0:
        return 0.0
    totals = [max(1, len(prediction) - order) for order in range(MAX_ORDER)]
    logs = [
        0.25 * math.log(count / total if count else SMALLEST)
        for count, total in zip(matches, totals, strict=True)
    ]
    return _brevity_penalty(len(reference), len(prediction)) * math.exp(math.fsum(logs))


def short_text_bleu(
    *, reference: Sequence[Hashable], prediction: Sequence[Hashable], matches: Sequence[int] | None = None
) -> float:
    """BLEU over the orders that the reference is long enough for: an exact prediction scores 1 however short it is."""
    if not reference or not prediction:
        return float(len(reference) == len(prediction))
    orders = min(MAX_ORDER, len(reference))
    matches = (matches or count_matches(reference, prediction))[:orders]
    if not all(matches):
        return 0.0
    logs = [math.log(count / (len(prediction) - order)) for order, count in enumerate(matches)]
    return _brevity_penalty(len(reference), len(prediction)) * math.exp(math.fsum(logs) / orders)


def _brevity_penalty(reference_length: int, prediction_length: int) -> float:
    if prediction_length > reference_length:
        return 1.0
    return math.exp(1 - reference_length / prediction_length) if prediction_length else 0.0
