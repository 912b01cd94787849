r"""Arithmetic as TikZ writes it: ``{2*sin(30)+\x^2}`` to a number, by a parser; nothing is evaluated as code."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

MAX_DEPTH = 40
PT_PER_CM = 28.4528
LIMIT = 1e6  # larger numbers are no coordinates
CM_PER_UNIT = {
    "cm": 1.0, "mm": 0.1, "pt": 1 / PT_PER_CM, "in": 2.54, "ex": 0.15, "em": 0.35, "bp": 1 / 28.35,
    "px": 1 / PT_PER_CM, "r": 180 / math.pi
}  # fmt: skip

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|(?P<variable>\\[A-Za-z]+)|(?P<name>[A-Za-z]+\d*)|(?P<mark>.))",
    re.DOTALL,
)
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": lambda x: math.sin(math.radians(x)),
    "cos": lambda x: math.cos(math.radians(x)),
    "tan": lambda x: math.tan(math.radians(x)),
    "cot": lambda x: 1 / math.tan(math.radians(x)),
    "asin": lambda x: math.degrees(math.asin(x)),
    "acos": lambda x: math.degrees(math.acos(x)),
    "atan": lambda x: math.degrees(math.atan(x)),
    "sqrt": math.sqrt,
    "exp": math.exp,
    "ln": math.log,
    "log": math.log10,
    "abs": abs,
    "sign": lambda x: math.copysign(1.0, x) if x else 0.0,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "int": int,
    "deg": math.degrees,
    "rad": math.radians,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
}
_TWO: dict[str, Callable[[float, float], float]] = {
    "min": min, "max": max, "pow": math.pow, "mod": math.fmod, "atan2": lambda y,
    x: math.degrees(math.atan2(y, x)), "veclen": math.hypot
}  # fmt: skip


def evaluate(text: str, variables: Mapping[str, float] | None = None) -> float:
    r"""The value of an expression; angles are degrees, lengths centimetres.

    Raises:
        ValueError: If it is no expression, or its value no finite, reasonable number.

    Example:
        >>> evaluate(r"2*\x+10mm", {"\\x": 3})
        7.0
    """
    if len(text) > 500:
        raise ValueError(f"an expression of {len(text)} characters")
    parser = _Parser(text, variables or {})
    try:
        value = parser.sum(0)
    except (OverflowError, ZeroDivisionError, TypeError) as error:
        raise ValueError(f"{text.strip()!r} has no value") from error
    if parser.position < len(parser.tokens):
        raise ValueError(f"{text.strip()!r} is not understood")
    if isinstance(value, complex) or not math.isfinite(value) or abs(value) > LIMIT:
        raise ValueError(f"{text.strip()!r} is out of range")
    return float(value)


class _Parser:
    def __init__(self, text: str, variables: Mapping[str, float]) -> None:
        self.tokens = list(_TOKEN.finditer(text.strip()))
        self.variables = variables
        self.position = 0

    def mark(self) -> str:
        return (self.tokens[self.position]["mark"] or "") if self.position < len(self.tokens) else ""

    def sum(self, depth: int) -> float:
        if depth > MAX_DEPTH:
            raise ValueError("an expression nested too deep")
        value = self.product(depth)
        while (mark := self.mark()) in ("+", "-") and mark:
            self.position += 1
            value = value + self.product(depth) if mark == "+" else value - self.product(depth)
        return value

    def product(self, depth: int) -> float:
        value = self.power(depth)
        while (mark := self.mark()) in ("*", "/") and mark:
            self.position += 1
            value = value * self.power(depth) if mark == "*" else value / self.power(depth)
        return value

    def power(self, depth: int) -> float:
        sign = 1.0
        while (mark := self.mark()) in ("-", "+") and mark:
            sign = -sign if mark == "-" else sign
            self.position += 1
        value = self.atom(depth)
        if self.mark() == "^":
            self.position += 1
            exponent = self.power(depth + 1) if depth < MAX_DEPTH else 1.0
            value = math.pow(value, exponent)
        return sign * value

    def atom(self, depth: int) -> float:
        if self.position >= len(self.tokens):
            raise ValueError("an expression ends too early")
        token = self.tokens[self.position]
        self.position += 1
        if token["number"]:
            value = float(token["number"])
            if (
                self.position < len(self.tokens)
                and (unit := self.tokens[self.position]["name"]) in CM_PER_UNIT
            ):
                self.position += 1
                value *= CM_PER_UNIT[unit]
            return value
        if token["variable"]:
            name = token["variable"]
            if name == "\\pi":
                return math.pi
            if name not in self.variables:
                raise ValueError(f"{name} is not defined")
            value = self.variables[name]
            if self.position < len(self.tokens) and self.tokens[self.position]["name"] == "r":
                self.position += 1
                value = math.degrees(value)
            return value
        if token["name"]:
            return self.function(token["name"], depth)
        if token["mark"] in "({":
            value = self.sum(depth + 1)
            if self.mark() not in (")", "}"):
                raise ValueError("a bracket is not closed")
            self.position += 1
            if self.position < len(self.tokens) and self.tokens[self.position]["name"] == "r":
                self.position += 1
                value = math.degrees(value)
            return value
        raise ValueError(f"{token[0]!r} is no number")

    def function(self, name: str, depth: int) -> float:
        if name == "pi":
            return math.pi
        if name == "e":
            return math.e
        if name in ("rand", "rnd"):
            return 0.5  # the same picture every time
        if self.mark() != "(" and name in _FUNCTIONS:
            return _FUNCTIONS[name](self.power(depth + 1) if depth < MAX_DEPTH else 0.0)
        if self.mark() != "(" or (name not in _FUNCTIONS and name not in _TWO):
            raise ValueError(f"{name!r} is no function")
        self.position += 1
        first = self.sum(depth + 1)
        second = None
        if self.mark() == ",":
            self.position += 1
            second = self.sum(depth + 1)
        if self.mark() != ")":
            raise ValueError("a bracket is not closed")
        self.position += 1
        if name in _TWO:
            if second is None:
                raise ValueError(f"{name} takes two numbers")
            return _TWO[name](first, second)
        return float(_FUNCTIONS[name](first))
