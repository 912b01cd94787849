"""A formula as a tree that prints itself as LaTeX (the answer) and as typst (the picture). Chooses and draws nothing.

Every tree has one spelling: rows are flat, brackets grow (``\\left( … \\right)``) exactly when their content is tall,
bars always do. One picture has one answer, and ``formula_parser`` reads the answer back into an equal tree.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from GOT.data_engine.typst_compiler import quote

# LaTeX -> the character by which typst draws the same sign. Twins that print alike (\rightarrow and \to, \varnothing
# and \emptyset) are left out: a reader could not tell them apart. TeX's \phi and \epsilon are U+03D5 and U+03F5.
GREEK = {
    r"\alpha": "α", r"\beta": "β", r"\gamma": "γ", r"\delta": "δ", r"\epsilon": "ϵ", r"\varepsilon": "ε",
    r"\zeta": "ζ", r"\eta": "η", r"\theta": "θ", r"\vartheta": "ϑ", r"\iota": "ι", r"\kappa": "κ", r"\lambda": "λ",
    r"\mu": "μ", r"\nu": "ν", r"\xi": "ξ", r"\pi": "π", r"\rho": "ρ", r"\varrho": "ϱ", r"\sigma": "σ", r"\tau": "τ",
    r"\upsilon": "υ", r"\phi": "ϕ", r"\varphi": "φ", r"\chi": "χ", r"\psi": "ψ", r"\omega": "ω",
    r"\Gamma": "Γ", r"\Delta": "Δ", r"\Theta": "Θ", r"\Lambda": "Λ", r"\Xi": "Ξ", r"\Pi": "Π", r"\Sigma": "Σ",
    r"\Upsilon": "Υ", r"\Phi": "Φ", r"\Psi": "Ψ", r"\Omega": "Ω",
}  # fmt: skip
RELATIONS = {
    r"\leq": "≤", r"\geq": "≥", r"\neq": "≠", r"\approx": "≈", r"\equiv": "≡", r"\sim": "∼", r"\simeq": "≃",
    r"\cong": "≅", r"\propto": "∝", r"\in": "∈", r"\notin": "∉", r"\subset": "⊂", r"\subseteq": "⊆", r"\supset": "⊃",
    r"\ll": "≪", r"\gg": "≫", r"\mid": "∣", r"\perp": "⟂", r"\parallel": "∥", r"\rightarrow": "→", r"\leftarrow": "←",
    r"\Rightarrow": "⇒", r"\Leftrightarrow": "⇔", r"\mapsto": "↦", "=": "=", "<": "<", ">": ">", ":": ":",
}  # fmt: skip
OPERATORS = {
    "+": "+", "-": "-", r"\pm": "±", r"\mp": "∓", r"\times": "×", r"\cdot": "⋅", r"\circ": "∘", r"\otimes": "⊗",
    r"\oplus": "⊕", r"\cup": "∪", r"\cap": "∩", r"\setminus": "∖", r"\wedge": "∧", r"\vee": "∨", r"\star": "⋆",
    "*": "*",
}  # fmt: skip
SIGNS = {
    r"\infty": "∞", r"\partial": "∂", r"\nabla": "∇", r"\hbar": "ℏ", r"\ell": "ℓ", r"\forall": "∀", r"\exists": "∃",
    r"\emptyset": "∅", r"\prime": "′", r"\dagger": "†", r"\Re": "ℜ", r"\Im": "ℑ", r"\aleph": "ℵ", r"\ldots": "…",
    r"\cdots": "⋯", r"\vdots": "⋮", r"\ddots": "⋱", r"\neg": "¬", r"\quad": "quad", "!": "!", ",": "\\,", ";": "\\;",
    "/": "\\/", ".": ".", "(": "\\(", ")": "\\)", "[": "\\[", "]": "\\]", r"\{": "\\{", r"\}": "\\}",
}  # fmt: skip
LARGE = {
    r"\sum": "∑", r"\prod": "∏", r"\int": "∫", r"\iint": "∬", r"\oint": "∮", r"\bigcup": "⋃", r"\bigcap": "⋂",
    r"\bigoplus": "⨁",
}  # fmt: skip
FUNCTIONS = (
    "sin", "cos", "tan", "cot", "sec", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "exp", "log", "ln", "det",
    "dim", "ker", "deg", "gcd", "arg", "min", "max", "inf", "sup", "lim", "limsup", "liminf",
)  # fmt: skip
SYMBOLS = {**GREEK, **RELATIONS, **OPERATORS, **SIGNS, **LARGE, **{f"\\{name}": name for name in FUNCTIONS}}
# typst calls two of them in two words
SYMBOLS[r"\limsup"] = 'op("lim sup", limits: #true)'
SYMBOLS[r"\liminf"] = 'op("lim inf", limits: #true)'

ACCENTS = {
    r"\hat": "hat", r"\bar": "macron", r"\vec": "arrow", r"\tilde": "tilde", r"\dot": "dot", r"\ddot": "dot.double",
    r"\overline": "overline", r"\underline": "underline",
}  # fmt: skip
ALPHABETS = {
    r"\mathbb": "bb",
    r"\mathcal": "cal",
    r"\mathfrak": "frak",
    r"\mathbf": "bold",
    r"\mathrm": "upright",
}
FENCES = {
    "(": "\\(", ")": "\\)", "[": "\\[", "]": "\\]", r"\{": "\\{", r"\}": "\\}", "|": "|", r"\|": "‖", r"\lfloor": "⌊",
    r"\rfloor": "⌋", r"\lceil": "⌈", r"\rceil": "⌉", r"\langle": "⟨", r"\rangle": "⟩",
}  # fmt: skip
PLAIN_FENCES = {"(", ")", "[", "]", r"\{", r"\}"}  # written without \left and \right around flat content
MATRICES = {"pmatrix": '"("', "bmatrix": '"["', "vmatrix": '"|"', "Bmatrix": '"{"', "matrix": "#none"}


class Node:
    """One part of a formula."""

    def to_latex(self) -> str:
        """The answer's spelling, in the manner of Mathpix: braces always, spaces only where two words would meet."""
        raise NotImplementedError

    def to_typst(self) -> str:
        """The same part for typst's mathematics mode."""
        raise NotImplementedError

    def children(self) -> tuple[Node, ...]:
        """The parts of this part, in reading order."""
        return ()


