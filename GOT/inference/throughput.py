"""Many sources to results, with all the processors and cards of this machine.

One engine reads in this process, fed by processes that open and cut pages; or, where several cards are there or many
pages meet a small model, each of several processes has an engine of its own and this one only shares out.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from GOT.inference.documents import Page
from GOT.inference.engine import Engine
from GOT.inference.generation import GenerationSettings
from GOT.inference.outputs import ReadPage
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.preparation import ReadRequest
from GOT.inference.results import PageResult
from GOT.inference.units import Unit
from GOT.inference.views import Inline, PageViews, Threads, ViewSettings
from GOT.inference.workers import END, Message, Take, WorkerPool

MOST_OPENERS = 8  # processes that open pages for one engine: a card reads fewer pages than they open
OPENERS_PAY = 100  # pages; for fewer, starting processes takes longer than they save over threads
PROCESS_DEPTH = 24  # units that a reading process holds, to keep its slots full
READERS_PAY = 200  # pages; a process that loads a model of its own needs seconds to start
SMALL_MODEL = 100_000_000  # weights; larger ones keep all cores busy from one process, and memory counts


@dataclasses.dataclass(frozen=True)
class Reading:
    """One job of reading many pages, the same for all processes that share it.

    Attributes:
        load: Keyword arguments of ``GOTPipeline.from_pretrained``, without the device.
        template: What is asked about every page.
        views: How pages are opened and cut.
        settings: How answers are decoded.
        slots: Pages that an engine decodes side by side; None: what memory allows.
    """

    load: dict[str, Any]
    template: ReadRequest
    views: ViewSettings
    settings: GenerationSettings
    slots: int | None = None


def read_units(
    pipeline: GOTPipeline, reading: Reading, tasks: Take, *, openers: int = 0, threads: int = 0
) -> Iterator[Message]:
    """Read units with one engine in this process.

    Args:
        pipeline: The loaded checkpoint.
        reading: What to do.
        tasks: Gives ``(uid, unit, seen)``.
        openers: Processes that open pages.
        threads: Threads that do, if there are no such processes; 0: pages are opened between the steps of decoding.

    Yields:
        ``(uid, k, ReadPage)`` as pages finish, and ``(uid, DONE, None)`` after the last one of a unit.
    """
    engine = Engine(pipeline, reading.template, reading.views, settings=reading.settings, slots=reading.slots)
    if not openers:
        if not threads:
            yield from engine.run(Inline(tasks, reading.views))
            return
        with Threads(tasks, reading.views, threads) as opened:
            yield from engine.run(opened)
        return
    setup, arguments = "GOT.inference.views:serve_views", [(reading.views,)] * openers
    with WorkerPool(setup, arguments, tasks, _lost_views) as pool:
        yield from engine.run(pool)


def read_with_processes(reading: Reading, tasks: Take, devices: list[str]) -> Iterator[Message]:
    """Read units with one process and engine on each of several devices; see :func:`read_units`."""
    cores = os.cpu_count() or 1
    on_cards = devices[0] != "cpu"
    openers = (
        min(MOST_OPENERS, max(1, cores // len(devices))) if on_cards else 0
    )  # a core alone opens and reads
    arguments = [(reading, device, openers) for device in devices]
    setup = "GOT.inference.throughput:serve_pages"
    with WorkerPool(setup, arguments, tasks, _lost_pages, depth=PROCESS_DEPTH) as pool:
        while (message := pool(True)) is not END:
            yield message


def serve_pages(reading: Reading, device: str, openers: int) -> Callable[[Take], Iterator[Message]]:
    """The work of a process that reads (see ``workers``)."""
    if device == "cpu":
        torch.set_num_threads(1)  # as many processes as cores: threads would only wait for each other
    pipeline = GOTPipeline.from_pretrained(**reading.load, device=device)

    def work(tasks: Take) -> Iterator[Message]:
        return read_units(pipeline, reading, tasks, openers=openers)

    return work


def tasks_of(units: Iterable[Unit]) -> Take:
    """Units, numbered, as the first hand gives them out."""
    numbered = enumerate(units)

    def take(_: bool) -> Any:
        found = next(numbered, None)
        return END if found is None else (found[0], found[1], set())

    return take


def choose_devices(pipeline: GOTPipeline, pages: int, processes: int | None = None) -> list[str]:
    """Devices for reading processes; one or none: reading in this process is as fast.

    Args:
        pipeline: Loaded where the user wants.
        pages: How many there are at least.
        processes: How many the user wants; None: what pays.
    """
    backend = pipeline.backend
    device = getattr(backend, "device", torch.device("cpu"))
    cards = []
    if device.type == "cuda":  # the one that was named, or all
        named = ":" in pipeline.asked_device
        cards = [str(device)] if named else [f"cuda:{n}" for n in range(torch.cuda.device_count())]
    if processes is None:
        model = getattr(backend, "model", None)
        small = model is not None and sum(p.numel() for p in model.parameters()) < SMALL_MODEL
        processes = len(cards) or ((os.cpu_count() or 1) if small and device.type == "cpu" else 1)
        if pages < READERS_PAY:
            return []
    kinds = cards or [device.type]
    return [kinds[number % len(kinds)] for number in range(processes)]


def choose_openers(pages: int) -> dict[str, int]:
    """Who opens pages for one engine: processes or threads, as arguments of :func:`read_units`."""
    cores = os.cpu_count() or 1
    if pages >= OPENERS_PAY and cores > 2:
        return {"openers": min(MOST_OPENERS, cores)}
    return {"threads": min(MOST_OPENERS, cores) if pages > 1 else 0}


def _lost_views(unit: Unit, seen: set[int], error: str) -> list[tuple[int, PageViews]]:
    return [
        (k, PageViews(page.source, page.name, page.number, page.error)) for k, page in unit.lost(seen, error)
    ]


def _lost_pages(unit: Unit, seen: set[int], error: str) -> list[tuple[int, ReadPage]]:
    return [(k, ReadPage(_failed(page), page.name)) for k, page in unit.lost(seen, error)]


def _failed(page: Page) -> PageResult:
    return PageResult("", "failed", "error", page.source, page.number, error=page.error)
