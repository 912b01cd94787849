"""The model itself in PyTorch, on any device.

B batch · T tokens · N views · P image tokens of a view · D hidden · V vocabulary
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from GOT.data.processor import ModelInputs
from GOT.inference.backends import Prompt
from GOT.inference.backends.card_session import CardSession, Workspace
from GOT.inference.backends.torch_decoder import Decoder, KeyValueCache
from GOT.inference.backends.torch_session import TorchSession
from GOT.inference.device import choose_device, choose_dtype
from GOT.inference.generation import answer_room
from GOT.model.checkpoint import load_model
from GOT.model.got import GOTQwenForCausalLM
from GOT.utils.lazy import require

# Views encoded at a time: on a CPU one fills the cores; on a card more would fill its memory before its time.
VIEWS_AT_ONCE = {"cpu": 1, "cuda": 8}


def load(
    folder: Path, *, device: str = "auto", dtype: str = "auto", attn_implementation: str = "sdpa"
) -> TorchBackend:
    """Load a checkpoint folder onto a device.

    Raises:
        ValueError: If the checkpoint is damaged, or the device cannot do what is asked.
        ImportError: If flash attention is asked for and not installed.
    """
    target = choose_device(device)
    number_type = choose_dtype(dtype, target)
    if attn_implementation == "flash_attention_2":
        if target.type != "cuda" or number_type is torch.float32:
            raise ValueError(
                f"flash_attention_2 computes on CUDA cards in bfloat16 or float16; here it is {target} in "
                f"{str(number_type).removeprefix('torch.')}. Use sdpa."
            )
        require("flash_attn", extra="flash")
    model = load_model(folder, dtype=number_type, device=target, attn_implementation=attn_implementation)
    return TorchBackend(model.requires_grad_(False))


class TorchBackend:
    """Runs a loaded model; keep one for many pages, and make another after the weights have changed."""

    name = "torch"

    def __init__(self, model: GOTQwenForCausalLM) -> None:
        self.model = model.eval()
        self.config = model.config
        self._decoder = Decoder(model)
        self._free: list[Workspace] = []  # of sessions that have ended

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @torch.inference_mode()
    def start(self, batch: Sequence[ModelInputs]) -> TorchSession:
        """See ``backends.Backend``."""
        for inputs in batch:  # before the costly encoding
            answer_room(self.config.max_position_embeddings, len(inputs.input_ids))
        session = self.open_slots(len(batch))
        features = self.encode([inputs.pixel_values for inputs in batch])
        by_prompt = features.split([len(inputs.pixel_values) for inputs in batch])
        session.join([Prompt(i.input_ids, f) for i, f in zip(batch, by_prompt, strict=True)])
        return session

    def open_slots(self, count: int) -> TorchSession:
        """See ``backends.SlotBackend``."""
        if self.device.type != "cuda":
            return TorchSession(self._decoder, KeyValueCache(self._decoder, count))
        return self._open_on_card(count)

    @torch.inference_mode()
    def encode(self, pixel_values: Sequence[Tensor]) -> Tensor:
        """Views of several prompts to image features: (N, P, D)."""
        views = torch.cat(list(pixel_values))
        at_once = VIEWS_AT_ONCE.get(self.device.type, 1)
        parts = [self.model.model.encode_images(part.to(self.device)) for part in views.split(at_once)]
        config = self.config
        return (
            torch.cat(parts)
            if len(views)
            else torch.empty(0, config.vision.num_image_tokens, config.hidden_size)
        )

    def _open_on_card(self, count: int) -> CardSession:
        # Captured graphs are worth keeping from page to page; memory of quite another size is not.
        fitting = [space for space in self._free if count <= space.slots < 2 * count]
        self._free.clear()
        space = fitting[0] if fitting else Workspace(self._decoder, count)
        session = CardSession(space)
        weakref.finalize(session, self._keep, space)
        return session

    def _keep(self, space: Workspace) -> None:
        self._free[:] = [space]  # the newest; several would fill the card for nothing
