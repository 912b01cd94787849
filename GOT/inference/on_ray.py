"""Units to pages on the machines of a Ray cluster, or on this one by Ray: every page exactly once.

Ray Data runs the batch that a dead actor held again, on another one, and hands each finished batch to this process
once; this process alone writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from GOT.inference.throughput import Reading, read_units
from GOT.inference.units import Unit
from GOT.inference.workers import DONE, END, Message
from GOT.utils.lazy import require

LOCAL = "local"
BASE_MEMORY = 1024**3  # bytes of an actor beside the weights: libraries, pages, cache
HUB_WEIGHTS = 1_500 * 10**6  # bytes; the published model's, where its folder is not known
UNITS_A_BATCH = 32  # of an actor; enough to keep its slots full, few enough to lose little with it


def read_on_ray(
    reading: Reading, units: Iterable[Unit], address: str, *, processes: int | None = None, cards: float = 0.0
) -> Iterator[Message]:
    """Read units on a cluster; see ``throughput.read_units`` for what is yielded.

    Args:
        reading: What to do; its checkpoint must be found under the same path, or hub name, everywhere.
        units: Work, in order; sources must be found under the same names everywhere.
        address: Of the cluster; ``local`` starts one on this machine.
        processes: Actors, each with the model; None: one a card, or one a core as far as the cluster's memory goes.
        cards: GPUs of an actor.
    """
    ray = require("ray", extra="ray")
    data = require("ray.data", extra="ray")
    if not ray.is_initialized():
        # Logs of actors are theirs; stderr is for what a user should know.
        ray.init(address=None if address == LOCAL else address, log_to_driver=False, include_dashboard=False)
    data.DataContext.get_current().enable_progress_bars = False
    reading = dataclasses.replace(reading, load=found_from_anywhere(reading.load))
    processes = processes or count_actors(ray.cluster_resources(), reading.load, cards=cards)
    planned = list(units)
    named = [unit.source for unit in planned]
    rows = [{"uid": uid, "unit": _absolute(unit)} for uid, unit in enumerate(planned)]
    blocks = max(1, -(-len(rows) // UNITS_A_BATCH))
    found = data.from_items(rows, override_num_blocks=blocks).map_batches(
        _Reader,
        fn_constructor_args=(reading, "cuda" if cards else "cpu"),
        batch_size=UNITS_A_BATCH,
        compute=data.ActorPoolStrategy(size=processes),
        num_gpus=cards or None,
        max_restarts=-1,
        max_task_retries=-1,  # what a dead actor held is done again
    )
    for row in found.iter_rows():
        uid, k, page = row["message"]
        if k is not DONE:
            page = dataclasses.replace(page, result=dataclasses.replace(page.result, name=named[uid]))
        yield uid, k, page


def count_actors(resources: Mapping[str, float], load: Mapping[str, Any], *, cards: float) -> int:
    """How many actors a cluster has room for.

    Args:
        resources: ``ray.cluster_resources()``.
        load: Keyword arguments of ``GOTPipeline.from_pretrained``.
        cards: GPUs of an actor.
    """
    if cards:
        return max(1, int(resources.get("GPU", 0) // cards))
    folder = Path(load["model_name"])
    weights = sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else HUB_WEIGHTS
    room = resources.get("memory", 0) // (BASE_MEMORY + 2 * weights)  # 2: float32 of what is often 16 bits
    return max(1, int(min(resources.get("CPU", 1), room)))


def found_from_anywhere(load: Mapping[str, Any]) -> dict[str, Any]:
    """What loads a model, with folders as actors, which work in another folder, find them."""
    found = dict(load)
    if Path(found["model_name"]).is_dir():  # not a hub name
        found["model_name"] = str(Path(found["model_name"]).resolve())
    options = dict(found.get("engine_options") or {})
    if options.get("cache_dir"):
        options["cache_dir"] = Path(options["cache_dir"]).resolve()
    return found | {"engine_options": options}


class _Reader:
    """An actor: loads the model once, reads batches of units."""

    def __init__(self, reading: Reading, device: str) -> None:
        import torch

        from GOT.inference.pipeline import GOTPipeline

        if device == "cpu":
            torch.set_num_threads(1)
        self._pipeline = GOTPipeline.from_pretrained(**reading.load, device=device)
        self._reading = reading

    def __call__(self, batch: dict[str, Any]) -> dict[str, np.ndarray]:
        tasks: Iterator[Any] = iter(
            [(int(uid), unit, set()) for uid, unit in zip(batch["uid"], batch["unit"], strict=True)]
        )
        messages = list(read_units(self._pipeline, self._reading, lambda _: next(tasks, END)))
        column = np.empty(len(messages), dtype=object)
        for row, message in enumerate(messages):
            column[row] = message  # one by one: numpy would make a table of the tuples
        return {"message": column}


def _absolute(unit: Unit) -> Unit:
    """A local file's name as actors, which work in another folder, find it."""
    path = Path(unit.source).expanduser()
    return dataclasses.replace(unit, source=str(path.resolve())) if path.exists() else unit
