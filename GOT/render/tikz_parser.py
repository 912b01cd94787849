r"""TikZ, as far as GOT writes it, to shapes: lines, curves, circles, arcs, plots, labels; loops are bounded.

A statement that is not understood is listed, so that the writer can say so; the rest is drawn.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator

from GOT.render.tikz_numbers import evaluate

MAX_STATEMENTS = 4000  # after loops are unrolled
MAX_POINTS = 60_000
MAX_SAMPLES = 200
MAX_NESTING = 8

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]  # x' = a x + c y + e, y' = b x + d y + f
Segment = tuple[str, tuple[Point, ...]]  # ("M" | "L" | "C" | "Z", points)

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
LINE_WIDTHS = {  # pt
    "ultra thin": 0.1, "very thin": 0.2, "thin": 0.4, "semithick": 0.6, "thick": 0.8, "very thick": 1.2,
    "ultra thick": 1.6, "help lines": 0.2,
}  # fmt: skip
COLORS = {
    "black": "currentColor", "white": "#ffffff", "red": "#d62f2f", "green": "#1f9d3a", "blue": "#2f62d9",
    "cyan": "#12a5c0",
    "magenta": "#c9379d", "yellow": "#e3c400", "orange": "#e8833a", "purple": "#8a3fb5", "violet": "#6f3fc0",
    "brown": "#94602f",
    "gray": "#808080", "grey": "#808080", "darkgray": "#555555", "lightgray": "#bbbbbb", "teal": "#158a86",
    "olive": "#7c7c1a",
    "pink": "#e58fb0", "lime": "#8fc41e",
}  # fmt: skip
_ANCHORS: dict[str, Point] = {
    "above": (0, 1), "below": (0, -1), "left": (-1, 0), "right": (1, 0), "above left": (-1, 1), "above right": (1, 1),
    "below left": (-1, -1), "below right": (1, -1),
}  # fmt: skip
_NAMED_ANCHORS: dict[str, Point] = {
    "north": (0, -1), "south": (0, 1), "west": (1, 0), "east": (-1, 0), "north west": (1, -1), "north east": (-1, -1),
    "south west": (1, 1), "south east": (-1, 1), "center": (0, 0), "base": (0, 0), "mid": (0, 0),
}  # fmt: skip
_POSITIONS = {
    "midway": 0.5,
    "near start": 0.25,
    "near end": 0.75,
    "very near start": 0.125,
    "very near end": 0.875,
    "at start": 0.0,
    "at end": 1.0,
}
_STATEMENT = re.compile(
    r"\\(draw|fill|filldraw|path|node|coordinate|clip|shade|shadedraw|foreach|def|pgfmathsetmacro|pgfmathtruncatemacro|begin|end|usetikzlibrary|tikzset|newcommand|tikzstyle|useasboundingbox|pic|matrix|pgfsetlinewidth|edef|let|definecolor|centering|tkz\w+)(?![A-Za-z])"
)
_PUNCTUATION = str.maketrans(
    {"，": ",", "。": ".", "；": ";", "（": "(", "）": ")", "：": ":", "【": "[", "】": "]"}
)


@dataclasses.dataclass(frozen=True)
class Style:
    """How a shape is drawn; lengths in pt."""

    stroke: str = ""
    fill: str = ""
    color: str = "currentColor"
    width: float = 0.4
    dashes: str = ""
    start_arrow: bool = False
    end_arrow: bool = False
    opacity: float = 1.0


@dataclasses.dataclass(frozen=True)
class Curve:
    """A path in centimetres, y upwards."""

    segments: tuple[Segment, ...]
    style: Style


@dataclasses.dataclass(frozen=True)
class Label:
    """A node's text: beside ``at`` in direction ``side`` (0, 0: on it); ``frame`` draws its border."""

    at: Point
    source: str
    side: Point
    distance: float  # pt
    style: Style
    frame: str = ""  # "", "rectangle", "circle"
    padding: float = 3.3  # pt, TikZ's inner sep
    scale: float = 1.0
    rotation: float = 0.0
    minimum: float = 0.0  # pt


@dataclasses.dataclass
class Scene:
    """Everything to draw, in order, and the statements that were not understood."""

    shapes: list[Curve | Label] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class _Scope:
    """Options and names that hold where we stand."""

    style: Style = dataclasses.field(default_factory=Style)
    matrix: Matrix = IDENTITY
    variables: dict[str, float] = dataclasses.field(default_factory=dict)
    domain: tuple[float, float] = (-5.0, 5.0)
    samples: int = 25
    smooth: bool = False
    label: dict[str, str] = dataclasses.field(default_factory=dict)


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
    reader = _Reader()
    scope = _Scope()
    options, start = _bracket(body, 0)
    scope = reader.apply(scope, options, whole=True)
    reader.statements(body[start:], scope, 0)
    return reader.scene


def mend(text: str) -> str:
    """Full-width punctuation to ASCII outside labels' words, comments out; no letter is lost."""
    text = re.sub(r"(?<!\\)%[^\n]*", "", text)
    parts = re.split(r"(\{[^{}]*\})", text)
    return "".join(
        part if index % 2 and not re.search(r"[(\d]", part) else part.translate(_PUNCTUATION)
        for index, part in enumerate(parts)
    )


