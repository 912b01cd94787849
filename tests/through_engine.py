"""Sources through the throughput engine, for tests that compare its results with others'."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from GOT.inference.collect import Collector
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.preparation import ReadRequest
from GOT.inference.results import PageResult
from GOT.inference.throughput import Reading, read_units, tasks_of
from GOT.inference.units import plan_units


def reading(pipeline: GOTPipeline, slots: int | None = 3, **asked: Any) -> Reading:
    template = ReadRequest((), **asked)
    return Reading(
        pipeline.origin or {}, template, pipeline.view_settings(template, dpi=72), pipeline.settings, slots
    )


def read(
    pipeline: GOTPipeline,
    sources: Sequence[Path],
    *,
    openers: int = 0,
    threads: int = 0,
    slots: int | None = 3,
    **asked: Any,
) -> list[PageResult]:
    collector = Collector()
    tasks = tasks_of(collector.watch(plan_units(sources)))
    messages = read_units(
        pipeline, reading(pipeline, slots, **asked), tasks, openers=openers, threads=threads
    )
    return [page.result for page in collector.in_order(messages)]


def without_time(results: Iterable[PageResult]) -> list[PageResult]:
    """Results less what depends on the clock, and on the last bits of a sum."""
    return [
        dataclasses.replace(
            result,
            seconds=0.0,
            confidence=None if result.confidence is None else round(result.confidence, 4),
            line_confidences=tuple(round(value, 4) for value in result.line_confidences),
        )
        for result in results
    ]
