"""What a chart says: titles and series of values. It prints itself as OneChart's dict, the answer; draws nothing."""

from __future__ import annotations

import dataclasses
import json
from typing import Literal

import numpy as np

from GOT.data_engine.wording import Wording

ChartKind = Literal["bar", "barh", "grouped", "stacked", "line", "area", "pie", "donut", "scatter"]
KINDS: tuple[ChartKind, ...] = (
    "bar",
    "barh",
    "grouped",
    "stacked",
    "line",
    "area",
    "pie",
    "donut",
    "scatter",
)
NONE = "None"  # OneChart's word for a text that the chart does not have


@dataclasses.dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        kind: How the values are drawn.
        title: Above the chart, or ``"None"``; so for the next three.
        source: Below the chart.
        x_title: Name of the categories' axis.
        y_title: Name of the values' axis.
        categories: Names along the axis (for a scatter, x values).
        series: ``(name, values)``; the values as text, exactly as the answer and the chart's labels spell them.
        unit: ``"%"`` or nothing, at the end of every value.
    """

    kind: ChartKind
    title: str
    source: str
    x_title: str
    y_title: str
    categories: tuple[str, ...]
    series: tuple[tuple[str, tuple[str, ...]], ...]
    unit: str = ""

    def to_dict(self) -> dict[str, object]:
        """OneChart's dict; several series nest as ``{series: {category: value}}``."""
        if len(self.series) == 1 and self.kind not in ("grouped", "stacked"):
            values: dict[str, object] = dict(zip(self.categories, self.series[0][1], strict=True))
        else:
            values = {name: dict(zip(self.categories, row, strict=True)) for name, row in self.series}
        return {
            "title": self.title,
            "source": self.source,
            "x_title": self.x_title,
            "y_title": self.y_title,
            "values": values,
        }

    def to_target(self) -> str:
        """The answer: the dict as JSON on one line, with Chinese as it is."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def numbers(self) -> tuple[tuple[float, ...], ...]:
        """The values of each series as numbers: what is drawn."""
        return tuple(tuple(float(text.removesuffix(self.unit)) for text in row) for _, row in self.series)


def random_chart(
    rng: np.random.Generator,
    wording: Wording,
    *,
    kinds: tuple[str, ...] = KINDS,
    categories: tuple[int, int] = (3, 9),
    series: tuple[int, int] = (2, 4),
) -> Chart:
    """Draw what a chart says: random words as names, random numbers as values.

    Args:
        rng: Where the choices come from.
        wording: Where the words come from.
        kinds: Kinds to choose from.
        categories: Fewest and most categories.
        series: Fewest and most series of kinds that may hold several.
    """
    kind = kinds[int(rng.integers(len(kinds)))]
    count = int(rng.integers(categories[0], categories[1] + 1))
    several = kind in ("grouped", "stacked") or (kind == "line" and rng.random() < 0.6)
    rows = int(rng.integers(series[0], series[1] + 1)) if several else 1
    is_part = kind in ("pie", "donut")
    unit = "%" if is_part or rng.random() < 0.2 else ""
    names = _categories(rng, wording, kind, count)
    size = 10.0 ** (2 if unit else int(rng.integers(1, 6)))  # one for all series: a small one would not show
    has_axes = not is_part
    return Chart(
        kind=kind,  # type: ignore[arg-type]
        title=_maybe(rng, 0.85, wording, 2, 7),
        source=_maybe(rng, 0.35, wording, 1, 4),
        x_title=_maybe(rng, 0.5 if has_axes else 0.0, wording, 1, 2),
        y_title=_maybe(rng, 0.5 if has_axes else 0.0, wording, 1, 3),
        categories=names,
        series=tuple(
            (name, _parts(rng, len(names)) if is_part else _values(rng, len(names), unit, size, kind))
            for name in _distinct(wording, rows, 1, 2)
        ),
        unit=unit,
    )


def _maybe(rng: np.random.Generator, chance: float, wording: Wording, least: int, most: int) -> str:
    if rng.random() >= chance:
        return NONE
    factor = 2 if wording.language == "zh" else 1
    text = wording.words(least * factor, most * factor, markdown=True)
    return text[:1].upper() + text[1:]


def _distinct(wording: Wording, count: int, least: int, most: int) -> list[str]:
    factor = 2 if wording.language == "zh" else 1
    found: dict[str, None] = {}
    for number in range(count * 20):
        if len(found) == count:
            break
        name = wording.words(least * factor, most * factor, markdown=True)
        if len(name) <= 24 and name.lower() not in {other.lower() for other in found}:
            found.setdefault(name)
        elif number > count * 10:
            found.setdefault(f"{name[:10]} {number}")
    return list(found)


def _categories(rng: np.random.Generator, wording: Wording, kind: str, count: int) -> tuple[str, ...]:
    if kind == "scatter":
        places = rng.choice(np.arange(1, 41), size=count, replace=False)
        return tuple(str(value) for value in sorted(places.tolist()))
    if kind in ("line", "area") or rng.random() < 0.25:
        first = int(rng.integers(1950, 2030 - count))
        return tuple(str(first + place) for place in range(count))
    return tuple(_distinct(wording, count, 1, 2))


def _values(rng: np.random.Generator, count: int, unit: str, size: float, kind: str) -> tuple[str, ...]:
    """Values of one magnitude, with as many digits as a chart lets one read."""
    raw = rng.uniform(0.08, 0.98, size=count)
    if kind in ("line", "area") and rng.random() < 0.6:
        walk = np.cumsum(rng.normal(0, 0.12, size=count)) + rng.uniform(0.3, 0.7)
        raw = np.clip(walk, 0.05, 0.99)
    digits = 1 if size <= 100 else 0
    return tuple(f"{value:.{digits}f}{unit}" for value in (raw * size).tolist())


def _parts(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Shares that add up to exactly 100.0 %, none too thin to label."""
    tenths = 1000 - 40 * count
    cuts = np.sort(rng.integers(0, tenths + 1, size=count - 1))
    pieces = np.diff(np.concatenate([[0], cuts, [tenths]])) + 40
    return tuple(f"{piece / 10:.1f}%" for piece in pieces.tolist())