class _Reader:
    """Fills a scene, statement by statement."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.names: dict[str, Point] = {}
        self.count = 0
        self.points = 0

    def statements(self, text: str, scope: _Scope, depth: int) -> None:
        for statement in _split(text):
            self.count += 1
            if self.count > MAX_STATEMENTS or self.points > MAX_POINTS:
                raise ValueError("the drawing asks for more than a page holds")
            try:
                self.statement(statement, scope, depth)
            except _Unknown:
                self.skip(statement)
            except ValueError as error:
                if "than a page holds" in str(error):
                    raise
                self.skip(statement)

    def skip(self, statement: str) -> None:
        if len(self.scene.skipped) < 100:
            self.scene.skipped.append(" ".join(statement.split())[:200])

    def statement(self, text: str, scope: _Scope, depth: int) -> None:
        found = _STATEMENT.match(text)
        if not found:
            if text.strip():
                raise _Unknown(text)
            return
        name, rest = found[1], text[found.end() :]
        if name == "begin":
            self.environment(rest, scope, depth)
        elif name == "foreach":
            self.loop(rest, scope, depth)
        elif name == "def" or name == "edef":
            macro = re.match(r"\s*(\\[A-Za-z]+)\s*\{(.*)\}\s*;?\s*\Z", rest, re.DOTALL)
            if not macro:
                raise _Unknown(text)
            scope.variables[macro[1]] = evaluate(macro[2], scope.variables)
        elif name.startswith("pgfmath"):
            macro = re.match(r"\s*\{?(\\[A-Za-z]+)\}?\s*\{(.*)\}\s*;?\s*\Z", rest, re.DOTALL)
            if not macro:
                raise _Unknown(text)
            value = evaluate(macro[2], scope.variables)
            scope.variables[macro[1]] = float(int(value)) if "truncate" in name else value
        elif name in ("draw", "fill", "filldraw", "path", "shade", "shadedraw"):
            options, start = _bracket(rest, 0)
            drawn = self.apply(scope, options)
            style = drawn.style
            if name in ("draw", "filldraw", "shadedraw") and not style.stroke:
                style = dataclasses.replace(style, stroke=style.color)
            if name in ("fill", "filldraw", "shade", "shadedraw") and not style.fill:
                style = dataclasses.replace(style, fill=style.color)
            _Path(self, rest[start:], dataclasses.replace(drawn, style=style)).read()
        elif name == "node":
            _Path(self, "node" + rest, scope).read()
        elif name == "coordinate":
            _Path(self, "coordinate" + rest, scope).read()
        elif name in ("useasboundingbox", "usetikzlibrary", "tikzset", "centering"):
            pass
        else:
            raise _Unknown(text)

    def environment(self, rest: str, scope: _Scope, depth: int) -> None:
        found = re.match(r"\s*\{(scope|tikzpicture)\}", rest)
        if not found or depth >= MAX_NESTING:
            raise _Unknown(rest)
        end = rest.rfind("\\end")
        options, start = _bracket(rest, found.end())
        inner = self.apply(scope, options, whole=True)
        inner = dataclasses.replace(inner, variables=dict(inner.variables))
        self.statements(rest[start : end if end > start else len(rest)], inner, depth + 1)

    def loop(self, rest: str, scope: _Scope, depth: int) -> None:
        found = re.match(r"\s*((?:\\[A-Za-z]+\s*/?\s*)+)(?:\[[^\]]*\])?\s*in\s*\{", rest)
        if not found or depth >= MAX_NESTING:
            raise _Unknown(rest)
        variables = re.findall(r"\\[A-Za-z]+", found[1])
        end = _close(rest, found.end() - 1)
        body = rest[end + 1 :].strip()
        if body.startswith("{"):
            body = body[1 : _close(body, 0)]
        for item in _loop_items(rest[found.end() : end], scope.variables):
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
                    raise ValueError("the drawing asks for more than a page holds")
            self.statements(text, inner, depth + 1)

    def apply(self, scope: _Scope, options: str, *, whole: bool = False) -> _Scope:
        """A scope with options applied; ``whole``: of a picture or scope, whose colour draws nothing yet."""
        style, matrix = scope.style, scope.matrix
        changed = dataclasses.replace(scope, label=dict(scope.label))
        for option in _split_options(options):
            key, _, value = (part.strip() for part in option.partition("="))
            value = value[1:-1].strip() if value.startswith("{") and value.endswith("}") else value
            if key in LINE_WIDTHS and not value:
                style = dataclasses.replace(style, width=LINE_WIDTHS[key])
                if key == "help lines":
                    style = dataclasses.replace(style, color=COLORS["gray"])
            elif key == "line width":
                style = dataclasses.replace(
                    style,
                    width=min(
                        max(evaluate(value if value[-1:].isalpha() else value + "pt") * 28.4528, 0.05), 40
                    ),
                )
            elif key in ("dashed", "densely dashed", "loosely dashed"):
                style = dataclasses.replace(
                    style,
                    dashes={"d": "3 3", "de": "3 2", "l": "3 6"}[
                        "d" if key == "dashed" else "de" if key[0] == "d" else "l"
                    ],
                )
            elif key in ("dotted", "densely dotted", "loosely dotted"):
                style = dataclasses.replace(
                    style,
                    dashes={"dotted": "0.4 2", "densely dotted": "0.4 1", "loosely dotted": "0.4 4"}[key],
                )
            elif key in ("dash dot", "dash pattern", "dashdotted"):
                style = dataclasses.replace(style, dashes="3 2 0.4 2")
            elif key == "solid":
                style = dataclasses.replace(style, dashes="")
            elif _is_arrow(option):
                head, _, tail = option.replace(" ", "").partition("-")
                style = dataclasses.replace(style, start_arrow=bool(head), end_arrow=bool(tail))
            elif key in (
                "draw",
                "color",
                "fill",
                "text",
                "pattern color",
                "top color",
                "ball color",
                "inner color",
            ):
                if key == "draw":
                    style = dataclasses.replace(
                        style, stroke="none" if value == "none" else _color(value) or style.color
                    )
                elif key == "color":
                    style = dataclasses.replace(
                        style, color=_color(value) or style.color, stroke="" if whole else style.stroke
                    )
                elif key == "text":
                    changed.label["text"] = _color(value) or style.color
                else:
                    style = dataclasses.replace(
                        style, fill="none" if value == "none" else _color(value) or style.color
                    )
            elif key in ("opacity", "fill opacity", "draw opacity"):
                style = dataclasses.replace(
                    style, opacity=min(max(evaluate(value, scope.variables), 0.0), 1.0)
                )
            elif key in ("scale", "xscale", "yscale"):
                factor = evaluate(value, scope.variables)
                matrix = _combine(
                    matrix, (1 if key == "yscale" else factor, 0, 0, 1 if key == "xscale" else factor, 0, 0)
                )
                if key == "scale":
                    changed.label["scale"] = str(factor)
            elif key == "rotate":
                angle = math.radians(evaluate(value, scope.variables))
                matrix = _combine(
                    matrix, (math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle), 0, 0)
                )
                changed.label["rotate"] = value
            elif key == "rotate around":
                angle_text, _, center = value.partition(":")
                angle = math.radians(evaluate(angle_text, scope.variables))
                x, y = self.point(center, changed)
                turn = (math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle), 0.0, 0.0)
                matrix = _combine(_combine(_combine(matrix, (1, 0, 0, 1, x, y)), turn), (1, 0, 0, 1, -x, -y))
            elif key in ("x", "y") and value and not value.startswith("("):
                factor = evaluate(value, scope.variables)
                matrix = _combine(matrix, (factor, 0, 0, 1, 0, 0) if key == "x" else (1, 0, 0, factor, 0, 0))
            elif key in ("xshift", "yshift"):
                amount = evaluate(value if value[-1:].isalpha() else value + "pt", scope.variables)
                matrix = _combine(
                    matrix, (1, 0, 0, 1, amount, 0) if key == "xshift" else (1, 0, 0, 1, 0, amount)
                )
            elif key == "shift":
                x, y = self.raw_point(value, changed)
                matrix = _combine(matrix, (1, 0, 0, 1, x, y))
            elif key == "domain":
                low, _, high = value.partition(":")
                changed.domain = (evaluate(low, scope.variables), evaluate(high, scope.variables))
            elif key == "samples":
                changed.samples = max(2, min(int(evaluate(value, scope.variables)), MAX_SAMPLES))
            elif key in ("smooth", "smooth cycle"):
                changed.smooth = True
            elif (
                key in _ANCHORS
                or key in _POSITIONS
                or key
                in (
                    "anchor",
                    "pos",
                    "inner sep",
                    "outer sep",
                    "circle",
                    "rectangle",
                    "minimum size",
                    "minimum width",
                    "minimum height",
                    "sloped",
                    "bend left",
                    "bend right",
                    "out",
                    "in",
                    "font",
                    "shape",
                    "start angle",
                    "end angle",
                    "delta angle",
                    "radius",
                    "x radius",
                    "y radius",
                    "step",
                    "label",
                    "node font",
                )
            ):
                changed.label[key] = value
            elif not value and (color := _color(key)):
                style = dataclasses.replace(style, color=color)
                if not whole and style.stroke not in ("", "none"):
                    style = dataclasses.replace(style, stroke=color)
        changed.style, changed.matrix = style, matrix
        return changed

    # -- coordinates --

    def point(self, text: str, scope: _Scope) -> Point:
        """A coordinate in the picture's centimetres."""
        text = text.strip()
        if text.startswith("(") and text.endswith(")") and _close(text, 0, "()") == len(text) - 1:
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
        return _transform(scope.matrix, self.raw_point(text, scope))

    def raw_point(self, text: str, scope: _Scope) -> Point:
        """``x,y`` or ``angle:radius`` before transformation."""
        text = text.strip()
        if text.startswith("(") and text.endswith(")"):
            text = text[1:-1]
        if text.strip() in self.names:
            return self.names[text.strip()]
        text = re.sub(r"\A\s*(?:canvas|xy|xyz|polar)?\s*cs\s*:", "", text)
        parts = _split_options(text)
        if len(parts) == 2:
            return evaluate(parts[0], scope.variables), evaluate(parts[1], scope.variables)
        if len(parts) == 3:  # a third axis, as TikZ draws it
            x, y, z = (evaluate(part, scope.variables) for part in parts)
            return x - 0.385 * z, y - 0.385 * z
        angle, colon, radius = text.partition(":")
        if not colon:
            raise _Unknown(text)
        turn, far = math.radians(evaluate(angle, scope.variables)), evaluate(radius, scope.variables)
        return far * math.cos(turn), far * math.sin(turn)

    def calculated(self, text: str, scope: _Scope) -> Point:
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
            raise _Unknown(text)
        return x, y


