"""Random formulas that look like mathematics: statements (equations, limits, sums, systems) filled with expressions.

Chooses trees of :mod:`GOT.data_engine.formula_tree`; draws nothing.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from GOT.data_engine.formula_tree import (
    Accent,
    Aligned,
    Atom,
    Binom,
    Brace,
    Cases,
    Frac,
    Function,
    Letter,
    Matrix,
    Node,
    Root,
    Script,
    Text,
    count_symbols,
    fenced,
    row,
)
from GOT.data_engine.sample import Rejected

LATIN = tuple("abcdfghijklmnpqrstuvwxyz")
CAPITALS = tuple("ABCDEFGHJKLMNPQRSTUVWXYZ")
SMALL_GREEK = (
    r"\alpha", r"\beta", r"\gamma", r"\delta", r"\epsilon", r"\varepsilon", r"\zeta", r"\eta", r"\theta", r"\vartheta",
    r"\kappa", r"\lambda", r"\mu", r"\nu", r"\xi", r"\pi", r"\rho", r"\sigma", r"\tau", r"\phi", r"\varphi", r"\chi",
    r"\psi", r"\omega",
)  # fmt: skip
LARGE_GREEK = (r"\Gamma", r"\Delta", r"\Theta", r"\Lambda", r"\Xi", r"\Phi", r"\Psi", r"\Omega")
COMMON_FUNCTIONS = (
    r"\sin",
    r"\cos",
    r"\tan",
    r"\exp",
    r"\log",
    r"\ln",
    r"\sinh",
    r"\cosh",
    r"\tanh",
    r"\arctan",
)
NAMED_FUNCTIONS = (
    "Var",
    "Cov",
    "tr",
    "rank",
    "diag",
    "sgn",
    "Re",
    "div",
    "curl",
    "softmax",
    "erf",
    "span",
    "id",
)
BLACKBOARD = tuple("RCNZQEPF")
SCRIPT_LETTERS = tuple("LHFNOABDMS")
ACCENTED = tuple(
    letter for letter in LATIN if letter not in "ijl"
)  # TeX keeps the dots of i and j, typst drops them
TRIES = 50  # a formula grows as it is written: about a third overshoot their size, more of the smallest


@dataclasses.dataclass(frozen=True)
class FormulaSize:
    """How large formulas may get; small numbers give a small model something to start on.

    Attributes:
        min_symbols: Fewest signs of a formula, about.
        max_symbols: Most signs; a larger formula is drawn again.
        max_depth: How deep fractions, roots and brackets may nest.
        structures: Allow matrices, cases and aligned lines.
        accents: Allow accents and other alphabets.
    """

    min_symbols: int = 3
    max_symbols: int = 45
    max_depth: int = 3
    structures: bool = True
    accents: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.min_symbols <= self.max_symbols:
            raise ValueError(f"min_symbols..max_symbols must be 1 or more and in order, got {self}.")
        if self.max_depth < 0:
            raise ValueError(f"max_depth counts nesting from 0, got {self.max_depth}.")


SHORT = FormulaSize(min_symbols=1, max_symbols=10, max_depth=1, structures=False, accents=False)


def random_formula(rng: np.random.Generator, size: FormulaSize | None = None) -> Node:
    """Draw one formula.

    Args:
        rng: Where the choices come from.
        size: Limits; :data:`SHORT` is a gentle start.

    Raises:
        Rejected: If no try stayed inside the limits.
    """
    size = size or FormulaSize()
    symbols = 0
    for _ in range(TRIES):
        budget = int(rng.integers(size.min_symbols, size.max_symbols + 1))
        node = _Grammar(rng, size, budget).statement()
        symbols = count_symbols(node)
        if size.min_symbols <= symbols <= size.max_symbols:
            return node
    raise Rejected(f"{symbols} symbols, outside {size.min_symbols}..{size.max_symbols}")


class _Grammar:
    """One formula in the making: a small alphabet of its own and what is left of its size."""

    def __init__(self, rng: np.random.Generator, size: FormulaSize, budget: int) -> None:
        self.rng = rng
        self.size = size
        self.budget = float(budget)
        pool = (*LATIN, *SMALL_GREEK) if rng.random() < 0.6 else LATIN
        self.variables = [
            pool[place] for place in rng.permutation(len(pool))[: int(rng.integers(3, 8))].tolist()
        ]
        large = (*CAPITALS, *LARGE_GREEK)
        self.capitals = [large[place] for place in rng.permutation(len(large))[:3].tolist()]

    # -- small choices

    def pick(self, options: tuple[str, ...] | list[str]) -> str:
        return options[int(self.rng.random() * len(options))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def among(self, *options: str, weights: tuple[float, ...] = ()) -> str:
        if not weights:
            return self.pick(options)
        return options[_weighted(self.rng, weights)]

    # -- leaves

    def variable(self) -> Node:
        self.budget -= 1
        if self.size.accents and self.chance(0.06):
            return Accent(
                self.among(r"\hat", r"\bar", r"\vec", r"\tilde", r"\dot", r"\ddot"), Atom(self.pick(ACCENTED))
            )
        if self.size.accents and self.chance(0.04):
            return Letter(r"\mathbf", self.pick([*ACCENTED, *CAPITALS]))
        return Atom(self.pick(self.capitals if self.chance(0.2) else self.variables))

    def number(self) -> Node:
        self.budget -= 1
        kind = self.rng.random()
        if kind < 0.7:
            return Atom(str(self.rng.integers(1, 10)))
        if kind < 0.9:
            return Atom(str(self.rng.integers(10, 1000)))
        return Atom(f"{self.rng.integers(0, 100)}.{self.rng.integers(1, 100):02d}")

    def index(self) -> Node:
        self.budget -= 1
        kind = self.rng.random()
        if kind < 0.5:
            return Atom(self.pick(("i", "j", "k", "n", "m", "t")))
        if kind < 0.75:
            return Atom(str(self.rng.integers(0, 4)))
        if kind < 0.85:
            return row(self.pick(("i", "j", "n")), self.pick(("+", "-")), "1")
        if kind < 0.93:
            return row(self.pick(("i", "m", "a")), self.pick(("j", "n", "b")))
        return Text(self.pick(("max", "min", "out", "in", "eff", "total", "ref")))

    def set_name(self) -> Node:
        self.budget -= 1
        if self.size.accents:
            letter = Letter(r"\mathbb", self.pick(BLACKBOARD)) if self.chance(0.6) else Letter(
                r"\mathcal", self.pick(SCRIPT_LETTERS)
            )  # fmt: skip
            return Script(letter, sup=self.index()) if self.chance(0.25) else letter
        return Atom(self.pick(CAPITALS))

    def scripted_variable(self) -> Node:
        base = self.variable()
        shape = self.rng.random()
        if shape < 0.35:
            return Script(base, sub=self.index())
        if shape < 0.6:
            return Script(base, sup=self.power())
        if shape < 0.75:
            return Script(base, sub=self.index(), sup=self.power())
        return base

    def power(self) -> Node:
        self.budget -= 1
        kind = self.rng.random()
        if kind < 0.55:
            return Atom(self.pick(("2", "2", "3", "n", "k", "4")))
        if kind < 0.7:
            return row("-", self.pick(("1", "2", "x", "t")))
        if kind < 0.8:
            return Atom(self.pick((r"\prime", "*", r"\dagger", "T")))
        if kind < 0.92:
            return row(self.pick(("2", "n", "i")), self.pick(self.variables))
        return Frac(Atom(self.pick(("1", "3", "n"))), Atom(self.pick(("2", "4", "p"))))

    # -- expressions

    def expression(self, depth: int) -> Node:
        parts: list[Node] = [Atom("-")] if self.chance(0.07) else []
        parts.append(self.term(depth))
        most = int(self.rng.integers(1, 5))
        while len(parts) < 2 * most - 1 and self.budget > 2:
            sign = self.among("+", "-", r"\pm", r"\oplus", r"\cdot", weights=(50, 40, 3, 1, 4))
            parts.extend((Atom(sign), self.term(depth)))
        return row(*parts)

    def term(self, depth: int) -> Node:
        parts: list[Node] = [self.number()] if self.chance(0.3) else []
        most = int(self.rng.integers(1, 4))
        for _ in range(most):
            if parts and self.budget <= 0:
                break
            parts.append(self.factor(depth))
        return row(*parts)

    def factor(self, depth: int) -> Node:
        if depth <= 0 or self.budget <= 1:
            return self.scripted_variable() if self.budget > 0 else self.variable()
        shape = self.rng.random()
        if shape < 0.42:
            return self.scripted_variable()
        if shape < 0.57:
            return Frac(self.expression(depth - 1), self.expression(depth - 1))
        if shape < 0.64:
            return Root(self.expression(depth - 1), self.index_number() if self.chance(0.2) else None)
        if shape < 0.73:
            return self.application(depth)
        if shape < 0.81:
            return self.bracketed(depth)
        if shape < 0.88:
            return self.large_operator(depth)
        if shape < 0.93:
            return self.derivative()
        if shape < 0.95:
            return Binom(self.variable(), self.variable())
        if shape < 0.975 or not self.size.structures:
            return row(self.variable(), *self.arguments(self.among("1", "2", weights=(3, 2))))
        return self.labelled_brace(depth)

    def index_number(self) -> Node:
        self.budget -= 1
        return Atom(self.pick(("3", "4", "n", "k")))

    def arguments(self, count: str) -> tuple[Node, ...]:
        inside: list[Node] = [self.variable()]
        for _ in range(int(count) - 1):
            inside.extend((Atom(","), self.variable()))
        return (Atom("("), *inside, Atom(")"))

    def application(self, depth: int) -> Node:
        name: Node = (
            Function(self.pick(NAMED_FUNCTIONS)) if self.chance(0.15) else Atom(self.pick(COMMON_FUNCTIONS))
        )
        self.budget -= 1
        if isinstance(name, Atom) and self.chance(0.2):
            name = Script(name, sup=Atom("2"))
        if self.chance(0.35) and isinstance(name, Atom | Script):
            return row(name, self.variable())
        return row(name, fenced("(", self.expression(depth - 1), ")"))

    def bracketed(self, depth: int) -> Node:
        left, right = {
            "(": ("(", ")"), "[": ("[", "]"), "|": ("|", "|"), "n": (r"\|", r"\|"), "f": (r"\lfloor", r"\rfloor"),
            "c": (r"\lceil", r"\rceil"), "a": (r"\langle", r"\rangle"),
        }[self.among("(", "[", "|", "n", "f", "c", "a", weights=(12, 3, 3, 2, 1, 1, 2))]  # fmt: skip
        inside = self.expression(depth - 1)
        if left == r"\langle":
            inside = row(self.variable(), ",", self.variable())
        node = fenced(left, inside, right)
        if not self.chance(0.4):
            return node
        power = self.power()
        items = node.children() if type(node).__name__ == "Row" else (node,)
        return row(*items[:-1], Script(items[-1], sup=power))

    def large_operator(self, depth: int) -> Node:
        name = self.among(
            r"\sum", r"\prod", r"\int", r"\iint", r"\oint", r"\bigcup", r"\lim", weights=(9, 3, 9, 1, 1, 1, 3)
        )
        self.budget -= 2
        letter = self.pick(("i", "j", "k", "n"))
        if name == r"\lim":
            target = self.pick((r"\infty", "0", "a", "1"))
            return row(
                Script(Atom(name), sub=row(self.pick(("x", "n", "t")), r"\rightarrow", target)),
                self.term(depth - 1),
            )
        if name in (r"\int", r"\iint", r"\oint"):
            return self.integral(name, depth)
        lower = row(letter, "=", self.pick(("0", "1")))
        upper: Node | None = Atom(self.pick(("n", "N", "m", r"\infty")))
        if self.chance(0.25):
            lower, upper = row(letter, r"\in", self.pick(CAPITALS)), None
        return row(Script(Atom(name), sub=lower, sup=upper), self.term(depth - 1))

    def integral(self, name: str, depth: int) -> Node:
        variable = self.pick(("x", "t", "s", "u", r"\theta"))
        sign: Node = Atom(name)
        if name == r"\int" and self.chance(0.7):
            lower = row("-", r"\infty") if self.chance(0.2) else Atom(self.pick(("0", "a", "1")))
            sign = Script(sign, sub=lower, sup=Atom(self.pick((r"\infty", "1", "b", "T", r"\pi"))))
        elif name != r"\int" or self.chance(0.3):
            sign = Script(sign, sub=Atom(self.pick(("C", "D", "S", r"\Omega", r"\Gamma"))))
        tail = ("d", variable) if name != r"\iint" else ("d", "x", "d", "y")
        return row(sign, self.term(depth - 1), *tail)

    def derivative(self) -> Node:
        mark = self.among("d", r"\partial")
        over, under = self.variable(), self.pick(("x", "t", "y", r"\theta"))
        self.budget -= 2
        if self.chance(0.3):
            return Frac(
                row(Script(Atom(mark), sup=Atom("2")), over), row(mark, Script(Atom(under), sup=Atom("2")))
            )
        return Frac(row(mark, over), row(mark, under))

    def labelled_brace(self, depth: int) -> Node:
        inside = self.expression(depth - 1)
        label: Node = (
            Text(self.pick(("error", "gain", "noise", "bias"))) if self.chance(0.5) else self.index()
        )
        return Brace("under" if self.chance(0.7) else "over", inside, label)

    # -- statements

    def statement(self) -> Node:
        depth = self.size.max_depth
        if self.budget < 4:
            return self.expression(min(depth, 1))
        shapes = {
            self.equation: 40, self.bare_expression: 12, self.inequality: 8, self.membership: 5, self.definition: 8,
            self.probability: 4,
        }  # fmt: skip
        if self.size.structures and self.budget >= 9:
            shapes |= {self.matrix_equation: 9, self.case_equation: 7, self.aligned_lines: 8}
        return list(shapes)[_weighted(self.rng, tuple(shapes.values()))](depth)

    def bare_expression(self, depth: int) -> Node:
        return self.expression(depth)

    def equation(self, depth: int) -> Node:
        relation = self.among("=", r"\approx", r"\equiv", r"\propto", r"\sim", weights=(30, 2, 1, 1, 1))
        left = row(self.variable(), *self.arguments("1")) if self.chance(0.3) else self.term(min(depth, 1))
        parts: list[Node | str] = [left, relation, self.expression(depth)]
        if self.budget > 6 and self.chance(0.4):
            parts.extend(("=", self.expression(depth)))
        return row(*parts)

    def inequality(self, depth: int) -> Node:
        relation = self.pick((r"\leq", r"\geq", "<", ">", r"\ll", r"\neq"))
        parts: list[Node | str] = [self.expression(depth), relation, self.expression(depth)]
        if self.chance(0.25):
            parts.extend((",", r"\quad", r"\forall", self.variable(), r"\in", self.set_name()))
        return row(*parts)

    def membership(self, depth: int) -> Node:
        if self.chance(0.5):
            name = self.variable()
            inside = row(
                self.variable(), r"\in", self.set_name(), r"\mid", self.expression(min(depth, 1)), ">", "0"
            )
            return row(name, "=", fenced(r"\{", inside, r"\}"))
        arrow = self.pick((r"\rightarrow", r"\mapsto"))
        return row(self.variable(), ":", self.set_name(), arrow, self.set_name())

    def definition(self, depth: int) -> Node:
        return row(self.variable(), *self.arguments(self.among("1", "2")), ":", "=", self.expression(depth))

    def probability(self, depth: int) -> Node:
        name: Node = Letter(r"\mathbb", self.pick(("E", "P"))) if self.size.accents else Atom("P")
        inside = (
            row(self.variable(), r"\mid", self.variable()) if self.chance(0.5) else self.term(min(depth, 1))
        )
        return row(name, fenced("[", inside, "]"), self.among("=", r"\leq"), self.expression(depth))

    def matrix_equation(self, depth: int) -> Node:
        kind = self.among("pmatrix", "bmatrix", "vmatrix", weights=(5, 5, 2))
        matrix = self.matrix(kind)
        if self.chance(0.5):
            return row(self.variable(), "=", matrix)
        if self.chance(0.4):
            return row(matrix, self.matrix(kind), "=", self.variable())
        return row(matrix, "=", self.expression(min(depth, 1)))

    def matrix(self, kind: str) -> Node:
        rows, columns = int(self.rng.integers(2, 4)), int(self.rng.integers(1, 4))
        if kind == "vmatrix":
            columns = rows
        sparse = self.chance(0.4)
        return Matrix(kind, tuple(tuple(self.entry(sparse) for _ in range(columns)) for _ in range(rows)))

    def entry(self, sparse: bool) -> Node:
        if sparse and self.chance(0.5):
            self.budget -= 1
            return Atom(self.pick(("0", "1", "0")))
        if self.chance(0.25):
            return self.number()
        if self.chance(0.15):
            return row("-", self.variable())
        return self.scripted_variable()

    def case_equation(self, depth: int) -> Node:
        lines: list[tuple[Node, Node]] = []
        variable = self.pick(("x", "t", "n", "k"))
        for _ in range(int(self.rng.integers(1, 3))):
            relation = self.pick((r"\leq", ">", "<", r"\geq", "="))
            condition: Node = row(variable, relation, self.number())
            if self.chance(0.5):
                condition = row(Text(self.pick(("if", "for"))), condition)
            lines.append((row(self.term(min(depth, 1)), ","), condition))
        last: Node = Text("otherwise") if self.chance(0.7) else row(variable, r"\neq", "0")
        lines.append((row(self.term(min(depth, 1)), ","), last))
        return row(self.variable(), "(", variable, ")", "=", Cases(tuple(lines)))

    def aligned_lines(self, depth: int) -> Node:
        count = int(self.rng.integers(2, 4))
        share = self.budget / count
        lines: list[tuple[Node, Node]] = []
        chain = self.chance(0.5)  # one left side and a chain of equals signs, or a system of equations
        for number in range(count):
            self.budget = share
            left = self.term(min(depth, 1)) if not chain or number == 0 else row()
            lines.append((left, row("=", self.expression(depth))))
        return Aligned(tuple(lines))


def _weighted(rng: np.random.Generator, weights: tuple[float, ...]) -> int:
    """A place by weight; ten times quicker than ``rng.choice``, which checks more."""
    left = float(rng.random()) * sum(weights)
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return place
    return len(weights) - 1
