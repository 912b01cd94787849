"""Recipes to data sets on disk: shards made by worker processes, each committed whole, resumed after any kill.

A shard (one kind, consecutive samples) is the unit of work. Its pictures are written to a temporary folder that is
renamed into place; then a record file is written, and only that makes it count. What a shard holds depends on nothing
but the recipe and its number, so any number of workers, and any number of kills, give the same bytes.

    DIR/recipe.json            what is being made; another recipe is refused
    DIR/shards/KIND-00000.json commit record: conversations, meta, rejected samples, token counts
    DIR/images/KIND/00000/     pictures; a multi-page sample is a folder of its own
    DIR/conversations.json     written last: the list that training reads
    DIR/summary.json           counts, rejections and why, token lengths
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import errno
import fcntl
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from PIL import Image

from GOT.data.tokenizer import GOTTokenizer
from GOT.data_engine import KINDS
from GOT.data_engine.recipe import Recipe
from GOT.data_engine.sample import Rejected, Sample
from GOT.utils.io import atomic_folder, write_json
from GOT.utils.lazy import load_entry
from GOT.utils.log import get_logger
from GOT.utils.processes import die_with_parent

logger = get_logger(__name__)

SHARD_SIZE = 256  # samples: fits one batch of TeX, and little is lost by a kill
SHARDS_PER_WORKER = 16  # then the process is replaced: some renderers' memory only grows
PNG_LEVEL = 1  # twice as fast as the default, files 10% larger

Progress = Callable[[int, int], None]  # samples done now (accepted or rejected), of these accepted


@dataclasses.dataclass(frozen=True)
class Shard:
    """Consecutive samples of one kind: ``first`` to ``first + count - 1``."""

    kind: str
    number: int
    first: int
    count: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number:05d}"


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
    with _locked(out):
        _claim(out, recipe, shard_size)
        _sweep(out)
        shards = plan(recipe, shard_size)
        waiting = [shard for shard in shards if not _record_path(out, shard).exists()]
        if progress is not None:
            for shard in shards:
                if shard not in waiting:
                    progress(shard.count, len(_read_record(out, shard)["samples"]))
        try:
            if workers == 0:
                for kind in _kinds_of(waiting):
                    try_kind(recipe, kind)
                for shard in waiting:
                    _report(progress, make_shard(recipe, shard, out))
            else:
                _make_all(recipe, waiting, out, workers, progress)
        except BaseException as error:
            done = sum(_record_path(out, shard).exists() for shard in shards)
            if not done:
                _clear(out)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(
                    error.errno,
                    f"the disk of {out} is full; {done} of {len(shards)} shards are done and kept."
                    " Free some space and run the same command again",
                ) from error
            raise
        return _finish(out, recipe, shards)


def plan(recipe: Recipe, shard_size: int = SHARD_SIZE) -> list[Shard]:
    """All shards of a recipe, kinds in turn, so that a missing renderer shows at the start.

    Raises:
        ValueError: If the shard size is below 1.
    """
    if shard_size < 1:
        raise ValueError(f"shard_size takes 1 or more; got {shard_size}.")
    shards = [
        Shard(kind, first // shard_size, first, min(shard_size, count - first))
        for kind, count in recipe.counts().items()
        for first in range(0, count, shard_size)
    ]
    return sorted(
        shards, key=lambda shard: shard.number
    )  # stable: within a round, the recipe's order of kinds


def _kinds_of(shards: list[Shard]) -> list[str]:
    return list(dict.fromkeys(shard.kind for shard in shards))


def try_kind(recipe: Recipe, kind: str) -> None:
    """Draw one sample and forget it: a wrong setting, text or font of any kind shows before hours of work.

    Raises:
        ImportError, FileNotFoundError, ValueError, OSError, RuntimeError: As :func:`draw_shard` does.
    """
    for _ in draw_shard(recipe, Shard(kind, 0, 0, 1)):
        pass


def make_shard(recipe: Recipe, shard: Shard, out: str | Path) -> tuple[int, int]:
    """Make and commit one shard.

    Returns:
        How many samples it was to have, and how many it has.
    """
    out = Path(out)
    folder = Path("images") / shard.kind / f"{shard.number:05d}"
    samples: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    with atomic_folder(out / folder) as temporary:
        for index, result in draw_shard(recipe, shard):
            if isinstance(result, Rejected):
                rejected.append({"index": index, "reason": str(result)})
                continue
            name = f"{index:08d}"
            image = _save(result, temporary, name, folder)
            samples.append(
                {
                    "record": {"image": image, "conversations": conversation(result)},
                    "tokens": _count_tokens(result.target),
                    "meta": _plain(result.meta),
                }
            )
    record = {
        "kind": shard.kind,
        "first": shard.first,
        "count": shard.count,
        "rejected": rejected,
        "samples": samples,
    }
    write_json(_record_path(out, shard), record, indent=None)
    return shard.count, len(samples)


def conversation(sample: Sample) -> list[dict[str, str]]:
    """A sample as the two turns that training reads: one ``<image>`` whatever the number of pictures."""
    return [{"from": "human", "value": f"<image>\n{sample.prompt}"}, {"from": "gpt", "value": sample.target}]


def draw_shard(recipe: Recipe, shard: Shard) -> Iterator[tuple[int, Sample | Rejected]]:
    """Every sample of a shard with its index, or the verdict on it; batched where the kind can.

    Raises:
        ImportError, FileNotFoundError, ValueError, OSError: As the kind does: something a user can mend.
        RuntimeError: For any other failure, naming the sample.
    """
    settings = recipe.settings_of(shard.kind)
    indices = range(shard.first, shard.first + shard.count)
    batched = _batched(shard.kind)
    if batched is not None:
        yield from zip(indices, batched(list(indices), recipe.seed, **settings), strict=True)
        return
    make = load_entry(KINDS, shard.kind, what="kind")
    for index in indices:
        try:
            yield index, make(index, recipe.seed, **settings)
        except Rejected as verdict:
            yield index, verdict
        except (ImportError, FileNotFoundError, ValueError, OSError, MemoryError):
            raise  # what a user can mend says so itself
        except Exception as error:
            raise RuntimeError(
                f"{shard.kind} sample {index} of seed {recipe.seed} failed: {error!r}"
            ) from error


def _batched(kind: str) -> Callable[..., list[Sample | Rejected]] | None:
    """The function beside a kind's that makes many samples at once, if its module has one."""
    make = load_entry(KINDS, kind, what="kind")
    module = sys.modules[make.__module__]
    return getattr(module, make.__name__.replace("sample", "samples", 1), None)


