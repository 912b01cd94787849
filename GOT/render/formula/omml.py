"""MathML trees as ``formula`` builds them to Office Math (OMML), Word's native formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from xml.etree.ElementTree import Element

from GOT.render.elements import append, element, printable
from GOT.render.formula import build

OMML_NAMESPACE = "http://schemas.openxmlformats.org/officeDocument/2006/math"
WORD_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

MAX_SLOTS = 5000  # of one matrix
MAX_NARY = 12  # sums of sums; more stand beside each other

_LARGE = frozenset("∑∏∐⋃⋂⋁⋀⨁⨂⨀⨄⨆∫∬∭⨌∮∯∰")
_SPACES = ((0.1, "\u2009"), (0.2, "\u2005"), (0.3, "\u2004"), (0.5, "\u2002"), (0.9, "\u2003"))
_BARS = {"¯": "top", "_": "bot"}
_BRACES = {"⏞": "top", "⏟": "bot", "⎴": "top", "⎵": "bot", "⏜": "top", "⏝": "bot"}
_COMBINING = {
    "^": "\u0302", "¯": "\u0305", "→": "\u20d7", "~": "\u0303", "˙": "\u0307", "¨": "\u0308", "⃛": "\u20db",
    "ˇ": "\u030c", "˘": "\u0306", "´": "\u0301", "`": "\u0300", "˚": "\u030a", "←": "\u20d6", "↔": "\u20e1"
}  # fmt: skip


def to_omml(body: Element, *, display: bool = False) -> Element:
    """One formula.

    Args:
        body: A formula without its ``math`` element (``MathML.body``).
        display: Whether it stands on a line of its own.

    Returns:
        ``m:oMath``, in ``m:oMathPara`` for ``display``; tags are ``{namespace}name``.
    """
    math = _m("oMath", *_sequence([body]))
    return _m("oMathPara", math) if display else math


def _m(name: str, *children: Element | None, **attributes: str) -> Element:
    made = Element(
        f"{{{OMML_NAMESPACE}}}{name}", {f"{{{OMML_NAMESPACE}}}{k}": v for k, v in attributes.items()}
    )
    return append(made, *children)


def _value(name: str, value: str) -> Element:
    return _m(name, val=value)


def _run(text: str, *, upright: bool = False) -> Element:
    """Characters; Word slants letters itself, unless told not to."""
    words = element(
        f"{{{OMML_NAMESPACE}}}t", {"{http://www.w3.org/XML/1998/namespace}space": "preserve"}, printable(text)
    )
    style = _m("rPr", _m("nor")) if upright else None
    return _m("r", style, words)


def _sequence(nodes: Iterable[Element]) -> list[Element]:
    """Siblings; a sum or integral takes what follows it as its operand."""
    made: list[Element] = []
    nested = 0
    for node in reversed(_paired(list(nodes))):
        if _is_nary(node):
            nested += 1
            made = [_nary(node, made)] if nested <= MAX_NARY else [_nary(node, []), *made]
        else:
            made[:0] = _node(node)
    return made


def _paired(nodes: list[Element]) -> list[Element]:
    """Bars become brackets where they come in pairs: Word's relatives cannot place a lone one."""

    def bar(node: Element) -> str:
        core = node[0] if node.tag in ("msub", "msup", "msubsup") and len(node) else node
        return core.text or "" if core.tag == "mo" and core.text in ("|", "‖") else ""

    marks = [index for index, node in enumerate(nodes) if bar(node)]
    if not marks or len(marks) % 2 or any(nodes[index].tag != "mo" for index in marks[::2]):
        return nodes
    made: list[Element] = []
    position = 0
    for begin, end in zip(marks[::2], marks[1::2], strict=True):
        inside = build.fenced(bar(nodes[begin]), nodes[begin + 1 : end], bar(nodes[end]))
        if nodes[end].tag != "mo":
            script = Element(nodes[end].tag)
            script.extend([inside, *nodes[end][1:]])
            inside = script
        made += [*nodes[position:begin], inside]
        position = end + 1
    return [*made, *nodes[position:]]


def _node(node: Element) -> list[Element]:
    write = _WRITERS.get(node.tag)
    if write is not None:
        return write(node)
    return _sequence(node)  # mrow, mstyle, mpadded and whatever else only groups


def _e(node: Element | None, name: str = "e") -> Element:
    return _m(name, *(_sequence([node]) if node is not None else ()))


def _child(node: Element, index: int) -> Element | None:
    return node[index] if len(node) > index else None


def _identifier(node: Element) -> list[Element]:
    text = node.text or ""
    return [_run(text, upright=len(text) > 1 or node.get("mathvariant") == "normal")]


def _plain(node: Element) -> list[Element]:
    return [_run(node.text, upright=node.tag == "mtext")] if node.text else []


def _space(node: Element) -> list[Element]:
    found = re.match(r"(-?[\d.]+)em", node.get("width", ""))
    width = float(found[1]) if found else 0.0
    return (
        [_run(next((mark for limit, mark in reversed(_SPACES) if width >= limit), ""))]
        if width >= 0.1
        else []
    )


def _fraction(node: Element) -> list[Element]:
    bare = _m("fPr", _value("type", "noBar")) if node.get("linethickness") == "0" else None
    return [_m("f", bare, _e(_child(node, 0), "num"), _e(_child(node, 1), "den"))]


