"""Tools that may crash or hang, in a process of their own: Verovio, RDKit, resvg.

Verovio ends its whole process on a score with wrong spines, and no C++ library can be interrupted; so all three run
in a kept child with a time limit.
Run as ``python -m GOT.render.worker`` this file is the child.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
from collections.abc import Callable
from typing import Any

from GOT.utils.child import ChildDied, kept_python, serve

SECONDS = 2.5  # for one drawing; starting the child and loading a library not counted
MAX_REMEMBERED = 200  # requests that were not finished in time
MAX_KEPT = (
    16 << 20
)  # characters of drawings that may be asked for again: in the next format, or on the next page
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
    return _tools(os.getpid()).ask({"tool": tool, **request}, seconds)


class _Tools:
    """What is known of the child: which tools it has loaded, what they drew last, and what they did not finish."""

    def __init__(self) -> None:
        self.child = kept_python("GOT.render.worker")
        self.loaded: set[str] = set()
        self.drawings: dict[str, str] = {}  # by request, the oldest first
        self.kept = 0  # characters of these
        self.too_slow: dict[str, None] = {}  # asked again for the next format, they would take as long again

    def ask(self, request: dict[str, Any], seconds: float) -> str:
        key, tool = json.dumps(request), request["tool"]
        with self.child.lock:
            if key in self.drawings:
                return self.drawings[key]
            if key in self.too_slow:
                raise ToolFailed(f"{tool} took too long")
            if not self.child.is_running:
                self.loaded.clear()
            try:
                if tool not in self.loaded:
                    self._load(tool)
                answer = self.child.ask(request, seconds=seconds)
            except TimeoutError:
                self.too_slow[key] = None
                if len(self.too_slow) > MAX_REMEMBERED:
                    del self.too_slow[next(iter(self.too_slow))]
                raise ToolFailed(f"{tool} took longer than {seconds:g} s") from None
            except ChildDied:
                raise ToolFailed(f"{tool} did not survive it") from None
            if "error" in answer:
                raise ToolFailed(str(answer["error"]))
            self._keep(key, str(answer["drawing"]))
        return str(answer["drawing"])

    def _keep(self, key: str, drawing: str) -> None:
        self.drawings[key] = drawing
        self.kept += len(key) + len(drawing)
        while self.kept > MAX_KEPT:
            oldest = next(iter(self.drawings))
            self.kept -= len(oldest) + len(self.drawings.pop(oldest))

    def _load(self, tool: str) -> None:
        try:
            self.child.ask({"tool": tool, "load": True}, seconds=START_SECONDS)
        except TimeoutError:
            raise ToolFailed(f"{tool} is not loaded within {START_SECONDS:g} s") from None
        self.loaded.add(tool)


@functools.lru_cache(maxsize=2)
def _tools(process: int) -> _Tools:
    return _Tools()


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
    """The child: draw what is asked for."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tools: dict[str, Callable[[dict[str, Any]], str]] = {}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        name = request["tool"]
        try:
            if name not in tools:
                tools[name] = TOOLS[name]()
            return {"drawing": "" if request.get("load") else tools[name](request)}
        except Exception as error:  # whatever a library raises on hostile input is its refusal
            reason = str(error).strip() or "refused"
            return {"error": f"{name}: {reason.splitlines()[0][:200]}"}

    serve(answer)


if __name__ == "__main__":
    main()
