"""``got-ocr read`` on many pages: continuous batching in one process or several, and documents as they are done."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from GOT.cli import reading

if TYPE_CHECKING:
    from GOT.inference.documents import PageRange
    from GOT.inference.outputs import FolderNames
    from GOT.inference.pipeline import GOTPipeline
    from GOT.inference.preparation import ReadRequest
    from GOT.inference.units import Unit
    from GOT.inference.workers import Message

PROGRAM = "got-ocr read"


def check(arguments: argparse.Namespace) -> None:
    """Insist on numbers that make sense.

    Raises:
        ValueError: Naming the flag.
    """
    if arguments.batch_size is not None and arguments.batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {arguments.batch_size}.")
    if arguments.workers is not None and arguments.workers < 0:
        raise ValueError(f"--workers must not be negative; got {arguments.workers}.")
    if arguments.processes is not None and arguments.processes < 1:
        raise ValueError(f"--processes must be at least 1; got {arguments.processes}.")
    if arguments.ray and arguments.workers is not None:
        raise ValueError(
            "--workers opens pages beside one engine; with --ray, actors open their own: leave it out."
        )


def can_read(arguments: argparse.Namespace, sources: list[str]) -> bool:
    """Whether pages are read side by side: not where they become one answer, or are shown while they are read."""
    from GOT.inference.documents import STDIN

    single = arguments.stream or arguments.explain or arguments.multi_page or STDIN in sources
    if single and arguments.ray:
        raise ValueError(
            "--ray reads files page by page; leave out --stream, --explain, --multi-page and stdin."
        )
    return not single


def read(
    arguments: argparse.Namespace,
    pipeline: GOTPipeline,
    template: ReadRequest,
    sources: list[str],
    chosen: PageRange | None,
    formats: list[str],
    names: FolderNames,
    clean_names: list[str],
) -> int:
    """Read, and print or write; returns the exit code."""
    from GOT.inference.collect import Collector
    from GOT.inference.outputs import cleaned
    from GOT.inference.throughput import READERS_PAY
    from GOT.inference.units import plan_units

    units: Iterator[Unit] = plan_units(sources, chosen)
    first = list(itertools.islice(units, READERS_PAY))
    known = sum(unit.size for unit in first)
    collector = Collector()
    with reading.progress_bar(quiet=arguments.quiet or known == 1, total=max(known, len(sources))) as bar:
        planned = _planned(itertools.chain(first, units), names, bar, known)
        messages = _messages(arguments, pipeline, template, collector.watch(planned), known, formats)
        if arguments.output:
            found = collector.by_document(_counted(messages, bar))
            documents = (list(cleaned(pages, clean_names)) for pages in found)
            return reading.write_documents(documents, arguments.output, formats, names, PROGRAM)
        in_order = cleaned(collector.in_order(_counted(messages, bar)), clean_names)
        return reading.print_as(in_order, formats[0], PROGRAM)


def _messages(
    arguments: argparse.Namespace,
    pipeline: GOTPipeline,
    template: ReadRequest,
    units: Iterable[Unit],
    known: int,
    formats: list[str],
) -> Iterator[Message]:
    from GOT.inference import throughput

    views = pipeline.view_settings(
        template, dpi=arguments.dpi, allow_url=arguments.allow_url, pictures="html" in formats
    )
    job = throughput.Reading(pipeline.origin or {}, template, views, pipeline.settings, arguments.batch_size)
    if arguments.ray:
        from GOT.inference.on_ray import read_on_ray

        cards = 1.0 if getattr(getattr(pipeline.backend, "device", None), "type", "cpu") == "cuda" else 0.0
        return read_on_ray(job, units, arguments.ray, processes=arguments.processes, cards=cards)
    tasks = throughput.tasks_of(units)
    devices = throughput.choose_devices(pipeline, known, arguments.processes)
    if len(devices) > 1:
        return throughput.read_with_processes(job, tasks, devices)
    workers = arguments.workers
    opened_by = throughput.choose_openers(known) if workers is None else {"openers": workers}
    return throughput.read_units(pipeline, job, tasks, **opened_by)


def _planned(units: Iterable[Unit], names: FolderNames, bar: Any, known: int) -> Iterator[Unit]:
    """Units, named in their order (pages finish in any), and counted into what is left."""
    seen = 0
    for unit in units:
        names(unit.source, unit.name)
        seen += unit.size
        if seen > known and bar.total is not None:
            bar.total = max(bar.total, seen)
        yield unit


def _counted(messages: Iterable[Message], bar: Any) -> Iterator[Message]:
    for message in messages:
        if message[1] is not None:
            bar.update()
        yield message
