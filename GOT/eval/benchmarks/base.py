"""What a benchmark is, and what loading one may depend on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from GOT.eval.records import Answer, RawRecord, Record, question_of, resolve_images

# Writes predictions as an official scorer takes them: (records, answers, folder) -> what to tell the user.
Writer = Callable[[Sequence[Record], Sequence[Answer], Path], str]


@dataclasses.dataclass(frozen=True)
class LoadOptions:
    """What the command line says about loading.

    Attributes:
        data: The benchmark's folder.
        crop: Ask about tiles (the paper's multi-crop rows).
        limit: At most this many records (of each kind for the synthetic set).
        kinds: Kinds of the synthetic set or of the samples; empty: all.
        samples: Samples of each kind of the synthetic set.
        seed: Of the synthetic set.
        workers: Processes that draw the synthetic set.
        draw: Draw what is missing of the synthetic set; otherwise wait for the process that does.
        settings: Kind of the synthetic set to its settings, where they are not the kind's defaults.
    """

    data: Path
    crop: bool = False
    limit: int | None = None
    kinds: tuple[str, ...] = ()
    samples: int = 500
    seed: int = 0
    workers: int = 1
    draw: bool = True
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Records, and what is known about them.

    Attributes:
        name: As on the command line.
        records: In the order of the ground truth.
        published: Key of ``eval.published.TABLES``: results of GOT and its peers on this benchmark.
        write: Writes predictions for the official scorer, where there is one.
        notes: What a reader of the report must know.
    """

    name: str
    records: list[Record]
    published: str = ""
    write: Writer | None = None
    notes: tuple[str, ...] = ()


def not_there(data: Path, name: str, missing: str, source: str, layout: str) -> FileNotFoundError:
    """The error for a benchmark folder that is not there: where it is published, and what it must hold."""
    return FileNotFoundError(
        f"{data} is not the {name} benchmark: there is no {missing} in it. {source} {layout}"
    )


def build_record(
    raw: RawRecord,
    folder: Path,
    *,
    asked: str | None = None,
    default: str = "OCR: ",
    crop: bool = False,
    metric: str = "plain",
    group: str = "",
) -> Record:
    """A record from a checked ground-truth entry.

    Args:
        raw: The entry.
        folder: Where its pictures are.
        asked: What to ask instead of the entry's own question.
        default: What to ask where the entry's question is empty.
        crop: Cut the page into tiles.
        metric: How the answer is scored.
        group: Row of the report.
    """
    return Record(
        index=raw.index,
        image=raw.image,
        question=raw.question,
        asked=asked if asked is not None else question_of(raw.question) or default,
        reference=raw.answer,
        images=resolve_images(folder, raw.images),
        crop=crop,
        metric=metric,
        group=group,
    )
