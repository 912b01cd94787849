"""A chart's dict to plain values: JSON or Python spelling, complete or cut off, never evaluated."""

from __future__ import annotations

import dataclasses
import json
import re

from GOT.render.nodes import Align, Grid
from GOT.render.tabular import make_grid

MAX_DEPTH = 6
MAX_POINTS = 2000

Value = dict[str, "Value"] | list["Value"] | str

_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>[{}\[\]:,])|(?P<string>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|(?P<bare>[^\s{}\[\]:,"'][^{}\[\]:,"'\n]*))""",
    re.DOTALL,
)
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d{1,2})?\Z")


@dataclasses.dataclass(frozen=True)
class ChartData:
    """What a chart shows.

    Attributes:
        title: Its heading; ``""`` where it has none, as the other words.
        source: Where the data are from.
        x_title: The horizontal axis.
        y_title: The vertical axis.
        categories: Along the horizontal axis, in order.
        series: Name -> category -> the value as read (``"24.6%"``). One unnamed series is named ``""``.
        complete: Whether the text ended where its braces close.
    """

    title: str
    source: str
    x_title: str
    y_title: str
    categories: tuple[str, ...]
    series: dict[str, dict[str, str]]
    complete: bool = True


def parse_chart(text: str) -> ChartData:
    """Read a chart's dict.

    Raises:
        ValueError: If it is none.
    """
    parser = _Parser(text)
    value = parser.value(0)
    if not isinstance(value, dict):
        raise ValueError("a chart's data are a dict")
    values = value.get("values", value.get("data", {}))
    if not isinstance(values, dict) or not values:
        raise ValueError("the chart has no values")
    if all(isinstance(item, dict) for item in values.values()):
        series = {name: _flat(item) for name, item in values.items() if isinstance(item, dict)}
    else:
        series = {"": _flat(values)}
    categories = tuple(dict.fromkeys(category for points in series.values() for category in points))
    if not categories or len(categories) * len(series) > MAX_POINTS:
        raise ValueError(f"a chart of {len(categories)} categories and {len(series)} series")
    words = {
        key: item if isinstance(item := value.get(key, ""), str) else ""
        for key in ("title", "source", "x_title", "y_title")
    }
    words = {key: "" if item in ("None", "none", "null") else item for key, item in words.items()}
    return ChartData(**words, categories=categories, series=series, complete=parser.complete)


def to_number(text: str) -> float | None:
    """The number in a value such as ``"24.6%"``, ``"$1,200"`` or ``"3.5k"``; ``None`` if there is none."""
    text = text.strip().strip("$€£¥% ").replace("−", "-")
    factor = 1.0
    if text[-1:] in ("k", "K", "M", "B"):
        factor = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9}[text[-1]]
        text = text[:-1].strip()
    if not any(character.isdigit() for character in text) or not text.isascii() or not _NUMBER.match(text):
        return None
    number = float(text.replace(",", "")) * factor
    return number if abs(number) < 1e15 else None


def to_grid(data: ChartData) -> Grid:
    """The values as a table: a row for each category, a column for each series."""
    names = list(data.series)
    head = [data.x_title, *(name or data.y_title or "value" for name in names)]
    rows = [
        [category, *(data.series[name].get(category, "") for name in names)] for category in data.categories
    ]
    aligns: list[Align] = ["left"]
    aligns += ["right"] * len(names)
    return make_grid([head, *rows], aligns)


def _flat(values: dict[str, Value]) -> dict[str, str]:
    return {
        key: item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        for key, item in values.items()
    }


class _Parser:
    """Reads values; ends quietly where the text ends."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_TOKEN.finditer(text))
        self.position = 0
        self.complete = True

    def peek(self) -> str:
        if self.position >= len(self.tokens):
            self.complete = False
            return ""
        return self.tokens[self.position]["mark"] or "value"

    def value(self, depth: int) -> Value:
        mark = self.peek()
        if mark in ("{", "[") and depth >= MAX_DEPTH:
            raise ValueError(f"a chart's data nested deeper than {MAX_DEPTH}")
        if mark == "{":
            return self.mapping(depth)
        if mark == "[":
            self.position += 1
            items: list[Value] = []
            while self.peek() not in ("]", "", "}"):
                if self.peek() in (",", ":"):
                    self.position += 1
                else:
                    items.append(self.value(depth + 1))
            self.position += 1
            return items
        if mark == "value":
            self.position += 1
            return _scalar(self.tokens[self.position - 1])
        return ""

    def mapping(self, depth: int) -> dict[str, Value]:
        self.position += 1
        made: dict[str, Value] = {}
        while (mark := self.peek()) not in ("}", ""):
            if mark != "value":
                self.position += 1
                continue
            key = _scalar(self.tokens[self.position])
            self.position += 1
            if self.peek() != ":":
                continue
            self.position += 1
            made[key] = self.value(depth + 1)
        self.position += 1
        return made


def _scalar(token: re.Match[str]) -> str:
    text = token["string"]
    if text is None:
        return token["bare"].strip()
    body = text[1:-1] if len(text) > 1 and text[-1] == text[0] else text[1:]
    escapes = {"n": " ", "t": " ", "r": ""}

    def unescape(found: re.Match[str]) -> str:
        if len(found[1]) > 1:
            return chr(int(found[1][1:], 16))
        return escapes.get(found[1], found[1])

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", unescape, body, flags=re.DOTALL)
