"""Requests to a process that is kept, and back, as JSON lines: for what may abort, hang, or takes long to load.

The child is started when it is first asked, anew after it died or took too long, and ends with its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


class ChildDied(Exception):
    """The child ended before it answered."""


class Child:
    """One process, which answers one request at a time.

    Args:
        command: Its command line; what it prints to stderr is lost.
    """

    def __init__(self, command: tuple[str, ...]) -> None:
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.RLock()  # held by a request; hold it for several in a row
        atexit.register(self.close)

    @property
    def is_running(self) -> bool:
        """Whether the next request is answered by the process that answered the last one."""
        return self.process is not None and self.process.poll() is None

    def ask(self, request: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        """The child's answer.

        Raises:
            TimeoutError: If it takes longer than ``seconds``; the child is ended.
            ChildDied: If it ends instead.
        """
        with self.lock:
            if not self.is_running:
                self.close()
                self.process = self._start()
            assert self.process is not None and self.process.stdin is not None
            try:
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                self.process.stdin.flush()
                line = self._read_line(seconds)
            except TimeoutError:
                self.close()
                raise
            except OSError:
                line = b""
            if not line.endswith(b"\n"):
                self.close()
                raise ChildDied
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the child."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process = None

    def _start(self) -> subprocess.Popen[bytes]:
        # Buffered: a request may be longer than what a pipe takes in one write.
        return subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )

    def _read_line(self, seconds: float) -> bytes:
        assert self.process is not None and self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        end = time.monotonic() + seconds
        parts = []
        while True:
            ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(pipe, 1 << 20)
            parts.append(part)
            if not part or part.endswith(b"\n"):
                return b"".join(parts)


def kept_child(*command: str) -> Child:
    """The child of this process for a command line; a forked worker does not talk to its parent's."""
    return _kept(os.getpid(), command)


def kept_python(module: str) -> Child:
    """The child of this process that runs a module of ours, which calls :func:`serve`."""
    return kept_child(sys.executable, "-m", module)


@functools.lru_cache(maxsize=8)
def _kept(process: int, command: tuple[str, ...]) -> Child:
    return Child(command)


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The child's side, in Python: answer what stdin asks for until it is closed."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the libraries' own messages must not mix with the answers
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()
