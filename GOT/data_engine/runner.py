"""Recipes to data sets on disk: shards made by worker processes, each committed whole, resumed after any kill.

A shard is the unit of work: ``shards`` draws it, ``folder`` writes it, ``summary`` joins them all at the end. Any
number of workers, and any number of kills, give the same bytes.
"""

from __future__ import annotations

import collections
import concurrent.futures
import errno
import multiprocessing
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from GOT.data_engine import KINDS, folder
from GOT.data_engine.recipe import Recipe
from GOT.data_engine.shards import SHARD_SIZE, Shard, draw_shard, plan
from GOT.data_engine.summary import write_summary
from GOT.utils.lazy import load_entry
from GOT.utils.processes import die_with_parent

SHARDS_PER_WORKER = 16  # then the process is replaced: some renderers' memory only grows

Progress = Callable[[int, int], None]  # samples done now (accepted or rejected), of these accepted


def run(
    recipe: Recipe,
    out: str | Path,
    *,
    workers: int = 1,
    shard_size: int = SHARD_SIZE,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make a data set, or finish one that was interrupted.

    Args:
        recipe: What to make.
        out: Its folder; made, or holding an unfinished run of the same recipe.
        workers: Worker processes; 0 works in this process.
        shard_size: Samples of one shard; part of the data set's identity.
        progress: Called as samples get done.

    Returns:
        What ``summary.json`` holds.

    Raises:
        ValueError: If ``out`` holds another recipe, or the recipe cannot be met.
        ImportError: If a renderer's library is missing.
        FileNotFoundError: If a font, text or program is missing.
        OSError: If the disk is full, or another run writes to ``out``.
    """
    out = Path(out)
    for kind in recipe.kinds:
        load_entry(KINDS, kind, what="kind")
    out.mkdir(parents=True, exist_ok=True)
    folder.check_ours(out)
    with folder.locked(out):
        folder.claim(out, recipe, shard_size)
        folder.sweep(out)
        shards = plan(recipe, shard_size)
        waiting = [shard for shard in shards if not folder.is_done(out, shard)]
        if progress is not None:
            for shard in shards:
                if shard not in waiting:
                    progress(shard.count, len(folder.read_record(out, shard)["samples"]))
        try:
            if workers == 0:
                for kind in _kinds_of(waiting):
                    try_kind(recipe, kind)
                for shard in waiting:
                    _report(progress, make_shard(recipe, shard, out))
            else:
                _make_all(recipe, waiting, out, workers, progress)
        except BaseException as error:
            done = sum(folder.is_done(out, shard) for shard in shards)
            if not done:
                folder.clear(out)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(
                    error.errno,
                    f"the disk of {out} is full; {done} of {len(shards)} shards are done and kept."
                    " Free some space and run the same command again",
                ) from error
            raise
        return write_summary(out, recipe, shards)


def try_kind(recipe: Recipe, kind: str) -> None:
    """Draw one sample and forget it: a wrong setting, text or font of any kind shows before hours of work.

    Raises:
        ImportError, FileNotFoundError, ValueError, OSError, RuntimeError: As :func:`draw_shard` does.
    """
    for _ in draw_shard(recipe, Shard(kind, 0, 0, 1)):
        pass


def make_shard(recipe: Recipe, shard: Shard, out: Path) -> tuple[int, int]:
    """Make and commit one shard.

    Returns:
        How many samples it was to have, and how many it has.
    """
    return shard.count, folder.write_shard(out, shard, draw_shard(recipe, shard))


def _make_all(
    recipe: Recipe, shards: list[Shard], out: Path, workers: int, progress: Progress | None
) -> None:
    """Keep every worker busy with as few shards in flight as that takes."""
    if workers < 0:
        raise ValueError(f"workers takes 0 (this process) or more; got {workers}.")
    pool = concurrent.futures.ProcessPoolExecutor(
        max_workers=min(workers, max(1, len(shards))),
        mp_context=multiprocessing.get_context("spawn"),  # renderers and threads do not survive a fork
        max_tasks_per_child=SHARDS_PER_WORKER,
        initializer=die_with_parent,
    )
    waiting = collections.deque(shards)
    flying: set[concurrent.futures.Future[tuple[int, int]]] = set()
    try:
        for trial in [pool.submit(try_kind, recipe, kind) for kind in _kinds_of(shards)]:
            trial.result()
        while waiting or flying:
            while waiting and len(flying) < workers + 1:
                flying.add(pool.submit(make_shard, recipe, waiting.popleft(), out))
            done, flying = concurrent.futures.wait(flying, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                _report(progress, future.result())
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a worker process died (killed, out of memory, or a renderer crashed); finished shards are kept:"
            " run the same command again, perhaps with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _report(progress: Progress | None, counts: tuple[int, int]) -> None:
    if progress is not None:
        progress(*counts)


def _kinds_of(shards: list[Shard]) -> list[str]:
    return list(dict.fromkeys(shard.kind for shard in shards))
