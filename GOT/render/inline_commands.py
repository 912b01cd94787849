r"""One LaTeX command of running text to inline nodes: styles, links, references, letters, accents, small formulas.

A command that prints nothing gives no node; one that is not known stays as the model wrote it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from GOT.render import inline_names as names
from GOT.render.formula import symbols
from GOT.render.latex import read_argument, read_option
from GOT.render.nodes import Break, Code, Formula, Inline, Link, Picture, Styled, Text

MAX_ADDRESS = 500  # characters of a link

_FOOTNOTES = {"footnote", "footnotetext", "thanks"}
_REFERENCES = {"cite", "citep", "citet", "ref", "eqref", "pageref"}
_SPACES = {" ": " ", ",": "\u2009", ";": "\u2005", ":": "\u2005", "!": "", "\n": " "}
_SYMBOLS = (symbols.IDENTIFIERS, symbols.OPERATORS, symbols.FUNCTIONS, symbols.LIMIT_OPERATORS)
_FORMULAS = {"frac", "sqrt", "mathbb", "mathcal", "mathbf"}  # what models write outside of a formula too

Inner = Callable[[str], tuple[Inline, ...]]
Argument = tuple[str, int]  # without its braces; the index behind it
Printed = tuple[tuple[Inline, ...], int]  # nodes; the index behind what they were made of


def read_command(text: str, found: re.Match[str], braces: dict[int, int], inner: Inner) -> Printed:
    """Read a command with its arguments.

    Args:
        text: All of the text.
        found: The command in it, a backslash and its name.
        braces: The text's pairs of braces.
        inner: Text of an argument to nodes.

    Returns:
        What it prints, and the index behind it.
    """
    name, end = found[0][1:], found.end()
    arguments = _read_arguments(text, end, braces)
    if arguments and (printed := _with_arguments(name, arguments, inner)):
        return printed
    behind = read_argument(text, read_option(text, end)[1], braces)
    if behind and (printed := _behind_option(name, behind, inner)):
        return printed
    if name in names.COMBINING and (accented := _letter_at(text, end, arguments)):
        letter, end = accented
        return _words(unicodedata.normalize("NFC", letter + names.COMBINING[name])), end
    if arguments and name in names.DROPPED_ARGUMENT:
        return (), arguments[0][1]
    if name in names.DROPPED:
        return (), end + text.startswith(" ", end)
    if name in names.LETTERS:
        letter, end = names.LETTERS[name], end + (text.startswith(" ", end) and name[-1].isalpha())
        return (Break(),) if letter == "\n" else _words(letter), end
    if len(name) == 1 and not name.isalnum():
        return _words(_SPACES.get(name, name)), end
    if any(name in table for table in _SYMBOLS):
        return (Formula(found[0]),), end
    if arguments and name in _FORMULAS:
        end = arguments[:2][-1][1] if name == "frac" else arguments[0][1]
        return (Formula(text[found.start() : end]),), end
    return (Text(found[0]),), end


def _read_arguments(text: str, start: int, braces: dict[int, int]) -> list[Argument]:
    """Up to three arguments in braces, one behind the other: no command here takes more."""
    found: list[Argument] = []
    while len(found) < 3 and (argument := read_argument(text, start, braces)):
        found.append(argument)
        start = argument[1]
    return found


def _with_arguments(name: str, arguments: list[Argument], inner: Inner) -> Printed | None:
    bare = name.rstrip("*")
    (words, end), *more = arguments
    if name in names.STYLES:
        if name == "parbox" and more:  # its first one is a width
            words, end = more[0]
        style, children = names.STYLES[name], inner(words)
        return (Styled(style, children),) if style else children, end
    if name in names.CODES:
        return (Code(_unescape(words)),), end
    if bare == "url":
        return (Link(words[:MAX_ADDRESS], (Text(words),)),), end
    if bare == "href" and more:
        return (Link(words[:MAX_ADDRESS], inner(more[0][0])),), more[0][1]
    if bare in ("textcolor", "colorbox") and more:
        return inner(more[0][0]), more[0][1]
    if bare in ("multirow", "multicolumn") and more:  # outside of a table
        return inner(more[-1][0]), more[-1][1]
    if name == "ding":
        return _words(names.DING.get(words.strip(), f"\\ding{{{words}}}")), end
    return None


def _behind_option(name: str, argument: Argument, inner: Inner) -> Printed | None:
    """Commands that may have an option in brackets before their argument."""
    name, (words, end) = name.rstrip("*"), argument
    if name in _FOOTNOTES:
        return (Text(" ["), *inner(words), Text("]")), end
    if name == "includegraphics":
        return (Picture(words[:MAX_ADDRESS], ""),), end
    if name in _REFERENCES:
        return _words(f"[{words}]" if name.startswith("cite") else words), end
    return None


def _letter_at(text: str, start: int, arguments: list[Argument]) -> tuple[str, int] | None:
    """The letter that an accent stands on: alone in braces, or the next one."""
    if arguments and len(letter := arguments[0][0].strip().lstrip("\\")) == 1:
        return letter, arguments[0][1]
    following = text[start : start + 1]
    return (following, start + 1) if following.isalpha() else None


def _words(text: str) -> tuple[Inline, ...]:
    return (Text(text),) if text else ()


def _unescape(text: str) -> str:
    return re.sub(r"\\([%&#_${}\\])", r"\1", text)
