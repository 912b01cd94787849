"""BLEU of one text: how many 1- to 4-token runs of the prediction stand in the reference, with a penalty for brevity."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Hashable, Sequence

MAX_ORDER = 4
# What nltk puts in the place of a precision of zero, so that its logarithm exists.
SMALLEST = sys.float_info.min


def sentence_bleu(*, reference: Sequence[Hashable], prediction: Sequence[Hashable]) -> float:
    """BLEU-4 without smoothing, equal to ``nltk.translate.bleu_score.sentence_bleu([reference], prediction)`` to the last bit.

    An exact prediction of fewer than four tokens scores practically 0 (2.2e-308 stands for a precision of zero).

    Source:
        Papineni et al. 2002 as in nltk 3.8.1 to 3.10.4; 0 when no single token is shared.
    """
    counts = [_matches(reference, prediction, order) for order in range(1, MAX_ORDER + 1)]
    if counts[0][0] == 0:
        return 0.0
    logs = (0.25 * math.log(matched / total if matched else SMALLEST) for matched, total in counts)
    return _brevity_penalty(len(reference), len(prediction)) * math.exp(math.fsum(logs))


def short_text_bleu(*, reference: Sequence[Hashable], prediction: Sequence[Hashable]) -> float:
    """BLEU over the orders that the reference is long enough for: an exact prediction scores 1 however short it is."""
    if not reference or not prediction:
        return float(len(reference) == len(prediction))
    orders = range(1, min(MAX_ORDER, len(reference)) + 1)
    counts = [_matches(reference, prediction, order) for order in orders]
    if not all(matched for matched, _ in counts):
        return 0.0
    mean = math.fsum(math.log(matched / total) for matched, total in counts) / len(counts)
    return _brevity_penalty(len(reference), len(prediction)) * math.exp(mean)


def _matches(reference: Sequence[Hashable], prediction: Sequence[Hashable], order: int) -> tuple[int, int]:
    """Runs of ``order`` tokens of the prediction: those found in the reference (each as often as it stands there), and all."""
    total = len(prediction) - order + 1
    if total < 1:
        return 0, 1
    ours, theirs = _count_runs(prediction, order), _count_runs(reference, order)
    if len(theirs) < len(ours):
        matched = sum(min(count, ours[run]) for run, count in theirs.items() if run in ours)
    else:
        matched = sum(min(count, theirs[run]) for run, count in ours.items() if run in theirs)
    return matched, total


def _count_runs(tokens: Sequence[Hashable], order: int) -> Counter[Hashable]:
    if order == 1:
        return Counter(tokens)
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _brevity_penalty(reference_length: int, prediction_length: int) -> float:
    if prediction_length > reference_length:
        return 1.0
    return math.exp(1 - reference_length / prediction_length) if prediction_length else 0.0
