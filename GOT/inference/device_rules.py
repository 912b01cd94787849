"""Logits to chosen tokens without a look at the host: the n-gram rule of all rows in one table.

The table says for every place in a row how many of the tokens before it equal the row's last ones; where n - 1 do, the
token that stands there would complete an n-gram (``generation.NoRepeatNgram``, in tensors). A new token updates it by
one comparison and one shift. Shapes never depend on values, so a CUDA graph can hold it all.

R rows · T places · V vocabulary
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class DeviceRules:
    """The tokens of a number of rows and their table. Every tensor keeps its place in memory until it must grow."""

    def __init__(self, rows: int, device: torch.device) -> None:
        def zeros(dtype: torch.dtype, *shape: int) -> Tensor:
            return torch.zeros(rows, *shape, dtype=dtype, device=device)

        self.tokens = zeros(torch.long, 0)  # of prompt and answer
        self.logprobs = zeros(torch.float32, 0)  # of the answer's tokens, at their places
        self.matched = zeros(
            torch.int32, 0
        )  # at a place: how many tokens before it equal the row's last ones
        self.lengths = zeros(torch.long)
        self.ngram = zeros(torch.long)  # 0: no rule

    def grow(self, places: int) -> None:
        """Make room for this many tokens in every row."""
        added = max(0, places - self.tokens.shape[1])
        for name in ("tokens", "logprobs", "matched"):
            setattr(self, name, F.pad(getattr(self, name), (0, added)))

    def load(self, row: int, prompt: Tensor) -> None:
        """Begin a row with a prompt, (T,)."""
        length = len(prompt)
        self.tokens[row, :length] = prompt.to(self.tokens.device)
        self.matched[row] = 0
        self.matched[row, :length] = match_ends(prompt).to(self.matched)
        self.lengths[row] = length

    def move(self, source: int, target: int) -> None:
        """Copy a row over another."""
        for kept in vars(self).values():
            kept[target] = kept[source]

    def choose(self, logits: Tensor, places: int) -> tuple[Tensor, Tensor]:
        """The likeliest allowed token of the first R rows, none of which is longer than ``places``.

        Args:
            logits: (R, V), of any float type.

        Returns:
            Token ids and their log-probabilities, (R,) each; the latter are no numbers where the logits are none.
        """
        rows = len(logits)
        lengths, ngram = self.lengths[:rows, None], self.ngram[:rows, None]
        is_there = torch.arange(places, device=logits.device) < lengths
        banned = (self.matched[:rows, :places] >= ngram - 1) & is_there & (ngram > 0)
        penalty = torch.zeros(banned.shape, device=logits.device).masked_fill_(banned, -torch.inf)
        scores = logits.float().scatter_add(1, self.tokens[:rows, :places], penalty)
        top, chosen = scores.max(dim=-1)
        return chosen, top - scores.logsumexp(dim=-1)

    def push(self, chosen: Tensor, logprobs: Tensor, places: int) -> None:
        """Append a token to each of the first R rows, all of them shorter than ``places``.

        Args:
            chosen: (R,).
            logprobs: (R,).
        """
        rows = len(chosen)
        lengths = self.lengths[:rows, None]
        tokens, matched = self.tokens[:rows, :places], self.matched[:rows, :places]
        place = torch.arange(places, device=chosen.device)
        equal = (tokens == chosen[:, None]) & (place < lengths)
        runs = torch.where(
            equal, matched + 1, 0
        )  # tokens up to a place, itself included, that equal the last ones
        matched[:, 1:] = runs[:, :-1]
        tokens.scatter_(1, lengths, chosen[:, None])
        self.logprobs[:rows].scatter_(1, lengths, logprobs[:, None])
        self.lengths[:rows] += 1


def match_ends(ids: Tensor) -> Tensor:
    """For every place in (T,) ids: how many of the tokens before it equal the last ones of all."""
    count = len(ids)
    found = torch.zeros(count, dtype=torch.int32)
    equal = torch.ones(count, dtype=torch.bool)
    for back in range(1, count):
        equal[:back] = False
        equal[back:] &= ids[: count - back] == ids[-back]
        if not equal.any():
            break
        found += equal
    return found
