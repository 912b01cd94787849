"""Engines that run the model behind one seam: take prompts in, give logits out.

A backend is chosen by name from :data:`BACKENDS`; each entry is a function
``load(folder, *, device, dtype, attn_implementation, **options) -> Backend``, with the names of its options in
:data:`OPTIONS`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from GOT.data.processor import ModelInputs
from GOT.inference.device import choose_device
from GOT.inference.generation import DecodeSession
from GOT.model.config import GOTConfig
from GOT.utils.lazy import is_available

BACKENDS: dict[str, str] = {
    "torch": "GOT.inference.backends.torch_backend:load",
    "openvino": "GOT.inference.backends.openvino_backend:load",
}
OPTIONS: dict[str, tuple[str, ...]] = {
    "torch": (),
    "openvino": ("precision", "cache_dir", "allow_lossy"),
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

    def room_for(self, tokens: int) -> int:
        """Tokens for which every row takes memory when the longest has this many."""


class SlotBackend(Backend, Protocol):
    """What a backend may offer besides, for continuous batching; without it ``inference.engine`` batches plainly."""

    def encode(self, pixel_values: Sequence[Tensor]) -> Tensor:
        """Views of several prompts, (n, 3, S, S) each, to image features: (N, P, D)."""

    def open_slots(self, count: int) -> SlotSession | None:
        """An empty session with room for ``count`` rows; None if this model must be batched plainly."""


def choose_backend(name: str = "auto", *, device: str = "auto", dtype: str = "auto") -> str:
    """Find a backend: a name of :data:`BACKENDS` as it is; ``auto``: the fastest that is installed.

    That is openvino where the model shall run on a CPU in float32, and torch everywhere else.
    """
    if name != "auto":
        return name
    on_cpu = choose_device(device).type == "cpu" and dtype in ("auto", "float32", "fp32")
    return "openvino" if on_cpu and is_available("openvino") else "torch"


def check_options(backend: str, options: Mapping[str, object]) -> dict[str, object]:
    """The options that were set to something.

    Raises:
        ValueError: If one of them is another backend's.
    """
    given = {name: value for name, value in options.items() if value not in (None, False, "auto")}
    foreign = sorted(given.keys() - set(OPTIONS.get(backend, ())))
    if foreign and backend in OPTIONS:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in foreign)
        raise ValueError(f"The {backend} backend has no {flags}; leave it out, or use --backend openvino.")
    return given