class _Unknown(ValueError):
    """Something that this parser does not read."""


_OPERATION = re.compile(
    r"--\s*cycle|cycle|--|-\||\|-|\.\.|to\b|edge\b|rectangle\b|circle\b|ellipse\b|arc\b|grid\b|plot\b|node\b|coordinate\b"
    r"|parabola\b|bend\b|sin\b|cos\b|pic\b|let\b|at\b|in\b|\+\+|\+|\(|\[|;"
)


class _Path:
    """One path: its operations from left to right."""

    def __init__(self, reader: _Reader, text: str, scope: _Scope) -> None:
        self.reader, self.text, self.scope = reader, text, scope
        self.position = 0
        self.segments: list[Segment] = []
        self.here: Point = (0.0, 0.0)
        self.start: Point = (0.0, 0.0)
        self.raw: Point = (0.0, 0.0)
        self.previous: Point = (0.0, 0.0)
        self.labels: list[Curve | Label] = []
        self.pending: list[tuple[dict[str, str], str, _Scope]] = []
        self.dots: list[Curve] = []

    def read(self) -> None:
        operation = "move"
        while True:
            self.blanks()
            if self.position >= len(self.text):
                break
            found = _OPERATION.match(self.text, self.position)
            if not found:
                raise _Unknown(self.text[self.position :])
            word = found[0]
            if word in ("+", "++", "("):
                self.go(self.coordinate(), operation)
                operation = "move"
                continue
            self.position += len(word)
            if word.endswith("cycle"):
                self.segments.append(("Z", ()))
                self.here = self.start
                self.place_pending(self.previous, self.start)
            elif word in ("--", "-|", "|-"):
                operation = word
            elif word == "..":
                operation = self.controls()
            elif word in ("to", "edge"):
                operation = self.curved_to()
            elif word in ("sin", "cos"):
                operation = "--"
            elif word in ("rectangle", "grid"):
                step, _ = self.options()
                self.box(word, step)
            elif word in ("circle", "ellipse"):
                self.circle()
            elif word == "arc":
                self.arc()
            elif word == "plot":
                self.plot(joined=operation == "--")
                operation = "move"
            elif word in ("node", "coordinate"):
                self.node(word)
            elif word == "parabola":
                operation = "--"
            elif word == "pic":
                self.angle_mark()
            elif word == "[":
                self.position -= 1
                options, _ = self.options()
                before = self.scope.style
                self.scope = self.reader.apply(self.scope, options)
                style = self.scope.style
                if before.stroke and style.color != before.color:
                    self.scope.style = dataclasses.replace(style, stroke=style.color)
            elif word == ";":
                continue
            else:
                raise _Unknown(word)
        self.finish()

    def finish(self) -> None:
        drawn = [segment for segment in self.segments if segment[0] != "M"]
        if drawn and (self.scope.style.stroke or self.scope.style.fill):
            self.reader.scene.shapes.append(Curve(tuple(self.segments), self.scope.style))
        self.reader.scene.shapes += self.dots
        if self.pending:
            self.place_pending(self.here, self.here)
        self.reader.scene.shapes += self.labels

    # -- reading --

    def blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def options(self) -> tuple[str, int]:
        text, self.position = _bracket(self.text, self.position)
        return text, self.position

    def coordinate(self) -> Point:
        self.blanks()
        relative = re.compile(r"\+{1,2}").match(self.text, self.position)
        if relative:
            self.position = relative.end()
            self.blanks()
        if not self.text.startswith("(", self.position):
            raise _Unknown(self.text[self.position :])
        end = _close(self.text, self.position, "()")
        inside = self.text[self.position + 1 : end]
        self.position = end + 1
        inside = re.sub(r"\A\s*\[[^\]]*\]", "", inside)
        if relative:
            linear = dataclasses.replace(self.scope, matrix=(*self.scope.matrix[:4], 0.0, 0.0))
            dx, dy = self.reader.point(inside, linear)
            return self.here[0] + dx, self.here[1] + dy
        return self.reader.point(inside, self.scope)

    # -- operations --

    def go(self, target: Point, operation: str) -> None:
        self.previous = self.here
        if operation == "move":
            self.segments.append(("M", (target,)))
            self.start = target
        elif operation == "--":
            self.segments.append(("L", (target,)))
        elif operation in ("-|", "|-"):
            corner = (target[0], self.here[1]) if operation == "-|" else (self.here[0], target[1])
            self.segments += [("L", (corner,)), ("L", (target,))]
        else:
            first, second = self.curve(operation, target)
            self.segments.append(("C", (first, second, target)))
        self.reader.points += 1
        if operation != "move":
            self.place_pending(self.here, target)
        self.here = target

    def controls(self) -> str:
        found = re.compile(r"\s*controls\b").match(self.text, self.position)
        if not found:
            raise _Unknown(self.text[self.position :])
        self.position = found.end()
        self.bezier = [self.coordinate()]
        again = re.compile(r"\s*and\b").match(self.text, self.position)
        if again:
            self.position = again.end()
            self.bezier.append(self.coordinate())
        end = re.compile(r"\s*\.\.").match(self.text, self.position)
        if not end:
            raise _Unknown(self.text[self.position :])
        self.position = end.end()
        return "controls"

    def curved_to(self) -> str:
        options, _ = self.options()
        self.bend = {
            key.strip(): value.strip()
            for key, _, value in (option.partition("=") for option in _split_options(options))
        }
        self.blanks()
        while re.compile(r"node\b").match(self.text, self.position):
            self.position += 4
            self.node("node")
            self.blanks()
        return "to" if {"out", "in", "bend left", "bend right"} & set(self.bend) else "--"

    def curve(self, operation: str, target: Point) -> tuple[Point, Point]:
        if operation == "controls":
            return self.bezier[0], self.bezier[-1]
        (x0, y0), (x1, y1) = self.here, target
        heading = math.degrees(math.atan2(y1 - y0, x1 - x0))
        far = 0.3915 * math.hypot(x1 - x0, y1 - y0)
        variables = self.scope.variables
        if "out" in self.bend or "in" in self.bend:
            out = evaluate(self.bend.get("out") or str(heading), variables)
            into = evaluate(self.bend.get("in") or str(heading + 180), variables)
        else:
            left = "bend left" in self.bend
            angle = evaluate(self.bend["bend left" if left else "bend right"] or "30", variables)
            out, into = (
                (heading + angle, heading + 180 - angle) if left else (heading - angle, heading + 180 + angle)
            )
        out, into = math.radians(out), math.radians(into)
        return (x0 + far * math.cos(out), y0 + far * math.sin(out)), (
            x1 + far * math.cos(into),
            y1 + far * math.sin(into),
        )

    def box(self, word: str, options: str) -> None:
        x0, y0 = self.here
        x1, y1 = self.coordinate()
        if word == "rectangle":
            self.segments += [
                ("M", ((x0, y0),)),
                ("L", ((x1, y0),)),
                ("L", ((x1, y1),)),
                ("L", ((x0, y1),)),
                ("Z", ()),
            ]
        else:
            scope = self.reader.apply(self.scope, options)
            step = evaluate(scope.label["step"], scope.variables) if "step" in scope.label else 1.0
            step *= math.hypot(self.scope.matrix[0], self.scope.matrix[1])
            if step <= 0 or (abs(x1 - x0) + abs(y1 - y0)) / step > 400:
                raise ValueError("the drawing asks for more than a page holds")
            left, right, low, high = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            for index in range(math.ceil(left / step - 1e-9), math.floor(right / step + 1e-9) + 1):
                self.segments += [("M", ((index * step, low),)), ("L", ((index * step, high),))]
            for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
                self.segments += [("M", ((left, index * step),)), ("L", ((right, index * step),))]
        self.here = (x1, y1)
        self.segments.append(("M", (self.here,)))

    def circle(self) -> None:
        options, _ = self.options()
        self.blanks()
        label = self.reader.apply(dataclasses.replace(self.scope, label={}), options).label
        if self.text.startswith("(", self.position):
            end = _close(self.text, self.position, "()")
            inside = self.text[self.position + 1 : end]
            self.position = end + 1
            first, _, second = inside.partition(" and ")
            rx, rx_fixed = self.radius(first)
            ry, _ = self.radius(second) if second else (rx, rx_fixed)
        else:
            rx, rx_fixed = self.radius(label.get("x radius") or label.get("radius") or "1")
            ry, _ = self.radius(label.get("y radius") or label.get("radius") or "1")
        matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0) if rx_fixed else (*self.scope.matrix[:4], 0.0, 0.0)
        self.elliptic(self.here, rx, ry, 0, 360, matrix, closed=True)

    def radius(self, text: str) -> tuple[float, bool]:
        """A radius, and whether it is given in points: those do not grow with the picture."""
        fixed = bool(re.search(r"\d\s*(?:pt|cm|mm|in|ex|em)\b", text))
        return evaluate(text, self.scope.variables), fixed

    def elliptic(
        self, center: Point, rx: float, ry: float, begin: float, end: float, matrix: Matrix, *, closed: bool
    ) -> None:
        """Bézier pieces of at most 90 degrees each."""
        pieces = max(1, min(math.ceil(abs(end - begin) / 90 - 1e-9), 40))
        step = math.radians(end - begin) / pieces
        reach = 4 / 3 * math.tan(step / 4)
        cx, cy = center

        def at(x: float, y: float) -> Point:
            tx, ty = _transform(matrix, (rx * x, ry * y))
            return cx + tx, cy + ty

        angle = math.radians(begin)
        if closed:
            self.segments.append(("M", (at(math.cos(angle), math.sin(angle)),)))
        for _ in range(pieces):
            c0, s0, c1, s1 = math.cos(angle), math.sin(angle), math.cos(angle + step), math.sin(angle + step)
            self.segments.append(
                (
                    "C",
                    (at(c0 - reach * s0, s0 + reach * c0), at(c1 + reach * s1, s1 - reach * c1), at(c1, s1)),
                )
            )
            angle += step
        if closed:
            self.segments += [("Z", ()), ("M", (center,))]
        self.reader.points += pieces

    def arc(self) -> None:
        options, _ = self.options()
        self.blanks()
        label = self.reader.apply(dataclasses.replace(self.scope, label={}), options).label
        variables = self.scope.variables
        if self.text.startswith("(", self.position):
            end = _close(self.text, self.position, "()")
            parts = self.text[self.position + 1 : end].split(":")
            self.position = end + 1
            if len(parts) != 3:
                raise _Unknown(self.text)
            begin, stop = evaluate(parts[0], variables), evaluate(parts[1], variables)
            first, _, second = parts[2].partition(" and ")
            rx = evaluate(first, variables)
            ry = evaluate(second, variables) if second else rx
        else:
            begin = evaluate(label.get("start angle", "0"), variables)
            stop = (
                evaluate(label["end angle"], variables)
                if "end angle" in label
                else begin + evaluate(label.get("delta angle", "90"), variables)
            )
            rx = evaluate(label.get("x radius") or label.get("radius") or "1", variables)
            ry = evaluate(label.get("y radius") or label.get("radius") or "1", variables)
        if abs(stop - begin) > 3600:
            raise ValueError("an arc turns too often")
        matrix: Matrix = (*self.scope.matrix[:4], 0.0, 0.0)
        dx, dy = _transform(matrix, (rx * math.cos(math.radians(begin)), ry * math.sin(math.radians(begin))))
        center = (self.here[0] - dx, self.here[1] - dy)
        if not self.segments:
            self.segments.append(("M", (self.here,)))
        self.elliptic(center, rx, ry, begin, stop, matrix, closed=False)
        self.previous, self.here = self.here, self.segments[-1][1][-1]
        self.place_pending(self.previous, self.here)

    def plot(self, *, joined: bool) -> None:
        options, _ = self.options()
        scope = self.reader.apply(self.scope, options)
        self.blanks()
        variable = re.search(r"variable\s*=\s*\{?(\\[A-Za-z]+)", options)
        name = variable[1] if variable else "\\x"
        listed = re.compile(r"coordinates\s*\{").match(self.text, self.position)
        points: list[Point] = []
        if listed:
            start = listed.end() - 1
            end = _close(self.text, start)
            inside, self.position = self.text[start + 1 : end], end + 1
            points = [
                self.reader.point(item, scope)
                for item in re.findall(r"\((?:[^()]|\([^()]*\))*\)", inside)[:2000]
            ]
        elif self.text.startswith("(", self.position):
            end = _close(self.text, self.position, "()")
            inside, self.position = self.text[self.position + 1 : end], end + 1
            low, high = scope.domain
            for index in range(scope.samples):
                value = low + (high - low) * index / (scope.samples - 1)
                point_scope = dataclasses.replace(scope, variables={**scope.variables, name: value})
                try:
                    points.append(self.reader.point(f"({inside})", point_scope))
                except _Unknown:
                    raise
                except ValueError:
                    continue  # outside the function's domain
        if len(points) < 2:
            raise _Unknown(self.text)
        self.reader.points += len(points)
        self.segments.append(("L" if joined else "M", (points[0],)))
        if scope.smooth:
            self.segments += _smooth(points)
        else:
            self.segments += [("L", (point,)) for point in points[1:]]
        self.previous, self.here = points[-2], points[-1]

    def node(self, word: str) -> None:
        """``node[options](name) at (x,y) {text}`` in any order of its parts."""
        options, at, name = "", None, ""
        while True:
            self.blanks()
            if self.text.startswith("[", self.position):
                more, _ = self.options()
                options += "," + more
            elif at_word := re.compile(r"at\s*(?=\(|\$|\\)").match(self.text, self.position):
                self.position = at_word.end()
                at = self.coordinate()
            elif self.text.startswith("(", self.position) and (word == "node" or not name):
                end = _close(self.text, self.position, "()")
                name = self.text[self.position + 1 : end].strip()
                self.position = end + 1
            else:
                break
        source = ""
        if word == "node":
            if not self.text.startswith("{", self.position):
                raise _Unknown(self.text)
            end = _close(self.text, self.position)
            source = self.text[self.position + 1 : end]
            self.position = end + 1
        scope = dataclasses.replace(
            self.scope, label={}, style=dataclasses.replace(self.scope.style, stroke="", fill="")
        )
        scope = self.reader.apply(scope, options)
        place = at or self.here
        if name:
            self.reader.names[name] = place
        if word == "coordinate":
            named = re.search(r"label\s*=\s*(?:\{?\s*([a-z ]+|-?\d+)\s*:\s*)?\{?(.+?)\}?\s*(?:,|\Z)", options)
            if named:
                side = _ANCHORS.get((named[1] or "above").strip(), (0.0, 1.0))
                self.labels.append(Label(place, named[2], side, 3, scope.style))
            return
        follows = at is None and re.compile(r"\s*(?:\(|\+)").match(self.text, self.position) and self.segments
        if at is None and (set(scope.label) & (set(_POSITIONS) | {"pos", "sloped"}) or follows):
            if follows:
                self.pending.append((scope.label, source, scope))
            else:
                self.label(scope.label, source, scope, self.previous, self.here)
            return
        self.label(scope.label, source, scope, place, place)

    def place_pending(self, start: Point, end: Point) -> None:
        for label, source, scope in self.pending:
            self.label(label, source, scope, start, end)
        self.pending = []

    def label(self, options: dict[str, str], source: str, scope: _Scope, start: Point, end: Point) -> None:
        share = (
            evaluate(options["pos"])
            if options.get("pos")
            else next((_POSITIONS[key] for key in options if key in _POSITIONS), 0.5)
        )
        side, distance = (0.0, 0.0), 0.0
        for key, value in options.items():
            if key in _ANCHORS:
                side = _ANCHORS[key]
                if value and " of " not in f" {value} ":
                    distance = (
                        evaluate(value if value[-1:].isalpha() else value + "cm", scope.variables) * 28.4528
                    )
            elif key == "anchor":
                side = _NAMED_ANCHORS.get(value, (0.0, 0.0))
        at = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
        shift = scope.matrix
        if shift[4:] != self.scope.matrix[4:]:  # xshift, yshift of the node alone
            at = (at[0] + shift[4] - self.scope.matrix[4], at[1] + shift[5] - self.scope.matrix[5])
        frame = "circle" if "circle" in options or options.get("shape") == "circle" else "rectangle"
        style = scope.style
        drawn = style.stroke not in ("", "none") or style.fill not in ("", "none")
        style = dataclasses.replace(style, color=options.get("text", style.color))
        size = re.search(
            r"\\(tiny|scriptsize|footnotesize|small|large|Large|LARGE|huge|Huge)",
            options.get("font", "") + source[:20],
        )
        scale = (
            {
                "tiny": 0.5,
                "scriptsize": 0.7,
                "footnotesize": 0.8,
                "small": 0.9,
                "large": 1.2,
                "Large": 1.44,
                "LARGE": 1.73,
                "huge": 2.07,
                "Huge": 2.49,
            }.get(size[1], 1.0)
            if size
            else 1.0
        )
        if "scale" in options:
            scale *= min(max(abs(evaluate(options["scale"])), 0.1), 6)
        rotation = evaluate(options["rotate"], scope.variables) if "rotate" in options else 0.0
        if "sloped" in options and start != end:
            rotation = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
            rotation = (rotation + 90) % 180 - 90
        padding = evaluate(_with_unit(options["inner sep"])) * 28.4528 if options.get("inner sep") else 3.3
        minimum = next(
            (
                evaluate(_with_unit(options[key])) * 28.4528
                for key in ("minimum size", "minimum width", "minimum height")
                if options.get(key)
            ),
            0.0,
        )
        self.labels.append(
            Label(
                at, source, side, distance, style, frame if drawn else "", padding, scale, rotation, minimum
            )
        )

    def angle_mark(self) -> None:
        """``pic {angle = A--B--C}`` and ``right angle``."""
        options, _ = self.options()
        self.blanks()
        found = re.compile(r"\{\s*(right )?angle\s*=\s*([\w']+)\s*--\s*([\w']+)\s*--\s*([\w']+)\s*\}").match(
            self.text, self.position
        )
        if not found or any(found[index] not in self.reader.names for index in (2, 3, 4)):
            raise _Unknown(self.text)
        self.position = found.end()
        a, b, c = (self.reader.names[found[index]] for index in (2, 3, 4))
        radius_text = re.search(r"angle radius\s*=\s*([\d.]+\s*(?:cm|mm|pt)?)", options)
        radius = evaluate(radius_text[1]) if radius_text else 0.5
        begin = math.degrees(math.atan2(a[1] - b[1], a[0] - b[0]))
        end = math.degrees(math.atan2(c[1] - b[1], c[0] - b[0]))
        end += 360 if end < begin else 0

        def at(degrees: float, far: float) -> Point:
            return b[0] + far * math.cos(math.radians(degrees)), b[1] + far * math.sin(math.radians(degrees))

        if found[1]:
            side = radius * 0.7
            p, q = at(begin, side), at(end, side)
            self.segments += [("M", (p,)), ("L", ((p[0] + q[0] - b[0], p[1] + q[1] - b[1]),)), ("L", (q,))]
        else:
            self.segments.append(("M", (at(begin, radius),)))
            self.elliptic(b, radius, radius, begin, end, IDENTITY, closed=False)
        text = re.search(r"\"([^\"]*)\"", options)
        if text:
            self.labels.append(
                Label(at((begin + end) / 2, radius * 1.5), text[1], (0.0, 0.0), 0, self.scope.style)
            )
        if not self.scope.style.stroke:
            self.scope.style = dataclasses.replace(self.scope.style, stroke=self.scope.style.color)


