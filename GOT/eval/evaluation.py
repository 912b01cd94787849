"""Answers to scores: every group of records by its own metric, in both modes, with each page's scores beside."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from GOT.eval import METRICS
from GOT.eval.meteor import wordnet_note
from GOT.eval.records import Answer, Record
from GOT.eval.scores import LOWER_IS_BETTER, PageScore, Pair, StreamRow, StreamScore
from GOT.eval.tokens import has_chinese
from GOT.utils.lazy import load_entry, require

USES_METEOR = frozenset({"plain", "scene", "formatted", "formula", "formula_picture", "table"})
# The strict value that says how bad a page is, by metric: what the report sorts by.
HEADLINES = ("edit_distance", "teds", "similarity_strict", "rouge_l", "accuracy", "exact_match")


@dataclasses.dataclass(frozen=True)
class Group:
    """Scores of the records of one row of the report.

    Attributes:
        name: The benchmark, or the kind of synthetic sample.
        metric: A name of ``eval.METRICS``; ``""`` where an official scorer takes over.
        rows: Averages, one for each stream.
        num_records: Records of the group.
        num_failed: Records that could not be read.
        num_empty: Records that were read and gave no text.
    """

    name: str
    metric: str
    rows: list[StreamRow]
    num_records: int
    num_failed: int
    num_empty: int


@dataclasses.dataclass(frozen=True)
class ScoredRecord:
    """One record with its answer and scores."""

    record: Record
    answer: Answer
    scores: PageScore

    @property
    def badness(self) -> float:
        """Of the worst stream. 0: as good as it gets; 1: the worst; 2: could not be read."""
        if self.answer.status == "failed":
            return 2.0
        return max(map(_badness, self.scores.values()), default=0.0)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """All scores of a run."""

    groups: list[Group]
    records: list[ScoredRecord]
    notes: list[str]


def check_libraries(records: Sequence[Record]) -> None:
    """Find out that something cannot be scored before pages are read for it.

    Raises:
        ImportError: In one line, with the command that installs what is missing.
    """
    require("rapidfuzz.distance.Levenshtein", extra="eval")  # the report marks differences with it, too
    if any(record.metric == "formula_picture" for record in records):
        require("matplotlib.mathtext", extra="synth")
    if any(record.metric in USES_METEOR and has_chinese(record.reference, "") for record in records):
        require("jieba", extra="eval")


def evaluate(records: Sequence[Record], answers: Sequence[Answer], *, workers: int = 1) -> Evaluation:
    """Score answers.

    Args:
        records: In the order of the ground truth.
        answers: The answer to each record, in the same order.
        workers: Processes.
    """
    members: dict[tuple[str, str], list[int]] = {}
    for place, record in enumerate(records):
        members.setdefault((record.group, record.metric), []).append(place)
    groups = []
    pages: dict[int, PageScore] = {}
    for (name, metric), places in members.items():
        pairs = [_pair(answers[place]) for place in places]
        rows: list[StreamRow] = []
        if metric:
            scored = load_entry(METRICS, metric, what="metric")(pairs, workers=workers)
            rows = scored.rows
            pages.update(zip(places, scored.pages, strict=True))
        failed = sum(pair.failed for pair in pairs)
        empty = sum(not pair.failed and not pair.prediction.strip() for pair in pairs)
        groups.append(Group(name, metric, rows, len(pairs), failed, empty))
    scored_records = [
        ScoredRecord(record, answer, pages.get(place, {}))
        for place, (record, answer) in enumerate(zip(records, answers, strict=True))
    ]
    notes = [wordnet_note()] if any(group.metric in USES_METEOR for group in groups) else []
    for group in groups:
        prefix = f"{group.name}: " if len(groups) > 1 else ""
        notes += [prefix + note for row in group.rows for note in row.notes]
    return Evaluation(groups, scored_records, list(dict.fromkeys(notes)))


def _pair(answer: Answer) -> Pair:
    return Pair(answer.label, answer.answer, answer.status == "failed")


def _badness(score: StreamScore) -> float:
    strict = score.strict or {}
    name = next((name for name in HEADLINES if name in strict), "")
    return 0.0 if not name else strict[name] if name in LOWER_IS_BETTER else 1 - strict[name]