def _save(sample: Sample, temporary: Path, name: str, folder: Path) -> str:
    """Write a sample's pictures; returns its ``image`` entry: a file, or a folder ending in ``/``."""
    if len(sample.images) == 1:
        _save_png(sample.images[0], temporary / f"{name}.png")
        return f"{(folder / name).as_posix()}.png"
    (temporary / name).mkdir()
    for number, page in enumerate(sample.images, start=1):
        _save_png(page, temporary / name / f"page_{number}.png")
    return f"{(folder / name).as_posix()}/"


def _save_png(image: Image.Image, path: Path) -> None:
    image.save(path, "PNG", compress_level=PNG_LEVEL)


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


def _finish(out: Path, recipe: Recipe, shards: list[Shard]) -> dict[str, Any]:
    """Merge the records in order and write the summary last."""
    ordered = sorted(shards, key=lambda shard: (list(KINDS).index(shard.kind), shard.number))
    kinds: dict[str, dict[str, Any]] = {}
    tokens: dict[str, list[int]] = collections.defaultdict(list)

    def records() -> Iterator[dict[str, Any]]:
        for shard in ordered:
            content = _read_record(out, shard)
            entry = kinds.setdefault(shard.kind, {"wanted": 0, "made": 0, "rejected": 0, "reasons": {}})
            entry["wanted"] += shard.count
            entry["made"] += len(content["samples"])
            entry["rejected"] += len(content["rejected"])
            for verdict in content["rejected"]:
                reason = verdict["reason"].rpartition("the last one: ")[2]
                entry["reasons"][reason] = entry["reasons"].get(reason, 0) + 1
            for sample in content["samples"]:
                tokens[shard.kind].append(sample["tokens"])
                yield sample["record"]

    _write_list(out / "conversations.json", records())
    for kind, entry in kinds.items():
        entry["tokens"] = _spread(tokens[kind])
    summary = {
        "samples": sum(entry["made"] for entry in kinds.values()),
        "rejected": sum(entry["rejected"] for entry in kinds.values()),
        "seed": recipe.seed,
        "kinds": kinds,
    }
    write_json(out / "summary.json", summary)
    return summary