# -- text helpers --


def _split(text: str) -> Iterator[str]:
    r"""Statements: up to a ``;``, or to the next statement's command where the ``;`` was forgotten."""
    position = 0
    while position < len(text):
        found = _STATEMENT.search(text, position)
        if not found:
            if rest := text[position:].strip(" \n\t;"):
                yield rest
            return
        if before := text[position : found.start()].strip(" \n\t;"):
            yield before
        name = found[1]
        if name == "begin":
            end = _end_of_environment(text, found.start())
        elif name == "foreach":
            end = _end_of_loop(text, found.end())
        elif name in (
            "def",
            "edef",
            "pgfmathsetmacro",
            "pgfmathtruncatemacro",
            "newcommand",
            "tikzset",
            "usetikzlibrary",
        ):
            end = _end_of_macro(text, found.end())
        else:
            end = _end_of_path(text, found.end())
        yield text[found.start() : end].strip(" \n\t;")
        position = max(end, found.end())


def _end_of_path(text: str, start: int) -> int:
    depth = 0
    for found in re.compile(r"[{}\[\]();]|\\[A-Za-z]+").finditer(text, start):
        mark = found[0]
        if mark in "{[(":
            depth += 1
        elif mark in "}])":
            depth -= 1
        elif mark == ";" and depth <= 0:
            return found.end()
        elif mark[0] == "\\" and depth <= 0 and _STATEMENT.match(mark + " "):
            return found.start()
    # A bracket that never closes swallows no more than its own line.
    line = text.find("\n", start)
    return len(text) if depth <= 0 or line < 0 else line + 1


