"""Files that are either whole or not there: write beside the target, flush to disk, rename."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from GOT.utils.log import get_logger

logger = get_logger(__name__)

WINDOWS = os.name == "nt"


@contextlib.contextmanager
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """Write a file piece by piece under a temporary name; at the end it is renamed into place.

    Parent folders are made. A crash leaves the old file or none.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes private files; results are for everyone
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a file atomically, in one piece."""
    with atomic_file(path) as file:
        file.write(data)
    return Path(path)


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text atomically, with ``\\n`` line ends on every platform."""
    return write_bytes(path, text.encode("utf-8", errors="surrogatepass"))


def read_json(path: str | Path) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: If it is not JSON; the message names the file.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error


def write_json(path: str | Path, value: Any, *, indent: int | None = 2) -> Path:
    """Write JSON atomically, readable (UTF-8, not escaped)."""
    return write_text(path, json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


@contextlib.contextmanager
def claim(path: str | Path) -> Iterator[Path]:
    """Yield ``path``, or ``name-2``, ``name-3`` … beside it while another process holds the names before.

    For outputs whose name no user chose: two runs at once write two files. A process that dies gives its claim back;
    where there are no file locks (Windows), the name is yielded as it is.
    """
    path = Path(path)
    for number in itertools.count(1):
        chosen = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        with locked(chosen, wait=False) as held:
            if held:
                yield chosen
                return


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the right to write ``path``, as far as other processes ask for it too.

    A hidden lock file beside ``path`` names the process that holds it, and is gone afterwards. The lock itself is the
    operating system's, so it goes with its process; where there are none (Windows), everyone holds it.

    Yields:
        Whether it is held; always, with ``wait``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    while True:
        handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            if not _lock(handle, wait=False):
                if not wait:
                    yield False
                    return
                number = os.read(handle, 20).decode(errors="replace").strip()
                logger.warning(
                    "Waiting for %s, which makes %s.",
                    f"process {number}" if number else "another process",
                    path,
                )
                _lock(handle, wait=True)
            if not _is_still(lock, handle):  # its last holder removed it in between
                continue
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, f"{os.getpid()}\n".encode())
            try:
                yield True
            finally:
                with contextlib.suppress(OSError):
                    os.unlink(lock)
            return
        finally:
            os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _is_still(path: Path, handle: int) -> bool:
    """Whether the open file is the one that stands under this name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Fill a folder under a temporary name and rename it into place at the end.

    An existing folder at ``path`` is replaced only once the new one is whole. When the body raises,
    the temporary folder is removed and ``path`` is as it was.

    Example:
        >>> with atomic_folder("out/checkpoint-200") as folder:  # doctest: +SKIP
        ...     save_file(weights, folder / "model.safetensors")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        yield temporary
        make_readable(temporary)
        fsync_tree(temporary)
        _replace_folder(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _fsync(path.parent)


def check_vacant(folder: str | Path, *, replaces: str | None = None) -> None:
    """Refuse a user's ``-o`` that would be lost: :func:`atomic_folder` replaces all that a folder holds.

    Args:
        folder: May be absent or empty.
        replaces: A file that marks a folder as an earlier result, which may be replaced.

    Raises:
        ValueError: If something else is there.
    """
    folder = Path(folder)
    if folder.is_dir():
        if any(folder.iterdir()) and not (replaces and (folder / replaces).is_file()):
            raise ValueError(f"-o {folder} is not empty, and would be replaced; give a new folder.")
    elif folder.exists():
        raise ValueError(f"-o {folder} is a file; give a new folder.")


def fsync_tree(folder: Path) -> None:
    """Flush every file and folder below ``folder`` to disk, so that a rename is the last thing to land."""
    for root, _, files in os.walk(folder):
        for name in files:
            _fsync(Path(root) / name)
        _fsync(Path(root))


def make_readable(folder: Path) -> None:
    """Give a folder's files the permissions that new files usually have."""
    # Temporary folders, and files that libraries write through temporary ones, are private; results are for everyone.
    mask = _umask()
    for root, _, files in os.walk(folder):
        os.chmod(root, 0o777 & ~mask)
        for name in files:
            os.chmod(Path(root) / name, 0o666 & ~mask)


def _replace_folder(source: Path, target: Path) -> None:
    if not target.exists():
        source.rename(target)
        return
    # A folder cannot be renamed over a full one: move the old one aside first, remove it last.
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".old"))
    target.rename(old / "content")
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def fsync_folder(folder: Path) -> None:
    """Flush a folder's list of names, so that a rename in it is on disk."""
    _fsync(folder)


def _fsync(path: Path) -> None:
    if WINDOWS and path.is_dir():  # which opens no folders
        return
    handle = os.open(path, os.O_RDWR if WINDOWS else os.O_RDONLY)  # and flushes only what is open for writing
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
