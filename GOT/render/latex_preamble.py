r"""What must stand before a LaTeX document: the packages and definitions that its commands and characters need.

``formula`` knows names that TeX does not; which of them are given to TeX all the same stands here.
"""

from __future__ import annotations

import re
import unicodedata

from GOT.render.formula import symbols

PREAMBLE = r"""\documentclass{article}
\usepackage{iftex}
\ifPDFTeX\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{lmodern}\else\usepackage{fontspec}\fi
\usepackage{amsmath,amssymb}
"""

# Package -> commands that are loaded with it; only where they are used: not every TeX has them.
_PACKAGES = {
    "{mathrsfs}": "mathscr",
    "{bm}": "bm",
    "{mathtools}": "coloneqq coloneq eqqcolon vcentcolon mathclap mathllap mathrlap overbracket underbracket "
    "shortintertext xLeftarrow xRightarrow xhookrightarrow xleftrightarrow xmapsto xrightleftharpoons",
    "{cancel}": "cancel bcancel xcancel",
    "{booktabs}": "toprule midrule bottomrule",
    "{multirow}": "multirow",
    "{tikz}": "tikzpicture",
    "[normalem]{ulem}": "sout",
    "{hyperref}": "href hypertarget",
}
# What no package of every TeX has, and a definition can do.
_DEFINITIONS = {
    **{
        name: rf"\operatorname{{{name}}}"
        for name in "arccot csch diag erf lcm rank sech sgn sign tr Tr".split()
    },
    "argmax": r"\operatorname*{arg\,max}",
    "argmin": r"\operatorname*{arg\,min}",
    "abs": r"[1]{\left\lvert#1\right\rvert}",
    "norm": r"[1]{\left\lVert#1\right\rVert}",
    "bra": r"[1]{\left\langle#1\right\rvert}",
    "ket": r"[1]{\left\lvert#1\right\rangle}",
    "braket": r"[1]{\left\langle#1\right\rangle}",
    "accentset": r"[2]{\overset{#1}{#2}}",
    "nicefrac": r"[2]{{}^{#1}\!/_{#2}}",
    "sfrac": r"[2]{{}^{#1}\!/_{#2}}",
    "flatfrac": r"[2]{{#1}/{#2}}",
    "mathbfit": r"\boldsymbol",
    "mathbbm": r"\mathbf",  # mostly of a 1, which \mathbb has not
    "mathds": r"\mathbf",
    "symbb": r"\mathbb",
    "symbf": r"\mathbf",
    "degree": r"\text{\textdegree}",
    "lt": "<",
    "gt": ">",
    "omicron": "o",
    "Alpha": r"\mathrm{A}",
    "Beta": r"\mathrm{B}",
}
# What `formula` reads and TeX does not, or not within a formula.
UNKNOWN = frozenset(
    "color colorbox textcolor euro female male iddots llbracket rrbracket oiint oiiint of root overarc overparen "
    "underparen wideparen ulem uline utilde xlongequal bfseries itshape upshape par vskip nobreakdash "
    "mathchoice".split()
)

_WORDS = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]")  # what ctex sets
_NATIVE = frozenset("…§¶£©®™°†‡€¥–—‘’“”•")  # every LaTeX's own


def preamble_of(body: str) -> str:
    r"""All that stands before ``\begin{document}``."""
    spare = _spare_characters(body)
    names = set(re.findall(r"\\(?:begin\{)?([A-Za-z]+)", body + spare))
    lines = [rf"\usepackage{package}" for package, known in _PACKAGES.items() if names & set(known.split())]
    if _WORDS.search(body):
        lines.append(r"\usepackage{ctex}")
    for name in sorted(names & _DEFINITIONS.keys()):
        made = _DEFINITIONS[name]
        lines.append(rf"\providecommand\{name}{made if made.startswith('[') else '{' + made + '}'}")
    return PREAMBLE + "".join(f"{line}\n" for line in lines) + spare


def math_character(character: str) -> str:
    """How a formula writes a character that TeX's fonts have in mathematics only; ``""`` for all others."""
    return _CHARACTERS.get(character, "")


def text_character(character: str) -> str:
    """A character as running text writes it; one that TeX may not have stays as it is (see ``preamble_of``)."""
    if character < "\x80" or character in _NATIVE:
        return character
    if character in _CHARACTERS:
        return rf"\ensuremath{{{_CHARACTERS[character].strip()}}}"
    kind, _, code = unicodedata.decomposition(character).partition(" ")
    if kind in ("<sub>", "<super>") and len(code) == 4 and "20" < code[2:] < "7F" and code[:2] == "00":
        return rf"\text{'sub' if kind == '<sub>' else 'super'}script{{{chr(int(code, 16))}}}"
    return "" if unicodedata.category(character) in ("Cc", "Cf") else character


def _spare_characters(body: str) -> str:
    """Declarations of characters that pdfTeX would stop at; the others have no need of them."""
    found = sorted(
        character
        for character in set(body)
        if character >= "\xa0" and character not in _NATIVE and not _WORDS.match(character)
        if unicodedata.category(character) != "Cs"
    )
    if not found:
        return ""
    lines = []
    for character in found:
        code = f"{ord(character):04X}"
        known = text_character(character)
        shown = known if known != character else rf"\fbox{{\tiny {code}}}"
        lines.append(rf"\spare{{{character}}}{{{code}}}{{{shown}}}%" + "\n")
    return (
        r"\ifPDFTeX\def\spare#1#2#3{\ifcsname u8:\detokenize{#1}\endcsname\else\DeclareUnicodeCharacter{#2}{#3}\fi}%"
        "\n" + "".join(lines) + "\\fi\n"
    )


def _characters() -> dict[str, str]:
    made = {"′": "'", "−": "-"}
    for table in (
        symbols.IDENTIFIERS,
        symbols.OPERATORS,
        symbols.LIMIT_OPERATORS,
        symbols.INTEGRALS,
        symbols.FENCES,
    ):
        for name, character in table.items():
            latin = character.isalpha() and character < "\u0250"
            own = len(character) == 1 and character >= "\x80" and not latin and character not in _NATIVE
            if own and name.isalpha() and name not in UNKNOWN:
                made.setdefault(character, f"\\{name} ")
    return made


_CHARACTERS = _characters()
