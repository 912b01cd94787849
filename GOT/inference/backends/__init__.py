"""Engines that run the model behind one seam: take prompts in, give logits out.

A backend is chosen by name from :data:`BACKENDS`; each entry is a function
``load(folder, *, device, dtype, attn_implementation) -> Backend``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

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


@dataclasses.dataclass(frozen=True)
class Prompt:
    """A prompt whose pictures are encoded.

    Attributes:
        input_ids: (T,), int64.
        image_features: (N, P, D) of its N views.
    """

    input_ids: Tensor
    image_features: Tensor


class SlotSession(DecodeSession, Protocol):
    """A session that further prompts may join while others are in mid-answer; rows leave it by ``keep``."""

    def join(self, prompts: Sequence[Prompt]) -> None:
        """Take prompts in as new last rows; ``logits`` then covers them too.

        Raises:
            ValueError: If one does not fit into the context; then none has joined.
        """


class SlotBackend(Backend, Protocol):
    """What a backend may offer besides, for continuous batching; without it ``inference.engine`` batches plainly."""

    def encode(self, pixel_values: Sequence[Tensor]) -> Tensor:
        """Views of several prompts, (n, 3, S, S) each, to image features: (N, P, D)."""

    def open_slots(self, count: int) -> SlotSession | None:
        """An empty session with room for ``count`` rows; None if this model must be batched plainly."""
