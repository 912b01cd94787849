"""What the wrappers build on: a weighted choice of other kinds, each drawn with its own settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from GOT.data_engine import KINDS
from GOT.data_engine.sample import Sample
from GOT.utils.lazy import load_entry

Bases = Mapping[str, float]
WRAPPERS = ("fine_box", "fine_color", "crop", "multi_page")


def check_bases(bases: Bases) -> None:
    """Check a wrapper's base kinds.

    Raises:
        ValueError: For an unknown kind, a wrapper, or weights that choose nothing.
    """
    for name in bases:
        if name not in KINDS or name in WRAPPERS:
            choices = ", ".join(kind for kind in KINDS if kind not in WRAPPERS)
            raise ValueError(f"{name!r} is no base kind; choose from {choices}.")
    if not bases or min(bases.values()) < 0 or sum(bases.values()) <= 0:
        raise ValueError(f"bases takes weights of kinds, at least one above 0; got {dict(bases)}.")


def draw_base(
    rng: np.random.Generator,
    bases: Bases,
    settings: Mapping[str, Mapping[str, Any]],
    common: Mapping[str, Any],
) -> Sample:
    """Draw a sample of one of the base kinds.

    Args:
        rng: The random numbers of the wrapper's attempt; the base's index and seed are drawn from them.
        bases: Kind to weight.
        settings: Kind to its settings.
        common: Settings handed to every base that has them (fonts, text, split).

    Raises:
        Rejected: If the base gave up.
    """
    names = list(bases)
    weights = np.cumsum([bases[name] for name in names])
    name = names[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))]
    make = load_entry(KINDS, name, what="kind")
    index, seed = (int(value) for value in rng.integers(0, 2**40, size=2))
    return make(index, seed, **{**supported(name, common), **settings.get(name, {})})


def supported(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a recipe's common settings (``fonts``, ``text``, ``split``) that a kind's function can be given."""
    import inspect

    make = load_entry(KINDS, kind, what="kind")
    parameters = inspect.signature(make).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(settings)
    return {name: value for name, value in settings.items() if name in parameters}
