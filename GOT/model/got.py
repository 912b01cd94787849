"""The whole model: encode views, project them, put them where the placeholders stand, decode with Qwen2.

B batch · N images (all views of the batch, in order) · T tokens · P image tokens of a view · D hidden · V vocabulary
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2ForCausalLM, Qwen2Model, Qwen2PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from GOT.model.config import GOTConfig
from GOT.model.vision import VisionEncoder

# transformers 5.24 renamed the argument, and 5.40 takes the old name away; our callers may use either.
CACHE_ARGUMENT = (
    "cache" if "cache" in inspect.signature(Qwen2ForCausalLM.forward).parameters else "past_key_values"
)


class GOTQwenModel(Qwen2Model):
    """A Qwen2 decoder that also takes pictures."""

    config_class = GOTConfig
    config: GOTConfig

    def __init__(self, config: GOTConfig) -> None:
        super().__init__(config)
        self.vision_tower_high = VisionEncoder(config.vision, config._attn_implementation or "sdpa")
        self.mm_projector_vary = nn.Linear(config.vision.feature_size, config.hidden_size)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        _init_weights(self, module)

    def encode_images(self, pixel_values: Tensor) -> Tensor:
        """Turn views into image tokens.

        Args:
            pixel_values: (N, 3, S, S), float.

        Returns:
            (N, P, D).
        """
        grid = self.vision_tower_high(pixel_values)
        return self.mm_projector_vary(grid.flatten(2).transpose(1, 2))

    def splice(self, input_ids: Tensor, image_features: Tensor) -> Tensor:
        """Embed tokens and put image features where the placeholders stand.

        Args:
            input_ids: (B, T).
            image_features: (N, P, D), views in the order of their placeholders.

        Returns:
            (B, T, D).

        Raises:
            ValueError: If the number of placeholders is not ``N * P``.
        """
        inputs_embeds = self.embed_tokens(input_ids)
        is_image = input_ids == self.config.image_token_id
        expected, found = image_features.shape[0] * image_features.shape[1], int(is_image.sum())
        if expected != found:
            raise ValueError(
                f"{image_features.shape[0]} views give {expected} image tokens; the prompt has {found} placeholders."
            )
        return inputs_embeds.masked_scatter(is_image[..., None], image_features.to(inputs_embeds.dtype))

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        image_features: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """As ``Qwen2Model.forward``, plus the views of the batch, (N, 3, S, S), or their image tokens, (N, P, D)."""
        if pixel_values is not None:
            image_features = self.encode_images(pixel_values)
        if image_features is not None:
            if input_ids is None:
                raise ValueError(
                    "pixel_values need input_ids: the placeholders say where the pictures stand."
                )
            inputs_embeds = self.splice(input_ids, image_features)
        if inputs_embeds is not None:
            input_ids = None
        return super().forward(input_ids=input_ids, inputs_embeds=inputs_embeds, **_rename_cache(kwargs))


class GOTQwenForCausalLM(Qwen2ForCausalLM):
    """GOT with its language-model head; class and weight names are the published ones."""

    config_class = GOTConfig
    config: GOTConfig

    def __init__(self, config: GOTConfig) -> None:
        super(Qwen2ForCausalLM, self).__init__(config)  # skips building a plain Qwen2Model only to replace it
        self.model = GOTQwenModel(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        _init_weights(self, module)

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Predict the next token at every position, and the loss if labels are given.

        Args:
            input_ids: (B, T).
            pixel_values: (N, 3, S, S) or None for text alone (and for decoding steps after the first).
            attention_mask: (B, T), 0 at padding (named, since ``generate`` looks for it in the signature).
            labels: (B, T), ``-100`` where no loss is wanted; shifted inside.
            logits_to_keep: Compute logits for this many last positions only; 0: all.
            **kwargs: As ``Qwen2ForCausalLM.forward``: position_ids, past_key_values, inputs_embeds, use_cache …; and
                image_features, (N, P, D), in place of pixel_values.

        Returns:
            ``loss``, ``logits`` (B, T, V) and ``past_key_values``.
        """
        return super().forward(
            input_ids=input_ids,
            pixel_values=pixel_values,
            attention_mask=attention_mask,
            labels=labels,
            logits_to_keep=logits_to_keep,
            **_rename_cache(kwargs),
        )

    def prepare_inputs_for_generation(  # type: ignore[override]
        self, input_ids: torch.LongTensor, pixel_values: Tensor | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """For transformers' ``generate``: the views go in with the prompt, once."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(input_ids, **kwargs)  # type: ignore[misc]
        cache = kwargs.get(CACHE_ARGUMENT)
        if cache is None or cache.get_seq_length() == 0:
            inputs["pixel_values"] = pixel_values
        return inputs


def _rename_cache(kwargs: dict[str, Any]) -> dict[str, Any]:
    names = ("cache", "past_key_values")
    return {CACHE_ARGUMENT if name in names else name: value for name, value in kwargs.items()}


def _init_weights(model: Qwen2PreTrainedModel, module: nn.Module) -> None:
    Qwen2PreTrainedModel._init_weights(model, module)
    if isinstance(module, VisionEncoder):
        module.reset_positions()


def count_parameters(module: nn.Module, *, trainable: bool = False) -> int:
    """Number of weights, shared ones once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)


@torch.no_grad()
def randomize_(model: GOTQwenForCausalLM, seed: int = 0, std: float = 0.02) -> GOTQwenForCausalLM:
    """Fill every weight with seeded random values, norms around one: for tests and benchmarks without a checkpoint."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        is_norm = name.endswith("weight") and parameter.dim() == 1
        parameter.copy_(1 + 0.1 * noise if is_norm else std * noise)
    return model
