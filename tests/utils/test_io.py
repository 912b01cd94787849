"""Files that are whole or not there."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from GOT.utils import io
from tests.helpers import wait_until


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    io.write_text(tmp_path / "a/b/x.txt", "né\n漢\r\n")
    assert (tmp_path / "a/b/x.txt").read_bytes() == "né\n漢\r\n".encode()


def test_json_is_readable(tmp_path: Path) -> None:
    io.write_json(tmp_path / "x.json", {"漢": [1]})
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n  "漢": [\n    1\n  ]\n}\n'


def test_a_crash_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    io.write_text(tmp_path / "x.txt", "old")

    def crash(*args: object) -> None:
        raise OSError("no space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, crash)
            with pytest.raises(OSError, match="no space left"):
                io.write_text(tmp_path / "x.txt", "new")
        assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]
        assert (tmp_path / "x.txt").read_text() == "old"


def test_results_are_for_everyone(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        io.write_text(tmp_path / "x.txt", "x")
        with io.atomic_folder(tmp_path / "folder") as folder:
            (folder / "y").touch(0o600)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "x.txt").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "folder/y").stat().st_mode) == 0o644


def test_a_system_that_opens_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def as_windows_does(path: str | Path, flags: int, *rest: int) -> int:
        if os.path.isdir(path):
            raise PermissionError(f"Permission denied: {path}")
        assert flags & os.O_RDWR, "only files open for writing are flushed there"
        return opened(path, flags, *rest)

    monkeypatch.setattr(io, "WINDOWS", True)
    monkeypatch.setattr(os, "open", as_windows_does)
    with io.atomic_folder(tmp_path / "out") as folder:
        folder.joinpath("a").write_text("1")
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    io.check_vacant(tmp_path / "new")
    io.check_vacant(tmp_path, replaces="record.json")
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="is not empty, and would be replaced; give a new folder"):
        io.check_vacant(tmp_path, replaces="record.json")
    with pytest.raises(ValueError, match="is a file"):
        io.check_vacant(tmp_path / "thesis.txt")
    (tmp_path / "record.json").write_text("{}")
    io.check_vacant(tmp_path, replaces="record.json")
    with pytest.raises(ValueError, match="is not empty"):
        io.check_vacant(tmp_path)


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with io.atomic_folder(target) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    with io.atomic_folder(target) as folder:
        (folder / "b").write_text("2")
        assert [p.name for p in target.iterdir()] == ["a"]
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_whose_making_fails_is_as_before(tmp_path: Path) -> None:
    with io.atomic_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("1")
    with pytest.raises(RuntimeError), io.atomic_folder(tmp_path / "out") as folder:
        (folder / "b").write_text("2")
        raise RuntimeError
    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))] == ["out", "out/a"]


def test_two_at_once_get_two_names_and_one_after_the_other_the_same(tmp_path: Path) -> None:
    with (
        io.claim(tmp_path / "results/demo.html") as first,
        io.claim(tmp_path / "results/demo.html") as second,
    ):
        assert (first.name, second.name) == ("demo.html", "demo-2.html")
        first.write_text("1")
    with io.claim(tmp_path / "results/demo.html") as again:
        assert again == first
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["demo.html"]


def test_a_lock_names_its_holder_and_is_given_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    target = tmp_path / "made"
    order = []

    def second() -> None:
        with io.locked(target) as held:
            order.append(f"second {held}")

    with io.locked(target) as held:
        assert held and (tmp_path / ".made.lock").read_text() == f"{os.getpid()}\n"
        with io.locked(target, wait=False) as refused:
            assert not refused
        waiting = threading.Thread(target=second)
        waiting.start()
        wait_until(lambda: "Waiting" in caplog.text)
        order.append("first")
    waiting.join(timeout=60)
    assert order == ["first", "second True"]
    assert caplog.messages == [f"Waiting for process {os.getpid()}, which makes {target}."]
    assert list(tmp_path.iterdir()) == []
