"""Molecules in SMILES to SVG, drawn by RDKit in a child process."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from GOT.render import worker
from GOT.render.drawing import CannotDraw, figure, prefix_of, to_svg_text
from GOT.render.elements import adopt_svg
from GOT.render.elements import to_html as serialise
from GOT.utils.lazy import require

MAX_CHARS = 1000
MAX_ATOMS = 300  # layout time grows faster than the molecule

_WHOLE = re.compile(r"\s*<smiles>\s*([^<>\s]+)\s*</smiles>\s*\Z")
_SMILES = re.compile(r"[A-Za-z0-9@+\-\[\]()=#$:/\\.%*]+\Z")
# RDKit's colours for white paper, and what reads on both white and black.
_COLORS = {
    "#000000": "currentColor", "#0000FF": "#5b7cfa", "#FF0000": "#e5484d", "#33CCCC": "#12a594",
    "#CCCC00": "#b59d00", "#00CC00": "#30a46c", "#191919": "currentColor"
}  # fmt: skip


def matches(text: str) -> bool:
    """Whether the whole answer is one ``<smiles>`` element."""
    return bool(_WHOLE.match(text)) if "<smiles>" in text[:200] else False


def to_html(text: str) -> str:
    """The drawn molecule, or its source with a note."""
    return serialise(to_element(text))


def to_element(text: str) -> Element:
    """The element behind :func:`to_html`."""
    return figure("smiles", text, draw)


def to_svg(text: str) -> str:
    """The drawn molecule as SVG.

    Raises:
        CannotDraw: If the text is no molecule, or one too large.
        ImportError: If RDKit is missing.
    """
    return to_svg_text(text, draw)


def draw(text: str) -> Element:
    """Draw a SMILES string, with or without its tags; see :func:`to_svg`."""
    whole = _WHOLE.match(text)
    smiles = whole[1] if whole else text.strip()
    if len(smiles) > MAX_CHARS or not _SMILES.match(smiles):
        raise CannotDraw("this is not a SMILES string")
    require("rdkit", extra="render")
    drawn = adopt_svg(worker.ask("rdkit", smiles=smiles, max_atoms=MAX_ATOMS), prefix=prefix_of(text))
    for node in drawn.iter():
        node.attrib.pop("class", None)
        for name in ("fill", "stroke"):
            if (value := node.get(name)) is not None:
                node.set(name, _COLORS.get(value.upper(), value))
        if node.tag == "path" and node.get("fill") is None:
            node.set("fill", "currentColor")
    return drawn
