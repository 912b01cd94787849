"""A line of words and formulas as one value that prints as LaTeX, as Mathpix markdown and as typst."""

from __future__ import annotations

import re

from GOT.data_engine.formula_parser import parse_formula
from GOT.data_engine.formula_tree import Node
from GOT.data_engine.typst_compiler import quote

Inline = tuple[str | Node, ...]  # words as they are printed, formulas as trees

_ESCAPED = {"%": r"\%", "&": r"\&", "$": r"\$", "#": r"\#", "_": r"\_"}
# What TeX or markdown would print as something else (dashes, quotes, emphasis) or not at all.
_UNPRINTABLE = re.compile(r"[\\^~{}<>|\"'`*]")
_MARKUP = re.compile(r"[$#_\[\]]")


def printable(text: str, *, markdown: bool = False) -> str:
    """The text without what LaTeX (and, if asked, markdown) would not print as it stands.

    Example:
        >>> printable("it's <b>5 -- 6</b>")
        'its b5 - 6/b'
    """
    text = _UNPRINTABLE.sub("", text)
    if markdown:
        text = _MARKUP.sub("", text)
    text = re.sub(r"-{2,}", "-", text)
    return " ".join(re.sub(r"([!?]) ?`", r"\1", text).split())


def to_latex(parts: Inline) -> str:
    """LaTeX for running text, formulas as ``\\( … \\)``."""
    return "".join(_escape(part) if isinstance(part, str) else _inline_formula(part) for part in parts)


def to_markdown(parts: Inline) -> str:
    """Mathpix markdown: the words as they are, formulas as ``\\( … \\)``."""
    return "".join(part if isinstance(part, str) else _inline_formula(part) for part in parts)


def to_typst(parts: Inline) -> str:
    """Typst markup that prints the words literally."""
    return "".join(f"#{quote(part)};" if isinstance(part, str) else f"${part.to_typst()}$" for part in parts)


def from_latex(latex: str) -> Inline:
    """Read :func:`to_latex` back.

    Raises:
        ValueError: If a formula is not closed or not known.
    """
    pieces = re.split(r"\\\((.*?)\\\)", latex, flags=re.DOTALL)
    parts: list[str | Node] = []
    for place, piece in enumerate(pieces):
        if place % 2:
            parts.append(parse_formula(piece))
        elif piece:
            parts.append(re.sub(r"\\([%&$#_])", r"\1", piece))
    return tuple(parts)


def _escape(text: str) -> str:
    return "".join(_ESCAPED.get(char, char) for char in text)


def _inline_formula(node: Node) -> str:
    return f"\\( {node.to_latex()} \\)"
