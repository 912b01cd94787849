"""Kern to SVG by Verovio in a child process, because Verovio ends the whole process when a score's spines are wrong.

The child is kept, because loading Verovio takes longer than engraving.
Run as ``python -m GOT.data_engine.verovio_worker`` this file is the child.
"""

from __future__ import annotations

import functools
from importlib.metadata import version
from typing import Any

from GOT.data_engine.kern_tree import check_kern
from GOT.data_engine.sample import Rejected
from GOT.utils.child import ChildDied, kept_python, serve
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
    request = {"kern": kern, "options": {**FIXED_OPTIONS, **(options or {})}}
    try:
        answer = kept_python("GOT.data_engine.verovio_worker").ask(request, seconds=SECONDS_PER_SCORE)
    except (ChildDied, TimeoutError):
        raise Rejected("Verovio did not survive this kern") from None
    if "svg" not in answer:
        raise Rejected(f"Verovio: {answer.get('error', 'refused')}")
    return str(answer["svg"])


def renderer_version() -> str:
    """``"verovio 6.4.1"``, for a sample's meta."""
    require("verovio", extra="synth")
    return f"verovio {version('verovio')}"


@functools.cache
def _toolkit() -> Any:
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """In the child: engrave."""
    toolkit = _toolkit()
    toolkit.resetOptions()
    toolkit.setOptions(request["options"])
    toolkit.resetXmlIdSeed(1)
    if not toolkit.loadData(request["kern"]):
        return {"error": "the kern is not read"}
    pages = toolkit.getPageCount()
    return {"svg": toolkit.renderToSVG(1)} if pages == 1 else {"error": f"{pages} pages"}


if __name__ == "__main__":
    serve(_answer)
