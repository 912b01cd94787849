"""A decoder whose rows come and go: a fixed number of slots, each with its own length, in one key-value cache.

Qwen2's layers are run here on the model's own weights, without transformers' per-call bookkeeping: for small models
that is most of a step's time, and it lets a new prompt take a slot while the other rows are in mid-answer.

B batch: slots that are computed now · T tokens · H heads · K key-value heads · d head size
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from GOT.inference.backends import Prompt
from GOT.inference.generation import answer_room
from GOT.model.got import GOTQwenForCausalLM

ROOM_STEP = 256  # tokens; slots grow by at least this much, so that growing stays rare
GROWTH = 1.5

# Attention of one layer: its index; queries (B, H, T, d), keys and values (B, K, T, d) -> (B, H, T, d).
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class TorchSlots:
    """See ``backends.SlotSession``."""

    def __init__(self, model: GOTQwenForCausalLM, count: int) -> None:
        config = model.config
        self._model, self._config, self._count = model, config, count
        self._heads = config.num_attention_heads
        self._kv_heads = config.num_key_value_heads or config.num_attention_heads
        self._head_size = getattr(config, "head_dim", None) or config.hidden_size // self._heads
        self._cache = self._new_cache(0)
        self._lengths: list[int] = []  # tokens of each slot in use
        self._slot_of: list[int] = []  # by row: rows keep the caller's order, slots have no gaps
        self._cos, self._sin = self._rotations(0)
        self.logits = torch.empty(0, config.vocab_size, device=model.device, dtype=model.dtype)

    @torch.inference_mode()
    def join(self, prompts: Sequence[Prompt]) -> None:
        """See ``SlotSession``."""
        assert len(self._lengths) + len(prompts) <= self._count, "more rows than slots"
        for prompt in prompts:
            answer_room(self._config.max_position_embeddings, len(prompt.input_ids))
        # Prompts of one length go in together, so that nothing is padded.
        in_turn = sorted(range(len(prompts)), key=lambda i: len(prompts[i].input_ids))
        found: dict[int, Tensor] = {}
        slots: dict[int, int] = {}
        for length, group in itertools.groupby(in_turn, key=lambda i: len(prompts[i].input_ids)):
            chosen = list(group)
            first = len(self._lengths)
            logits = self._prefill([prompts[i] for i in chosen], length)
            for offset, index in enumerate(chosen):
                found[index], slots[index] = logits[offset], first + offset
        self._slot_of += [slots[index] for index in range(len(prompts))]
        self.logits = torch.cat([self.logits, torch.stack([found[index] for index in range(len(prompts))])])

    @torch.inference_mode()
    def step(self, token_ids: Tensor) -> None:
        """See ``DecodeSession``."""
        rows, device = len(self._lengths), self._model.device
        longest = max(self._lengths) + 1
        self._make_room(longest)
        by_slot = torch.empty(rows, dtype=torch.long)
        order = torch.tensor(self._slot_of)
        by_slot[order] = token_ids.cpu()
        positions = torch.tensor(self._lengths, device=device)
        hidden = self._model.model.embed_tokens(by_slot.to(device)[:, None])
        mask = None
        if min(self._lengths) + 1 < longest:
            mask = torch.zeros(rows, 1, 1, longest, dtype=hidden.dtype, device=device)
            later = torch.arange(longest, device=device) > positions[:, None]
            mask.masked_fill_(later[:, None, None], -torch.inf)
        every = torch.arange(rows, device=device)

        def attend(index: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            keys, values = self._cache[index, :, :rows]
            keys[every, :, positions] = key[:, :, 0]
            values[every, :, positions] = value[:, :, 0]
            return functional.scaled_dot_product_attention(
                query, keys[:, :, :longest], values[:, :, :longest], mask, enable_gqa=self._grouped
            )

        hidden = self._layers(
            hidden, self._cos[positions, None, None], self._sin[positions, None, None], attend
        )
        self._lengths = [length + 1 for length in self._lengths]
        self.logits = self._head(hidden)[order.to(device)]

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """See ``DecodeSession``."""
        kept = [self._slot_of[row] for row in rows]
        self.logits = self.logits[list(rows)]
        # Slots behind the new end move into those that came free before it.
        free = [slot for slot in range(len(kept)) if slot not in set(kept)]
        for position, slot in enumerate(kept):
            if slot >= len(kept):
                target = free.pop()
                length = self._lengths[slot]
                self._cache[:, :, target, :, :length] = self._cache[:, :, slot, :, :length]
                self._lengths[target] = length
                kept[position] = target
        del self._lengths[len(kept) :]
        self._slot_of = kept

    @property
    def _grouped(self) -> bool:
        return self._kv_heads != self._heads

    def _prefill(self, prompts: Sequence[Prompt], length: int) -> Tensor:
        count, device = len(prompts), self._model.device
        self._make_room(length + 1)
        input_ids = torch.stack([prompt.input_ids for prompt in prompts]).to(device)
        features = torch.cat([prompt.image_features for prompt in prompts]).to(device)
        hidden = self._model.model.splice(input_ids, features)
        slots = slice(len(self._lengths), len(self._lengths) + count)

        def attend(index: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            self._cache[index, 0, slots, :, :length] = key
            self._cache[index, 1, slots, :, :length] = value
            return functional.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=self._grouped
            )

        hidden = self._layers(hidden, self._cos[:length], self._sin[:length], attend)
        self._lengths += [length] * count
        return self._head(hidden[:, -1:])

    def _layers(self, hidden: Tensor, cos: Tensor, sin: Tensor, attend: Attend) -> Tensor:
        batch, tokens, _ = hidden.shape

        def heads(x: Tensor) -> Tensor:
            return x.view(batch, tokens, -1, self._head_size).transpose(1, 2)

        for index, layer in enumerate(self._model.model.layers):
            attention, mlp = layer.self_attn, layer.mlp
            x = _norm(hidden, layer.input_layernorm)
            query, key = heads(attention.q_proj(x)), heads(attention.k_proj(x))
            value = heads(attention.v_proj(x))
            found = attend(index, _rotate(query, cos, sin), _rotate(key, cos, sin), value)
            hidden = hidden + attention.o_proj(found.transpose(1, 2).reshape(batch, tokens, -1))
            x = _norm(hidden, layer.post_attention_layernorm)
            hidden = hidden + mlp.down_proj(mlp.act_fn(mlp.gate_proj(x)) * mlp.up_proj(x))
        return hidden

    def _head(self, hidden: Tensor) -> Tensor:
        return self._model.lm_head(_norm(hidden[:, -1], self._model.model.norm))

    def _make_room(self, tokens: int) -> None:
        room = self._cache.shape[4]
        if tokens <= room:
            return
        limit = self._config.max_position_embeddings
        room = min(limit, max(tokens, room + ROOM_STEP, int(room * GROWTH)))
        old, used = self._cache, len(self._lengths)
        self._cache = self._new_cache(room)
        self._cache[:, :, :used, :, : old.shape[4]] = old[:, :, :used]
        self._cos, self._sin = self._rotations(room)

    def _new_cache(self, room: int) -> Tensor:
        shape = (self._config.num_hidden_layers, 2, self._count, self._kv_heads, room, self._head_size)
        # Zeros, since masked positions still take part in attention with weight zero, and 0 times NaN is NaN.
        return torch.zeros(shape, device=self._model.device, dtype=self._model.dtype)

    def _rotations(self, room: int) -> tuple[Tensor, Tensor]:
        positions = torch.arange(room, device=self._model.device)[None]
        cos, sin = self._model.model.rotary_emb(self._cache, positions)
        return cos[0], sin[0]


def _norm(hidden: Tensor, norm: torch.nn.Module) -> Tensor:
    return functional.rms_norm(hidden, hidden.shape[-1:], norm.weight, norm.variance_epsilon)  # type: ignore[arg-type]


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin
