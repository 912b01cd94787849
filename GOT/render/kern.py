r"""Sheet music in Humdrum ``**kern`` to SVG, engraved by Verovio in a child process.

Spines are counted first: Verovio aborts on a score whose lines do not have as many fields as there are spines.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from GOT.render import worker
from GOT.render.drawing import CannotDraw, figure, prefix_of, to_svg_text
from GOT.render.elements import adopt_svg
from GOT.render.elements import to_html as serialise
from GOT.utils.lazy import require

MAX_SPINES = 64
OPTIONS = {
    "inputFrom": "humdrum",
    "breaks": "auto",
    "pageWidth": 1900,  # a tenth of a millimetre at scale 100
    "pageHeight": 60000,  # one long page
    "adjustPageHeight": True,
    "pageMarginLeft": 70,
    "pageMarginRight": 20,
    "pageMarginTop": 20,
    "pageMarginBottom": 20,
    "header": "auto",
    "footer": "none",
    "scale": 42,
    # As the published demo engraves.
    "barLineWidth": 0.5,
    "beamMaxSlope": 15,
    "staffLineWidth": 0.2,
    "spacingStaff": 6,
    "xmlIdSeed": 1,  # ids are random otherwise
}
_BY_CLASS = {
    "ending": ("font-weight", "bold"),
    "fing": ("font-weight", "bold"),
    "reh": ("font-weight", "bold"),
    "tempo": ("font-weight", "bold"),
    "dir": ("font-style", "italic"),
    "dynam": ("font-style", "italic"),
    "mNum": ("font-style", "italic"),
    "label": ("font-weight", "normal"),
}


def matches(text: str) -> bool:
    """Whether the whole answer is a score."""
    return bool(re.match(r"\s*(?:!!![^\n]*\n|!![^\n]*\n|\s*\n)*\*\*kern\b", text[:5000]))


def to_html(text: str) -> str:
    """The engraved score, or its source with a note."""
    return serialise(to_element(text))


def to_element(text: str) -> Element:
    """The element behind :func:`to_html`."""
    return figure("kern", text, draw)


def to_svg(text: str) -> str:
    """The engraved score as SVG.

    Raises:
        CannotDraw: If Verovio refuses it or the spines do not line up.
        ImportError: If Verovio is missing.
    """
    return to_svg_text(text, draw)


def draw(text: str) -> Element:
    """Engrave; see :func:`to_svg`."""
    kern = mend(text)
    check_spines(kern)
    require("verovio", extra="render")
    drawn = adopt_svg(worker.ask("verovio", kern=kern, options=OPTIONS), prefix=prefix_of(text))
    _inline_styles(drawn)
    drawn.set("fill", "currentColor")
    view = (drawn.get("viewBox") or "").split()
    if len(view) == 4:  # nested drawings carry the scale; the size on the page is the outer one's
        drawn.set("width", view[2])
        drawn.set("height", view[3])
    return drawn


def mend(text: str) -> str:
    """Make of an answer what Humdrum readers take: tabs between spines, a terminator at the end.

    Fields are split at blanks only if the answer holds no tab at all and opens several spines: within one field a
    blank joins the notes of a chord.
    """
    lines = [line.rstrip() for line in text.replace("\r", "").strip().split("\n") if line.strip()]
    if not any("\t" in line for line in lines) and lines and len(lines[0].split()) > 1:
        lines = ["\t".join(line.split()) if not line.startswith("!") else line for line in lines]
    last = next((line for line in reversed(lines) if not line.startswith("!")), "")
    if last and not last.startswith("*-"):
        spines = _count_spines(lines)
        if spines:
            lines.append("\t".join(["*-"] * spines))
    return "\n".join(lines) + "\n"


def check_spines(kern: str) -> None:
    """Follow the spines through splits, joins and ends.

    Raises:
        CannotDraw: If a line does not have as many fields as there are spines; the message says which.
    """
    if _count_spines(kern.rstrip("\n").split("\n"), strict=True) > 0:
        raise CannotDraw("the score does not end its spines")


def _count_spines(lines: list[str], *, strict: bool = False) -> int:
    """How many spines are open at the end; 0 when all have ended."""
    spines: int | None = None
    for number, line in enumerate(lines, start=1):
        if line.startswith("!!") or not line:
            continue
        fields = line.split("\t")
        if spines is None:
            if not all(field.startswith("**") for field in fields):
                raise CannotDraw("the score does not begin with **kern")
            spines = len(fields)
        elif spines == 0:
            if strict:
                raise CannotDraw(f"line {number} comes after the end of the score")
            continue
        elif len(fields) != spines:
            if not strict:
                return 0
            raise CannotDraw(f"line {number} has {len(fields)} fields, the score has {spines} spines there")
        if line.startswith("*") and not line.startswith("**"):
            spines = _after(fields, number, strict)
        if spines > MAX_SPINES:
            raise CannotDraw(f"{spines} spines are too many")
    return spines or 0


def _after(fields: list[str], number: int, strict: bool) -> int:
    """Spines after a line of interpretations: ``*^`` splits, neighbouring ``*v`` join, ``*-`` ends, ``*+`` opens."""
    if "*x" in fields and fields.count("*x") % 2 and strict:
        raise CannotDraw(f"line {number} exchanges a spine with none")
    count, index = 0, 0
    while index < len(fields):
        if fields[index] == "*v":
            run = index
            while run < len(fields) and fields[run] == "*v":
                run += 1
            if run - index == 1 and strict:
                raise CannotDraw(f"line {number} joins a spine with none")
            count += 1
            index = run
            continue
        count += {"*^": 2, "*+": 2, "*-": 0}.get(fields[index], 1)
        index += 1
    return count


def _inline_styles(drawn: Element) -> None:
    """Write Verovio's style sheet into attributes: sheets of several scores would mix on a page."""
    for parent in list(drawn.iter()):
        for child in list(parent):
            if "placeholder" in (child.get("class") or "").split():
                parent.remove(child)
    for node in drawn.iter():
        node.attrib.pop("color", None)  # black ink on a dark page is no ink
        if node.get("fill") in ("black", "#000000"):
            node.set("fill", "currentColor")
        if node.tag in ("ellipse", "path", "polygon", "polyline", "rect") and node.get("stroke") is None:
            node.set("stroke", "currentColor")
        for name in (node.get("class") or "").split():
            if name in _BY_CLASS:
                node.set(*_BY_CLASS[name])
        node.attrib.pop("class", None)  # names such as "note" would meet the page's own style sheet
