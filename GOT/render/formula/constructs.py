r"""Commands of a formula that take arguments: fractions, roots, text, boxes, arrows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from GOT.render.elements import element
from GOT.render.formula import build, commands, environments, symbols

if TYPE_CHECKING:
    from GOT.render.formula.reader import Reader

Construct = Callable[["Reader", str], list[Element]]

BIG = {
    name + side: size for name, size in (("big", 1.2), ("Big", 1.623), ("bigg", 2.047), ("Bigg",
    2.47)) for side in ("", "l", "r", "m")
}  # fmt: skip
ARROWS = {
    "xrightarrow": "→", "xleftarrow": "←", "xleftrightarrow": "↔", "xRightarrow": "⇒", "xLeftarrow": "⇐",
    "xmapsto": "↦",
    "xlongequal": "=", "xhookrightarrow": "↪", "xrightleftharpoons": "⇌",
}  # fmt: skip
_PAIRS = {"bra": "⟨|", "ket": "|⟩", "braket": "⟨⟩", "abs": "||", "norm": "‖‖", "set": "{}"}
_TEXT_ALPHABETS = {
    "textbf": "bold", "textit": "italic", "emph": "italic", "textsf": "sans", "texttt": "mono",
    "textsl": "italic"
}  # fmt: skip
_LENGTH = re.compile(r"\s*(-?\d*\.?\d+)\s*(pt|em|ex|mm|cm|in|mu|px)\s*\Z")
_EM = {"pt": 0.1, "em": 1, "ex": 0.43, "mm": 0.285, "cm": 2.85, "in": 7.2, "mu": 1 / 18, "px": 0.075}


def _fraction(reader: Reader, name: str) -> list[Element]:
    if name == "cfrac":
        reader.option()
    fraction = element("mfrac", None, reader.argument(), reader.argument())
    if name in ("dfrac", "cfrac", "tfrac"):
        shown = "false" if name == "tfrac" else "true"
        return [element("mstyle", {"displaystyle": shown, "scriptlevel": "0"}, fraction)]
    return [fraction]


def _binomial(reader: Reader, name: str) -> list[Element]:
    pair = element("mfrac", {"linethickness": "0"}, reader.argument(), reader.argument())
    return [build.fenced("(", [pair], ")")]


def _root(reader: Reader, name: str) -> list[Element]:
    if name == "root":  # \root 3 \of x
        degree_parts = reader.atoms(stop="\\of")
        reader.position += reader.position < len(reader.tokens) and reader.tokens[reader.position] == "\\of"
        return [element("mroot", None, reader.argument(), build.row(degree_parts))]
    degree = reader.option()
    inside = reader.argument()
    if degree:
        return [element("mroot", None, inside, reader.sub(degree))]
    return [element("msqrt", None, inside)]


def _big(reader: Reader, name: str) -> list[Element]:
    size = f"{BIG[name]}em"
    attributes = {"stretchy": "true", "symmetric": "true", "minsize": size, "maxsize": size}
    return [element("mo", attributes | {"lspace": "0", "rspace": "0"}, commands.delimiter(reader))]


def _text(reader: Reader, name: str) -> list[Element]:
    """Words, with formulas between dollar signs in them."""
    if name == "makebox":
        reader.option()
    alphabet = _TEXT_ALPHABETS.get(name, "upright")
    made: list[Element] = []
    for index, part in enumerate(re.split(r"(?<!\\)\$|\\\(|\\\)", reader.argument_text())):
        if index % 2:
            made.append(reader.sub(part))
        elif part:
            words = commands.plain(part)
            if alphabet != "upright":
                words = "".join(symbols.in_alphabet(letter, alphabet) for letter in words)
            # Blanks at the edges collapse in a browser, unless they do not break.
            made.append(element("mtext", None, re.sub(r"\A\s+|\s+\Z", "\u00a0", words)))
    return made or [element("mrow")]


def _operator_name(reader: Reader, name: str) -> list[Element]:
    movable = {"movablelimits": "true"} if name != "operatorname" else {}
    return [element("mo", movable | {"lspace": "0", "rspace": "0.167em"}, build.flatten(reader.argument()))]


def _stacked(reader: Reader, name: str) -> list[Element]:
    script, base = reader.argument(), reader.argument()
    return [element("munder" if name == "underset" else "mover", None, base, script)]


def _arrow(reader: Reader, name: str) -> list[Element]:
    below = reader.option()
    arrow = element("mo", {"stretchy": "true"}, ARROWS[name])
    above = element("mpadded", {"lspace": "0.4em", "width": "+0.8em"}, reader.argument())
    if below:
        return [element("munderover", None, arrow, reader.sub(below), above)]
    return [element("mover", None, arrow, above)]


def _framed(reader: Reader, name: str) -> list[Element]:
    return [element("mrow", {"class": "boxed" if "box" in name else "cancel"}, reader.argument())]


def _phantom(reader: Reader, name: str) -> list[Element]:
    return [element("mphantom", None, reader.argument())]


def _content(reader: Reader, name: str) -> list[Element]:
    """Only what stands in the last argument is shown."""
    if name in ("raisebox", "textcolor", "colorbox", "href", "class", "style", "cssId", "htmlClass"):
        reader.option()
        reader.argument_text()
    elif name in ("multicolumn", "multirow"):
        for _ in range(2):
            reader.argument_text()
    reader.option()
    return [reader.argument()]


def _tag(reader: Reader, name: str) -> list[Element]:
    words = commands.plain(reader.argument_text())
    reader.add_tag(words if name == "tag*" else f"({words})")
    return []


def _negated(reader: Reader, name: str) -> list[Element]:
    reader.skip_blanks()
    base = build.flatten(reader.argument())
    return [element("mo", None, symbols.NEGATED.get(base, base + "\u0338"))]


def _substack(reader: Reader, name: str) -> list[Element]:
    return [reader.sub(reader.argument_text(), table=True)] if reader.peek() == "{" else []


def _horizontal_space(reader: Reader, name: str) -> list[Element]:
    if name in ("hspace", "hspace*", "mspace"):
        source = reader.argument_text()
    else:  # \kern3pt: the length follows bare
        source, start = "", reader.position
        while reader.position < len(reader.tokens) and len(source) < 12 and not _LENGTH.match(source):
            source += reader.take()
        if not _LENGTH.match(source):
            reader.position = start
            return []
    length = _LENGTH.match(source)
    return [build.space(max(-2.0, min(float(length[1]) * _EM[length[2]], 10.0)) if length else 0.333)]


def _modulo(reader: Reader, name: str) -> list[Element]:
    word = [element("mi", None, "mod"), build.space(0.333)] if name == "pmod" else []
    return [build.space(0.444), build.tight("("), *word, reader.argument(), build.tight(")")]


def _reference(reader: Reader, name: str) -> list[Element]:
    reader.option()
    shown = commands.plain(reader.argument_text())
    return [element("mtext", None, f"({shown})" if name == "eqref" else shown)]


def _chemistry(reader: Reader, name: str) -> list[Element]:
    r"""``\ce{H2O + CO3^{2-} -> ...}``: digits behind letters are subscripts, letters stand upright."""
    source = reader.argument_text().replace("<=>", "\\rightleftharpoons ").replace("->", "\\rightarrow ")
    source = re.sub(r"(?<=[A-Za-z)\]])(\d+)", r"_{\1}", source)
    source = re.sub(r"\^(\d*[+-])", r"^{\1}", source)
    return [reader.sub("\\mathrm{" + source + "}")]


def _sideset(reader: Reader, name: str) -> list[Element]:
    before, behind, base = reader.argument(), reader.argument(), reader.argument()
    return [before, base, behind]


def _pair(reader: Reader, name: str) -> list[Element]:
    fences = _PAIRS[name]
    return [build.fenced(fences[0], [reader.argument()], fences[1])]


_FRACTIONS = "frac dfrac tfrac cfrac sfrac nicefrac flatfrac"
_TEXTS = "text mbox hbox textrm textnormal textup fbox intertext textsc shortintertext makebox"
_SHOWN_AS_THEY_ARE = (
    "smash mathrlap mathllap mathclap rlap llap lefteqn mathchoice raisebox textcolor colorbox"
)
_WITH_ATTRIBUTE = "href class style cssId htmlClass multicolumn multirow"


def _all(names: str, write: Construct) -> dict[str, Construct]:
    return dict.fromkeys(names.split(), write)


CONSTRUCTS: dict[str, Construct] = {
    **_all(_FRACTIONS, _fraction),
    **_all("binom dbinom tbinom", _binomial),
    **_all("sqrt root", _root),
    **dict.fromkeys(BIG, _big),
    **dict.fromkeys(ARROWS, _arrow),
    **_all(_TEXTS, _text),
    **dict.fromkeys(_TEXT_ALPHABETS, _text),
    **_all("operatorname operatorname* mathop DeclareMathOperator", _operator_name),
    **_all("stackrel overset underset accentset", _stacked),
    **_all("boxed cancel bcancel xcancel framebox", _framed),
    **_all("phantom hphantom", _phantom),
    **_all(f"{_SHOWN_AS_THEY_ARE} {_WITH_ATTRIBUTE}", _content),
    **_all("tag tag*", _tag),
    **_all("hspace hspace* mspace kern hskip mkern mskip", _horizontal_space),
    **_all("pmod pod", _modulo),
    **_all("url ref eqref cite verb includegraphics", _reference),
    **_all("ce cf chemfig", _chemistry),
    **dict.fromkeys(_PAIRS, _pair),
    "not": _negated,
    "substack": _substack,
    "sideset": _sideset,
    "left": environments.left_right,
    "begin": environments.environment,
}
