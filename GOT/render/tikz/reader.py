r"""TikZ, as far as GOT writes it, to a scene: statements, scopes, loops and macros; loops are bounded.

A statement that is not understood is listed, so that the writer can say so; the rest is drawn.
"""

from __future__ import annotations

import dataclasses
import re

from GOT.render.tikz.numbers import evaluate
from GOT.render.tikz.path import Path
from GOT.render.tikz.places import Places, loop_items
from GOT.render.tikz.scope import Scope, Unknown, apply
from GOT.render.tikz.shapes import Scene
from GOT.render.tikz.splitting import STATEMENT, bracket, close, mend, split_statements

MAX_STATEMENTS = 4000  # after loops are unrolled
MAX_POINTS = 60_000
MAX_NESTING = 8


class TooMuch(ValueError):
    """A drawing larger than any page's."""

    def __init__(self) -> None:
        super().__init__("the drawing asks for more than a page holds")


def parse_tikz(text: str) -> Scene:
    """Read a ``tikzpicture``.

    Raises:
        ValueError: If there is none, or it asks for more than a page holds.
    """
    text = mend(text)
    found = re.search(r"\\begin\s*\{tikzpicture\}", text)
    if not found:
        raise ValueError("there is no tikzpicture")
    end = text.rfind("\\end{tikzpicture}")
    body = text[found.end() : end if end > found.end() else len(text)]
    reader = Reader()
    scope = Scope()
    options, start = bracket(body, 0)
    scope = reader.apply(scope, options, whole=True)
    reader.statements(body[start:], scope, 0)
    return reader.scene


class Reader:
    """Fills a scene, statement by statement."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.places = Places()
        self.count = 0
        self.passes = 0  # through loops; those with an empty body count no statement
        self.points = 0

    def statements(self, text: str, scope: Scope, depth: int) -> None:
        for statement in split_statements(text):
            self.count += 1
            if self.count > MAX_STATEMENTS:
                raise TooMuch
            try:
                self.statement(statement, scope, depth)
            except TooMuch:
                raise
            except ValueError:
                self.skip(statement)

    def skip(self, statement: str) -> None:
        if len(self.scene.skipped) < 100:
            self.scene.skipped.append(" ".join(statement.split())[:200])

    def statement(self, text: str, scope: Scope, depth: int) -> None:
        found = STATEMENT.match(text)
        if not found:
            if text.strip():
                raise Unknown(text)
            return
        name, rest = found[1], text[found.end() :]
        if name == "begin":
            self.environment(rest, scope, depth)
        elif name == "foreach":
            self.loop(rest, scope, depth)
        elif name == "def" or name == "edef":
            macro = re.match(r"\s*(\\[A-Za-z]+)\s*\{(.*)\}\s*;?\s*\Z", rest, re.DOTALL)
            if not macro:
                raise Unknown(text)
            scope.variables[macro[1]] = evaluate(macro[2], scope.variables)
        elif name.startswith("pgfmath"):
            macro = re.match(r"\s*\{?(\\[A-Za-z]+)\}?\s*\{(.*)\}\s*;?\s*\Z", rest, re.DOTALL)
            if not macro:
                raise Unknown(text)
            value = evaluate(macro[2], scope.variables)
            scope.variables[macro[1]] = float(int(value)) if "truncate" in name else value
        elif name in ("draw", "fill", "filldraw", "path", "shade", "shadedraw"):
            options, start = bracket(rest, 0)
            drawn = self.apply(scope, options)
            style = drawn.style
            if name in ("draw", "filldraw", "shadedraw") and not style.stroke:
                style = dataclasses.replace(style, stroke=style.color)
            if name in ("fill", "filldraw", "shade", "shadedraw") and not style.fill:
                style = dataclasses.replace(style, fill=style.color)
            Path(self, rest[start:], dataclasses.replace(drawn, style=style)).read()
        elif name == "node":
            Path(self, "node" + rest, scope).read()
        elif name == "coordinate":
            Path(self, "coordinate" + rest, scope).read()
        elif name in ("useasboundingbox", "usetikzlibrary", "tikzset", "centering"):
            pass
        else:
            raise Unknown(text)

    def environment(self, rest: str, scope: Scope, depth: int) -> None:
        found = re.match(r"\s*\{(scope|tikzpicture)\}", rest)
        if not found or depth >= MAX_NESTING:
            raise Unknown(rest)
        end = rest.rfind("\\end")
        options, start = bracket(rest, found.end())
        inner = self.apply(scope, options, whole=True)
        inner = dataclasses.replace(inner, variables=dict(inner.variables))
        self.statements(rest[start : end if end > start else len(rest)], inner, depth + 1)

    def loop(self, rest: str, scope: Scope, depth: int) -> None:
        found = re.match(r"\s*((?:\\[A-Za-z]+\s*/?\s*)+)(?:\[[^\]]*\])?\s*in\s*\{", rest)
        if not found or depth >= MAX_NESTING:
            raise Unknown(rest)
        variables = re.findall(r"\\[A-Za-z]+", found[1])
        end = close(rest, found.end() - 1)
        body = rest[end + 1 :].strip()
        if body.startswith("{"):
            body = body[1 : close(body, 0)]
        for item in loop_items(rest[found.end() : end], scope.variables):
            self.passes += 1
            if self.passes > MAX_STATEMENTS:
                raise TooMuch
            inner = dataclasses.replace(scope, variables=dict(scope.variables))
            text = body
            for variable, value in zip(variables, [*item.split("/"), *[item] * len(variables)], strict=False):
                try:
                    inner.variables[variable] = evaluate(value, inner.variables)
                except ValueError:
                    inner.variables.pop(variable, None)
                shown = value.strip().replace("\\", "\\\\")
                text = re.sub(re.escape(variable) + r"(?![A-Za-z])", shown, text)
                if len(text) > 20_000:
                    raise TooMuch
            self.statements(text, inner, depth + 1)

    def apply(self, scope: Scope, options: str, *, whole: bool = False) -> Scope:
        """A scope with options applied; ``whole``: of a picture or scope."""
        return apply(scope, options, self.places.point, whole=whole)

    def count_points(self, number: int) -> None:
        """Insist that the drawing stays as small as a page's."""
        self.points += number
        if self.points > MAX_POINTS:
            raise TooMuch
