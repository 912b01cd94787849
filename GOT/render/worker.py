"""Tools that may crash or hang, in a process of their own: Verovio, RDKit, resvg.

Verovio ends its whole process on a score with wrong spines, and no C++ library can be interrupted; so all three run
in a kept child with a time limit, which is started anew after a crash.
Run as ``python -m GOT.render.worker`` this file is the child: JSON lines in, JSON lines out.
"""

from __future__ import annotations

import atexit
import base64
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

SECONDS = 2.5  # for one drawing; starting the child and loading a library not counted
MAX_REMEMBERED = 200  # requests that were not finished in time
START_SECONDS = 60.0
MEMORY = 4 << 30  # bytes of address space


class ToolFailed(ValueError):
    """The tool refused the input, crashed on it, or took too long."""


def ask(tool: str, *, seconds: float = SECONDS, **request: Any) -> str:
    """Have a tool of :data:`TOOLS` draw something.

    Args:
        tool: Its name.
        seconds: Time limit.
        request: What the tool takes.

    Returns:
        SVG; base64 of a PNG from ``resvg``.

    Raises:
        ToolFailed: With the reason in words.
    """
    return _child(os.getpid()).ask({"tool": tool, **request}, seconds)


class _Child:
    """One worker process, started when it is first asked; one request at a time."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.loaded: set[str] = set()
        self.too_slow: dict[str, None] = {}  # asked again for the next format, they would take as long again
        self.lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, request: dict[str, Any], seconds: float) -> str:
        key = json.dumps(request)
        with self.lock:
            if key in self.too_slow:
                raise ToolFailed(f"{request['tool']} took too long")
            if self.process is None or self.process.poll() is not None:
                self.close()
                self.process = self._start()
            if request["tool"] not in self.loaded:
                self._load(request["tool"])
                self.loaded.add(request["tool"])
            try:
                answer = self._send(request, seconds)
            except TimeoutError:
                self.too_slow[key] = None
                if len(self.too_slow) > MAX_REMEMBERED:
                    del self.too_slow[next(iter(self.too_slow))]
                raise ToolFailed(f"{request['tool']} took longer than {seconds:g} s") from None
        if "error" in answer:
            raise ToolFailed(str(answer["error"]))
        return str(answer["drawing"])

    def _load(self, tool: str) -> None:
        try:
            self._send({"tool": tool, "load": True}, START_SECONDS)
        except TimeoutError:
            raise ToolFailed(f"{tool} is not loaded within {START_SECONDS:g} s") from None

    def close(self) -> None:
        """End the child."""
        self.loaded.clear()
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process = None

    def _send(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
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
            raise ToolFailed(f"{request['tool']} did not survive it")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "GOT.render.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            bufsize=0,
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


@functools.lru_cache(maxsize=2)
def _child(process: int) -> _Child:
    """One child for each process; a forked worker does not talk to its parent's."""
    return _Child()


def _verovio() -> Callable[[dict[str, Any]], str]:
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()

    def engrave(request: dict[str, Any]) -> str:
        toolkit.resetOptions()
        toolkit.setOptions(request["options"])
        toolkit.resetXmlIdSeed(1)
        if not toolkit.loadData(request["kern"]):
            raise ValueError("the score is not read")
        return "\n".join(toolkit.renderToSVG(page + 1) for page in range(min(toolkit.getPageCount(), 1)))

    return engrave


def _rdkit() -> Callable[[dict[str, Any]], str]:
    from rdkit import Chem, RDLogger
    from rdkit.Chem.Draw import rdMolDraw2D

    logs: Any = RDLogger
    logs.DisableLog("rdApp.*")

    def draw(request: dict[str, Any]) -> str:
        molecule = Chem.MolFromSmiles(request["smiles"])
        if molecule is None:
            molecule = Chem.MolFromSmiles(request["smiles"], sanitize=False)
            if molecule is None:
                raise ValueError("this is not a molecule")
            molecule.UpdatePropertyCache(strict=False)  # impossible valences are drawn as they were read
            Chem.FastFindRings(molecule)
        if not 0 < molecule.GetNumAtoms() <= request["max_atoms"]:
            raise ValueError(f"a molecule of {molecule.GetNumAtoms()} atoms")
        drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1)
        options: Any = drawer.drawOptions()
        options.clearBackground = False
        options.fixedBondLength = 42
        options.bondLineWidth = 1.6
        options.prepareMolsBeforeDrawing = False
        with contextlib.suppress(ValueError, RuntimeError):  # odd molecules keep their aromatic bonds
            molecule = rdMolDraw2D.PrepareMolForDrawing(molecule, kekulize=True)
        drawer.DrawMolecule(molecule)
        drawer.FinishDrawing()
        return str(drawer.GetDrawingText())

    return draw


def _resvg() -> Callable[[dict[str, Any]], str]:
    import resvg_py

    def rasterise(request: dict[str, Any]) -> str:
        picture = bytes(
            resvg_py.svg_to_bytes(svg_string=request["svg"], zoom=request["zoom"], background="#ffffff")
        )
        return base64.b64encode(picture).decode()

    return rasterise


TOOLS: dict[str, Callable[[], Callable[[dict[str, Any]], str]]] = {
    "verovio": _verovio,
    "rdkit": _rdkit,
    "resvg": _resvg,
}


def main() -> None:
    """The child: draw what stdin asks for until it is closed."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the libraries' own messages must not mix with the answers
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tools: dict[str, Callable[[dict[str, Any]], str]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["tool"]
        try:
            if name not in tools:
                tools[name] = TOOLS[name]()
            answer = {"drawing": "" if request.get("load") else tools[name](request)}
        except Exception as error:  # whatever a library raises on hostile input is its refusal
            answer = {
                "error": f"{name}: {str(error).strip().splitlines()[0][:200] if str(error).strip() else 'refused'}"
            }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
