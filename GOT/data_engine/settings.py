"""Keywords (from code, a recipe or a command line) to the frozen settings of a kind, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

Settings = TypeVar("Settings")
COMMON = ("fonts", "text", "split")  # settings of a whole recipe


def build_settings(defaults: Settings, changes: Mapping[str, Any], *, kind: str) -> Settings:
    """The defaults of a kind with some fields changed.

    Lists (as YAML gives them) become tuples; one number stands for a range of one value. What is set for all kinds
    (:data:`COMMON`) passes by those that have no such setting.

    Args:
        defaults: A frozen dataclass.
        changes: Field name to value.
        kind: Name of the kind, for the error.

    Raises:
        ValueError: For a name that is no setting of this kind (the message lists those there are), or a word for a
            number, or no mapping for a mapping.
    """
    if not changes:
        return defaults
    known = {field.name: getattr(defaults, field.name) for field in dataclasses.fields(defaults)}  # type: ignore[arg-type]
    changes = {name: value for name, value in changes.items() if name in known or name not in COMMON}
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(f"{kind} has no setting {unknown[0]!r}; it has {', '.join(known)}.")
    for name, value in changes.items():
        no_number = isinstance(value, str) and _is_number(known[name])
        no_mapping = isinstance(known[name], Mapping) and not isinstance(value, Mapping)
        if no_number or no_mapping:
            raise ValueError(f"{name} of {kind} takes a value like {known[name]}; got {value!r}.")
    values = {name: _like(known[name], value) for name, value in changes.items()}
    return dataclasses.replace(defaults, **values)  # type: ignore[type-var]


def check_range(name: str, value: tuple[float, float], low: float, high: float) -> None:
    """Check that a setting is a range ``(smallest, largest)`` inside ``low`` to ``high``.

    Raises:
        ValueError: In one line, with the value.
    """
    if len(value) != 2 or not low <= value[0] <= value[1] <= high:
        raise ValueError(f"{name} takes (smallest, largest) within {low:g} to {high:g}; got {value}.")


def _is_number(default: Any) -> bool:
    """Whether a setting is a number, a switch, or a range of numbers."""
    parts = default if isinstance(default, tuple) else (default,)
    return bool(parts) and all(isinstance(part, (int, float)) for part in parts)


def _like(default: Any, value: Any) -> Any:
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(default, tuple) and default and isinstance(value, (int, float)):
        return (value, value)
    if isinstance(default, tuple) and isinstance(value, str):
        return (value,)
    return value
