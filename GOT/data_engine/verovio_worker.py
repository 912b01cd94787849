"""Kern to SVG by Verovio in a child process, because Verovio ends the whole process when a score's spines are wrong.

The child is kept, because loading Verovio takes longer than engraving; it ends with its parent, and is started anew
after a crash.
Run as ``python -m GOT.data_engine.verovio_worker`` this file is the child: JSON lines in, JSON lines out.
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
from importlib.metadata import version
from typing import Any

from GOT.data_engine.kern_tree import check_kern
from GOT.data_engine.sample import Rejected
from GOT.utils.lazy import require

SECONDS_PER_SCORE = 30.0
FIXED_OPTIONS = {
    "inputFrom": "humdrum",
    "breaks": "none",  # a single system
    "adjustPageWidth": True,
    "adjustPageHeight": True,
    "header": "none",  # with adjustPageWidth Verovio cuts titles off
    "footer": "none",
    "xmlIdSeed": 1,  # ids are random otherwise
}


def engrave(kern: str, options: dict[str, Any] | None = None) -> str:
    """Engrave a single system.

    Args:
        kern: Humdrum text.
        options: Verovio options, e.g. ``{"font": "Bravura", "spacingLinear": 0.3}``.

    Returns:
        SVG.

    Raises:
        ImportError: If Verovio is not installed.
        ValueError: If the kern's spines do not line up.
        Rejected: If Verovio refuses the kern, does not survive it, or takes too long.
    """
    require("verovio", extra="synth")
    check_kern(kern)
    child = _child(os.getpid())
    answer = child.ask({"kern": kern, "options": {**FIXED_OPTIONS, **(options or {})}})
    if answer is None:
        raise Rejected("Verovio did not survive this kern")
    if "svg" not in answer:
        raise Rejected(f"Verovio: {answer.get('error', 'refused')}")
    return str(answer["svg"])


def renderer_version() -> str:
    """``"verovio 6.4.1"``, for a sample's meta."""
    require("verovio", extra="synth")
    return f"verovio {version('verovio')}"


class _Child:
    """One worker process, started when it is first asked."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The child's answer, or ``None`` if it died or did not answer in time."""
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
        """End the child."""
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
        return subprocess.Popen(
            [sys.executable, "-m", "GOT.data_engine.verovio_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            bufsize=0,
        )

    def _read_line(self) -> bytes:
        assert self.process is not None and self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        parts = []
        while True:
            ready, _, _ = select.select([pipe], [], [], SECONDS_PER_SCORE)
            if not ready:
                raise TimeoutError
            part = os.read(pipe, 1 << 20)
            parts.append(part)
            if not part or part.endswith(b"\n"):
                return b"".join(parts)


@functools.lru_cache(maxsize=2)
def _child(process: int) -> _Child:
    """One child for each process; a forked worker does not talk to its parent's."""
    return _Child()


def main() -> None:
    """The child: engrave what stdin asks for until it is closed."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Verovio's own messages must not mix with the answers
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    for line in sys.stdin:
        request = json.loads(line)
        toolkit.resetOptions()
        toolkit.setOptions(request["options"])
        toolkit.resetXmlIdSeed(1)
        answer = {"error": "the kern is not read"}
        if toolkit.loadData(request["kern"]):
            pages = toolkit.getPageCount()
            answer = {"svg": toolkit.renderToSVG(1)} if pages == 1 else {"error": f"{pages} pages"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
