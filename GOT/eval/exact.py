"""Score short answers (cross-page questions, molecules): equal or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from GOT.eval.scores import Pair, Scored, StreamScore, average
from GOT.eval.tokens import nfc


def score_exact(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Compat: equal strings. Strict: equal up to Unicode composition, white space, case and a final full stop."""
    return _score(pairs, _plain)


def score_molecules(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Compat: equal strings. Strict: equal SMILES up to white space; its case tells aromatic atoms (``c``) from others.

    Another spelling of the same molecule counts as wrong: data sets for training are in RDKit's canonical one.
    """
    return _score(pairs, lambda text: "".join(text.split()))


def _score(pairs: Sequence[Pair], plain: Callable[[str], str]) -> Scored:
    pages = [
        {
            "": StreamScore(
                compat={"accuracy": float(pair.reference == pair.prediction)},
                strict={
                    "accuracy": float(not pair.failed and plain(pair.reference) == plain(pair.prediction))
                },
            )
        }
        for pair in pairs
    ]
    return Scored([average(pairs, pages)], pages)


def _plain(text: str) -> str:
    return " ".join(nfc(text).casefold().split()).rstrip(".。 ")