def _end_of_environment(text: str, start: int) -> int:
    depth = 0
    for found in re.compile(r"\\(begin|end)\s*\{[A-Za-z]*\}").finditer(text, start):
        depth += 1 if found[1] == "begin" else -1
        if depth == 0:
            return found.end()
    return len(text)


def _end_of_loop(text: str, start: int) -> int:
    brace = text.find("{", start)
    if brace < 0:
        return len(text)
    after = _close(text, brace) + 1
    while after < len(text) and text[after].isspace():
        after += 1
    if text.startswith("{", after):
        return _close(text, after) + 1
    if text.startswith("\\foreach", after):
        return _end_of_loop(text, after + len("\\foreach"))
    found = _STATEMENT.match(text, after)
    return _end_of_path(text, found.end() if found else after)


def _end_of_macro(text: str, start: int) -> int:
    found = re.compile(r"\s*(?:\\[A-Za-z]+|\{\\?[A-Za-z]+\})?\s*(?:\[[^\]]*\])?\s*").match(text, start)
    position = found.end() if found else start
    return _close(text, position) + 1 if text.startswith("{", position) else position


def _close(text: str, start: int, pair: str = "{}") -> int:
    """Index of the bracket that closes the one at ``start``; the last index where none does."""
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == pair[0]) - (text[index] == pair[1])
        if depth == 0:
            return index
    return len(text) - 1


