"""Score 212 pages of 3,000 characters, as many as Fox has, and one edit distance beside nltk's.

The pages are drawn from jieba's dictionary and a list of English words, then misread at a given rate. Timed is
``score_plain``: cutting into words, every metric in both modes, the averages, and starting and ending the worker
processes. Not timed: drawing the pages; timed by itself: loading the dictionaries, once a run (workers inherit them).
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from GOT.eval.plain import edit_distance, score_plain, warm_up
from GOT.eval.scores import Pair

ENGLISH_PAGES, CHINESE_PAGES = 112, 100  # Fox


def main(argv: list[str]) -> dict[str, Any]:
    """Measure; the table goes to stderr, the numbers are returned."""
    parser = argparse.ArgumentParser(prog="bench.py metrics", description=__doc__)
    parser.add_argument("--characters", type=int, default=3_000, help="characters a page")
    parser.add_argument("--errors", type=float, default=0.04, help="share of characters misread")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--skip-nltk", action="store_true", help="nltk takes some 6 s for one pair of pages")
    options = parser.parse_args(argv)

    samples = fox_sized_pages(100, 0, seed=0)
    start, cpu_start = time.perf_counter(), _cpu_seconds()
    warm_up(samples)
    load_seconds, load_cpu_seconds = time.perf_counter() - start, _cpu_seconds() - cpu_start

    seconds: dict[int, list[float]] = {1: [], options.workers: []}
    cpu_seconds: dict[int, list[float]] = {1: [], options.workers: []}
    for repeat in range(options.repeats):
        for workers in seconds:
            pairs = fox_sized_pages(options.characters, options.errors, seed=repeat * 100 + workers)
            start, cpu_start = time.perf_counter(), _cpu_seconds()
            score_plain(pairs, workers=workers)
            seconds[workers].append(time.perf_counter() - start)
            cpu_seconds[workers].append(_cpu_seconds() - cpu_start)

    english, chinese = pairs[0], pairs[-1]
    result: dict[str, Any] = {
        "pages": len(pairs),
        "characters": options.characters,
        "errors": options.errors,
        "load_seconds": round(load_seconds, 3),
        "load_cpu_seconds": round(load_cpu_seconds, 3),
        # By number of processes; the median of the repeats, and the best, which a busy machine disturbs least.
        "score_seconds": _by_workers(seconds, statistics.median),
        "score_cpu_seconds": _by_workers(cpu_seconds, statistics.median),
        "best_score_seconds": _by_workers(seconds, min),
        "best_score_cpu_seconds": _by_workers(cpu_seconds, min),
        "load_average": round(os.getloadavg()[0], 2),
        "edit_distance_us": {
            "english": _microseconds(english),
            "chinese": _microseconds(chinese),
        },
    }
    if not options.skip_nltk:
        result |= _beside_nltk(english)
    _print_table(result)
    return result


def fox_sized_pages(characters: int, errors: float, seed: int) -> list[Pair]:
    """Pages and their misread answers; no two calls with different seeds share a sentence."""
    from GOT.utils.lazy import require

    rng = random.Random(seed)
    dictionary = require("jieba", extra="eval").__file__.replace("__init__.py", "dict.txt")
    with open(dictionary, encoding="utf-8") as file:
        chinese = [word for word, count, _ in map(str.split, file) if int(count) > 200 and not word.isascii()]
    english = ["".join(rng.choices("etaoinshrdlucmfwypvbgk", k=rng.randint(1, 10))) for _ in range(6_000)]
    references = [_page(english, " ", ". ", characters, rng) for _ in range(ENGLISH_PAGES)]
    references += [_page(chinese, "", "。", characters, rng) for _ in range(CHINESE_PAGES)]
    return [Pair(text, _misread(text, errors, rng)) for text in references]


def _page(words: list[str], space: str, stop: str, characters: int, rng: random.Random) -> str:
    sentences: list[str] = []
    while sum(map(len, sentences)) < characters:
        clauses = [space.join(rng.choices(words, k=rng.randint(3, 9))) for _ in range(rng.randint(1, 3))]
        sentences.append(("，" if not space else ", ").join(clauses) + stop)
    return "".join(sentences)[:characters]


def _misread(text: str, errors: float, rng: random.Random) -> str:
    return "".join(
        rng.choice(("", "e", char * 2, rng.choice(text))) if rng.random() < errors else char for char in text
    )


def _by_workers(times: dict[int, list[float]], summary: Callable[[list[float]], float]) -> dict[str, float]:
    return {str(workers): round(summary(values), 3) for workers, values in times.items()}


def _cpu_seconds() -> float:
    """Processor time of this process and of the workers that have ended: what a shared machine leaves comparable."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _microseconds(pair: Pair) -> float:
    count = 100
    start = time.perf_counter()
    for _ in range(count):
        edit_distance(reference=pair.reference, prediction=pair.prediction)
    return round((time.perf_counter() - start) / count * 1e6, 1)


def _beside_nltk(pair: Pair) -> dict[str, Any]:
    """One pair of pages by nltk and by ours, in turns, and the two must agree."""
    import nltk.metrics.distance

    module = sys.modules["nltk.metrics.distance"]
    module.MAX_DISTANCE_INPUT_LEN = 10**9  # type: ignore[attr-defined]  # nltk >= 3.10.3 refuses pages otherwise
    start = time.perf_counter()
    theirs = module.edit_distance(pair.reference, pair.prediction)
    nltk_seconds = time.perf_counter() - start
    start = time.perf_counter()
    ours = edit_distance(reference=pair.reference, prediction=pair.prediction)
    our_seconds = time.perf_counter() - start
    assert ours == theirs / max(len(pair.reference), len(pair.prediction))
    return {
        "nltk_version": nltk.__version__,
        "nltk_edit_distance_seconds": round(nltk_seconds, 3),
        "our_edit_distance_seconds": round(our_seconds, 6),
        "nltk_over_ours": round(nltk_seconds / our_seconds),
        "nltk_hours_for_all_pages_at_that_rate": round(
            nltk_seconds * (ENGLISH_PAGES + CHINESE_PAGES) / 3600, 2
        ),
    }


def _print_table(result: dict[str, Any]) -> None:
    for name, value in result.items():
        print(f"{name:38s} {value}", file=sys.stderr)