def _spread(values: list[int]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    at = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}
    found: dict[str, float] = {name: ordered[round(share * (len(ordered) - 1))] for name, share in at.items()}
    return {"mean": round(sum(ordered) / len(ordered), 1), **found}


def _write_list(path: Path, records: Iterator[dict[str, Any]]) -> None:
    """Write a JSON list record by record (a data set may be larger than memory), whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n", errors="surrogatepass") as file:
            file.write("[")
            for number, record in enumerate(records):
                file.write(",\n" if number else "\n")
                file.write(json.dumps(record, ensure_ascii=False))
            file.write("\n]\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One run at a time; the lock goes with the process, however it ends."""
    with open(out / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OSError(
                f"Another run is writing to {out}; wait for it, or choose another --out."
            ) from error
        yield


def _claim(out: Path, recipe: Recipe, shard_size: int) -> None:
    """Write the recipe down, or check that it is the one already there."""
    identity = {"format": 1, "shard_size": shard_size, **recipe.to_dict()}
    path = out / "recipe.json"
    if path.exists():
        present = json.loads(path.read_text(encoding="utf-8"))
        if present != identity and any(out.glob("shards/*.json")):
            different = [key for key in {**present, **identity} if present.get(key) != identity.get(key)]
            raise ValueError(
                f"{out} holds another run (it differs in {', '.join(different)}); choose another --out, or the same"
                " options to resume it."
            )
        write_json(path, identity)  # the same, or another that came to nothing
        return
    strangers = [
        entry.name for entry in out.iterdir() if entry.name != ".lock" and not entry.name.endswith(".tmp")
    ]
    if strangers:
        raise ValueError(
            f"{out} is not empty (it holds {strangers[0]}) and no run of ours; choose another --out."
        )
    write_json(path, identity)


def _clear(out: Path) -> None:
    """Remove what a run that came to nothing left in its folder, and the folder."""
    for name in ("images", "shards"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in ("recipe.json", ".lock"):
        (out / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: a file of the user's
        out.rmdir()


def _sweep(out: Path) -> None:
    """Remove what a killed run left half-written."""
    for leftover in (*out.glob(".*.tmp"), *out.glob("shards/.*.tmp"), *out.glob("images/*/.*.tmp")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
    for leftover in out.glob("images/*/.*.old"):
        shutil.rmtree(leftover, ignore_errors=True)


def _record_path(out: Path, shard: Shard) -> Path:
    return out / "shards" / f"{shard.name}.json"


def _read_record(out: Path, shard: Shard) -> dict[str, Any]:
    return json.loads(_record_path(out, shard).read_text(encoding="utf-8", errors="surrogatepass"))


def _plain(value: Any) -> Any:
    """Meta as plain JSON values: numpy numbers, tuples and sets lose their types."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(entry) for entry in value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


_TOKENIZER: list[GOTTokenizer] = []


def _count_tokens(text: str) -> int:
    if not _TOKENIZER:
        _TOKENIZER.append(GOTTokenizer.published())
    return len(_TOKENIZER[0].encode(text))
