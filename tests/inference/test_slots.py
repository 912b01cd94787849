"""Slots of the torch backend: rows that come and go at any time give the tokens that they give alone."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from GOT.data.processor import GOTProcessor, ModelInputs
from GOT.inference.backends import Prompt
from GOT.inference.backends.torch_backend import TorchBackend
from tests.helpers import draw_page, make_model

LENGTH = 30  # tokens of an answer


def request(processor: GOTProcessor, number: int) -> ModelInputs:
    views = [draw_page(text=f"{number}") for _ in range(1 + number % 2)]
    return processor.encode_request(views, "OCR: " + "word " * (number % 3))


def alone(backend: TorchBackend, inputs: ModelInputs) -> list[int]:
    session = backend.start([inputs])
    tokens = []
    for _ in range(LENGTH):
        chosen = session.logits.argmax(-1)
        tokens.append(int(chosen))
        session.step(chosen)
    return tokens


def prompt(backend: TorchBackend, inputs: ModelInputs) -> Prompt:
    return Prompt(inputs.input_ids, backend.encode([inputs.pixel_values]))


@pytest.mark.parametrize("overrides", [{}, {"num_key_value_heads": 2}])
def test_rows_come_and_go(tiny_processor: GOTProcessor, overrides: dict[str, Any]) -> None:
    backend = TorchBackend(make_model(tiny_processor.tokenizer, **overrides))
    waiting = [(number, request(tiny_processor, number)) for number in range(9)]
    expected = {number: alone(backend, inputs) for number, inputs in waiting}
    session = backend.open_slots(4)
    chance = random.Random(0)
    rows: list[tuple[int, list[int], int]] = []  # number, tokens so far, length at which it leaves
    seen = []
    while waiting or rows:
        come = [waiting.pop() for _ in range(min(len(waiting), chance.randint(0, 4 - len(rows))))]
        if come:
            session.join([prompt(backend, inputs) for _, inputs in come])
            rows += [(number, [], chance.randint(1, LENGTH)) for number, _ in come]
        if not rows:
            continue
        chosen = session.logits.argmax(-1)
        for (_, tokens, _), token in zip(rows, chosen.tolist(), strict=True):
            tokens.append(token)
        kept = [position for position, (_, tokens, end) in enumerate(rows) if len(tokens) < end]
        chance.shuffle(kept)
        for position, (number, tokens, _) in enumerate(rows):
            if position not in kept:
                assert tokens == expected[number][: len(tokens)], number
                seen.append(number)
        rows = [rows[position] for position in kept]
        session.keep(kept)
        if rows:
            session.step(chosen[kept])
    assert sorted(seen) == list(range(9))


def test_logits_are_those_of_plain_batching(tiny_processor: GOTProcessor) -> None:
    backend = TorchBackend(make_model(tiny_processor.tokenizer))
    inputs = [request(tiny_processor, number) for number in range(4)]
    plain, slots = backend.start(inputs), backend.open_slots(4)
    slots.join([prompt(backend, one) for one in inputs])
    for token in (5, 17, 300):
        torch.testing.assert_close(slots.logits, plain.logits, rtol=1e-4, atol=1e-4)
        for session in (plain, slots):
            session.step(torch.full((4,), token))


def test_a_prompt_over_the_context_does_not_join(tiny_processor: GOTProcessor) -> None:
    backend = TorchBackend(make_model(tiny_processor.tokenizer, max_position_embeddings=70))
    session = backend.open_slots(2)
    short, long = request(tiny_processor, 0), tiny_processor.encode_request([draw_page()], "word " * 99)
    with pytest.raises(ValueError, match="context holds 70"):
        session.join([prompt(backend, short), prompt(backend, long)])
    session.join([prompt(backend, short)])
    assert session.logits.shape[0] == 1
