"""Files named by URLs of any kind that fsspec knows (s3://, gs://, sftp://, memory:// …): list, read, write whole."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from GOT.utils import io

Target = Path | str  # a path on this machine, or a URL


WEB = ("http://", "https://")


def is_remote(name: Target) -> bool:
    """Whether a name is a URL for fsspec; http and https are not, since fetching from the web has rules."""
    text = str(name)
    return "://" in text and not text.lower().startswith(WEB)


def target_of(text: str) -> Target:
    """A user's words for a folder: a path, or a URL as it is (paths would swallow one of its slashes)."""
    return text.rstrip("/") if is_remote(text) else Path(text)


def join(folder: Target, *parts: str) -> Target:
    """A name below a folder."""
    return "/".join((folder, *parts)) if isinstance(folder, str) else folder.joinpath(*parts)


def list_files(url: str) -> list[str] | None:
    """The files of a folder or pattern; None if it is a single file.

    Raises:
        OSError, ValueError: If nothing can be had under such a URL.
    """
    with _failing_as_files_do(url):
        system, path = _open(url)
        if glob.has_magic(path):
            return [system.unstrip_protocol(found) for found in system.glob(path) if system.isfile(found)]
        if not system.isdir(path):
            return None
        found = system.ls(path, detail=True)
        return [system.unstrip_protocol(entry["name"]) for entry in found if entry["type"] == "file"]


def list_names(folder: Target) -> set[str]:
    """The names of all that lies in a folder; none if it is not there."""
    if not is_remote(folder):
        return {path.name for path in Path(folder).iterdir()} if Path(folder).is_dir() else set()
    try:
        with _failing_as_files_do(folder):
            system, path = _open(str(folder))
            return {entry.rstrip("/").rpartition("/")[2] for entry in system.ls(path, detail=False)}
    except FileNotFoundError:
        return set()


def read_bytes(name: Target) -> bytes:
    """A whole file.

    Raises:
        OSError, ValueError: If it cannot be had.
    """
    if not is_remote(name):
        return Path(name).read_bytes()
    with _failing_as_files_do(name):
        system, path = _open(str(name))
        if not system.isfile(path):
            raise FileNotFoundError(f"There is no file {name}.")
        content: bytes = system.cat_file(path)
        return content


def is_file(name: Target) -> bool:
    """Whether a file is there."""
    if not is_remote(name):
        return Path(name).is_file()
    with _failing_as_files_do(name):
        system, path = _open(str(name))
        return bool(system.isfile(path))


def write_bytes(name: Target, data: bytes) -> Target:
    """Write a file that is whole or not there."""
    if not is_remote(name):
        return io.write_bytes(name, data)
    with _failing_as_files_do(name):
        system, path = _open(str(name))
        system.makedirs(system._parent(path), exist_ok=True)
        with system.transaction, system.open(path, "wb") as file:  # comes into sight when the block ends
            file.write(data)
    return name


@contextlib.contextmanager
def _failing_as_files_do(name: Target) -> Iterator[None]:
    # Each file system has errors of its own, such as zipfile.BadZipFile or botocore's.
    try:
        yield
    except (OSError, ValueError):
        raise
    except Exception as error:
        raise OSError(f"{name} cannot be had: {str(error) or type(error).__name__}") from error


def _open(url: str) -> tuple[Any, str]:
    if any(
        web in url.lower() for web in WEB
    ):  # simplecache::http://…, generic://http://…: past the rules of fetching
        raise ValueError(f"{url} hides a web address, which is refused; name it alone, with --allow-url.")
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise ValueError(f"{url} cannot be opened: {error}") from error
    return system, path
