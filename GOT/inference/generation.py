"""Logits to answers: greedy decoding of a batch, with the n-gram rule, stop tokens, limits and the loop guard.

Knows nothing about how logits are computed (``backends``) or what tokens mean (``data.tokenizer``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from GOT.inference.guards import LoopDetector
from GOT.inference.results import FinishReason

TOKENS_AHEAD = (
    32  # that a card chooses between two looks of the host; a finished row wastes half of them on average
)


@dataclasses.dataclass(frozen=True)
class GenerationSettings:
    """How answers are decoded.

    Attributes:
        max_new_tokens: Longest answer, in tokens.
        no_repeat_ngram_size: No sequence of this many tokens twice; 0: allowed; None: as published, 20 for single
            views and 0 for crop and multi-page.
        stop_on_loop: Cut an answer whose end repeats itself (see ``guards.LoopDetector``).
        retry: Read a page again, otherwise, when its answer was a loop.
    """

    max_new_tokens: int = 4096
    no_repeat_ngram_size: int | None = None
    stop_on_loop: bool = True
    retry: bool = True

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1; got {self.max_new_tokens}.")
        if self.no_repeat_ngram_size is not None and self.no_repeat_ngram_size < 0:
            raise ValueError(f"no_repeat_ngram_size must not be negative; got {self.no_repeat_ngram_size}.")


@dataclasses.dataclass
class Answer:
    """One row of a decoded batch, growing until ``finish_reason`` is set."""

    token_ids: list[int] = dataclasses.field(default_factory=list)  # without the stop token
    logprobs: list[float] = dataclasses.field(default_factory=list)
    finish_reason: FinishReason | None = None


class DecodeSession(Protocol):
    """A batch of prompts that a backend has taken in; rows leave when they are done."""

    logits: Tensor  # (rows, V): for the next token of every row

    @property
    def max_new_tokens(self) -> int:
        """Room that the context leaves for answers."""

    def step(self, token_ids: Tensor) -> None:
        """Append one token to every row, (rows,), and update ``logits``."""

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other rows."""


@runtime_checkable
class AheadSession(DecodeSession, Protocol):
    """A session that chooses tokens by itself, so that the host need not wait for each."""

    def ahead(self, steps: int, no_repeat_ngram_sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Append the likeliest allowed tokens to every row, whatever they are.

        Args:
            steps: How many; fewer where the context ends.
            no_repeat_ngram_sizes: The rule of each row (:class:`NoRepeatNgram`).

        Returns:
            Token ids and their log-probabilities, (rows, steps) each, on the CPU.
        """


def answer_room(context: int, prompt_tokens: int) -> int:
    """Tokens that a context leaves for the answer.

    Raises:
        ValueError: If it leaves none.
    """
    if prompt_tokens >= context:
        raise ValueError(
            f"The prompt has {prompt_tokens} tokens; this model's context holds {context}. Use fewer tiles or pages."
        )
    return context - prompt_tokens


class NoRepeatNgram:
    """Which tokens would complete an n-gram that was there before; constant time a token.

    The same rule as transformers' ``NoRepeatNGramLogitsProcessor``: the prompt counts.
    """

    def __init__(self, size: int, prompt: Sequence[int] = ()) -> None:
        self.size = size
        self._followers: dict[tuple[int, ...], list[int]] = {}
        self._tail: tuple[int, ...] = ()
        for token in prompt:
            self.push(token)

    def push(self, token_id: int) -> None:
        """Take a token into account."""
        if self.size <= 0:
            return
        if len(self._tail) == self.size - 1:
            self._followers.setdefault(self._tail, []).append(token_id)
        self._tail = (*self._tail, token_id)[-(self.size - 1) :] if self.size > 1 else ()

    def banned(self) -> Sequence[int]:
        """Tokens that must not come next."""
        return self._followers.get(self._tail, ()) if len(self._tail) == self.size - 1 else ()


class Decoding:
    """One answer in the making: the rules that every token passes.

    Args:
        prompt: Token ids, for the n-gram rule.
        stop_ids: Tokens that end an answer and are no part of it.
        limit: Longest answer.
        no_repeat_ngram_size: See :class:`NoRepeatNgram`; 0 switches it off.
        stop_on_loop: Cut loops.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        *,
        stop_ids: frozenset[int],
        limit: int,
        no_repeat_ngram_size: int,
        stop_on_loop: bool,
    ) -> None:
        self.answer = Answer()
        self._stop_ids, self._limit = stop_ids, limit
        self._rule = NoRepeatNgram(no_repeat_ngram_size, prompt if no_repeat_ngram_size else ())
        self._loop = LoopDetector() if stop_on_loop else None

    @property
    def ngram_size(self) -> int:
        """See :class:`NoRepeatNgram`."""
        return self._rule.size

    @property
    def room(self) -> int:
        """Tokens that the answer may still get."""
        return self._limit - len(self.answer.token_ids)

    def banned(self) -> Sequence[int]:
        """Tokens that must not come next."""
        return self._rule.banned()

    def push(self, token: int, logprob: float) -> bool:
        """Take the next token; False if the answer ends with it."""
        answer = self.answer
        if token in self._stop_ids:
            answer.finish_reason = "stop"
            return False
        answer.token_ids.append(token)
        answer.logprobs.append(logprob)
        self._rule.push(token)
        if self._loop is not None and self._loop.push(token):
            answer.finish_reason = "repetition"
            del answer.token_ids[self._loop.loop_start :], answer.logprobs[self._loop.loop_start :]
        elif len(answer.token_ids) >= self._limit:
            answer.finish_reason = "length"
        return answer.finish_reason is None