@dataclasses.dataclass(frozen=True)
class Atom(Node):
    """A letter, a number or a sign of :data:`SYMBOLS`, named as in LaTeX."""

    latex: str

    def __post_init__(self) -> None:
        if not (self.latex in SYMBOLS or _is_letter_or_number(self.latex)):
            raise ValueError(f"{self.latex!r} is no letter, number or sign that formulas know.")

    def to_latex(self) -> str:
        return self.latex

    def to_typst(self) -> str:
        return SYMBOLS.get(self.latex, self.latex)


@dataclasses.dataclass(frozen=True)
class Row(Node):
    """Parts side by side; made by :func:`row`, so that it is never nested and never of one part."""

    items: tuple[Node, ...]

    def to_latex(self) -> str:
        return join_latex(
            [item.padded() if isinstance(item, Text) else item.to_latex() for item in self.items]
        )

    def to_typst(self) -> str:
        return " ".join(item.to_typst() for item in self.items)

    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclasses.dataclass(frozen=True)
class Text(Node):
    """Upright words; with a space at each side when something stands beside them."""

    words: str

    def padded(self) -> str:
        return f"\\text{{ {self.words} }}"

    def to_latex(self) -> str:
        return f"\\text{{{self.words}}}"

    def to_typst(self) -> str:
        return quote(self.words)


@dataclasses.dataclass(frozen=True)
class Frac(Node):
    """A fraction."""

    numerator: Node
    denominator: Node

    def to_latex(self) -> str:
        return f"\\frac{_braced(self.numerator)}{_braced(self.denominator)}"

    def to_typst(self) -> str:
        return f"frac({self.numerator.to_typst()}, {self.denominator.to_typst()})"

    def children(self) -> tuple[Node, ...]:
        return self.numerator, self.denominator


@dataclasses.dataclass(frozen=True)
class Binom(Node):
    """A binomial coefficient."""

    upper: Node
    lower: Node

    def to_latex(self) -> str:
        return f"\\binom{_braced(self.upper)}{_braced(self.lower)}"

    def to_typst(self) -> str:
        return f"binom({self.upper.to_typst()}, {self.lower.to_typst()})"

    def children(self) -> tuple[Node, ...]:
        return self.upper, self.lower


