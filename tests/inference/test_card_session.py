"""The session for cards, its steps run as they are on the CPU: the tokens of the plain session, many at a time."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from GOT.data.processor import GOTProcessor, ModelInputs
from GOT.inference.backends import Prompt, torch_decoder
from GOT.inference.backends.card_session import CardSession, Workspace
from GOT.inference.backends.torch_backend import TorchBackend
from GOT.inference.backends.torch_decoder import Decoder
from GOT.inference.generation import BrokenRows, Decoding, NoRepeatNgram, advance, choose_greedily, decode
from tests.helpers import draw_page, make_model

LENGTH = 40  # tokens of an answer


@pytest.fixture
def backend(tiny_model: Any, monkeypatch: pytest.MonkeyPatch) -> TorchBackend:
    monkeypatch.setattr(torch_decoder, "LEAST_ROOM", 32)  # so that the cache grows on the way
    return TorchBackend(tiny_model)


def prompts_of(backend: TorchBackend, processor: GOTProcessor, count: int) -> list[Prompt]:
    """Prompts of different length, with one view or two."""
    batch = [
        processor.encode_request([draw_page(text=f"{n}")] * (1 + n % 2), "OCR: " + "word " * n)
        for n in range(count)
    ]
    return [Prompt(inputs.input_ids, backend.encode([inputs.pixel_values])) for inputs in batch]


@torch.inference_mode()
def answer_alone(backend: TorchBackend, prompt: Prompt, ngram: int) -> tuple[list[int], list[float]]:
    """What the plain session and the rule of the host give."""
    session, rule = backend.open_slots(1), NoRepeatNgram(ngram, prompt.input_ids.tolist())
    session.join([prompt])
    found: tuple[list[int], list[float]] = ([], [])
    for _ in range(LENGTH):
        token, logprob = choose_greedily(session.logits, [rule.banned()])
        rule.push(int(token))
        session.step(token)
        for kept, value in zip(found, (token, logprob), strict=True):
            kept.append(value.item())
    return found


@pytest.mark.parametrize("ngram", [0, 2, 20])
def test_many_tokens_at_a_time_are_those_of_one_at_a_time(
    backend: TorchBackend, tiny_processor: GOTProcessor, ngram: int
) -> None:
    prompts = prompts_of(backend, tiny_processor, 3)
    wanted = [answer_alone(backend, prompt, ngram) for prompt in prompts]
    session = CardSession(Workspace(Decoder(backend.model), 4))
    session.join(prompts)
    parts = [session.ahead(steps, [ngram] * 3) for steps in (1, 16, LENGTH - 17)]
    tokens, logprobs = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    assert tokens.tolist() == [row[0] for row in wanted]
    # float32 sums in another order
    torch.testing.assert_close(logprobs, torch.tensor([row[1] for row in wanted]), rtol=0, atol=1e-4)


def test_rows_come_go_and_take_single_steps_between(
    backend: TorchBackend, tiny_processor: GOTProcessor
) -> None:
    """Also in a workspace that another session has used."""
    prompts = prompts_of(backend, tiny_processor, 5)
    wanted = [answer_alone(backend, prompt, 3)[0] for prompt in prompts]
    space = Workspace(Decoder(backend.model), 4)
    for _ in range(2):
        session = CardSession(space)
        found: dict[int, list[int]] = {number: [] for number in range(5)}

        def ahead(rows: list[int], steps: int, session: CardSession = session, found: Any = found) -> None:
            for number, tokens in zip(rows, session.ahead(steps, [3] * len(rows))[0].tolist(), strict=True):
                found[number] += tokens

        session.join(prompts[:3])
        ahead([0, 1, 2], 5)
        session.keep([2, 1])
        ahead([2, 1], 4)
        session.join(prompts[3:])
        given = torch.tensor([wanted[number][len(found[number])] for number in (2, 1, 3, 4)])
        session.step(given)
        for number, token in zip((2, 1, 3, 4), given.tolist(), strict=True):
            found[number].append(token)
        ahead([2, 1, 3, 4], 20)
        session.keep([2])  # the third row, which is number 3
        ahead([3], 7)
        for number, tokens in found.items():
            assert tokens == wanted[number][: len(tokens)], number
        assert {number: len(tokens) for number, tokens in found.items()} == {0: 5, 1: 30, 2: 30, 3: 28, 4: 21}


def test_it_stops_at_the_end_of_the_context(tiny_tokenizer: Any, tiny_processor: GOTProcessor) -> None:
    backend = TorchBackend(make_model(tiny_tokenizer, max_position_embeddings=80))
    (prompt,) = prompts_of(backend, tiny_processor, 1)
    session = CardSession(Workspace(Decoder(backend.model), 1))
    session.join([prompt])
    room = session.max_new_tokens
    assert session.ahead(1000, [0])[0].shape == (1, room) and session.max_new_tokens == 0


def test_answers_end_where_they_end_one_token_at_a_time(
    backend: TorchBackend, tiny_processor: GOTProcessor
) -> None:
    """Stop tokens, loops and limits in the middle of what came ahead."""
    batch = [tiny_processor.encode_request([draw_page()], "OCR: " + "word " * n) for n in range(6)]
    ids = [inputs.input_ids.tolist() for inputs in batch]
    for stops, options in (
        (range(0, 1012, 29), {"max_new_tokens": 50}),
        ((), {"max_new_tokens": 300, "no_repeat_ngram_size": 0}),
    ):
        ended = []
        for session in (backend.start(batch), card_session(backend, batch)):
            *_, answers = decode(session, ids, stop_ids=frozenset(stops), **options)  # type: ignore[arg-type]
            ended.append([(answer.token_ids, answer.finish_reason) for answer in answers])
        assert ended[0] == ended[1]
        reasons = {reason for _, reason in ended[0]}
        assert reasons & {"stop", "repetition"}, reasons


def card_session(backend: TorchBackend, batch: Sequence[ModelInputs]) -> CardSession:
    session = backend._open_on_card(len(batch))
    session.join([Prompt(inputs.input_ids, backend.encode([inputs.pixel_values])) for inputs in batch])
    return session


def test_numbers_that_overflowed_are_an_error(backend: TorchBackend, tiny_processor: GOTProcessor) -> None:
    session = card_session(backend, [tiny_processor.encode_request([draw_page()], "OCR: ")])
    session.logits = torch.full_like(session.logits, torch.nan)
    row = Decoding([], stop_ids=frozenset(), limit=9, no_repeat_ngram_size=0, stop_on_loop=False)
    with pytest.raises(ValueError, match="no numbers in float32"):
        advance(session, [row])
    assert not row.answer.token_ids


def test_broken_numbers_stay_out_of_the_next_session(
    backend: TorchBackend, tiny_processor: GOTProcessor
) -> None:
    """Which gets the same memory, and looks at what is behind its rows with weight 0."""
    (prompt,) = prompts_of(backend, tiny_processor, 1)
    wanted, _ = answer_alone(backend, prompt, 0)
    broken = Prompt(
        prompt.input_ids.repeat(2), torch.full_like(prompt.image_features, torch.nan).repeat(2, 1, 1)
    )
    session = backend._open_on_card(1)
    session.join([broken])
    with pytest.raises(BrokenRows):
        list(decode(session, [broken.input_ids.tolist()], stop_ids=frozenset()))
    space = session._space
    del session
    gc.collect()
    again = backend._open_on_card(1)
    assert again._space is space
    again.join([prompt])
    assert again.ahead(LENGTH, [0])[0].tolist() == [wanted]


def test_workspaces_go_from_session_to_session(backend: TorchBackend) -> None:
    first = backend._open_on_card(3)
    second = backend._open_on_card(3)
    space = first._space
    assert space.slots == 3 and second._space is not space
    del first
    assert backend._open_on_card(2)._space is space
    gc.collect()
    assert backend._open_on_card(9)._space is not space
