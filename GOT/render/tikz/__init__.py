r"""Geometry in TikZ to SVG: by TeX where there is TeX and the text may be given to it, by our own painter otherwise."""

from __future__ import annotations

import base64
import functools
import io
from xml.etree.ElementTree import Element

from GOT.render.drawing import CannotDraw, figure, to_svg_text
from GOT.render.elements import SVG_NAMESPACE, append, element
from GOT.render.elements import to_html as serialise
from GOT.render.tikz import tex
from GOT.render.tikz.painter import paint
from GOT.render.tikz.shapes import COLORS
from GOT.render.tikz.splitting import mend

SCALE = 4.0  # pixels for a point of TeX's page: 288 dpi
PX_PER_PT = 1.5  # size on the page, the painter's
MAX_POINTS = 2000.0  # side of TeX's page


def matches(text: str) -> bool:
    """Whether the answer is one drawing."""
    head = text.lstrip()
    return (
        head.startswith("\\begin{tikzpicture}")
        and head.count("\\begin{tikzpicture}") == 1
        and not head.rpartition("\\end{tikzpicture}")[2].strip(" \n;")
    ) or (head.startswith("\\begin{tikzpicture}") and "\\end{tikzpicture}" not in head)


def to_html(text: str) -> str:
    """The drawing, or its source with a note; statements left out are named."""
    return serialise(to_element(text))


def to_svg(text: str) -> str:
    """The drawing as SVG.

    Raises:
        CannotDraw: If nothing of it can be drawn.
    """
    return to_svg_text(text, draw)


def to_element(text: str) -> Element:
    """The element behind :func:`to_html`."""
    skipped: list[str] = []

    def draw_and_note(source: str) -> Element:
        made, left_out = _draw(source)
        skipped.extend(left_out)
        return made

    shown = figure("tikz", text, draw_and_note)
    if not skipped:
        return shown
    note = f"Drawn without {len(skipped)} statement{'s' if len(skipped) > 1 else ''} that the painter does not know."
    details = element(
        "details", None, element("summary", None, "Source"), element("pre", None, element("code", None, text))
    )
    return element("div", None, shown, element("p", {"class": "note"}, note), details)


def draw(text: str) -> Element:
    """Draw; see :func:`to_svg`."""
    return _draw(text)[0]


def _draw(text: str) -> tuple[Element, tuple[str, ...]]:
    """The drawing, and the statements that are not in it."""
    drawn = _by_tex(text)
    if drawn is None:
        painting = paint(text)
        return painting.svg, painting.skipped
    png, width, height = drawn
    size = {"width": f"{width * PX_PER_PT:.1f}", "height": f"{height * PX_PER_PT:.1f}"}
    view = f"0 0 {size['width']} {size['height']}"
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    root = element("svg", {"xmlns": SVG_NAMESPACE, "viewBox": view, "class": "ink", **size})
    return append(root, element("image", {"href": url, **size})), ()


@functools.lru_cache(maxsize=32)
def _by_tex(text: str) -> tuple[bytes, float, float] | None:
    """TeX's drawing as a PNG with its size in points; ``None`` where TeX is not there, not allowed, or refuses."""
    if tex.find_pdflatex() is None:
        return None
    try:
        pdf = tex.typeset(mend(text).strip())
    except CannotDraw:
        return None
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        page = document[0]
        width, height = page.get_size()
        if not (0 < width <= MAX_POINTS and 0 < height <= MAX_POINTS):
            return None
        buffer = io.BytesIO()
        picture = page.render(scale=SCALE).to_pil()
        if not any(name in text for name in COLORS if name not in ("black", "white", "gray")):
            picture = picture.convert("L")
        picture.save(buffer, "PNG", optimize=True)
        return buffer.getvalue(), width, height
    finally:
        document.close()
