"""Reading by Ray on this machine: the same files, each page once, also when an actor is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from GOT.utils.lazy import is_available
from tests.helpers import ROOT, draw_page, run_got

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_available("ray"), reason="needs the extra ray")]
PAGES = 100


def actors() -> list[int]:
    """Processes of Ray that read."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"MapWorker" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def texts(folder: Path) -> dict[str, list[str]]:
    return {
        path.stem: [page["text"] for page in json.loads(path.read_text(encoding="utf-8"))["pages"]]
        for path in folder.rglob("*.json")
    }


def test_a_killed_actor_loses_and_doubles_nothing(tmp_path: Path, tiny_checkpoint: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(PAGES):
        draw_page(text=f"{number}").save(tmp_path / "in" / f"{number}.png")
    common = (tmp_path / "in", "--to", "json", "-q", "--model-name", tiny_checkpoint, "--device", "cpu")
    limit = ("--max-new-tokens", "200")
    alone = run_got("read", *common, *limit, "-o", tmp_path / "alone")
    assert alone.returncode == 0, alone.stderr
    command = [
        sys.executable,
        "-m",
        "GOT",
        "read",
        *map(str, (*common, *limit)),
        "-o",
        str(tmp_path / "ray"),
        "--ray",
        "local",
    ]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 240
    while not (running := actors()):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    os.kill(running[0], signal.SIGKILL)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    assert texts(tmp_path / "ray") == texts(tmp_path / "alone")
    assert len(texts(tmp_path / "ray")) == PAGES
