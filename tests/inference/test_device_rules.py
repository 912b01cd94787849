"""The n-gram rule as one table: it bans what transformers bans, in all rows at once."""

from __future__ import annotations

import random

import pytest
import torch
from transformers.generation.logits_process import NoRepeatNGramLogitsProcessor

from GOT.inference.device_rules import DeviceRules, match_ends

CPU = torch.device("cpu")


def rules_for(prompts: list[list[int]], places: int) -> DeviceRules:
    rules = DeviceRules(len(prompts), CPU)
    rules.grow(places)
    for row, prompt in enumerate(prompts):
        rules.load(row, torch.tensor(prompt))
    return rules


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_it_bans_what_transformers_bans(size: int) -> None:
    chance = random.Random(size)
    theirs = NoRepeatNGramLogitsProcessor(size)
    for _ in range(8):
        rows = [[chance.randrange(6) for _ in range(chance.randint(1, 12))] for _ in range(3)]
        rules = rules_for(rows, 64)
        rules.ngram[:] = size
        for _ in range(40):
            logits = torch.randn(3, 50)
            wanted = [theirs(torch.tensor([ids]), logits[row : row + 1])[0] for row, ids in enumerate(rows)]
            chosen, logprobs = rules.choose(logits, 64)
            for row, scores in enumerate(wanted):
                assert int(chosen[row]) == int(scores.argmax())
                torch.testing.assert_close(logprobs[row], scores.log_softmax(-1).max())
            pushed = torch.tensor([chance.randrange(6) for _ in rows])
            rules.push(pushed, logprobs, 64)
            for ids, token in zip(rows, pushed.tolist(), strict=True):
                ids.append(token)
        assert rules.tokens[:, :40].tolist() == [ids[:40] for ids in rows]


def test_rows_without_a_rule_may_repeat() -> None:
    rules = rules_for([[1, 2, 1], [1, 2, 1]], 8)
    rules.ngram[:] = torch.tensor([0, 2])
    logits = torch.tensor([[0.0, 1.0, 9.0]]).repeat(2, 1)
    assert rules.choose(logits, 8)[0].tolist() == [2, 1]


def test_ends_are_matched() -> None:
    ids = torch.tensor([1, 2, 1, 2, 1, 3, 2, 1])
    wanted = [0, 1, 0, 2, 0, 2, 0, 0]  # "1" | "2 1" … before each place, against the end "… 3 2 1"
    brute = []
    for place in range(len(ids)):
        count = 0
        while count < place and ids[place - 1 - count] == ids[-1 - count]:
            count += 1
        brute.append(count)
    assert match_ends(ids).tolist() == brute == wanted
    assert match_ends(ids[:1]).tolist() == [0]


def test_a_moved_row_goes_on() -> None:
    rules = rules_for([[5, 6], [1, 2, 1]], 8)
    rules.move(1, 0)
    rules.ngram[:] = 2
    assert rules.choose(torch.tensor([[0.0, 1.0, 9.0, 0, 0, 0, 0]]), 8)[0].tolist() == [1]
    rules.load(0, torch.tensor([4]))
    assert rules.lengths.tolist() == [1, 3] and not rules.matched[0].any()
