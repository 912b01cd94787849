"""What to make: kinds and their weights, how many, which seed, settings for each kind. From YAML, JSON or flags."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from GOT.data_engine import KINDS
from GOT.data_engine.bases import supported
from GOT.utils import io
from GOT.utils.lazy import require


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A data set that anyone can make again.

    Attributes:
        kinds: Kind to weight.
        count: Samples of the whole.
        seed: Seed of the whole.
        settings: Kind to its settings (fields of the kind's settings class).
        fonts: Font folders or files for every kind that takes them.
        text: Folder of the user's own text for every kind that takes it.
        split: Side of the held-out split, for every kind that takes it; empty: the kind's own default.

    Raises:
        ValueError: For an unknown kind, weights that choose nothing, a count below 1, or a value of another type.
    """

    kinds: Mapping[str, float]
    count: int = 1000
    seed: int = 42
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    fonts: tuple[str, ...] = ()
    text: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        self._check_types()
        for name in (*self.kinds, *self.settings):
            if name not in KINDS:
                raise ValueError(f"There is no kind {name!r}; choose from {', '.join(KINDS)}.")
        weights = self.kinds.values()
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or sum(weights) <= 0:
            raise ValueError(
                f"kinds takes finite weights from 0, at least one above 0; got {dict(self.kinds)}."
            )
        if self.count < 1:
            raise ValueError(f"count takes 1 or more; got {self.count}.")
        if self.split not in (None, "train", "heldout"):
            raise ValueError(f"split takes train or heldout; got {self.split!r}.")

    def _check_types(self) -> None:
        """A recipe file may hold anything: 1e3 is text in YAML, and so is a number in quotes."""
        for name in ("count", "seed"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"{name} takes a whole number; got {value!r}.")
        for kind, weight in self.kinds.items():
            if not isinstance(weight, int | float) or isinstance(weight, bool):
                raise ValueError(f"kinds takes weights that are numbers; {kind} has {weight!r}.")
        if not isinstance(self.settings, Mapping):
            raise ValueError(f"settings takes kinds and their settings; got {self.settings!r}.")
        for kind, settings in self.settings.items():
            if not isinstance(settings, Mapping):
                raise ValueError(f"settings of {kind} are names and values; got {settings!r}.")
        if isinstance(self.fonts, str) or not all(isinstance(font, str | Path) for font in self.fonts):
            raise ValueError(f"fonts takes a list of paths; got {self.fonts!r}.")
        if not isinstance(self.text, str | Path | None):
            raise ValueError(f"text takes the path of a folder; got {self.text!r}.")

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no recipe; the message names the first thing wrong.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"No recipe {path}; it is a YAML or JSON file with kinds, count, seed, settings."
            )
        if path.suffix == ".json":
            values = io.read_json(path)
        else:
            yaml = require("yaml", extra="synth")
            try:
                values = yaml.safe_load(path.read_text(encoding="utf-8"))
            except yaml.YAMLError as error:
                raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
        if not isinstance(values, dict) or not isinstance(values.get("kinds"), dict):
            raise ValueError(f"{path} needs kinds, e.g. kinds: {{plain_en: 0.5, line_en: 0.5}}.")
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"{path} has {unknown[0]!r}, which is no part of a recipe; it may have {', '.join(known)}."
            )
        if isinstance(values.get("fonts"), list):
            values["fonts"] = tuple(values["fonts"])
        elif isinstance(values.get("fonts"), str):
            values["fonts"] = (values["fonts"],)
        return cls(**{name: value for name, value in values.items() if value is not None})

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON values, always in the same order."""
        return json.loads(json.dumps(dataclasses.asdict(self), sort_keys=True))

    def counts(self) -> dict[str, int]:
        """How many samples of each kind: the weights' shares of ``count``, largest remainders rounded up."""
        total = sum(self.kinds.values())
        exact = {name: self.count * weight / total for name, weight in self.kinds.items()}
        counts = {name: int(share) for name, share in exact.items()}
        by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
        for name in by_remainder[: self.count - sum(counts.values())]:
            counts[name] += 1
        return counts

    def settings_of(self, kind: str) -> dict[str, Any]:
        """The keywords of one kind's function: what is common and fits, then the kind's own."""
        common: dict[str, Any] = {}
        if self.fonts:
            common["fonts"] = self.fonts
        if self.text:
            common["text"] = self.text
        if self.split:
            common["split"] = self.split
        return {**supported(kind, common), **self.settings.get(kind, {})}


def parse_kinds(text: str) -> dict[str, float]:
    """Read ``plain_en=0.5,formula=0.2`` (or ``plain_en,formula``, equal weights) as typed on a command line.

    Raises:
        ValueError: If a weight is no number, or a kind is named twice.
    """
    kinds: dict[str, float] = {}
    for name, weight in _pairs(text):
        if name in kinds:
            raise ValueError(f"--kinds names {name} twice.")
        try:
            kinds[name] = float(weight) if weight else 1.0
        except ValueError:
            raise ValueError(f"--kinds takes name=weight,…; {weight!r} of {name} is no number.") from None
    return kinds


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = part.partition("=")
        yield name.strip(), weight.strip()
