"""Score short answers (cross-page questions): equal or not."""

from __future__ import annotations

from collections.abc import Sequence

from GOT.eval.scores import Pair, Scored, StreamScore, average
from GOT.eval.tokens import nfc


def score_exact(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Compat: equal strings. Strict: equal up to Unicode composition, white space, case and a final full stop."""
    pages = [
        {
            "": StreamScore(
                compat={"accuracy": float(pair.reference == pair.prediction)},
                strict={
                    "accuracy": float(not pair.failed and _plain(pair.reference) == _plain(pair.prediction))
                },
            )
        }
        for pair in pairs
    ]
    return Scored([average(pairs, pages)], pages)


def _plain(text: str) -> str:
    return " ".join(nfc(text).casefold().split()).rstrip(".。 ")
