"""LaTeX back to the formula tree that prints it: the proof that an answer holds all that its picture shows.

Reads what :mod:`GOT.data_engine.formula_tree` writes (and other people's LaTeX as far as it uses the same commands).
"""

from __future__ import annotations

import re

from GOT.data_engine.formula_tree import (
    ACCENTS,
    ALPHABETS,
    EMPTY,
    FENCES,
    LARGE,
    MATRICES,
    SYMBOLS,
    Accent,
    Aligned,
    Atom,
    Binom,
    Brace,
    Cases,
    Fenced,
    Frac,
    Function,
    Letter,
    Matrix,
    Node,
    Root,
    Script,
    Text,
    row,
)

_TOKEN = re.compile(
    r"\\(?:text|operatorname|begin|end)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[^\s]", re.DOTALL
)
_WITH_NAME = re.compile(r"\\(text|operatorname|begin|end)\s*\{([^{}]*)\}", re.DOTALL)


def parse_formula(latex: str) -> Node:
    """Read a formula, with or without its ``\\[ … \\]`` or ``\\( … \\)``.

    Raises:
        ValueError: If something is not closed or not known; the message shows where.
    """
    text = latex.strip()
    for left, right in ((r"\[", r"\]"), (r"\(", r"\)")):
        if text.startswith(left) and text.endswith(right):
            text = text[2:-2]
    reader = _Reader(_TOKEN.findall(text))
    node = reader.row(())
    if reader.token is not None:
        raise ValueError(f"LaTeX: {reader.token!r} closes nothing, in {latex!r}.")
    return node


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.place = 0

    @property
    def token(self) -> str | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self, expected: str | None = None) -> str:
        token = self.token
        if token is None or (expected is not None and token != expected):
            wanted = expected or "something"
            raise ValueError(
                f"LaTeX: {wanted!r} expected, found {token or 'the end'!r} after {self.before()!r}."
            )
        self.place += 1
        return token

    def before(self) -> str:
        return " ".join(self.tokens[max(0, self.place - 6) : self.place])

    def row(self, stops: tuple[str, ...]) -> Node:
        items: list[Node] = []
        while self.token is not None and self.token not in stops:
            if self.token in ("}", "&", r"\\", r"\right") or self.token.startswith(r"\end"):
                break
            items.append(self.scripted())
        return row(*items) if items else EMPTY

    def scripted(self) -> Node:
        base = self.part()
        marks: dict[str, Node] = {}
        while self.token in ("_", "^"):
            mark = self.take()
            if mark in marks:
                raise ValueError(f"LaTeX: two {mark!r} on one part after {self.before()!r}.")
            marks[mark] = self.argument()
        return Script(base, sub=marks.get("_"), sup=marks.get("^")) if marks else base

    def argument(self) -> Node:
        if self.token != "{":
            return self.part()
        self.take("{")
        node = self.row(("}",))
        self.take("}")
        return node

    def part(self) -> Node:
        token = self.take()
        if token == "{":
            self.place -= 1
            return self.argument()
        named = _WITH_NAME.fullmatch(token)
        if named:
            return self.named(*named.groups())
        if token in (r"\frac", r"\binom"):
            kind = Frac if token == r"\frac" else Binom
            return kind(self.argument(), self.argument())
        if token == r"\sqrt":
            return self.root()
        if token in ACCENTS:
            return Accent(token, self.argument())
        if token in ALPHABETS:
            letter = self.argument()
            if not isinstance(letter, Atom):
                raise ValueError(f"LaTeX: {token} takes one letter, after {self.before()!r}.")
            return Letter(token, letter.latex)
        if token in (r"\overbrace", r"\underbrace"):
            body = self.argument()
            over = token == r"\overbrace"
            self.take("^" if over else "_")
            return Brace("over" if over else "under", body, self.argument())
        if token == r"\left":
            return self.fence()
        if token in SYMBOLS or token in LARGE or token.isalnum() or token.replace(".", "", 1).isdigit():
            return Atom(token)
        raise ValueError(f"LaTeX: {token!r} is not known, after {self.before()!r}.")

    def root(self) -> Node:
        degree = None
        if self.token == "[":
            self.take("[")
            degree = self.row(("]",))
            self.take("]")
        return Root(self.argument(), degree)

    def fence(self) -> Node:
        left = self.take()
        body = self.row((r"\right",))
        self.take(r"\right")
        right = self.take()
        if left not in FENCES or right not in FENCES:
            raise ValueError(f"LaTeX: no bracket {left!r} … {right!r}, after {self.before()!r}.")
        return Fenced(left, body, right)

    def named(self, command: str, name: str) -> Node:
        if command == "text":
            return Text(name.strip())
        if command == "operatorname":
            return Function(name)
        if command == "end":
            raise ValueError(f"LaTeX: \\end{{{name}}} without its \\begin, after {self.before()!r}.")
        rows = [[self.row(("&", r"\\"))]]
        while self.token in ("&", r"\\"):
            if self.take() == "&":
                rows[-1].append(self.row(("&", r"\\")))
            else:
                rows.append([self.row(("&", r"\\"))])
        if self.take() != f"\\end{{{name}}}":
            raise ValueError(f"LaTeX: \\begin{{{name}}} is not closed, after {self.before()!r}.")
        cells = tuple(tuple(cells) for cells in rows)
        if name in MATRICES:
            return Matrix(name, cells)
        if name in ("cases", "aligned") and all(len(line) == 2 for line in cells):
            pairs = tuple((line[0], line[1]) for line in cells)
            return Cases(pairs) if name == "cases" else Aligned(pairs)
        raise ValueError(f"LaTeX: no environment {name!r} of this form in formulas, after {self.before()!r}.")
