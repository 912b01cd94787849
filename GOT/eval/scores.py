"""What every scorer takes and returns: pairs of texts in, one row of averages a stream out, in both modes.

``compat`` repeats the published tools to the last bit, faults included, to stand beside published tables.
``strict`` is right, and the headline: roles right, nothing dropped, an empty or failed answer scored as worst.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

Mode = Literal["compat", "strict"]
MODES: tuple[Mode, ...] = ("strict", "compat")
Values = dict[str, float]

# Metrics where less is better; all others count upwards to 1.
LOWER_IS_BETTER = frozenset({"edit_distance", "cer"})
# What an empty answer scores; only an answer longer than the page can have a greater error rate.
WORST_TEXT: Values = {
    "cer": 1.0,
    "edit_distance": 1.0,
    "f1": 0.0,
    "precision": 0.0,
    "recall": 0.0,
    "bleu": 0.0,
    "meteor": 0.0,
}
BEST_TEXT: Values = {name: 1 - value for name, value in WORST_TEXT.items()}


@dataclasses.dataclass(frozen=True)
class Pair:
    """One answer and what it should have been.

    Attributes:
        reference: What stands on the page.
        prediction: What was read.
        failed: The page could not be read at all (``prediction`` is then empty): strict scores it as worst.
    """

    reference: str
    prediction: str
    failed: bool = False


@dataclasses.dataclass(frozen=True)
class StreamScore:
    """Scores of one stream (text, formulas, tables) of one page; ``None`` leaves the page out of that mean."""

    compat: Values | None
    strict: Values | None
    note: str = ""
    invalid: bool = False


PageScore = Mapping[str, StreamScore]  # stream -> its scores; "" where a page has one stream only


@dataclasses.dataclass(frozen=True)
class StreamRow:
    """Averages of one stream over all pages.

    Attributes:
        name: The stream, ``""`` where there is one only.
        compat: Averages as the published tool prints them, or ``None`` where it would print none.
        strict: Averages over every page that has this stream.
        n_total: Pages whose reference has this stream: the denominator of ``strict``.
        n_scored: Pages that the published tool averages: the denominator of ``compat``.
        n_empty: Pages of ``n_total`` with an empty answer.
        n_invalid: Pages of ``n_total`` that failed or whose answer cannot be parsed.
        notes: What a reader of the numbers must know.
    """

    name: str
    compat: Values | None
    strict: Values
    n_total: int
    n_scored: int
    n_empty: int
    n_invalid: int
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Scored:
    """The result of one scorer: averages, and each page's scores in the order of the pairs."""

    rows: list[StreamRow]
    pages: Sequence[PageScore]


T = TypeVar("T")
R = TypeVar("R")


def map_pages(function: Callable[[T], R], items: Sequence[T], *, workers: int = 1) -> list[R]:
    """Apply ``function`` to every item, over processes where that pays.

    Args:
        function: A module-level function.
        items: What to apply it to.
        workers: Processes; 1 stays in this one.
    """
    if workers <= 1 or len(items) < 4 * workers:
        return [function(item) for item in items]
    # A forked worker shares the dictionaries that are loaded already; it runs no torch, no CUDA.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    chunk = max(1, len(items) // (workers * 8))
    with context.Pool(workers) as pool:
        return pool.map(function, items, chunksize=chunk)


def average(pairs: Sequence[Pair], pages: Sequence[PageScore], stream: str = "") -> StreamRow:
    """Average one stream over the pages, in their order (the order moves the last bit of a sum)."""
    scores = [(pair, page[stream]) for pair, page in zip(pairs, pages, strict=True) if stream in page]
    counted = [(pair, score) for pair, score in scores if score.strict is not None]
    compat = [score.compat for _, score in scores if score.compat is not None]
    return StreamRow(
        name=stream,
        compat=mean(compat) if compat else None,
        strict=mean([score.strict for _, score in counted if score.strict is not None]),
        n_total=len(counted),
        n_scored=len(compat),
        n_empty=sum(not pair.failed and not pair.prediction.strip() for pair, _ in counted),
        n_invalid=sum(pair.failed or score.invalid for pair, score in counted),
        notes=tuple(dict.fromkeys(score.note for _, score in scores if score.note)),
    )


def mean(values: Iterable[Values]) -> Values:
    """Mean of each metric: summed from left to right, then divided, as the published tools do."""
    rows = list(values)
    if not rows:
        return {}
    sums: dict[str, float] = dict.fromkeys(rows[0], 0)
    for row in rows:
        for name, value in row.items():
            sums[name] += value
    return {name: total / len(rows) for name, total in sums.items()}
