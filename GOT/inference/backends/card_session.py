"""The session for cards: many tokens with no word from the host, each step a replayed CUDA graph.

A card computes a step of a small batch faster than Python can ask for its parts, so the whole step (choice of the
token, n-gram rule, all layers, head) is captured once and replayed. Everything that a graph reads or writes keeps its
place in memory in a :class:`Workspace`, which goes from one session to the next. On a CPU the same steps run as they
are; that is how tests compare them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from GOT.inference.backends import Prompt
from GOT.inference.backends.torch_decoder import Decoder, KeyValueCache, mask_later, power_of_two
from GOT.inference.backends.torch_session import TorchSession
from GOT.inference.device_rules import DeviceRules


class Workspace:
    """Cache, tokens and logits of a number of slots, and the graphs captured over them."""

    def __init__(self, decoder: Decoder, slots: int) -> None:
        config, device = decoder.model.config, decoder.device
        self.decoder, self.slots = decoder, slots
        self.cache = KeyValueCache(decoder, slots)
        self.rules = DeviceRules(slots, device)
        self.token_ids = torch.zeros(slots, dtype=torch.long, device=device)
        self.logits = torch.zeros(slots, config.vocab_size, dtype=decoder.dtype, device=device)
        self._graphs: dict[tuple[int, int, bool], torch.cuda.CUDAGraph] = {}
        # One for all, since never two of them run: what they compute in between would add up.
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None

    def grow(self, tokens: int) -> None:
        """Make room for this many tokens in every slot."""
        if tokens > self.cache.room:
            self._graphs.clear()  # they know the old places
        self.cache.grow(tokens, self.slots)
        self.rules.grow(self.cache.room)

    def step(self, rows: int, tokens: int, *, chooses: bool) -> None:
        """Append a token to each of the first rows.

        Args:
            rows: How many.
            tokens: No row is longer than this afterwards.
            chooses: Whether the likeliest allowed token is taken, or the one in ``token_ids``.
        """
        key = (rows, tokens, chooses)
        if key in self._graphs:
            self._graphs[key].replay()
            return
        self._compute(*key)  # the first time as it is: libraries set themselves up, which no capture may see
        if self.decoder.device.type == "cuda":
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                self._compute(*key)
            self._graphs[key] = graph

    def _compute(self, rows: int, tokens: int, chooses: bool) -> None:
        token_ids, logits, rules = self.token_ids[:rows], self.logits[:rows], self.rules
        if chooses:
            chosen, logprobs = rules.choose(logits, tokens)
            token_ids.copy_(chosen)
        else:
            logprobs = torch.zeros(rows, device=token_ids.device)
        positions = rules.lengths[:rows].clone()
        rules.push(token_ids, logprobs, tokens)
        mask = mask_later(positions, tokens, self.decoder.dtype)
        logits.copy_(self.decoder.step(token_ids, positions, self.cache, tokens, mask))


class CardSession(TorchSession):
    """See ``generation.AheadSession`` and ``backends.SlotSession``.

    Rows and tokens are rounded up to powers of two, so that few graphs serve all batches.
    """

    def __init__(self, space: Workspace) -> None:
        super().__init__(space.decoder, space.cache)
        self._space = space

    @torch.inference_mode()
    def join(self, prompts: Sequence[Prompt]) -> None:
        """See ``SlotSession``."""
        first = len(self._lengths)
        self._space.grow(max(len(prompt.input_ids) for prompt in prompts))
        super().join(prompts)
        for slot, prompt in enumerate(prompts, start=first):
            self._space.rules.load(slot, prompt.input_ids)

    @torch.inference_mode()
    def step(self, token_ids: Tensor) -> None:
        """See ``DecodeSession``."""
        order = torch.tensor(self._slot_of, device=self._decoder.device)
        self._space.token_ids[order] = token_ids.to(order.device)
        self._run(1, chooses=False)
        self.logits = self._space.logits[order]

    @torch.inference_mode()
    def ahead(self, steps: int, no_repeat_ngram_sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """See ``AheadSession``."""
        steps = min(steps, self.max_new_tokens)
        space, device = self._space, self._decoder.device
        order = torch.tensor(self._slot_of, device=device)
        space.logits[order] = self.logits
        space.rules.ngram[order] = torch.tensor(list(no_repeat_ngram_sizes), device=device)
        starts = torch.tensor([self._lengths[slot] for slot in self._slot_of], device=device)
        self._run(steps, chooses=True)
        self.logits = space.logits[order]
        places = starts[:, None] + torch.arange(steps, device=device)
        found = (kept[order].gather(1, places).cpu() for kept in (space.rules.tokens, space.rules.logprobs))
        token_ids, logprobs = found
        return token_ids, logprobs

    def _run(self, steps: int, *, chooses: bool) -> None:
        space, used = self._space, len(self._lengths)
        longest = max(self._lengths) + steps
        space.grow(longest)
        rows = min(space.slots, power_of_two(used))
        space.rules.lengths[used:rows] = 0  # empty slots compute too, and must not outgrow their room
        for _ in range(steps):
            space.step(rows, self._cache.room_for(longest), chooses=chooses)
        self._lengths = [length + steps for length in self._lengths]

    def _move(self, source: int, target: int) -> None:
        super()._move(source, target)
        self._space.rules.move(source, target)
