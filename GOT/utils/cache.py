"""Things made once and kept: where they are, which checkpoint they belong to, and that only one process makes them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from GOT.utils import io

CACHE_VARIABLE = "GOT_CACHE_DIR"
_BLOCK = 16 * 1024**2  # bytes read at a time


def default_cache_dir() -> Path:
    """``$GOT_CACHE_DIR``, or a folder where the system keeps what can be made again."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "got-ocr"
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "got-ocr"


def content_hash(folder: Path, *, memory: Path | None = None) -> str:
    """What a checkpoint's config, weights and tokenizer hold, as 16 hexadecimal digits; names of files do not count.

    Args:
        folder: The checkpoint's folder.
        memory: A folder that remembers hashes, by size and time of the files, so that gigabytes are read once.
    """
    paths = sorted(
        path
        for pattern in ("config.json", "*.safetensors", "*.tiktoken", "tokenizer*.json")
        for path in folder.glob(pattern)
    )
    stats = [(str(path.resolve()), path.stat()) for path in paths]
    stamp = hashlib.sha256(
        repr([(name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats]).encode()
    )
    known = memory / f"{stamp.hexdigest()[:32]}.txt" if memory else None
    if known and known.is_file():
        return known.read_text(encoding="utf-8").strip()
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(f"{path.stat().st_size} ".encode())
            while block := file.read(_BLOCK):
                digest.update(block)
    value = digest.hexdigest()[:16]
    if known:
        with contextlib.suppress(OSError):  # a cache that cannot be written to is still read
            io.write_text(known, value + "\n")
    return value


@contextlib.contextmanager
def made_alone(target: Path) -> Iterator[None]:
    """Hold the right to make ``target``: other processes wait, and what a killed one left half made is removed."""
    with io.locked(target):
        for left in target.parent.glob(f".{target.name}.*.tmp"):
            shutil.rmtree(left, ignore_errors=True)
        yield