def _bracket(text: str, start: int) -> tuple[str, int]:
    """An option list ``[...]`` at or after ``start`` and the index behind it."""
    begin = start
    while begin < len(text) and text[begin].isspace():
        begin += 1
    if not text.startswith("[", begin):
        return "", start
    depth = 0
    for index in range(begin, len(text)):
        depth += (text[index] in "[{") - (text[index] in "]}")
        if depth == 0:
            return text[begin + 1 : index], index + 1
    return text[begin + 1 :], len(text)


def _split_options(text: str) -> list[str]:
    """Parts between commas that stand in no bracket."""
    parts, depth, begin = [], 0, 0
    for index, character in enumerate(text):
        depth += (character in "{([") - (character in "})]")
        if character == "," and depth == 0:
            parts.append(text[begin:index].strip())
            begin = index + 1
    parts.append(text[begin:].strip())
    return [part for part in parts if part]


def _loop_items(text: str, variables: dict[str, float]) -> list[str]:
    """``1,2,...,9`` and ``a/1, b/2``."""
    items = _split_options(text)
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
            while step and (value - last) * step < -abs(step) * 1e-6 and len(made) < 1000:
                made.append(f"{value:.6g}")
                value += step
        else:
            made.append(item[1:-1] if item.startswith("{") and item.endswith("}") else item)
    return made[:1000]


