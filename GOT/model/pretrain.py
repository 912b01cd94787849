"""Stage 1's model: the vision encoder, a linear layer and a small OPT decoder that teaches the encoder to see text.

Only the encoder is kept: stage 2 takes it over. B batch · N images · T tokens · P image tokens of a view

Source: Vary-tiny (arXiv 2312.06109); OPT from transformers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import OPTConfig, OPTForCausalLM, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from GOT.model.config import VisionConfig
from GOT.model.glyph_codes import GlyphCodes
from GOT.model.vision import VisionEncoder
from GOT.utils import io
from GOT.utils.constants import GLYPH_CLASSES, GLYPH_COLUMNS, GLYPH_ROWS, IGNORE_INDEX

MODEL_TYPE = "GOT-pretrain"
BLANK_LOGIT = 5.0  # at the start: a character is one in hundreds of possible ones, and has to stand out


class GOTPretrainConfig(OPTConfig):
    """An OPT configuration plus the vision part; defaults are OPT-125M's.

    Attributes:
        vision_config: See ``GOTConfig``.
        im_patch_token: Id of the placeholder; the last row of the embedding by default, which OPT leaves unused.
        glyph_weight: Weight of the glyph maps in the loss (see :class:`GlyphHead`); 0: the model has no head for them.
    """

    model_type = MODEL_TYPE

    vision_config: dict[str, Any] | None = None
    im_patch_token: int | None = None
    glyph_weight: float = 0.0

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.im_patch_token is None:
            self.im_patch_token = self.vocab_size - 1

    @property
    def vision(self) -> VisionConfig:
        """The encoder's sizes as a typed object."""
        return VisionConfig(**(self.vision_config or {}))


@dataclasses.dataclass
class PretrainOutput(CausalLMOutputWithPast):
    """What OPT returns, and a loss that is added to that of the text."""

    auxiliary_loss: Tensor | None = None


class GlyphHead(nn.Module):
    """Reads which characters stand where, with nothing to decode in order: an auxiliary target of stage 1.

    Asked twice: of every patch, where one classifier learns from all places of the picture, and of every image token as
    the decoder will get it, in the language of ``glyph_codes``. See ``data.glyph_map`` for cells and classes.
    """

    def __init__(self, channels: int, hidden_size: int) -> None:
        super().__init__()
        self.codes = GlyphCodes(hidden_size)
        cells = GLYPH_ROWS * GLYPH_COLUMNS // 16  # of a patch: an image token holds 4 x 4
        self.from_patches = nn.Linear(channels, cells * GLYPH_CLASSES)
        how_often = torch.zeros(GLYPH_CLASSES)
        how_often[0] = BLANK_LOGIT
        self.how_often = nn.Parameter(how_often)  # logits of an image token that says nothing

    def read_patches(self, patches: Tensor) -> Tensor:
        """``(N, channels, H, W) -> (N, classes, map rows, map columns)`` logits."""
        return rearrange(
            self.from_patches(patches.movedim(1, -1)),
            "n h w (r c k) -> n k (h r) (w c)", r=GLYPH_ROWS // 4, c=GLYPH_COLUMNS // 4,
        )  # fmt: skip

    def read_tokens(self, tokens: Tensor) -> Tensor:
        """``(N, P, D) -> (N, classes, map rows, map columns)`` logits; ``tokens``: behind the projector."""
        return self.codes.read(tokens) + self.how_often[:, None, None].to(tokens.dtype)

    def loss(self, patches: Tensor, tokens: Tensor, glyph_maps: Tensor) -> Tensor:
        """Sum of both mean cross-entropies; ``glyph_maps``: (N, map rows, map columns), int64."""
        return _map_loss(self.read_patches(patches), glyph_maps) + _map_loss(
            self.read_tokens(tokens), glyph_maps
        )


def _map_loss(logits: Tensor, glyph_maps: Tensor) -> Tensor:
    """Mean over the characters; blank cells, nine of ten, count a tenth each."""
    weight = torch.ones(logits.shape[1], device=logits.device)
    weight[0] = 0.1
    summed = F.cross_entropy(logits.float(), glyph_maps, weight, ignore_index=IGNORE_INDEX, reduction="sum")
    return summed / (glyph_maps > 0).sum().clamp(min=1)


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
        self.glyph_head = (
            GlyphHead(config.vision.output_channels, config.hidden_size) if config.glyph_weight else None
        )
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

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        labels: Tensor | None = None,
        glyph_maps: Tensor | None = None,
        **kwargs: Any,
    ) -> PretrainOutput:
        """As ``GOTQwenForCausalLM.forward``: (B, T) ids with placeholders, (N, 3, S, S) views.

        In training, ``glyph_maps``, (N, rows, columns), add their loss as ``auxiliary_loss``.
        """
        embeds = self.get_input_embeddings()(input_ids)
        auxiliary_loss = None
        if pixel_values is not None:
            tower = self.vision_tower_high
            patches = tower.encode_patches(pixel_values)
            grid = tower.net_3(tower.net_2(patches))
            features = self.mm_projector_vary(grid.flatten(2).transpose(1, 2))
            if self.training and glyph_maps is not None and self.glyph_head is not None:
                auxiliary_loss = self.config.glyph_weight * self.glyph_head.loss(
                    patches, features, glyph_maps
                )
            is_image = torch.eq(input_ids, self.config.im_patch_token or 0)
            found, expected = int(is_image.sum()), features.shape[0] * features.shape[1]
            if found != expected:
                raise ValueError(
                    f"{features.shape[0]} views give {expected} image tokens; the prompt has {found} places."
                )
            embeds = embeds.masked_scatter(is_image[..., None], features.to(embeds.dtype))
        outputs = self.decoder(inputs_embeds=embeds, labels=labels, **kwargs)
        return PretrainOutput(**outputs, auxiliary_loss=auxiliary_loss)


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
