"""One TikZ path, operation by operation, to curves and labels."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

from GOT.render.tikz import curves, operations
from GOT.render.tikz.nodes import make_label
from GOT.render.tikz.numbers import evaluate
from GOT.render.tikz.scope import Scope, Unknown
from GOT.render.tikz.shapes import (
    ANCHORS,
    POSITIONS,
    Curve,
    Label,
    Point,
    Segment,
)
from GOT.render.tikz.splitting import bracket, close, split_options

if TYPE_CHECKING:
    from GOT.render.tikz.reader import Reader

_OPERATION = re.compile(
    r"--\s*cycle|cycle|--|-\||\|-|\.\.|to\b|edge\b|rectangle\b|circle\b|ellipse\b|arc\b|grid\b|plot\b|node\b|coordinate\b"
    r"|parabola\b|bend\b|sin\b|cos\b|pic\b|let\b|at\b|in\b|\+\+|\+|\(|\[|;"
)


class Path:
    """One path: its operations from left to right."""

    def __init__(self, reader: Reader, text: str, scope: Scope) -> None:
        self.reader, self.text, self.scope = reader, text, scope
        self.position = 0
        self.segments: list[Segment] = []
        self.here: Point = (0.0, 0.0)
        self.start: Point = (0.0, 0.0)
        self.previous: Point = (0.0, 0.0)
        self.labels: list[Curve | Label] = []
        self.pending: list[tuple[str, Scope]] = []
        self.bezier: list[Point] = []  # control points of the piece being read
        self.bend: dict[str, str] = {}  # options of its `to`

    def read(self) -> None:
        operation = "move"
        while True:
            self.blanks()
            if self.position >= len(self.text):
                break
            found = _OPERATION.match(self.text, self.position)
            if not found:
                raise Unknown(self.text[self.position :])
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
                operations.circle(self)
            elif word == "arc":
                operations.arc(self)
            elif word == "plot":
                operations.plot(self, joined=operation == "--")
                operation = "move"
            elif word in ("node", "coordinate"):
                self.node(word)
            elif word == "parabola":
                operation = "--"
            elif word == "pic":
                operations.angle_mark(self)
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
                raise Unknown(word)
        self.finish()

    def finish(self) -> None:
        drawn = [segment for segment in self.segments if segment[0] != "M"]
        if drawn and (self.scope.style.stroke or self.scope.style.fill):
            self.reader.scene.shapes.append(Curve(tuple(self.segments), self.scope.style))
        if self.pending:
            self.place_pending(self.here, self.here)
        self.reader.scene.shapes += self.labels

    # -- reading --

    def blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def options(self) -> tuple[str, int]:
        text, self.position = bracket(self.text, self.position)
        return text, self.position

    def coordinate(self) -> Point:
        self.blanks()
        relative = re.compile(r"\+{1,2}").match(self.text, self.position)
        if relative:
            self.position = relative.end()
            self.blanks()
        if not self.text.startswith("(", self.position):
            raise Unknown(self.text[self.position :])
        end = close(self.text, self.position, "()")
        inside = self.text[self.position + 1 : end]
        self.position = end + 1
        inside = re.sub(r"\A\s*\[[^\]]*\]", "", inside)
        if relative:
            linear = dataclasses.replace(self.scope, matrix=(*self.scope.matrix[:4], 0.0, 0.0))
            dx, dy = self.reader.places.point(inside, linear)
            return self.here[0] + dx, self.here[1] + dy
        return self.reader.places.point(inside, self.scope)

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
            self.segments.append(self.curve(operation, target))
        self.reader.count_points(1)
        if operation != "move":
            self.place_pending(self.here, target)
        self.here = target

    def controls(self) -> str:
        found = re.compile(r"\s*controls\b").match(self.text, self.position)
        if not found:
            raise Unknown(self.text[self.position :])
        self.position = found.end()
        self.bezier = [self.coordinate()]
        again = re.compile(r"\s*and\b").match(self.text, self.position)
        if again:
            self.position = again.end()
            self.bezier.append(self.coordinate())
        end = re.compile(r"\s*\.\.").match(self.text, self.position)
        if not end:
            raise Unknown(self.text[self.position :])
        self.position = end.end()
        return "controls"

    def curved_to(self) -> str:
        options, _ = self.options()
        self.bend = {
            key.strip(): value.strip()
            for key, _, value in (option.partition("=") for option in split_options(options))
        }
        self.blanks()
        while re.compile(r"node\b").match(self.text, self.position):
            self.position += 4
            self.node("node")
            self.blanks()
        return "to" if {"out", "in", "bend left", "bend right"} & set(self.bend) else "--"

    def curve(self, operation: str, target: Point) -> Segment:
        if operation == "controls":
            return ("C", (self.bezier[0], self.bezier[-1], target))
        heading = math.degrees(math.atan2(target[1] - self.here[1], target[0] - self.here[0]))
        variables = self.scope.variables
        if "out" in self.bend or "in" in self.bend:
            out = evaluate(self.bend.get("out") or str(heading), variables)
            into = evaluate(self.bend.get("in") or str(heading + 180), variables)
        else:
            left = "bend left" in self.bend
            angle = evaluate(self.bend["bend left" if left else "bend right"] or "30", variables)
            angle = angle if left else -angle
            out, into = heading + angle, heading + 180 - angle
        return curves.bend(self.here, target, out, into)

    def box(self, word: str, options: str) -> None:
        corner, other = self.here, self.coordinate()
        if word == "rectangle":
            (x0, y0), (x1, y1) = corner, other
            self.segments += [
                ("M", (corner,)),
                ("L", ((x1, y0),)),
                ("L", (other,)),
                ("L", ((x0, y1),)),
                ("Z", ()),
            ]
        else:
            scope = self.reader.apply(self.scope, options)
            step = evaluate(scope.label["step"], scope.variables) if "step" in scope.label else 1.0
            self.segments += curves.grid(corner, other, step * math.hypot(*self.scope.matrix[:2]))
        self.here = other
        self.segments.append(("M", (other,)))

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
                end = close(self.text, self.position, "()")
                name = self.text[self.position + 1 : end].strip()
                self.position = end + 1
            else:
                break
        source = ""
        if word == "node":
            if not self.text.startswith("{", self.position):
                raise Unknown(self.text)
            end = close(self.text, self.position)
            source = self.text[self.position + 1 : end]
            self.position = end + 1
        scope = dataclasses.replace(
            self.scope, label={}, style=dataclasses.replace(self.scope.style, stroke="", fill="")
        )
        scope = self.reader.apply(scope, options)
        place = at or self.here
        if name:
            self.reader.places.names[name] = place
        if word == "coordinate":
            named = re.search(r"label\s*=\s*(?:\{?\s*([a-z ]+|-?\d+)\s*:\s*)?\{?(.+?)\}?\s*(?:,|\Z)", options)
            if named:
                side = ANCHORS.get((named[1] or "above").strip(), (0.0, 1.0))
                self.labels.append(Label(place, named[2], side, 3, scope.style))
            return
        follows = at is None and re.compile(r"\s*(?:\(|\+)").match(self.text, self.position) and self.segments
        if at is None and (set(scope.label) & (set(POSITIONS) | {"pos", "sloped"}) or follows):
            if follows:
                self.pending.append((source, scope))
            else:
                self.label(source, scope, self.previous, self.here)
            return
        self.label(source, scope, place, place)

    def place_pending(self, start: Point, end: Point) -> None:
        for source, scope in self.pending:
            self.label(source, scope, start, end)
        self.pending = []

    def label(self, source: str, scope: Scope, start: Point, end: Point) -> None:
        self.labels.append(make_label(source, scope, self.scope, start, end))

    def add(self, segments: list[Segment]) -> None:
        self.segments += segments
        self.reader.count_points(len(segments))
