"""Coordinates of TikZ to points: ``(1,2)``, ``(30:2)``, ``(A)``, ``($(A)!0.5!(B)$)``, ``(A |- B)``; items of loops."""

from __future__ import annotations

import math
import re

from GOT.render.tikz.numbers import evaluate
from GOT.render.tikz.scope import Scope, Unknown
from GOT.render.tikz.shapes import Point, transform
from GOT.render.tikz.splitting import close, split_options

MAX_CHARS = 300  # of one coordinate
MAX_ITEMS = 1000  # of one loop


class Places:
    """The coordinates that have names, and how others are read."""

    def __init__(self) -> None:
        self.names: dict[str, Point] = {}

    def point(self, text: str, scope: Scope) -> Point:
        """A coordinate in the picture's centimetres."""
        text = text.strip()
        if len(text) > MAX_CHARS:
            raise Unknown(text[:MAX_CHARS])
        if text.startswith("(") and text.endswith(")") and close(text, 0, "()") == len(text) - 1:
            text = text[1:-1].strip()
        if text in self.names:
            return self.names[text]
        name, _, anchor = text.partition(".")
        if name.strip() in self.names and anchor and not anchor[:1].isdigit():
            return self.names[name.strip()]
        if text.startswith("$"):
            return self.calculated(text.strip("$ "), scope)
        crossed = re.fullmatch(r"(.+?)\s*(\|-|-\|)\s*(.+)", text)
        if crossed:
            first, second = self.point(crossed[1], scope), self.point(crossed[3], scope)
            return (first[0], second[1]) if crossed[2] == "|-" else (second[0], first[1])
        return transform(scope.matrix, self.raw_point(text, scope))

    def raw_point(self, text: str, scope: Scope) -> Point:
        """``x,y`` or ``angle:radius`` before transformation."""
        text = text.strip()
        if text.startswith("(") and text.endswith(")"):
            text = text[1:-1]
        if text.strip() in self.names:
            return self.names[text.strip()]
        text = re.sub(r"\A\s*(?:canvas|xy|xyz|polar)?\s*cs\s*:", "", text)
        parts = split_options(text)
        if len(parts) == 2:
            return evaluate(parts[0], scope.variables), evaluate(parts[1], scope.variables)
        if len(parts) == 3:  # a third axis, as TikZ draws it
            x, y, z = (evaluate(part, scope.variables) for part in parts)
            return x - 0.385 * z, y - 0.385 * z
        angle, colon, radius = text.partition(":")
        if not colon:
            raise Unknown(text)
        turn, far = math.radians(evaluate(angle, scope.variables)), evaluate(radius, scope.variables)
        return far * math.cos(turn), far * math.sin(turn)

    def calculated(self, text: str, scope: Scope) -> Point:
        """``(A)!0.5!(B)``, ``(A)!(C)!(B)`` (the foot of C), ``(A)+(1,2)``, ``0.5*(A)``."""
        between = re.fullmatch(r"(\(.*?\))\s*!\s*(.+?)\s*!\s*(?:(-?[\d.]+)\s*:\s*)?(\([^()]*\))", text)
        if between:
            (ax, ay), (bx, by) = self.point(between[1], scope), self.point(between[4], scope)
            if between[2].startswith("("):
                cx, cy = self.point(between[2], scope)
                length = (bx - ax) ** 2 + (by - ay) ** 2
                share = ((cx - ax) * (bx - ax) + (cy - ay) * (by - ay)) / length if length else 0.0
            else:
                share = evaluate(between[2], scope.variables)
                if re.search(r"(?:cm|mm|pt|in)\s*\Z", between[2]):
                    share /= math.hypot(bx - ax, by - ay) or 1.0
            dx, dy = share * (bx - ax), share * (by - ay)
            turn = math.radians(float(between[3] or 0))
            return ax + dx * math.cos(turn) - dy * math.sin(turn), ay + dx * math.sin(turn) + dy * math.cos(
                turn
            )
        x = y = 0.0
        position = 0
        for term in re.finditer(
            r"\s*([-+]?)\s*(?:([\d.]+|\\[A-Za-z]+|\{[^{}]*\})\s*\*\s*)?(\([^()]*\))\s*", text
        ):
            if term.start() != position:
                break
            position = term.end()
            px, py = self.point(term[3], scope)
            factor = (evaluate(term[2], scope.variables) if term[2] else 1.0) * (-1 if term[1] == "-" else 1)
            x, y = x + factor * px, y + factor * py
        if position != len(text) or not text:
            raise Unknown(text)
        return x, y


def loop_items(text: str, variables: dict[str, float]) -> list[str]:
    """``1,2,...,9`` and ``a/1, b/2``."""
    items = split_options(text)
    made: list[str] = []
    for index, item in enumerate(items):
        if item in ("...", "\\dots", "\\ldots") and index and index + 1 < len(items):
            last = evaluate(items[index + 1], variables)
            previous = evaluate(made[-1], variables)
            step = (
                previous - evaluate(made[-2], variables)
                if len(made) > 1
                else (1.0 if last >= previous else -1.0)
            )
            value = previous + step
            while step and (value - last) * step < -abs(step) * 1e-6 and len(made) < MAX_ITEMS:
                made.append(f"{value:.6g}")
                value += step
        else:
            made.append(item[1:-1] if item.startswith("{") and item.endswith("}") else item)
    return made[:MAX_ITEMS]
