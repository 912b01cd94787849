"""Files that a library maps into memory, and the memory that their pages take (Linux; elsewhere nothing is done)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

MAPS = Path("/proc/self/smaps")
MADV_DONTNEED = 4  # as in <sys/mman.h>; Python's mmap advises only on maps of its own


def release_pages(path: Path) -> None:
    """Let go of the pages of a file that some library has mapped to read.

    For weights that the library has copied into a layout of its own: the process shrinks by them. A page that is
    wanted after all comes back from the file.
    """
    for start, end, writable, _ in _mappings(path):
        if not writable:  # what was written into a private map would be lost
            ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)


def resident_bytes(path: Path) -> int:
    """How much of a mapped file this process holds in memory."""
    return sum(resident for *_, resident in _mappings(path))


def _mappings(path: Path) -> Iterator[tuple[int, int, bool, int]]:
    """Start, end, whether it can be written to, and resident bytes of every map of a file."""
    try:
        lines = MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    wanted, found = str(path.resolve()), None
    for line in lines:
        key, *rest = line.split(maxsplit=5)
        if not key.endswith(":"):  # "7f00-7f10 r--p 00000000 08:01 42   /the/path"
            start, end = (int(address, 16) for address in key.split("-"))
            found = (start, end, "w" in rest[0]) if rest[4:] == [wanted] else None
        elif key == "Rss:" and found:
            yield (*found, int(rest[0]) * 1024)
