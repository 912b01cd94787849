r"""A TikZ label such as ``$A_{1}$`` or ``$60^{\circ}$`` to runs of text: SVG has no formulas."""

from __future__ import annotations

import dataclasses
import re
from xml.etree.ElementTree import Element

from GOT.render.formula import TooComplex, convert

SCRIPT_SIZE = 0.7


@dataclasses.dataclass(frozen=True)
class Run:
    """Text in one style.

    Attributes:
        text: What is shown.
        italic: As variables are.
        shift: How far above the line, in em of the label; negative below.
        size: Relative to the label.
    """

    text: str
    italic: bool = False
    shift: float = 0.0
    size: float = 1.0


def to_lines(source: str) -> list[list[Run]]:
    """The lines of a label, each a list of runs."""
    source = re.sub(
        r"\\(?:tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|bfseries|itshape|displaystyle|centering|color\{[a-z]*\})(?![A-Za-z])\s*",
        "",
        source,
    )
    return [_line(part) for part in re.split(r"\\\\(?:\[[^\]]*\])?", source[:2000])]


def width(runs: list[Run]) -> float:
    """About how wide a line is drawn, in em."""
    return sum(
        (1.0 if ord(c) > 0x2E7F else 0.3 if c in "ilj.,;:'|! " else 0.55) * run.size
        for run in runs
        for c in run.text
    )


def _line(source: str) -> list[Run]:
    runs: list[Run] = []
    for index, part in enumerate(re.split(r"\$|\\\(|\\\)", source)):
        if index % 2:
            try:
                body = convert(part).math[0][0]
            except TooComplex:
                runs.append(Run(part))
            else:
                runs += _runs(body, 0.0, 1.0)
        elif part.strip():
            text = re.sub(r"\\(?:text(?:bf|it|rm|sf|tt)?|mathrm|emph)\b|[{}]", "", part)
            runs.append(Run(re.sub(r"\\([%&#_$ ])", r"\1", text)))
    return _tidy(runs)


def _runs(node: Element, shift: float, size: float) -> list[Run]:
    text = node.text or ""
    if node.tag == "mi":
        italic = (
            len(text) == 1
            and node.get("mathvariant") != "normal"
            and text.isalpha()
            and not ("Α" <= text <= "Ω")
        )
        return [Run(text, italic, shift, size)]
    if node.tag in ("mn", "mtext"):
        return [Run(text, False, shift, size)]
    if node.tag == "mo":
        spaced = text in "=<>≤≥≠≈∼≅≡+−×÷±∥⊥→⇒∈" and size == 1.0
        return [Run(f"\u2009{text}\u2009" if spaced else text, False, shift, size)]
    if node.tag == "mspace":
        return [Run("\u2009", False, shift, size)]
    if node.tag in ("msub", "munder"):
        return _runs(node[0], shift, size) + _runs(node[1], shift - 0.22 * size, size * SCRIPT_SIZE)
    if node.tag in ("msup", "mover"):
        if node.tag == "mover" and len(node[1].text or "") == 1 and node.get("accent"):
            mark = {
                "→": "\u20d7",
                "^": "\u0302",
                "¯": "\u0305",
                "~": "\u0303",
                "˙": "\u0307",
                "¨": "\u0308",
            }.get(node[1].text or "")
            return [
                dataclasses.replace(run, text="".join(c + (mark or "") for c in run.text))
                for run in _runs(node[0], shift, size)
            ]
        if "".join(node[1].itertext()).strip() == "∘":
            return [*_runs(node[0], shift, size), Run("°", False, shift, size)]
        if "".join(node[1].itertext()).strip("′") == "":
            return [*_runs(node[0], shift, size), Run("".join(node[1].itertext()), False, shift, size)]
        return _runs(node[0], shift, size) + _runs(node[1], shift + 0.38 * size, size * SCRIPT_SIZE)
    if node.tag in ("msubsup", "munderover"):
        return [
            *_runs(node[0], shift, size),
            *_runs(node[1], shift - 0.22 * size, size * SCRIPT_SIZE),
            *_runs(node[2], shift + 0.38 * size, size * SCRIPT_SIZE),
        ]
    if node.tag == "mfrac":
        above, below = _runs(node[0], shift, size), _runs(node[1], shift, size)
        wrapped = [
            (runs if len(runs) == 1 else [Run("(", False, shift, size), *runs, Run(")", False, shift, size)])
            for runs in (above, below)
        ]
        return [*wrapped[0], Run("/", False, shift, size), *wrapped[1]]
    if node.tag in ("msqrt", "mroot"):
        inside = _runs(node[0], shift, size) if len(node) else []
        inside = (
            inside
            if len(inside) == 1
            else [Run("(", False, shift, size), *inside, Run(")", False, shift, size)]
        )
        degree = (
            _runs(node[1], shift + 0.38 * size, size * SCRIPT_SIZE)
            if node.tag == "mroot" and len(node) > 1
            else []
        )
        return [*degree, Run("√", False, shift, size), *inside]
    return [run for child in node if child.tag != "annotation" for run in _runs(child, shift, size)]


def _tidy(runs: list[Run]) -> list[Run]:
    merged: list[Run] = []
    for run in runs:
        if not run.text:
            continue
        if merged and dataclasses.replace(merged[-1], text="") == dataclasses.replace(run, text=""):
            merged[-1] = dataclasses.replace(run, text=merged[-1].text + run.text)
        else:
            merged.append(run)
    return merged
