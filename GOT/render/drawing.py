"""What all drawn kinds share: the error that says why, and the figure that shows either the drawing or the source."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from GOT.render import worker
from GOT.render.elements import element, to_xml
from GOT.utils.lazy import require
from GOT.utils.log import get_logger

logger = get_logger(__name__)

MAX_SOURCE = 100_000  # characters of one figure's source
PNG_ZOOM = 2.5  # for documents that take no SVG


class CannotDraw(ValueError):
    """The source is not drawn; the message says why and goes beside it."""


def figure(kind: str, source: str, draw: Callable[[str], Element]) -> Element:
    """The drawing of ``source``, or ``source`` itself with a note. Never raises for what the text is."""
    try:
        drawn = draw_checked(source, draw)
    except (CannotDraw, ImportError) as error:
        return source_with_note(source, str(error))
    # Assistive technology reads the source, which is what the drawing says.
    label = element("figcaption", {"class": "sr"}, source[:1000])
    return element("figure", {"class": f"drawing {kind}"}, drawn, label)


def draw_checked(source: str, draw: Callable[[str], Element]) -> Element:
    """Draw; whatever goes wrong inside comes out as :class:`CannotDraw`.

    Raises:
        CannotDraw: If the source cannot be drawn.
        ImportError: If a library is missing; the message names the command that installs it.
    """
    if len(source) > MAX_SOURCE:
        raise CannotDraw(f"{len(source)} characters are too many for one drawing")
    try:
        return draw(source)
    except (worker.ToolFailed, ValueError) as error:
        raise CannotDraw(str(error)) from error
    except (ArithmeticError, LookupError, RecursionError) as error:
        logger.debug("a drawing failed: %r", error)
        raise CannotDraw("it cannot be drawn") from error


def source_with_note(source: str, note: str) -> Element:
    """Source that is shown as it is, with the reason beside it."""
    return element(
        "figure",
        {"class": "source"},
        element("pre", None, element("code", None, source)),
        element("figcaption", None, f"Shown as its source: {note}"),
    )


def to_svg_text(source: str, draw: Callable[[str], Element]) -> str:
    """The drawing as an SVG file's text.

    Raises:
        CannotDraw: If the source cannot be drawn.
        ImportError: If a library is missing.
    """
    return to_xml(draw_checked(source, draw))


def to_png(drawn: Element, *, zoom: float = PNG_ZOOM) -> bytes:
    """Rasterise a drawing.

    Raises:
        ImportError: If resvg is not installed.
        CannotDraw: If it cannot.
    """
    require("resvg_py", extra="render")
    try:
        return base64.b64decode(worker.ask("resvg", svg=to_xml(drawn), zoom=zoom))
    except worker.ToolFailed as error:
        raise CannotDraw(str(error)) from error


def size_of(drawn: Element) -> tuple[float, float]:
    """Width and height of a drawing, in CSS pixels."""
    sizes = [re.match(r"[\d.]+", drawn.get(name) or "") for name in ("width", "height")]
    width, height = (float(size[0]) if size else 300.0 for size in sizes)
    return width, height


def prefix_of(source: str) -> str:
    """Ids of one drawing start with this, so that several share a page; equal sources may share ids."""
    return "g" + hashlib.blake2b(source.encode("utf-8", "replace"), digest_size=5).hexdigest() + "-"
