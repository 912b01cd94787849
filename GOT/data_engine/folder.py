"""Samples to a data set's folder: who may write there, pictures and records of shards, and what a kill leaves behind.

A shard's pictures are written to a temporary folder that is renamed into place; then its record is written, and only
that makes it count.

    DIR/recipe.json            what is being made; another recipe is refused
    DIR/shards/KIND-00000.json commit record: conversations, meta, rejected samples, token counts
    DIR/images/KIND/00000/     pictures; a multi-page sample is a folder of its own
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from GOT.data.tokenizer import count_tokens
from GOT.data_engine.recipe import Recipe
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.shards import Shard
from GOT.utils.io import atomic_folder, write_json

PNG_LEVEL = 1  # twice as fast as the default, files 10% larger


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """One run at a time; the lock goes with the process, however it ends."""
    with open(out / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OSError(
                f"Another run is writing to {out}; wait for it, or choose another --out."
            ) from error
        yield


def check_ours(out: Path) -> None:
    """Insist that a folder is empty or holds a run, before anything is written into it."""
    if (out / "recipe.json").exists():
        return
    strangers = [
        entry.name for entry in out.iterdir() if entry.name != ".lock" and not entry.name.endswith(".tmp")
    ]
    if strangers:
        raise ValueError(
            f"{out} is not empty (it holds {strangers[0]}) and no run of ours; choose another --out."
        )


def claim(out: Path, recipe: Recipe, shard_size: int) -> None:
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
    write_json(path, identity)


def sweep(out: Path) -> None:
    """Remove what a killed run left half-written."""
    for leftover in (*out.glob(".*.tmp"), *out.glob("shards/.*.tmp"), *out.glob("images/*/.*.tmp")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
    for leftover in out.glob("images/*/.*.old"):
        shutil.rmtree(leftover, ignore_errors=True)


def clear(out: Path) -> None:
    """Remove what a run that came to nothing left in its folder, and the folder."""
    for name in ("images", "shards"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in ("recipe.json", ".lock"):
        (out / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: a file of the user's
        out.rmdir()


def write_shard(out: Path, shard: Shard, drawn: Iterable[tuple[int, Sample | Rejected]]) -> int:
    """Write pictures and then the record of a shard.

    Args:
        out: The data set's folder.
        shard: Which shard it is.
        drawn: Its samples and verdicts, numbered (see ``shards.draw_shard``).

    Returns:
        How many samples were accepted.
    """
    folder = Path("images") / shard.kind / f"{shard.number:05d}"
    samples: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    with atomic_folder(out / folder) as temporary:
        for index, result in drawn:
            if isinstance(result, Rejected):
                rejected.append({"index": index, "reason": str(result)})
                continue
            name = f"{index:08d}"
            image = _save(result, temporary, name, folder)
            samples.append(
                {
                    "record": {"image": image, "conversations": _conversation(result)},
                    "tokens": count_tokens(result.target),
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
    return len(samples)


def is_done(out: Path, shard: Shard) -> bool:
    """Whether a shard is there, whole."""
    return _record_path(out, shard).exists()


def read_record(out: Path, shard: Shard) -> dict[str, Any]:
    """The record of a shard that is done."""
    return json.loads(_record_path(out, shard).read_text(encoding="utf-8", errors="surrogatepass"))


def _record_path(out: Path, shard: Shard) -> Path:
    return out / "shards" / f"{shard.name}.json"


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


def _conversation(sample: Sample) -> list[dict[str, str]]:
    """A sample as the two turns that training reads: one ``<image>`` whatever the number of pictures."""
    return [{"from": "human", "value": f"<image>\n{sample.prompt}"}, {"from": "gpt", "value": sample.target}]


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