@torch.inference_mode()
def decode(
    session: DecodeSession,
    prompts: Sequence[Sequence[int]],
    *,
    stop_ids: frozenset[int],
    max_new_tokens: int = 4096,
    no_repeat_ngram_size: int = 20,
    stop_on_loop: bool = True,
) -> Iterator[list[Answer]]:
    """Decode greedily: at every step a token for each unfinished row, or as many as the session goes ahead.

    Args:
        session: The prompts, taken in by a backend.
        prompts: Their token ids.
        stop_ids: See :class:`Decoding`, as for the others.
        max_new_tokens: Longest answer.
        no_repeat_ngram_size: See :class:`NoRepeatNgram`; 0 switches it off.
        stop_on_loop: Cut loops.

    Yields:
        All answers, in the order of the prompts, after every step (always the same list and objects).
    """
    # What the context leaves beside its own prompt, not beside the longest: a row ends where it would end alone.
    context = session.max_new_tokens + max(map(len, prompts), default=0)
    rows = [
        Decoding(
            prompt,
            stop_ids=stop_ids,
            limit=min(max_new_tokens, answer_room(context, len(prompt))),
            no_repeat_ngram_size=no_repeat_ngram_size,
            stop_on_loop=stop_on_loop,
        )
        for prompt in prompts
    ]
    answers = [row.answer for row in rows]
    while rows:
        try:
            tokens, kept = advance(session, rows)
        except BrokenRows:
            session.keep([])  # lets it forget what would break the rows of the next session in its place
            raise
        yield answers
        if len(kept) < len(rows):
            rows = [rows[position] for position in kept]
            session.keep(kept)
        if rows and tokens is not None:
            session.step(tokens[kept])


@torch.inference_mode()
def advance(session: DecodeSession, rows: Sequence[Decoding]) -> tuple[Tensor | None, list[int]]:
    """Give every row its next token, or many if the session goes ahead by itself.

    Returns:
        The tokens to step with, (rows,), or None if the session has taken them; and the positions of the rows that go
        on.

    Raises:
        BrokenRows: If the logits overflowed, as float16 may; no answer has grown then.
    """
    if isinstance(session, AheadSession):
        steps = min(TOKENS_AHEAD, max(row.room for row in rows))
        ahead, logprobs = session.ahead(steps, [row.ngram_size for row in rows])
        _check_numbers(logprobs, session.logits.dtype)
        pairs = [zip(*both, strict=True) for both in zip(ahead.tolist(), logprobs.tolist(), strict=True)]
        return None, [
            position for position, row in enumerate(rows) if all(row.push(*pair) for pair in pairs[position])
        ]
    tokens, logprobs = choose_greedily(session.logits, [row.banned() for row in rows])
    chosen = zip(rows, tokens.tolist(), logprobs.tolist(), strict=True)
    return tokens, [position for position, (row, *pair) in enumerate(chosen) if row.push(*pair)]


def choose_greedily(logits: Tensor, banned: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """The likeliest allowed token of every row.

    Args:
        logits: (rows, V); changed in place where tokens are banned.
        banned: Token ids that each row must not take.

    Returns:
        Token ids and their log-probabilities, (rows,) each.

    Raises:
        BrokenRows: If the logits overflowed, as float16 may.
    """
    for row, ids in enumerate(banned):
        if ids:
            logits[row, list(ids)] = -torch.inf
    top, tokens = logits.max(dim=-1)
    _check_numbers(top, logits.dtype)
    return tokens, top.float() - logits.float().logsumexp(dim=-1)


class BrokenRows(ValueError):
    """The model computed values that are no numbers.

    Attributes:
        rows: Positions of the answers in which it did.
    """

    def __init__(self, rows: Sequence[int], dtype: torch.dtype) -> None:
        super().__init__(
            f"The model computed values that are no numbers in {str(dtype).removeprefix('torch.')}; "
            "try --dtype float32."
        )
        self.rows = frozenset(rows)


def _check_numbers(values: Tensor, dtype: torch.dtype) -> None:
    """For values of every row, (rows, ...)."""
    broken = values.isnan().reshape(len(values), -1).any(dim=-1)
    if bool(broken.any()):
        raise BrokenRows(broken.nonzero().flatten().tolist(), dtype)
