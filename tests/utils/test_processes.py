"""Workers end with the process that started them."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import concurrent.futures, multiprocessing, time
from GOT.utils.processes import die_with_parent

if __name__ == "__main__":
    pool = concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), initializer=die_with_parent
    )
    pool.submit(print, "working", flush=True).result()
    pool.submit(time.sleep, 120).result()
"""


def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "program.py")], stdout=subprocess.PIPE)
    assert parent.stdout is not None and parent.stdout.readline() == b"working\n"
    parent.kill()
    parent.communicate(timeout=30)  # ends only when the worker, too, has let go of the pipe
