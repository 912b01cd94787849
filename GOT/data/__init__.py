"""Files to tensors: images, prompts, tokens, records, batches. Knows nothing about the model."""

from __future__ import annotations

from typing import Any

__all__ = ["make_supervised_data_module"]


def __getattr__(name: str) -> Any:
    if name != "make_supervised_data_module":  # the published name; loaded when asked for
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from GOT.data.supervised import make_supervised_data_module

    return make_supervised_data_module
