"""Mathpix Markdown, GOT's formatted answer, to HTML: any text that no other kind claims."""

from __future__ import annotations

from GOT.render.elements import to_html as serialise
from GOT.render.html import answer_to_elements


def matches(text: str) -> bool:
    """Every text is Markdown."""
    return True


def to_html(text: str) -> str:
    """The rendered answer: formulas as MathML, tables, lists, and whatever figures stand in it."""
    return serialise(answer_to_elements(text))
