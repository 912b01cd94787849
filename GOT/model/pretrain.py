"""Stage 1's model: the vision encoder, a linear layer and a small OPT decoder that teaches the encoder to see text.

Only the encoder is kept: stage 2 takes it over. B batch · N images · T tokens · P image tokens of a view

Source: Vary-tiny (arXiv 2312.06109); OPT from transformers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import OPTConfig, OPTForCausalLM, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from GOT.model.config import VisionConfig
from GOT.model.vision import VisionEncoder
from GOT.utils import io

MODEL_TYPE = "GOT-pretrain"


class GOTPretrainConfig(OPTConfig):
    """An OPT configuration plus the vision part; defaults are OPT-125M's.

    Attributes:
        vision_config: See ``GOTConfig``.
        im_patch_token: Id of the placeholder; the last row of the embedding by default, which OPT leaves unused.
    """

    model_type = MODEL_TYPE

    vision_config: dict[str, Any] | None = None
    im_patch_token: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.im_patch_token is None:
            self.im_patch_token = self.vocab_size - 1

    @property
    def vision(self) -> VisionConfig:
        """The encoder's sizes as a typed object."""
        return VisionConfig(**(self.vision_config or {}))


class GOTPretrainModel(PreTrainedModel):
    """Encoder, projector and OPT; called like ``GOTQwenForCausalLM``."""

    config_class = GOTPretrainConfig
    config: GOTPretrainConfig
    base_model_prefix = "decoder"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _tied_weights_keys = {"decoder.lm_head.weight": "decoder.model.decoder.embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: GOTPretrainConfig) -> None:
        super().__init__(config)
        self.vision_tower_high = VisionEncoder(config.vision, config._attn_implementation or "sdpa")
        self.mm_projector_vary = nn.Linear(config.vision.feature_size, config.hidden_size)
        self.decoder = OPTForCausalLM(config)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, VisionEncoder):
            module.reset_positions()

    def get_input_embeddings(self) -> nn.Module:
        """OPT's token embedding."""
        return self.decoder.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        """OPT's head."""
        return self.decoder.get_output_embeddings()

    def encode_images(self, pixel_values: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, P, hidden)."""
        return self.mm_projector_vary(self.vision_tower_high(pixel_values).flatten(2).transpose(1, 2))

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """As ``GOTQwenForCausalLM.forward``: (B, T) ids with placeholders, (N, 3, S, S) views."""
        embeds = self.get_input_embeddings()(input_ids)
        if pixel_values is not None:
            features = self.encode_images(pixel_values)
            is_image = torch.eq(input_ids, self.config.im_patch_token or 0)
            found, expected = int(is_image.sum()), features.shape[0] * features.shape[1]
            if found != expected:
                raise ValueError(
                    f"{features.shape[0]} views give {expected} image tokens; the prompt has {found} places."
                )
            embeds = embeds.masked_scatter(is_image[..., None], features.to(embeds.dtype))
        return self.decoder(inputs_embeds=embeds, labels=labels, **kwargs)


def write_pretrain_model(config: GOTPretrainConfig, weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write config and weights into a folder that exists. Not atomic: the caller's folder is."""
    from huggingface_hub import save_torch_state_dict

    kept = {name: value.detach().contiguous() for name, value in weights.items() if name not in _tied(config)}
    io.write_json(folder / "config.json", config.to_dict() | {"architectures": ["GOTPretrainModel"]})
    save_torch_state_dict(kept, folder)


def load_pretrain_model(folder: str | Path) -> GOTPretrainModel:
    """Load what :func:`write_pretrain_model` wrote."""
    values = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    model = GOTPretrainModel(GOTPretrainConfig(**values))
    missing, unexpected = model.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=False)
    wrong = [*(name for name in missing if name not in _tied(model.config)), *unexpected]
    if wrong:
        raise ValueError(f"{folder} does not fit its config.json: {', '.join(wrong[:5])}.")
    model.tie_weights()
    return model


def _tied(config: GOTPretrainConfig) -> set[str]:
    return {"decoder.lm_head.weight"} if config.tie_word_embeddings else set()
