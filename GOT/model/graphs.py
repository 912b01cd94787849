"""The model cut into the two graphs that other engines run: views to image tokens, and one step of the decoder.

Plain tensors in and out, no Python objects and no shapes that depend on values, so that a tracer sees all of it.

B batch · N views · S side of a view · P image tokens of a view · T new tokens · C cached tokens · D hidden
K key-value heads · d width of a head · V vocabulary
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb

from GOT.model.got import GOTQwenForCausalLM
from GOT.model.vision import Attention, VisionEncoder

MASKED = torch.finfo(torch.float32).min  # finite, so that a row that sees nothing (padding) stays a number


class EncoderGraph(nn.Module):
    """``pixel_values (N, 3, S, S) -> (N, P, D)``: encoder and projector.

    Attention is the plain formula here, head by head: engines fuse it themselves, and all heads at once would hold
    0.8 GB of biases.
    """

    def __init__(self, model: GOTQwenForCausalLM) -> None:
        super().__init__()
        self.vision_tower = model.model.vision_tower_high
        self.projector = model.model.mm_projector_vary

    def forward(self, pixel_values: Tensor) -> Tensor:
        with attention_by_head(self.vision_tower):
            return self.projector(self.vision_tower(pixel_values).flatten(2).transpose(1, 2))


@contextlib.contextmanager
def attention_by_head(encoder: VisionEncoder) -> Iterator[None]:
    """Let an encoder compute attention as ``grid_attention.attend_by_head`` does."""
    attentions = [module for module in encoder.modules() if isinstance(module, Attention)]
    chosen = [attention.attn_implementation for attention in attentions]
    try:
        for attention in attentions:
            attention.attn_implementation = "by_head"
        yield
    finally:
        for attention, name in zip(attentions, chosen, strict=True):
            attention.attn_implementation = name


class DecoderGraph(nn.Module):
    """Embedded tokens and a cache to the logits of the last position and the cache with those tokens in it.

    The same graph takes a prompt in (T tokens, C = 0) and makes a decoding step (T = 1).
    """

    def __init__(self, model: GOTQwenForCausalLM) -> None:
        super().__init__()
        config = model.config
        if config.use_sliding_window:
            raise ValueError("This checkpoint attends in a sliding window; only the torch backend does that.")
        self.layers = model.model.layers
        self.norm = model.model.norm
        self.rotary = model.model.rotary_emb
        self.lm_head = model.lm_head
        self.num_layers = config.num_hidden_layers
        self.num_key_value_heads = config.num_key_value_heads or config.num_attention_heads
        self.head_dim = model.model.layers[0].self_attn.head_dim
        self.groups = config.num_attention_heads // self.num_key_value_heads

    def forward(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        rows: Tensor,
        *cache: Tensor,
    ) -> tuple[Tensor, ...]:
        """Run all layers.

        Args:
            inputs_embeds: (B, T, D).
            attention_mask: (B, C + T), 0 at padding.
            position_ids: (B, T).
            rows: (B,), which row of the cache each row goes on from: others leave it.
            cache: Keys and values of every layer in turn, (rows before, K, C, d) each.

        Returns:
            Logits (B, V), then the cache in the same order, (B, K, C + T, d) each.
        """
        cosine, sine = self.rotary(inputs_embeds, position_ids)
        mask = causal_mask(attention_mask, inputs_embeds.shape[1])
        hidden, updated = inputs_embeds, []
        for index, layer in enumerate(self.layers):
            attention = layer.self_attn
            normed = layer.input_layernorm(hidden)
            query, key, value = (
                rearrange(project(normed), "b t (a d) -> b a t d", d=self.head_dim)
                for project in (attention.q_proj, attention.k_proj, attention.v_proj)
            )
            query, key = apply_rotary_pos_emb(query, key, cosine, sine)
            key = torch.cat([cache[2 * index].index_select(0, rows), key], dim=2)
            value = torch.cat([cache[2 * index + 1].index_select(0, rows), value], dim=2)
            updated += [key, value]
            if self.groups > 1:
                key = key.repeat_interleave(self.groups, dim=1)
                value = value.repeat_interleave(self.groups, dim=1)
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            hidden = hidden + attention.o_proj(rearrange(attended, "b a t d -> b t (a d)"))
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        # Only the last position's logits are wanted: a prompt's others would be (T, 151860) for nothing.
        return (self.lm_head(self.norm(hidden[:, -1])), *updated)


def causal_mask(attention_mask: Tensor, num_new: int | Tensor) -> Tensor:
    """What every new token may look at, as a number added to the scores.

    Args:
        attention_mask: (B, C + T), 0 at padding.
        num_new: T.

    Returns:
        (B, 1, T, C + T): 0 where it may look, else :data:`MASKED`.
    """
    positions = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    query = positions[attention_mask.shape[1] - num_new :]
    allowed = (positions[None, :] <= query[:, None])[None, None] & (attention_mask[:, None, None, :] != 0)
    return torch.where(allowed, 0.0, MASKED)