@dataclasses.dataclass(frozen=True)
class Root(Node):
    """A square root, or another one when ``degree`` is given."""

    body: Node
    degree: Node | None = None

    def to_latex(self) -> str:
        degree = "" if self.degree is None else f"[{self.degree.to_latex()}]"
        return f"\\sqrt{degree}{_braced(self.body)}"

    def to_typst(self) -> str:
        if self.degree is None:
            return f"sqrt({self.body.to_typst()})"
        return f"root({self.degree.to_typst()}, {self.body.to_typst()})"

    def children(self) -> tuple[Node, ...]:
        return (self.body,) if self.degree is None else (self.degree, self.body)


@dataclasses.dataclass(frozen=True)
class Script(Node):
    """Something with a subscript, a superscript or both; also the limits of sums, integrals and ``\\lim``."""

    base: Node
    sub: Node | None = None
    sup: Node | None = None

    def to_latex(self) -> str:
        sub = "" if self.sub is None else f"_{_braced(self.sub)}"
        sup = "" if self.sup is None else f"^{_braced(self.sup)}"
        return f"{self.base.to_latex()}{sub}{sup}"

    def to_typst(self) -> str:
        sub = "" if self.sub is None else f"_({self.sub.to_typst()})"
        sup = "" if self.sup is None else f"^({self.sup.to_typst()})"
        return f"{self.base.to_typst()}{sub}{sup}"

    def children(self) -> tuple[Node, ...]:
        return tuple(part for part in (self.base, self.sub, self.sup) if part is not None)


@dataclasses.dataclass(frozen=True)
class Fenced(Node):
    """Growing brackets; made by :func:`fenced`, which decides whether they need to grow."""

    left: str
    body: Node
    right: str

    def to_latex(self) -> str:
        left, body, right = f"\\left{self.left}", self.body.to_latex(), f"\\right{self.right}"
        return f"{left}{_gap(left, body)}{body}{right}"

    def to_typst(self) -> str:
        return f"lr({FENCES[self.left]} {self.body.to_typst()} {FENCES[self.right]})"

    def children(self) -> tuple[Node, ...]:
        return (self.body,)


@dataclasses.dataclass(frozen=True)
class Accent(Node):
    """A hat, a bar, an arrow … over one part."""

    name: str
    body: Node

    def to_latex(self) -> str:
        return f"{self.name}{_braced(self.body)}"

    def to_typst(self) -> str:
        return f"{ACCENTS[self.name]}({self.body.to_typst()})"

    def children(self) -> tuple[Node, ...]:
        return (self.body,)


@dataclasses.dataclass(frozen=True)
class Letter(Node):
    """One letter of another alphabet, such as ``\\mathbb{R}``."""

    alphabet: str
    letter: str

    def to_latex(self) -> str:
        return f"{self.alphabet}{{{self.letter}}}"

    def to_typst(self) -> str:
        drawn = f"{ALPHABETS[self.alphabet]}({self.letter})"
        return (
            f"upright({drawn})" if self.alphabet == r"\mathbf" else drawn
        )  # TeX's bold is upright, typst's slanted


@dataclasses.dataclass(frozen=True)
class Function(Node):
    """A function or operator with a name of its own, such as ``\\operatorname{Var}``."""

    name: str

    def to_latex(self) -> str:
        return f"\\operatorname{{{self.name}}}"

    def to_typst(self) -> str:
        return f"op({quote(self.name)})"


@dataclasses.dataclass(frozen=True)
class Brace(Node):
    """A brace over or under a part, with a label."""

    side: Literal["over", "under"]
    body: Node
    label: Node

    def to_latex(self) -> str:
        mark = "^" if self.side == "over" else "_"
        return f"\\{self.side}brace{_braced(self.body)}{mark}{_braced(self.label)}"

    def to_typst(self) -> str:
        return f"{self.side}brace({self.body.to_typst()}, {self.label.to_typst()})"

    def children(self) -> tuple[Node, ...]:
        return self.body, self.label


