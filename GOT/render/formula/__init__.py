r"""LaTeX formulas to MathML trees, without a library and without a network at view time.

Written for what a model says: ``aligned``, ``cases``, matrices, ``\left``/``\right``, ``\tag``, whatever is left open.
Linear in the length of the formula. A command that is not known is shown as its source and listed, never dropped.
"""

from __future__ import annotations

import dataclasses
from xml.etree.ElementTree import Element

from GOT.render.elements import element
from GOT.render.formula.reader import Reader, TooComplex

__all__ = ["MATHML_NAMESPACE", "MathML", "TooComplex", "convert"]

MATHML_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
MAX_CHARS = 20_000  # of one formula; a page of them has some thousand


@dataclasses.dataclass
class MathML:
    """A converted formula.

    Attributes:
        math: The ``math`` element, with the LaTeX as its annotation.
        tag: Its number, e.g. ``"(1)"`` or ``"*"``; ``""`` for none.
        unknown: Commands that are shown as their source.
    """

    math: Element
    tag: str = ""
    unknown: list[str] = dataclasses.field(default_factory=list)

    @property
    def body(self) -> Element:
        """The formula itself, without its annotation."""
        return self.math[0][0]


def convert(latex: str, *, display: bool = False) -> MathML:
    """Convert one formula, given without its delimiters.

    Raises:
        TooComplex: If it is longer than ``MAX_CHARS`` or nested too deep.

    Example:
        >>> convert(r"x^{2}").body.tag
        'msup'
    """
    if len(latex) > MAX_CHARS:
        raise TooComplex(f"a formula of {len(latex)} characters")
    reader = Reader(latex)
    body = reader.everything()
    attributes = {"xmlns": MATHML_NAMESPACE, "display": "block" if display else "inline"}
    annotation = element("annotation", {"encoding": "application/x-tex"}, latex.strip())
    math = element("math", attributes, element("semantics", None, body, annotation))
    return MathML(math, reader.tag, reader.unknown)
