"""Thousands of pages through the engine: every page once, memory flat, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT, draw_page, is_running


def soak(folder: Path, output: Path, *flags: str, kill_after: float | None = None) -> dict[str, Any]:
    """Read a folder by the command; while it runs, watch its memory, files and children, and kill one if asked."""
    command = [
        sys.executable, "-m", "GOT", "read", str(folder), "-o", str(output), "--to", "json", "-q",
        "--model-name", str(ROOT / "assets" / "got-tiny"), "--device", "cpu", "--max-new-tokens", "24", *flags,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr or ()))
    reader.start()
    memory, files, killed, children = [], [], None, set()
    started = time.monotonic()
    while process.poll() is None:
        # The blow must fall while there is work left, however quick the machine is.
        time.sleep(0.5 if kill_after is None or killed is not None else 0.02)
        try:
            memory.append(int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096)
            files.append(len(os.listdir(f"/proc/{process.pid}/fd")))
            below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        except (OSError, IndexError):
            break
        children |= set(map(int, below))
        written = sum(line.startswith(b"wrote") for line in lines)
        if kill_after is not None and killed is None and written >= kill_after:
            killed = int(below[-1])
            os.kill(killed, signal.SIGKILL)
    code = process.wait()
    reader.join()
    assert process.stderr is not None
    process.stderr.close()
    return {
        "code": code, "memory": memory, "files": files, "killed": killed, "seconds": time.monotonic() - started,
        "children": children, "errors": b"".join(line for line in lines if not line.startswith(b"wrote")),
    }  # fmt: skip


def make_pages(folder: Path, count: int) -> None:
    """Pages of different text, many of them links to the same picture to save the drawing."""
    folder.mkdir()
    for number in range(count):
        path = folder / f"page-{number}.png"
        if number < 20:
            draw_page(200 + number, 150 + number, text=f"page {number}").save(path)
        else:
            os.link(folder / f"page-{number % 20}.png", path)


def check_every_page_once(output: Path, count: int) -> None:
    texts: dict[int, set[str]] = {}
    for number in range(count):
        record = json.loads((output / f"page-{number}" / f"page-{number}.json").read_text(encoding="utf-8"))
        (page,) = record["pages"]
        assert page["status"] in ("ok", "truncated"), page
        texts.setdefault(number % 20, set()).add(page["text"])
    assert len(list(output.iterdir())) == count
    assert all(len(found) == 1 for found in texts.values()), "one picture was read in two ways"


@pytest.mark.parametrize("flags", [("--workers", "2")])
def test_a_killed_worker_loses_nothing(tmp_path: Path, flags: tuple[str, ...]) -> None:
    make_pages(tmp_path / "in", 150)
    seen = soak(tmp_path / "in", tmp_path / "out", *flags, kill_after=5)
    assert seen["code"] == 0 and seen["killed"], seen
    check_every_page_once(tmp_path / "out", 150)
    assert b"another one takes over" in seen["errors"]


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--workers", "2"), ("--processes", "2"), ()])
def test_three_thousand_pages(tmp_path: Path, flags: tuple[str, ...]) -> None:
    make_pages(tmp_path / "in", 3000)
    seen = soak(tmp_path / "in", tmp_path / "out", *flags, kill_after=1000 if flags else None)
    assert seen["code"] == 0, seen["errors"]
    assert bool(seen["killed"]) == bool(flags)
    check_every_page_once(tmp_path / "out", 3000)
    memory, files = seen["memory"], seen["files"]
    early, late = max(memory[: len(memory) // 3]), max(memory[len(memory) // 2 :])
    print(
        f"{flags}: {3000 / seen['seconds']:.1f} pages/s, memory {early / 2**20:.0f} -> {late / 2**20:.0f} MiB, "
        f"{max(files)} open files at most"
    )
    assert late < 1.1 * early + 2**25
    assert max(files) < 100
    assert not any(map(is_running, seen["children"]))
