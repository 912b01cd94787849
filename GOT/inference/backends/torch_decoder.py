"""Embedded tokens to logits: Qwen2's layers on the model's own weights, over a cache whose memory is taken at once.

The same computation as transformers' ``Qwen2ForCausalLM`` with a ``DynamicCache``. Left out is what it does anew at
every call (masks, cache objects, a module call for every multiplication): for a small model that is most of the time.
Every row has its own length and starts at position 0, so nothing is padded on the left and rows never wait for others.

R rows · T tokens · D hidden · A heads · K key-value heads · d width of a head · V vocabulary
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from GOT.model.got import GOTQwenForCausalLM

LEAST_ROOM = 256  # tokens of a row; a cache doubles from here, so that growing costs a constant time a token

# (index of the layer, query (R, T, A, d), key and value (R, T, K, d)) -> (R, T, A, d)
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class KeyValueCache:
    """Keys and values of all layers, for a number of rows and with room for a number of tokens in each.

    Args:
        decoder: The model.
        rows: Most that there may be; memory is taken for those that have come.
    """

    def __init__(self, decoder: Decoder, rows: int) -> None:
        self._limit = decoder.max_tokens
        self.rows, self.room = rows, 0
        shape = (decoder.num_layers, 0, decoder.kv_heads, 0, decoder.head_size)
        self.keys, self.values = (
            torch.empty(shape, device=decoder.device, dtype=decoder.dtype) for _ in range(2)
        )

    def grow(self, tokens: int, rows: int) -> None:
        """Make room for this many tokens in each of the first rows; what is there stays.

        Rows behind them, and tokens that no row has any more, give their memory back when the others need another.
        """
        there = self.keys.shape[1]
        if tokens <= self.room and rows <= there:
            return
        rows_kept, tokens_kept, self.room = min(rows, there), min(tokens, self.room), self.room_for(tokens)
        self.keys = _resized(self.keys, rows, self.room, rows_kept, tokens_kept)
        self.values = _resized(self.values, rows, self.room, rows_kept, tokens_kept)

    def room_for(self, tokens: int) -> int:
        """The room of a cache that has grown for this many tokens."""
        return min(self._limit, max(LEAST_ROOM, power_of_two(tokens)))

    def clean(self) -> None:
        """Forget numbers that are none, which rows that come later would look at with weight 0."""
        for kept in (self.keys, self.values):
            torch.nan_to_num_(kept, nan=0.0, posinf=0.0, neginf=0.0)

    def move(self, source: int, target: int, tokens: int) -> None:
        """Copy a row's first tokens over another row."""
        for kept in (self.keys, self.values):
            kept[:, target, :, :tokens] = kept[:, source, :, :tokens]


def _resized(old: Tensor, rows: int, tokens: int, rows_kept: int, tokens_kept: int) -> Tensor:
    layers, _, heads, _, width = old.shape
    # Zeros, since a masked position still takes part with weight 0, and 0 times NaN is NaN.
    new = old.new_zeros(layers, rows, heads, tokens, width)
    new[:, :rows_kept, :, :tokens_kept] = old[:, :rows_kept, :, :tokens_kept]
    return new


@dataclasses.dataclass(frozen=True)
class _Layer:
    input_norm: Tensor
    project: Callable[[Tensor], Tensor]  # to queries, keys and values side by side
    output: Callable[[Tensor, Tensor], Tensor]  # (residual, attended)
    inner_norm: Tensor
    gate_up: Callable[[Tensor], Tensor]
    activation: Callable[[Tensor], Tensor]
    down: Callable[[Tensor, Tensor], Tensor]  # (residual, gated)


