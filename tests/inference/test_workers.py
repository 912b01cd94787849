"""The pool of processes: bounded, honest about faults, and rid of its processes at the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from GOT.inference.units import Unit
from GOT.inference.workers import DONE, END, Message, Take, WorkerPool
from tests.helpers import ROOT, is_running


def setup_echo() -> Callable[[Take], Iterator[Message]]:
    def work(take: Take) -> Iterator[Message]:
        while (task := take(True)) is not END:
            uid, unit, seen = task
            if unit.source == "deadly":
                os.kill(os.getpid(), signal.SIGKILL)
            if unit.source == "fault":
                raise KeyError("a fault of ours")
            if unit.source == "user":
                raise ValueError("a user's fault")
            for k in range(3):
                if k not in seen:
                    yield uid, k, unit.source
            yield uid, DONE, None

    return work


def setup_nothing() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pool_of(sources: list[str], setup: str = "setup_echo", workers: int = 2) -> WorkerPool:
    numbered = enumerate(sources)

    def tasks(_: bool) -> Any:
        found = next(numbered, None)
        return END if found is None else (found[0], Unit(found[1], found[1], 0, True), set())

    def lost(unit: Unit, seen: set[int], error: str) -> list[tuple[int, Any]]:
        return [(k, f"lost {unit.source}") for k in range(3) if k not in seen]

    return WorkerPool(f"{__name__}:{setup}", [()] * workers, tasks, lost)


def everything(pool: WorkerPool) -> list[Message]:
    found = []
    with pool:
        while (message := pool(True)) is not END:
            found.append(message)
    return found


def test_every_page_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [f"unit {i}" for i in range(40)]
    sources[7] = "deadly"
    pool = pool_of(sources)
    pids = pool.pids
    found = everything(pool)
    expected = {
        (uid, k, None if k is DONE else ("lost deadly" if uid == 7 else source))
        for uid, source in enumerate(sources)
        for k in (0, 1, 2, DONE)
    }
    assert len(found) == len(expected) and set(found) == expected
    assert not any(map(is_running, pids))


def test_faults_are_told() -> None:
    with pytest.raises(ValueError, match="a user's fault"):
        everything(pool_of(["user"], workers=1))
    with pytest.raises(RuntimeError, match="KeyError: 'a fault of ours'"):
        everything(pool_of(["fault"], workers=1))


def test_processes_that_cannot_start_are_told() -> None:
    with pytest.raises(RuntimeError, match=r"die while they start \(exit code -9\); use --workers 0"):
        everything(pool_of(["unit"], setup="setup_nothing", workers=1))


def test_no_process_outlives_its_parent(tmp_path: Path) -> None:
    """A parent that is killed cannot tidy up; its workers notice."""
    import subprocess
    import sys

    (tmp_path / "parent.py").write_text(f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
if __name__ == "__main__":
    from GOT.inference.views import ViewSettings
    from GOT.inference.workers import NOTHING, WorkerPool
    pool = WorkerPool("GOT.inference.views:serve_views", [(ViewSettings("single", 64),)] * 2, lambda _: NOTHING, list)
    print(*pool.pids, flush=True)
    time.sleep(60)
""")
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 60
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.1)
