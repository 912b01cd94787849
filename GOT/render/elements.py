"""Build HTML, MathML and SVG as trees, so that text is always text: nothing is ever pasted into markup.

Also the one way in for markup that a tool drew: :func:`adopt_svg` copies it element by element from an allow-list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Child = Element | str | None
SVG_NAMESPACE = "http://www.w3.org/2000/svg"
MAX_SVG_CHARS = 8_000_000

# C0 and C1 controls, lone surrogates and non-characters: no document format takes them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DRAWING = {
    "svg", "g", "defs", "symbol", "use", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon",
    "text", "tspan", "title", "desc"
}  # fmt: skip
_ATTRIBUTES = {
    "id", "class", "d", "x", "y", "x1", "y1", "x2", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry", "width", "height",
    "points", "transform", "viewBox", "preserveAspectRatio", "fill", "fill-opacity", "fill-rule", "stroke",
    "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit",
    "opacity", "font-size", "font-family", "font-weight", "font-style", "text-anchor", "dominant-baseline", "color",
    "overflow", "visibility",
}  # fmt: skip
_STYLE_PROPERTIES = _ATTRIBUTES - {"id", "class", "d", "transform", "x", "y", "width", "height"}
_SAFE_VALUE = re.compile(r"[^<>&\"'\\;{}@]*\Z")


def element(tag: str, attributes: dict[str, str] | None = None, *children: Child) -> Element:
    """Build an element; strings become text, ``None`` is left out."""
    made = Element(tag, {name: printable(value) for name, value in (attributes or {}).items()})
    return append(made, *children)


def append(parent: Element, *children: Child) -> Element:
    """Append elements and text to ``parent``; returns it."""
    for child in children:
        if isinstance(child, str):
            if len(parent):
                parent[-1].tail = (parent[-1].tail or "") + printable(child)
            else:
                parent.text = (parent.text or "") + printable(child)
        elif child is not None:
            parent.append(child)
    return parent


def to_html(made: Element | Iterable[Element]) -> str:
    """Serialise for an HTML page (void elements without an end tag)."""
    parts = [made] if isinstance(made, Element) else made
    return "".join(ElementTree.tostring(part, encoding="unicode", method="html") for part in parts)


def to_xml(made: Element) -> str:
    """Serialise for a file of its own."""
    return ElementTree.tostring(made, encoding="unicode", method="xml")


def printable(text: str) -> str:
    """Leave out what no document format takes: control characters, lone surrogates, non-characters."""
    return _UNPRINTABLE.sub("", text)


def adopt_svg(markup: str, *, prefix: str) -> Element:
    """Copy a tool's SVG, element by element, from an allow-list.

    What is not on the list is left out with all it holds: scripts, styles, foreign objects, links, animations, event
    handlers, outside references. ``use`` may only point into the same drawing.

    Args:
        markup: The SVG text.
        prefix: Put before every id, so that several drawings share a page.

    Raises:
        ValueError: If the markup is no SVG.
    """
    if len(markup) > MAX_SVG_CHARS or "<!DOCTYPE" in markup or "<!ENTITY" in markup:
        raise ValueError("The drawing is too large, or declares entities.")
    try:
        root = ElementTree.fromstring(printable(markup))
    except ElementTree.ParseError as error:
        raise ValueError(f"The drawing is not well-formed: {error}") from error
    copied = _adopt(root, prefix)
    if copied is None or copied.tag != "svg":
        raise ValueError("The drawing is no SVG.")
    copied.set("xmlns", SVG_NAMESPACE)
    return copied


def _adopt(original: Element, prefix: str) -> Element | None:
    tag = str(original.tag).rpartition("}")[2]
    if tag not in _DRAWING:
        return None
    copied = Element(tag)
    for qualified, value in original.attrib.items():
        name = qualified.rpartition("}")[2]
        if name == "href" and tag == "use" and value.startswith("#"):
            copied.set("href", f"#{prefix}{_identifier(value[1:])}")
        elif name == "id":
            copied.set("id", prefix + _identifier(value))
        elif name == "style":
            for declaration in value.split(";"):
                key, _, setting = (part.strip() for part in declaration.partition(":"))
                if key in _STYLE_PROPERTIES and _is_safe(setting):
                    copied.set(key, setting)
        elif name in _ATTRIBUTES and not qualified.startswith("{") and _is_safe(value):
            copied.set(name, value)
    copied.text = original.text
    for child in original:
        adopted = _adopt(child, prefix)
        append(copied, adopted, child.tail)
    return copied


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)


def _is_safe(value: str) -> bool:
    """Only plain numbers, names and paths: no reference of any kind."""
    return bool(_SAFE_VALUE.match(value)) and not re.search(r"url|script|:|expression", value, re.IGNORECASE)
