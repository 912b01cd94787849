"""The model itself in PyTorch, on any device.

B batch · T tokens · N views · P image tokens of a view · D hidden · V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import DynamicCache

from GOT.data.processor import ModelInputs
from GOT.inference.backends.torch_slots import TorchSlots
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
    return TorchBackend(model)


class TorchBackend:
    """Runs a loaded model; keep one for many pages."""

    name = "torch"

    def __init__(self, model: GOTQwenForCausalLM) -> None:
        self.model = model.eval()
        self.config = model.config

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @torch.inference_mode()
    def start(self, batch: Sequence[ModelInputs]) -> TorchSession:
        """See ``backends.Backend``."""
        return TorchSession(self.model, batch, self.encode([inputs.pixel_values for inputs in batch]))

    def open_slots(self, count: int) -> TorchSlots | None:
        """See ``backends.SlotBackend``."""
        return None if self.config.use_sliding_window else TorchSlots(self.model, count)

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


class TorchSession:
    """Prompts of different length side by side, padded on the left, with a cache that grows.

    See ``generation.DecodeSession``.
    """

    def __init__(
        self, model: GOTQwenForCausalLM, batch: Sequence[ModelInputs], image_features: Tensor
    ) -> None:
        self._model = model
        device = model.device
        longest = max(len(inputs.input_ids) for inputs in batch)
        self.max_new_tokens = answer_room(model.config.max_position_embeddings, longest)
        pad = model.config.pad_token_id or 0  # masked, so any id that is no image placeholder does
        input_ids = torch.full((len(batch), longest), pad)
        self._mask = torch.zeros(len(batch), longest, dtype=torch.long)
        for row, inputs in enumerate(batch):
            input_ids[row, longest - len(inputs.input_ids) :] = inputs.input_ids
            self._mask[row, longest - len(inputs.input_ids) :] = 1
        self._mask = self._mask.to(device)
        self._padded = not bool(self._mask.all())
        self._cache = DynamicCache(config=model.config)
        embeds = model.model.splice(input_ids.to(device), image_features.to(device))
        self.logits = self._forward(embeds, (self._mask.cumsum(-1) - 1).clamp(min=0))

    def step(self, token_ids: Tensor) -> None:
        """See ``DecodeSession``."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(token_ids), 1)], dim=1)
        embeds = self._model.model.embed_tokens(token_ids[:, None].to(self._mask.device))
        self.logits = self._forward(embeds, self._mask.sum(-1, keepdim=True) - 1)

    def keep(self, rows: Sequence[int]) -> None:
        """See ``DecodeSession``."""
        index = torch.tensor(list(rows), dtype=torch.long, device=self._mask.device)
        self._mask = self._mask[index]
        self._padded = self._padded and not bool(self._mask.all())
        if len(index):
            self._cache.batch_select_indices(index)

    def _forward(self, inputs_embeds: Tensor, position_ids: Tensor) -> Tensor:
        output = self._model(
            inputs_embeds=inputs_embeds,
            # Without padding no mask is needed, and attention takes its faster path.
            attention_mask=self._mask if self._padded else None,
            position_ids=position_ids,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]
