"""Prompts to logits, token by token: rows that come and go in the slots of one key-value cache."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from GOT.inference.backends import Prompt
from GOT.inference.backends.torch_decoder import Decoder, KeyValueCache, mask_later
from GOT.inference.generation import answer_room


class TorchSession:
    """See ``backends.SlotSession``.

    Rows keep the caller's order. The slots in use have no gaps, so that a step computes nothing for empty ones.

    Args:
        decoder: The model.
        cache: Its rows are the slots; what they hold is forgotten.
    """

    def __init__(self, decoder: Decoder, cache: KeyValueCache) -> None:
        self._decoder, self._cache = decoder, cache
        self._lengths: list[int] = []  # tokens of each slot in use
        self._slot_of: list[int] = []  # by row
        self.logits = torch.empty(
            0, decoder.model.config.vocab_size, device=decoder.device, dtype=decoder.dtype
        )

    @property
    def max_new_tokens(self) -> int:
        """Tokens that the context leaves for the longest row."""
        return self._decoder.max_tokens - max(self._lengths, default=0)

    @torch.inference_mode()
    def join(self, prompts: Sequence[Prompt]) -> None:
        """See ``SlotSession``."""
        decoder, first = self._decoder, len(self._lengths)
        assert first + len(prompts) <= self._cache.rows, "more rows than slots"
        lengths = [len(prompt.input_ids) for prompt in prompts]
        answer_room(decoder.max_tokens, max(lengths))
        # What fills the short ones up stands behind them, where no token looks.
        input_ids = nn.utils.rnn.pad_sequence([prompt.input_ids for prompt in prompts], batch_first=True)
        features = torch.cat([prompt.image_features for prompt in prompts])
        embeds = decoder.model.model.splice(input_ids.to(decoder.device), features.to(decoder.device))
        self._cache.grow(max([*self._lengths, *lengths]), first + len(lengths))
        logits = decoder.prefill(embeds, lengths, self._cache, first)
        self._lengths += lengths
        self._slot_of += range(first, len(self._lengths))
        self.logits = torch.cat([self.logits, logits])

    @torch.inference_mode()
    def step(self, token_ids: Tensor) -> None:
        """See ``DecodeSession``."""
        decoder, tokens = self._decoder, max(self._lengths) + 1
        self._cache.grow(tokens, len(self._lengths))
        positions = torch.tensor(self._lengths, device=decoder.device)
        even = min(self._lengths) + 1 == tokens  # without a mask attention takes its faster path
        mask = None if even else mask_later(positions, tokens, decoder.dtype)
        token_ids = token_ids.to(decoder.device)
        moved = self._slot_of != sorted(self._slot_of)
        if moved:
            order = torch.tensor(self._slot_of, device=decoder.device)
            token_ids = torch.empty_like(token_ids).index_copy_(0, order, token_ids)
        logits = decoder.step(token_ids, positions, self._cache, tokens, mask)
        self.logits = logits[order] if moved else logits
        self._lengths = [length + 1 for length in self._lengths]

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """See ``DecodeSession``."""
        if bool(self.logits.isnan().any()):
            self._cache.clean()
        kept = [self._slot_of[row] for row in rows]
        self.logits = self.logits[list(rows)]
        # Slots behind the new end move into those that came free before it.
        free = [slot for slot in range(len(kept)) if slot not in set(kept)]
        for row, slot in enumerate(kept):
            if slot >= len(kept):
                kept[row] = free.pop()
                self._move(slot, kept[row])
        del self._lengths[len(kept) :]
        self._slot_of = kept

    def room_for(self, tokens: int) -> int:
        """See ``SlotSession``."""
        return self._cache.room_for(tokens)

    def _move(self, source: int, target: int) -> None:
        """Let a row go on in another slot."""
        self._cache.move(source, target, self._lengths[source])
        self._lengths[target] = self._lengths[source]