class Decoder:
    """The decoder of a model, ready for inference; made anew after its weights have changed.

    Raises:
        ValueError: If the model attends in sliding windows, which no GOT does.
    """

    def __init__(self, model: GOTQwenForCausalLM) -> None:
        config = model.config
        if config.use_sliding_window:
            raise ValueError(
                "use_sliding_window is true in config.json; GOT's decoder attends to all tokens."
            )
        self.model = model
        self.device, self.dtype = model.device, model.dtype
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads or self.heads
        self.num_layers = config.num_hidden_layers
        self._eps = config.rms_norm_eps
        self._layers = [_arrange(layer) for layer in model.model.layers]
        positions = torch.arange(config.max_position_embeddings, device=self.device)[None]
        cos, sin = model.model.rotary_emb(model.lm_head.weight, positions)
        self.head_size = cos.shape[-1]
        # Halves are swapped by a roll instead of being negated and joined: the sign stands in the table.
        sin[..., : self.head_size // 2] *= -1
        self._cos, self._sin = cos[0, :, None], sin[0, :, None]  # (positions, 1, d)

    @property
    def max_tokens(self) -> int:
        """Tokens of prompt and answer that the model's context holds."""
        return self.model.config.max_position_embeddings

    def prefill(
        self, inputs_embeds: Tensor, lengths: Sequence[int], cache: KeyValueCache, row: int = 0
    ) -> Tensor:
        """Take prompts into the cache's rows from ``row`` on.

        Args:
            inputs_embeds: (R, T, D), each prompt followed by whatever fills it up: no token sees a later one.
            lengths: Tokens of each prompt.
            cache: With room for T tokens.
            row: The first prompt's.

        Returns:
            (R, V), for the token behind each prompt.
        """
        rows, tokens, _ = inputs_embeds.shape

        def attend(index: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            q, k, v = (x.transpose(1, 2) for x in (query, key, value))
            cache.keys[index, row : row + rows, :, :tokens] = k
            cache.values[index, row : row + rows, :, :tokens] = v
            return self._attend(q, k, v, is_causal=True)

        hidden = self._run(inputs_embeds, torch.arange(tokens, device=self.device)[None], attend)
        last = torch.arange(rows) * tokens + torch.tensor(lengths) - 1
        return self._head(hidden[last.to(self.device)])

    def step(
        self, token_ids: Tensor, positions: Tensor, cache: KeyValueCache, tokens: int, mask: Tensor | None
    ) -> Tensor:
        """Append a token to every row.

        Args:
            token_ids: (R,).
            positions: (R,), how many tokens each row has.
            cache: Its first R rows take part.
            tokens: How many of the cache's positions to look at: those of the longest row, the new one included.
            mask: (R, 1, 1, tokens) from :func:`mask_later`; None if all rows are equally long.

        Returns:
            (R, V).
        """
        rows = len(token_ids)
        every = torch.arange(rows, device=self.device)

        def attend(index: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            keys, values = cache.keys[index, :rows], cache.values[index, :rows]
            keys[every, :, positions] = key[:, 0]
            values[every, :, positions] = value[:, 0]
            return self._attend(query.transpose(1, 2), keys[:, :, :tokens], values[:, :, :tokens], mask=mask)

        embeds = self.model.model.embed_tokens(token_ids)
        return self._head(self._run(embeds[:, None], positions[:, None], attend))

    def _run(self, hidden: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """(R, T, D) and the positions of its tokens, (R, T) or (1, T), to (R·T, D)."""
        rows, tokens, _ = hidden.shape
        cos, sin = self._cos[positions], self._sin[positions]
        hidden = hidden.reshape(rows * tokens, -1)
        for index, layer in enumerate(self._layers):
            projected = layer.project(self._norm(hidden, layer.input_norm))
            projected = projected.view(rows, tokens, -1, self.head_size)
            turned, value = projected.split((self.heads + self.kv_heads, self.kv_heads), dim=2)
            turned = torch.addcmul(turned * cos, turned.roll(self.head_size // 2, -1), sin)
            query, key = turned.split((self.heads, self.kv_heads), dim=2)
            attended = attend(index, query, key, value)
            hidden = layer.output(hidden, attended.reshape(rows * tokens, -1))
            gate, up = layer.gate_up(self._norm(hidden, layer.inner_norm)).chunk(2, -1)
            hidden = layer.down(hidden, layer.activation(gate) * up)
        return hidden

    def _attend(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        *,
        mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        grouped = self.heads != self.kv_heads
        attended = F.scaled_dot_product_attention(
            query, keys, values, attn_mask=mask, is_causal=is_causal, enable_gqa=grouped
        )
        return attended.transpose(1, 2)

    def _head(self, hidden: Tensor) -> Tensor:
        return self.model.lm_head(self._norm(hidden, self.model.model.norm.weight))

    def _norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(hidden, hidden.shape[-1:], weight, self._eps)


def mask_later(positions: Tensor, tokens: int, dtype: torch.dtype) -> Tensor:
    """What a new token at each of ``positions``, (R,), adds to its scores: (R, 1, 1, tokens), -inf behind itself."""
    later = torch.arange(tokens, device=positions.device) > positions[:, None]
    return torch.zeros(later.shape, dtype=dtype, device=later.device).masked_fill_(later, -torch.inf)[
        :, None, None
    ]


def power_of_two(count: int) -> int:
    """The least power of two that is not less."""
    return 1 << (count - 1).bit_length()


def _arrange(layer: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return _Layer(
        input_norm=layer.input_layernorm.weight,
        project=join_linears(attention.q_proj, attention.k_proj, attention.v_proj),
        output=add_linear(attention.o_proj),
        inner_norm=layer.post_attention_layernorm.weight,
        gate_up=join_linears(mlp.gate_proj, mlp.up_proj),
        activation=mlp.act_fn,
        down=add_linear(mlp.down_proj),
    )


def join_linears(*linears: nn.Module) -> Callable[[Tensor], Tensor]:
    """What several layers make of one input, side by side, in one multiplication.

    Frozen weights become views of the joined ones, so that nothing is held twice; weights that train stay where their
    optimizer knows them. Layers that are more than a multiplication (adapters) are called as they are.
    """
    if any(type(linear) is not nn.Linear for linear in linears):
        return lambda hidden: torch.cat([linear(hidden) for linear in linears], dim=-1)
    joined = {}
    for name in ("weight", "bias"):
        parts = [getattr(linear, name) for linear in linears]
        if parts[0] is None:
            continue
        joined[name] = torch.cat([part.detach() for part in parts])
        for part, view in zip(parts, joined[name].split([len(part) for part in parts]), strict=True):
            if not part.requires_grad:
                part.data = view
    return partial(F.linear, **joined)


def add_linear(linear: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """``residual + linear(hidden)``, the sum inside the multiplication where the layer is plain."""
    if type(linear) is not nn.Linear or linear.bias is not None:
        return lambda residual, hidden: residual + linear(hidden)
    weight = linear.weight.detach().t()
    return lambda residual, hidden: torch.addmm(residual, hidden, weight)
