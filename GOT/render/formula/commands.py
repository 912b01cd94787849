r"""What characters and commands of a formula mean: letters, operators, functions, accents; by a table, the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from GOT.render.elements import element
from GOT.render.formula import build, constructs, symbols

if TYPE_CHECKING:
    from GOT.render.formula.reader import Reader

_PLAIN_OPERATORS = "+=<>*,;:!?.·×÷±≤≥≠≈→←∈∑∏∫"
_LIMIT_SIGNS = "∑∏"
_LETTERLIKE = '°′″%#‰€£¥§…"`@&'
_DOTS = "…⋮⋱⋰"
_BEFORE_A_SIGN = (
    "",
    "=",
    "(",
    "[",
    "{",
    ",",
    "&",
    "<",
    ">",
)  # a minus behind one of these is a sign, not a difference

# Commands without a picture of their own.
SILENT = frozenset(
    "displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits nonumber notag hline mathstrut "
    "strut relax null "
    "allowbreak nobreak break centering par noindent mathord mathbin mathrel mathopen mathclose mathpunct mathinner "
    "protect normalsize small footnotesize scriptsize tiny large Large / - normalfont unskip toprule midrule "
    "bottomrule "
    "nobreakdash ensuremath hfil linebreak pagebreak upshape of".split()
)
# Commands whose argument is no part of the formula.
DROP_ARGUMENT = frozenset("label vspace rule cline vphantom color vskip index arraystretch".split())


def character(reader: Reader, token: str) -> list[Element]:
    """A number, or one character that stands for itself."""
    if token[0].isdigit() and token.isascii():
        return [element("mn", None, "".join(symbols.in_alphabet(digit, reader.alphabet) for digit in token))]
    if token in "_^'":  # scripts without a base
        reader.position -= 1
        return [element("mrow")]
    if token == "~":
        return [build.space(0.333)]
    if token == "$":
        return []  # a delimiter left over
    if token == "-":
        return [_minus(reader)]
    if token in "()[]|/":
        return [build.tight(token)]
    if token.isalpha():
        return [_letter(reader, token)]
    if token in _LIMIT_SIGNS:
        return [element("mo", {"movablelimits": "true"}, token)]
    if token in _PLAIN_OPERATORS:
        return [element("mo", {"separator": "true"} if token in ",;" else None, token)]
    if token in _LETTERLIKE:
        return [element("mi", None, token)]
    return [element("mtext" if ord(token[0]) > 0x2FFF else "mo", None, token)]


def command(reader: Reader, name: str) -> list[Element]:
    r"""A command, given without its backslash, and its arguments."""
    if name in symbols.IDENTIFIERS:
        shown = symbols.IDENTIFIERS[name]
        if shown in _DOTS:
            return [element("mo", None, shown)]
        return [
            _letter(reader, shown) if shown.isalpha() else element("mi", {"mathvariant": "normal"}, shown)
        ]
    if name in symbols.OPERATORS:
        return [build.operator(symbols.OPERATORS[name])]
    if name in symbols.LIMIT_OPERATORS:
        return [element("mo", {"movablelimits": "true"}, symbols.LIMIT_OPERATORS[name])]
    if name in symbols.INTEGRALS:
        return [element("mo", None, symbols.INTEGRALS[name])]
    if name in symbols.FENCES:
        return [build.tight(symbols.FENCES[name])]
    if name in symbols.FUNCTIONS:
        return _function(reader, name)
    if name in symbols.LIMIT_FUNCTIONS:
        attributes = {"movablelimits": "true", "lspace": "0", "rspace": "0.167em"}
        return [element("mo", attributes, symbols.LIMIT_FUNCTIONS[name])]
    if name in symbols.SPACES:
        return [build.space(symbols.SPACES[name])]
    if name in symbols.ALPHABET_COMMANDS:
        return _in_alphabet(reader, symbols.ALPHABET_COMMANDS[name])
    if name in symbols.ACCENTS:
        shown, stretches = symbols.ACCENTS[name]
        mark = build.operator(shown, stretchy=stretches)
        return [element("mover", {"accent": "true"}, reader.argument(), mark)]
    if name in symbols.UNDER_ACCENTS:
        mark = build.operator(symbols.UNDER_ACCENTS[name], stretchy=True)
        return [element("munder", {"accentunder": "true"}, reader.argument(), mark)]
    if name in constructs.CONSTRUCTS:
        return constructs.CONSTRUCTS[name](reader, name)
    return _other(reader, name)


def _other(reader: Reader, name: str) -> list[Element]:
    if name in DROP_ARGUMENT:
        reader.argument_text()
        return []
    if name in SILENT:
        return []
    if name.endswith("*") and len(name) > 1:
        reader.tokens.insert(reader.position, "*")
        return command(reader, name[:-1])
    if len(name) == 1 and not name.isalpha():
        return [element("mi" if name in "%$#_&" else "mo", None, name)]
    reader.unknown.append(name)
    return [element("mtext", {"class": "unknown"}, "\\" + name)]


def _minus(reader: Reader) -> Element:
    """A difference, or a sign, which stands close to its number."""
    before = next(
        (t for t in reversed(reader.tokens[max(reader.position - 3, 0) : reader.position - 1]) if t.strip()),
        "",
    )
    is_sign = before in _BEFORE_A_SIGN or before[1:] in (
        "leq",
        "geq",
        "approx",
        "sim",
        "neq",
        "le",
        "ge",
        "in",
    )
    return element("mo", {"form": "prefix", "rspace": "0"} if is_sign else None, "−")


def _letter(reader: Reader, letter: str) -> Element:
    if 0x2E80 <= ord(letter[0]) < 0x10000:
        return element("mtext", None, letter)
    upright_capital = (
        not letter.isascii() and letter.isupper() and not reader.alphabet
    )  # Greek, as LaTeX sets it
    if reader.alphabet == "upright" or upright_capital:
        return element("mi", {"mathvariant": "normal"}, letter)
    return element("mi", None, symbols.in_alphabet(letter, reader.alphabet))


def _function(reader: Reader, name: str) -> list[Element]:
    r"""``\sin`` and its kin; a thin space before an argument that has no brackets."""
    if name in ("bmod", "mod"):
        return [build.space(0.222), element("mi", None, "mod"), build.space(0.222)]
    made = reader.with_scripts([element("mi", None, name)])
    following = reader.peek()
    opens = following in ("", "(", "[", "|", "\\left", "^", "_", ")", ",") or following in reader.closers
    return made if opens or following[1:] in constructs.BIG else [*made, build.space(0.167)]


def _in_alphabet(reader: Reader, alphabet: str) -> list[Element]:
    outer, reader.alphabet = reader.alphabet, alphabet
    argument = reader.argument()
    reader.alphabet = outer
    return [build.joined(argument) if alphabet in ("upright", "sans", "mono") else argument]


def delimiter(reader: Reader) -> str:
    r"""What follows ``\left``, ``\right``, ``\big``: a bracket, or ``""`` for ``.`` and for nothing that fits."""
    reader.skip_blanks()
    if reader.position >= len(reader.tokens):
        return ""
    token = reader.take()
    if token in ".<>":
        return {".": "", "<": "⟨", ">": "⟩"}[token]
    if token[0] == "\\" and len(token) > 1:
        name = token[1:]
        if name in symbols.FENCES:
            return symbols.FENCES[name]
        if name in symbols.OPERATORS and "arrow" in name:
            return symbols.OPERATORS[name]
        if name in ("backslash", "\\"):
            return "\\"
    elif token not in reader.closers and token != "{":
        return token[:1]
    reader.position -= 1
    return ""


def plain(text: str) -> str:
    r"""Words of a ``\text``: escapes resolved, style commands left out."""
    text = re.sub(r"\\(?:text[a-z]{2}|mathrm|mathbf|emph|label|mbox|rm|bf|it)\b\s*|(?<!\\)[{}]", "", text)
    text = re.sub(r"\\([%&#_${}])", r"\1", text)
    text = re.sub(
        r"\\([A-Za-z]+)",
        lambda found: symbols.IDENTIFIERS.get(found[1], symbols.OPERATORS.get(found[1], found[0])),
        text,
    )
    text = re.sub(r"\\[,;: ]|~", "\u00a0", text)
    return text.replace("``", "“").replace("''", "”")
