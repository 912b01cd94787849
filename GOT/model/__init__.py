"""Tensors to tensors: the vision encoder, the decoder, and both joined; checkpoints of either layout."""

from __future__ import annotations

import importlib
from typing import Any

# Published names; their modules, which import torch, are loaded when a name is first asked for.
_NAMES = {
    "GOTConfig": "GOT.model.config",
    "GOTQwenModel": "GOT.model.got",
    "GOTQwenForCausalLM": "GOT.model.got",
}
__all__ = ["GOTConfig", "GOTQwenForCausalLM", "GOTQwenModel"]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)
