"""A mapped file's pages leave memory, and come back when they are read again."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from GOT.utils import mapped

PAGES = 64
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which pages are held")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"".join(bytes([page]) * mmap.PAGESIZE for page in range(PAGES)))
    return path


@pytest.fixture
def mapping(weights: Path) -> Iterator[mmap.mmap]:
    with weights.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
        assert mapping[:] == weights.read_bytes()
        yield mapping


def test_pages_are_given_back_and_can_be_read_again(weights: Path, mapping: mmap.mmap) -> None:
    assert mapped.resident_bytes(weights) == PAGES * mmap.PAGESIZE
    mapped.release_pages(weights)
    assert mapped.resident_bytes(weights) == 0
    assert mapping[:] == weights.read_bytes()


def test_other_files_keep_theirs(weights: Path, mapping: mmap.mmap, tmp_path: Path) -> None:
    mapped.release_pages(tmp_path / "other.bin")
    assert mapped.resident_bytes(weights) == PAGES * mmap.PAGESIZE


def test_what_was_written_is_not_lost(weights: Path) -> None:
    with weights.open("r+b") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapping:
        mapping[:2] = b"ab"
        mapped.release_pages(weights)
        assert mapping[:2] == b"ab"


def test_systems_without_such_a_list_are_left_alone(
    weights: Path, mapping: mmap.mmap, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mapped, "MAPS", tmp_path / "nothing")
    mapped.release_pages(weights)
    assert mapping[:] == weights.read_bytes()
