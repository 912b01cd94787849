"""Optional libraries: import one when it is needed, or say which extra brings it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional library.

    Args:
        module: Dotted module name, e.g. ``"rapidfuzz.distance"``.
        extra: The extra of this package that installs it, e.g. ``"eval"``.

    Raises:
        ImportError: In one line, with the command that installs the library.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{module} is not installed ({error}); this needs it: pip install "got-ocr[{extra}]"'
        ) from error


def is_available(module: str) -> bool:
    """Tell whether a library can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def load_entry(table: dict[str, str], name: str, *, what: str) -> Callable[..., Any]:
    """Resolve ``name`` in a literal ``name -> "module:function"`` table.

    Args:
        table: The table, as it stands in a package's ``__init__.py``.
        name: The entry a user asked for.
        what: What the table lists, for the error, e.g. ``"backend"``.

    Raises:
        ValueError: If there is no such entry; the message lists those there are.
    """
    if name not in table:
        raise ValueError(f"There is no {what} {name!r}; choose from {', '.join(sorted(table))}.")
    module, _, function = table[name].partition(":")
    return getattr(importlib.import_module(module), function)