@dataclasses.dataclass(frozen=True)
class Matrix(Node):
    """Rows of cells in brackets; ``kind`` is a LaTeX environment of :data:`MATRICES`."""

    kind: str
    rows: tuple[tuple[Node, ...], ...]

    def to_latex(self) -> str:
        return _environment(self.kind, self.rows)

    def to_typst(self) -> str:
        rows = "; ".join(", ".join(cell.to_typst() for cell in cells) for cells in self.rows)
        return f"mat(delim: {MATRICES[self.kind]}, {rows})"

    def children(self) -> tuple[Node, ...]:
        return tuple(cell for cells in self.rows for cell in cells)


@dataclasses.dataclass(frozen=True)
class Cases(Node):
    """Values and their conditions after one large brace."""

    rows: tuple[tuple[Node, Node], ...]

    def to_latex(self) -> str:
        return _environment("cases", self.rows)

    def to_typst(self) -> str:
        rows = ", ".join(
            f"{value.to_typst()} quad & {condition.to_typst()}" for value, condition in self.rows
        )
        return f"cases({rows})"

    def children(self) -> tuple[Node, ...]:
        return tuple(cell for cells in self.rows for cell in cells)


@dataclasses.dataclass(frozen=True)
class Aligned(Node):
    """Several lines, aligned before the second part of each. Stands alone, never inside a row."""

    rows: tuple[tuple[Node, Node], ...]

    def to_latex(self) -> str:
        return _environment("aligned", self.rows)

    def to_typst(self) -> str:
        return " \\ ".join(f"{left.to_typst()} & {right.to_typst()}" for left, right in self.rows)

    def children(self) -> tuple[Node, ...]:
        return tuple(cell for cells in self.rows for cell in cells)


EMPTY = Row(())


def row(*parts: Node | str) -> Node:
    """Parts side by side: strings are atoms, rows inside are opened, a single part stays itself."""
    items: list[Node] = []
    for part in parts:
        node = Atom(part) if isinstance(part, str) else part
        items.extend(node.items if isinstance(node, Row) else (node,))
    return items[0] if len(items) == 1 else Row(tuple(items))


def fenced(left: str, body: Node, right: str) -> Node:
    """Brackets around a part; plain characters where nothing inside is taller than a line."""
    if left in PLAIN_FENCES and right in PLAIN_FENCES and not is_tall(body):
        return row(left, body, right)
    return Fenced(left, body, right)


def is_tall(node: Node) -> bool:
    """Whether brackets around this part have to grow."""
    if isinstance(node, Frac | Binom | Matrix | Cases | Aligned | Brace):
        return True
    if isinstance(node, Atom):
        return node.latex in LARGE
    if isinstance(node, Script):
        return is_tall(node.base)
    return any(is_tall(child) for child in node.children())


_LEAVES = frozenset({Atom, Letter, Text, Function})


def count_symbols(node: Node) -> int:
    """How many signs a formula shows: what its answer's length grows with."""
    count, waiting = 0, [node]
    while waiting:
        part = waiting.pop()
        kind = type(part)
        count += kind is not Row and kind is not Script
        if kind not in _LEAVES:
            waiting += part.children()
    return count


def join_latex(pieces: list[str]) -> str:
    """Pieces of LaTeX side by side, with a space only where two would run together or read badly."""
    text = ""
    for piece in pieces:
        text += _gap(text, piece) + piece
    return text


def _gap(before: str, after: str) -> str:
    if not before or not after:
        return ""
    wordy_end = before[-1].isalnum() or before[-1] in ")]}|"
    if after[0] == "\\":
        return " " if wordy_end and not after.startswith(r"\}") else ""
    if not after[0].isalnum():
        return ""
    return " " if wordy_end else ""


def _braced(node: Node) -> str:
    return "{" + node.to_latex() + "}"


def _environment(name: str, rows: tuple[tuple[Node, ...], ...]) -> str:
    lines = " \\\\ ".join(" & ".join(cell.to_latex() for cell in cells) for cells in rows)
    return f"\\begin{{{name}}} {lines} \\end{{{name}}}"


def _is_letter_or_number(text: str) -> bool:
    if not text.isascii():
        return False
    return (len(text) == 1 and text.isalpha()) or text.replace(".", "", 1).isdigit()