def _with_unit(text: str) -> str:
    return text if text[-1:].isalpha() else text + "pt"


_TIP = r"(?:<|<<|>|>>|\||stealth'?|latex'?|Stealth|Latex|to|\{[A-Za-z]+(?:\[[^\]]*\])?\})?"
_ARROW = re.compile(f"{_TIP}-{_TIP}")


def _is_arrow(option: str) -> bool:
    return bool(_ARROW.fullmatch(option.replace(" ", "")))


def _color(text: str) -> str:
    """A colour such as ``red`` or ``blue!30!white`` as SVG writes it; ``""`` if it is none."""
    parts = [part.strip() for part in text.split("!")]
    if parts[0] not in COLORS:
        return ""
    if len(parts) == 1:
        return COLORS[parts[0]]
    share = (
        min(max(float(parts[1]), 0.0), 100.0) / 100 if re.fullmatch(r"\d{1,3}(?:\.\d+)?", parts[1]) else 1.0
    )
    first = "#000000" if parts[0] == "black" else COLORS[parts[0]]
    other = parts[2] if len(parts) > 2 and parts[2] in COLORS else "white"
    second = "#000000" if other == "black" else COLORS[other]
    mixed = (
        round(share * int(first[i : i + 2], 16) + (1 - share) * int(second[i : i + 2], 16)) for i in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _transform(matrix: Matrix, point: Point) -> Point:
    a, b, c, d, e, f = matrix
    return a * point[0] + c * point[1] + e, b * point[0] + d * point[1] + f


def _combine(outer: Matrix, inner: Matrix) -> Matrix:
    a, b, c, d, e, f = outer
    p, q, r, s, t, u = inner
    made = (a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f)
    if not all(math.isfinite(value) and abs(value) < 1e6 for value in made):
        raise ValueError("the drawing is scaled out of range")
    return made


def _smooth(points: list[Point]) -> list[Segment]:
    """TikZ's ``smooth`` with its usual tension: tangents follow the neighbours."""
    tension = 0.5 * 0.2775
    made: list[Segment] = []
    for index in range(len(points) - 1):
        before, here, there, behind = (
            points[max(index - 1, 0)],
            points[index],
            points[index + 1],
            points[min(index + 2, len(points) - 1)],
        )
        first = (here[0] + tension * (there[0] - before[0]), here[1] + tension * (there[1] - before[1]))
        second = (there[0] - tension * (behind[0] - here[0]), there[1] - tension * (behind[1] - here[1]))
        made.append(("C", (first, second, there)))
    return made
