"""ROUGE-L of summaries and captions: how much of the longest common subsequence of words both texts share."""

from __future__ import annotations

from collections.abc import Sequence

from GOT.eval.scores import PageScore, Pair, Scored, StreamScore, Values, average, map_pages
from GOT.utils.lazy import require


def score_summaries(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Score summaries and captions."""
    pages = map_pages(_score_page, pairs, workers=workers)
    return Scored([average(pairs, pages)], pages)


def compat_rouge_l(*, label: str, answer: str) -> Values | None:
    """ROUGE-L as Fox's tool prints it, ``None`` where it stops with an exception (an empty text).

    The tool hands label and answer over in exchanged roles, so what it calls precision is the recall. The ``rouge``
    package cuts at every full stop and, over all pairs of sentences, collects the *set* of words in their common
    subsequences; both lengths are counts of different words too.

    Source:
        eval_summary_test.py of ucaslcl/Fox with ``rouge`` 1.0.1 (``rouge_l_summary_level``, exclusive).
    """
    ours, theirs = _sentences(label), _sentences(answer)
    if not ours or not theirs:
        return None
    common: set[str] = set()
    for sentence in theirs:
        for other in ours:
            common.update(_common_subsequence(sentence, other))
    our_words = {word for sentence in ours for word in sentence}
    their_words = {word for sentence in theirs for word in sentence}
    precision, recall = len(common) / len(our_words), len(common) / len(their_words)
    return {
        "rouge_l": 2.0 * (precision * recall / (precision + recall + 1e-8)),
        "precision": precision,
        "recall": recall,
    }


def strict_rouge_l(pair: Pair) -> Values:
    """ROUGE-L of Lin 2004 over the whole texts: every word counts as often as it stands there."""
    reference, prediction = pair.reference.split(), pair.prediction.split()
    if pair.failed or not reference or not prediction:
        score = float(not pair.failed and not reference and not prediction)
        return {"rouge_l": score, "precision": score, "recall": score}
    similarity = require("rapidfuzz.distance.LCSseq", extra="eval").similarity
    common = similarity(reference, prediction)
    precision, recall = common / len(prediction), common / len(reference)
    return {
        "rouge_l": 2 * precision * recall / (precision + recall) if common else 0.0,
        "precision": precision,
        "recall": recall,
    }


def _score_page(pair: Pair) -> PageScore:
    compat = compat_rouge_l(label=pair.reference, answer=pair.prediction)
    note = "" if compat else "the published tool stops (ValueError) at an empty summary; compat leaves it out"
    return {"": StreamScore(compat, strict_rouge_l(pair), note=note)}


def _sentences(text: str) -> list[list[str]]:
    # Split at single spaces as the package does, so a part of white space only counts as one word of no letters.
    return [" ".join(part.split()).split(" ") for part in " ".join(text.split()).split(".") if part]


def _common_subsequence(reference: list[str], prediction: list[str]) -> list[str]:
    """The words of one longest common subsequence; of several, the one that walking back from the ends finds."""
    rows, columns = len(reference), len(prediction)
    lengths = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i, word in enumerate(reference, 1):
        for j, other in enumerate(prediction, 1):
            lengths[i][j] = (
                lengths[i - 1][j - 1] + 1 if word == other else max(lengths[i - 1][j], lengths[i][j - 1])
            )
    words, i, j = [], rows, columns
    while i and j:
        if reference[i - 1] == prediction[j - 1]:
            words.append(reference[i - 1])
            i, j = i - 1, j - 1
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return words