def _root(node: Element) -> list[Element]:
    if node.tag == "mroot":
        return [_m("rad", _e(_child(node, 1), "deg"), _e(_child(node, 0)))]
    return [_m("rad", _m("radPr", _value("degHide", "1")), _m("deg"), _m("e", *_sequence(node)))]


def _script(node: Element) -> list[Element]:
    base = _e(_child(node, 0))
    if node.tag == "msub":
        return [_m("sSub", base, _e(_child(node, 1), "sub"))]
    if node.tag == "msup":
        return [_m("sSup", base, _e(_child(node, 1), "sup"))]
    return [_m("sSubSup", base, _e(_child(node, 1), "sub"), _e(_child(node, 2), "sup"))]


def _over_under(node: Element) -> list[Element]:
    base, mark = _child(node, 0), _child(node, 1)
    character = (mark.text or "") if mark is not None and mark.tag == "mo" else ""
    if node.tag != "munderover" and (node.get("accent") or node.get("accentunder")):
        if character in _BARS and (mark is None or mark.get("stretchy") == "true"):
            return [_m("bar", _m("barPr", _value("pos", _BARS[character])), _e(base))]
        if character in _BRACES:
            place = _BRACES[character]
            return [
                _m("groupChr", _m("groupChrPr", _value("chr", character), _value("pos", place)), _e(base))
            ]
        if node.tag == "mover" and character in _COMBINING:
            return [_m("acc", _m("accPr", _value("chr", _COMBINING[character])), _e(base))]
    if node.tag == "munder":
        return [_m("limLow", _e(base), _e(mark, "lim"))]
    if node.tag == "mover":
        return [_m("limUpp", _e(base), _e(mark, "lim"))]
    return [_m("limUpp", _m("e", _m("limLow", _e(base), _e(mark, "lim"))), _e(_child(node, 2), "lim"))]


def _is_nary(node: Element) -> bool:
    core = (
        node[0]
        if node.tag in ("msub", "msup", "msubsup", "munder", "mover", "munderover") and len(node)
        else node
    )
    return core.tag == "mo" and (core.text or "") in _LARGE and core.text != ""


def _nary(node: Element, operand: list[Element]) -> Element:
    """``operand`` is written already."""
    core = node if node.tag == "mo" else node[0]
    below = node[1] if node.tag in ("msub", "munder", "msubsup", "munderover") else None
    above = node[-1] if node.tag in ("msup", "mover", "msubsup", "munderover") else None
    properties = _m(
        "naryPr",
        _value("chr", core.text or ""),
        _value("limLoc", "undOvr" if core.get("movablelimits") else "subSup"),
        _value("subHide", "1") if below is None else None,
        _value("supHide", "1") if above is None else None,
    )
    return _m("nary", properties, _e(below, "sub"), _e(above, "sup"), _m("e", *operand))


def _row(node: Element) -> list[Element]:
    if node.get("class") == "fenced":
        opening = node[0].text or "" if len(node) and node[0].get("form") == "prefix" else ""
        closing = node[-1].text or "" if len(node) and node[-1].get("form") == "postfix" else ""
        inside = list(node)[bool(opening) : len(node) - bool(closing)]
        properties = _m("dPr", _value("begChr", opening), _value("endChr", closing))
        return [_m("d", properties, _m("e", *_sequence(inside)))]
    if node.get("class") == "boxed":
        return [_m("borderBox", _m("e", *_sequence(node)))]
    return _sequence(node)


def _matrix(node: Element) -> list[Element]:
    rows = [row for row in node if row.tag == "mtr"]
    width = max((len(row) for row in rows), default=0)
    if width * len(rows) > MAX_SLOTS:
        return [_run(build.flatten(node))]
    columns = [
        _m("mc", _m("mcPr", _value("count", "1"), _value("mcJc", cell.get("columnalign") or "center")))
        for cell in max(rows, key=len, default=())
    ]
    aligned = "aligned" in (node.get("class") or "")
    gap = (_value("cGpRule", "3"), _value("cGp", "0")) if aligned else ()  # equations join at their signs
    cells = [
        _m("mr", *(_cell(cell) for cell in row), *(_m("e") for _ in range(width - len(row)))) for row in rows
    ]
    return [_m("m", _m("mPr", *gap, _m("mcs", *columns)), *cells)]


def _cell(cell: Element) -> Element:
    """A cell of an array; a sign at its start gets something, though nothing is seen, to stand behind."""
    leading = len(cell) and cell[0].tag == "mo"
    return _m("e", _run("\u200b", upright=True) if leading else None, *_sequence(cell))


def _phantom(node: Element) -> list[Element]:
    return [_m("phant", _m("phantPr", _value("show", "0")), _m("e", *_sequence(node)))]


_WRITERS: dict[str, Callable[[Element], list[Element]]] = {
    "mi": _identifier,
    "mn": _plain,
    "mo": _plain,
    "mtext": _plain,
    "mspace": _space,
    "mfrac": _fraction,
    "msqrt": _root,
    "mroot": _root,
    "msub": _script,
    "msup": _script,
    "msubsup": _script,
    "munder": _over_under,
    "mover": _over_under,
    "munderover": _over_under,
    "mrow": _row,
    "mtable": _matrix,
    "mphantom": _phantom,
    "annotation": lambda node: [],
}
