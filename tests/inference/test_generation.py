"""Greedy decoding: the n-gram rule, batches, loops, limits - against transformers' own generate."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.generation.logits_process import NoRepeatNGramLogitsProcessor

from GOT.data.processor import GOTProcessor, ModelInputs
from GOT.inference.backends.torch_backend import TorchBackend
from GOT.inference.generation import Answer, GenerationSettings, NoRepeatNgram, choose_greedily, decode
from tests.helpers import draw_page, make_model


def request(processor: GOTProcessor, text: str, views: int = 1) -> ModelInputs:
    return processor.encode_request([draw_page(text=text * (i + 1)) for i in range(views)], "OCR: " + text)


def read(backend: TorchBackend, batch: Sequence[ModelInputs], **options: Any) -> list[Answer]:
    prompts = [inputs.input_ids.tolist() for inputs in batch]
    options = {"stop_ids": frozenset(), "max_new_tokens": 40, "stop_on_loop": False, **options}
    return list(decode(backend.start(batch), prompts, **options))[-1]


@pytest.fixture
def backend(tiny_model: Any) -> TorchBackend:
    return TorchBackend(tiny_model)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_ngram_rule_bans_what_transformers_bans(size: int) -> None:
    chance = random.Random(size)
    theirs = NoRepeatNGramLogitsProcessor(size)
    for _ in range(30):
        prompt = [chance.randrange(6) for _ in range(chance.randint(1, 12))]
        rule = NoRepeatNgram(size, prompt)
        ids = list(prompt)
        for _ in range(40):
            scores = theirs(torch.tensor([ids]), torch.zeros(1, 6))
            assert set(rule.banned()) == set(torch.nonzero(scores[0] == -torch.inf).flatten().tolist())
            ids.append(chance.randrange(6))
            rule.push(ids[-1])


def test_the_ngram_rule_costs_the_same_at_any_length() -> None:
    """The released stopping check decodes the whole answer at every token (fault I5)."""
    chance = random.Random(0)
    rule = NoRepeatNgram(20)

    def spent(tokens: int) -> float:
        started = time.perf_counter()
        for _ in range(tokens):
            rule.banned()
            rule.push(chance.randrange(1000))
        return time.perf_counter() - started

    early = min(spent(2000) for _ in range(3))
    spent(60_000)
    late = min(spent(2000) for _ in range(3))
    assert late < 5 * early + 0.01


@pytest.mark.parametrize("ngram", [0, 2, 20])
def test_decoding_equals_transformers_generate(
    backend: TorchBackend, tiny_processor: GOTProcessor, ngram: int
) -> None:
    inputs = request(tiny_processor, "abc")
    answer = read(backend, [inputs], no_repeat_ngram_size=ngram)[0]
    theirs = backend.model.generate(
        inputs.input_ids[None], pixel_values=inputs.pixel_values,
        attention_mask=torch.ones_like(inputs.input_ids[None]),
        max_new_tokens=40, do_sample=False, no_repeat_ngram_size=ngram, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    assert answer.token_ids == theirs[0, len(inputs.input_ids) :].tolist()
    assert len(answer.logprobs) == 40 and all(value <= 0 for value in answer.logprobs)


@pytest.mark.parametrize("ngram", [0, 3])
def test_decoding_equals_their_models_generate(
    tmp_path: Path, backend: TorchBackend, tiny_processor: GOTProcessor, ngram: int
) -> None:
    from transformers import GotOcr2ForConditionalGeneration

    from GOT.model.checkpoint import save_model

    save_model(backend.model, tmp_path, layout="transformers")
    theirs = GotOcr2ForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    theirs.generation_config.eos_token_id = None
    inputs = request(tiny_processor, "xyz", views=2)
    tokens = theirs.generate(
        input_ids=inputs.input_ids[None], pixel_values=inputs.pixel_values,
        attention_mask=torch.ones_like(inputs.input_ids[None]),
        max_new_tokens=40, do_sample=False, no_repeat_ngram_size=ngram, pad_token_id=0,
    )  # fmt: skip
    assert (
        read(backend, [inputs], no_repeat_ngram_size=ngram)[0].token_ids
        == tokens[0, len(inputs.input_ids) :].tolist()
    )


def test_a_batch_gives_what_its_rows_give_alone(backend: TorchBackend, tiny_processor: GOTProcessor) -> None:
    """Rows of different length and different numbers of views, some of which stop early."""
    batch = [
        request(tiny_processor, "a" * n, views) for n, views in ((1, 1), (9, 3), (30, 1), (4, 2), (2, 1))
    ]
    stop = frozenset(range(0, 1012, 17))
    together = read(backend, batch, stop_ids=stop, no_repeat_ngram_size=4)
    assert len({len(answer.token_ids) for answer in together}) > 1, "all rows stop at the same step"
    for inputs, answer in zip(batch, together, strict=True):
        alone = read(backend, [inputs], stop_ids=stop, no_repeat_ngram_size=4)[0]
        assert (answer.token_ids, answer.finish_reason) == (alone.token_ids, alone.finish_reason)
        torch.testing.assert_close(
            torch.tensor(answer.logprobs), torch.tensor(alone.logprobs), rtol=0, atol=1e-4
        )


def test_a_batch_gives_what_its_rows_give_alone_up_to_the_context(
    tiny_tokenizer: Any, tiny_processor: GOTProcessor
) -> None:
    """A short prompt's answer may go on where the longest prompt's has filled the context."""
    backend = TorchBackend(make_model(tiny_tokenizer, max_position_embeddings=90))
    batch = [request(tiny_processor, "a" * n) for n in (1, 12)]
    together = read(backend, batch, max_new_tokens=1000)
    assert len(together[0].token_ids) > len(together[1].token_ids)
    for inputs, answer in zip(batch, together, strict=True):
        (alone,) = read(backend, [inputs], max_new_tokens=1000)
        assert (answer.token_ids, answer.finish_reason) == (alone.token_ids, alone.finish_reason)


@torch.no_grad()
def test_cached_decoding_equals_uncached(backend: TorchBackend, tiny_processor: GOTProcessor) -> None:
    inputs = request(tiny_processor, "q")
    ids = inputs.input_ids.tolist()
    for _ in range(20):
        logits = backend.model(torch.tensor([ids]), inputs.pixel_values).logits[0, -1]
        ids.append(int(logits.argmax()))
    assert read(backend, [inputs], no_repeat_ngram_size=0, max_new_tokens=20)[0].token_ids == ids[-20:]


def test_tiles_batched_equal_tiles_one_by_one(
    backend: TorchBackend, tiny_processor: GOTProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = request(tiny_processor, "t", views=7).pixel_values
    one_by_one = backend.encode([pixels])
    monkeypatch.setattr("GOT.inference.backends.torch_backend.VIEWS_AT_ONCE", {"cpu": 4})
    torch.testing.assert_close(backend.encode([pixels[:3], pixels[3:]]), one_by_one, rtol=1e-4, atol=1e-4)


class Script:
    """A session that wants to say given tokens."""

    def __init__(self, *rows: Sequence[int], size: int = 50, room: int = 10_000) -> None:
        self.rows, self.size, self.max_new_tokens, self.at = list(rows), size, room, 0
        self.logits = self._logits()

    def step(self, token_ids: Tensor) -> None:
        assert len(token_ids) == len(self.rows)
        self.at += 1
        self.logits = self._logits()

    def keep(self, rows: Sequence[int]) -> None:
        self.rows = [self.rows[row] for row in rows]

    def _logits(self) -> Tensor:
        logits = torch.zeros(len(self.rows), self.size)
        for row, tokens in enumerate(self.rows):
            logits[row, tokens[self.at % len(tokens)]] = 9
        return logits


def run(script: Script, **options: Any) -> list[Answer]:
    options = {"stop_ids": frozenset({0}), "no_repeat_ngram_size": 0, **options}
    return list(decode(script, [[]] * len(script.rows), **options))[-1]


def test_an_answer_ends_before_the_stop_token() -> None:
    first, second = run(Script([5, 6, 0], [7, 0, 1]))
    assert (first.token_ids, first.finish_reason) == ([5, 6], "stop")
    assert (second.token_ids, second.finish_reason) == ([7], "stop")


def test_every_row_stops_by_itself() -> None:
    """The released check looks at the first row only (fault I5)."""
    answers = run(Script([1, 2, 3, 4, 5, 0], [0, 9], [8, 0]))
    assert [len(answer.token_ids) for answer in answers] == [5, 0, 1]


def test_the_limit_is_a_reason() -> None:
    assert run(Script(list(range(1, 50))), max_new_tokens=7)[0].finish_reason == "length"
    assert len(run(Script(list(range(1, 50)), room=5))[0].token_ids) == 5


def test_a_loop_is_cut_to_one_round() -> None:
    (answer,) = run(Script([1, 2, 3]))
    assert answer.finish_reason == "repetition"
    assert answer.token_ids == [1, 2, 3] and len(answer.logprobs) == 3
    (free,) = run(Script([1, 2, 3]), stop_on_loop=False, max_new_tokens=300)
    assert free.finish_reason == "length" and len(free.token_ids) == 300


def test_a_loop_in_one_row_leaves_the_others_alone() -> None:
    looping, other = run(Script([1, 2], [*range(1, 49)] * 4 + [0], size=60), max_new_tokens=150)
    assert looping.finish_reason == "repetition"
    assert other.finish_reason == "length"


def test_numbers_that_overflowed_are_an_error() -> None:
    with pytest.raises(ValueError, match="no numbers in float32; try --dtype float32"):
        choose_greedily(torch.tensor([[1.0, float("nan")]]), [()])


def test_logprobs_are_of_the_allowed_tokens() -> None:
    tokens, logprobs = choose_greedily(torch.tensor([[3.0, 1.0, 1.0]]), [[0]])
    assert tokens.item() in (1, 2)
    assert logprobs.item() == pytest.approx(-0.6931, abs=1e-4)


def test_a_prompt_over_the_context_is_refused(
    tiny_tokenizer: Any, tiny_processor: GOTProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its pictures are encoded."""
    backend = TorchBackend(make_model(tiny_tokenizer, max_position_embeddings=60))
    monkeypatch.setattr(backend, "encode", None)
    with pytest.raises(ValueError, match=r"this model's context holds 60. Use fewer tiles or pages"):
        backend.start([request(tiny_processor, "long " * 30)])


@pytest.mark.parametrize("wrong", [{"max_new_tokens": 0}, {"no_repeat_ngram_size": -1}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="got"):
        GenerationSettings(**wrong)
