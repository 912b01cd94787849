r"""``\begin``/``\end`` and ``\left``/``\right`` of a formula, with whatever a model left unclosed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from GOT.render.elements import element
from GOT.render.formula import build, commands

if TYPE_CHECKING:
    from GOT.render.formula.reader import Reader

_FENCED = {
    "matrix": "", "smallmatrix": "", "pmatrix": "()", "bmatrix": "[]", "Bmatrix": "{}",
    "vmatrix": "||", "Vmatrix": "‖‖",
}  # fmt: skip
_CASES = {"cases": "{", "dcases": "{", "rcases": "}", "numcases": "{", "drcases": "}"}
_CENTRED = frozenset("gather gathered equation displaymath math multline multlined subequations".split())
_ALIGNED = frozenset("aligned align alignat alignedat split eqnarray flalign eqarray".split()) | _CENTRED
_ARRAYS = ("array", "tabular", "subarray", "tabularx", "longtable")
_WITH_OPTION = ("aligned", "gathered", "alignedat", "split")
_WITH_STARRED_OPTION = ("matrix", "pmatrix", "bmatrix", "vmatrix")
_LOOK_AHEAD = 400  # tokens in which a \right may come


def left_right(reader: Reader, name: str) -> list[Element]:
    r"""What stands between ``\left`` and its ``\right``; a missing ``\right`` leaves a bracket of natural size."""
    opening = commands.delimiter(reader)
    parts = reader.deeper(reader.atoms)
    while reader.position < len(reader.tokens):
        token = reader.tokens[reader.position]
        if token == "\\middle":
            reader.position += 1
            parts.append(build.operator(commands.delimiter(reader), stretchy=True))
        elif token == "\\right":
            reader.position += 1
            return [build.fenced(opening, parts, commands.delimiter(reader))]
        elif token in ("&", "\\\\", "\\cr", "\\newline") and _closes_later(reader):
            reader.position += 1
            parts.append(build.space(1.0))
        else:
            break
        parts += reader.deeper(reader.atoms)
    return [build.row([build.tight(opening), *parts] if opening else parts)]


def _closes_later(reader: Reader) -> bool:
    r"""Whether a ``\right`` comes before this group ends."""
    depth = 0
    for token in reader.tokens[reader.position : reader.position + _LOOK_AHEAD]:
        depth += (token in ("{", "\\begin", "\\left")) - (token in ("}", "\\end", "\\right"))
        if depth < 0:
            return token == "\\right"
    return False


def environment(reader: Reader, name: str) -> list[Element]:
    r"""An environment, its ``\begin`` already read."""
    full_name = reader.argument_text()
    base = full_name.rstrip("*")
    if base in _ARRAYS:
        return [_array(reader)]
    if base in ("alignat", "alignedat"):
        reader.argument_text()
    if base in _WITH_OPTION or (base in _WITH_STARRED_OPTION and full_name.endswith("*")):
        reader.option()
    rows = _rows(reader)
    if base in _FENCED:
        table = build.table(rows, ["center"])
        if base == "smallmatrix":
            table = element("mstyle", {"scriptlevel": "1"}, table)
        fences = _FENCED[base]
        return [build.fenced(fences[0], [table], fences[1])] if fences else [table]
    if base in _CASES:
        table = build.table(rows, ["left"])
        return [build.fenced("{", [table], "") if _CASES[base] == "{" else build.fenced("", [table], "}")]
    if base in _ALIGNED and len(rows) == 1 and len(rows[0]) == 1:
        return [build.row(rows[0][0])]
    aligns = ["center"] if base in _CENTRED or base not in _ALIGNED else ["right", "left"]
    if base == "eqnarray":
        aligns = ["right", "center", "left"]
    return [build.table(rows, aligns, spaced=base not in _ALIGNED)]


def _array(reader: Reader) -> Element:
    reader.option()
    spec = reader.argument_text()
    columns = re.sub(r"[@!<>]\{[^{}]*\}|\*", "", spec)
    aligns = [{"l": "left", "r": "right"}.get(letter, "center") for letter in columns if letter in "lcrpmb"]
    return build.table(_rows(reader), aligns or ["center"], lines="|" in spec)


def _rows(reader: Reader) -> list[list[list[Element]]]:
    holder: list[list[list[Element]]] = []

    def read() -> list[Element]:
        holder.extend(reader.rows(inside=True))
        return []

    reader.deeper(read)
    return holder
