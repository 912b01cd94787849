"""Engines that run the model behind one seam: take prompts in, give logits out.

A backend is chosen by name from :data:`BACKENDS`; each entry is a function
``load(folder, *, device, dtype, attn_implementation) -> Backend``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from GOT.data.processor import ModelInputs
from GOT.inference.generation import DecodeSession
from GOT.model.config import GOTConfig

BACKENDS: dict[str, str] = {
    "torch": "GOT.inference.backends.torch_backend:load",
}


class Backend(Protocol):
    """What the pipeline needs of an engine."""

    name: str
    config: GOTConfig

    def start(self, batch: Sequence[ModelInputs]) -> DecodeSession:
        """Encode the pictures, take the prompts in, and have the first logits ready."""
