"""JSON lines to a node process that is kept, and back: one child for each process and script, ended with its parent."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import shutil
import subprocess
from typing import Any

SECONDS_PER_ANSWER = 30.0


def ask(script: str, arguments: tuple[str, ...], request: dict[str, Any]) -> dict[str, Any] | None:
    """Send one request to a node script that answers every line of JSON with one.

    Args:
        script: Path of the script.
        arguments: Of its command line.
        request: What to send.

    Returns:
        The answer; ``None`` if node died or took too long (the next call starts it anew).

    Raises:
        FileNotFoundError: If node is not on the PATH.
    """
    return _child(os.getpid(), script, arguments).ask(request)


class _Child:
    def __init__(self, script: str, arguments: tuple[str, ...]) -> None:
        self.script, self.arguments = script, arguments
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        if self.process is None or self.process.poll() is not None:
            self.close()
            self.process = self._start()
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            line = self._read_line()
        except (BrokenPipeError, TimeoutError):
            line = b""
        if not line.endswith(b"\n"):
            self.close()
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self.process = None

    def _start(self) -> subprocess.Popen[bytes]:
        node = shutil.which("node")
        if node is None:
            raise FileNotFoundError(
                "node is not on the PATH; renderer=echarts needs Node.js 18 or newer and npm install echarts@6"
            )
        # Buffered: a request may be longer than what a pipe takes in one write.
        return subprocess.Popen(
            [node, self.script, *self.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _read_line(self) -> bytes:
        assert self.process is not None and self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        parts = []
        while True:
            ready, _, _ = select.select([pipe], [], [], SECONDS_PER_ANSWER)
            if not ready:
                raise TimeoutError
            part = os.read(pipe, 1 << 20)
            parts.append(part)
            if not part or part.endswith(b"\n"):
                return b"".join(parts)


@functools.lru_cache(maxsize=8)
def _child(process: int, script: str, arguments: tuple[str, ...]) -> _Child:
    """One child for each process; a forked worker does not talk to its parent's."""
    return _Child(script, arguments)
