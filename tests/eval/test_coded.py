"""Counting and pairing tokens as integers equals counting and pairing them one by one."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from GOT.eval.bleu import MAX_ORDER, count_matches
from GOT.eval.coded import encode_tokens, pair_from_end


def random_tokens(seed):
    rng = random.Random(seed)
    return [[rng.choice("abcde"[: rng.randint(1, 5)]) for _ in range(rng.randint(0, 30))] for _ in range(2)]


@pytest.mark.parametrize("seed", range(50))
def test_shared_runs_are_those_of_counters(seed):
    first, second = random_tokens(seed)
    for order, matches in enumerate(count_matches(first, second), start=1):
        ours, theirs = (
            Counter(tuple(tokens[place : place + order]) for place in range(len(tokens) - order + 1))
            for tokens in (first, second)
        )
        assert matches == (ours & theirs).total()
    assert order == MAX_ORDER


@pytest.mark.parametrize("seed", range(50))
def test_each_token_takes_the_last_equal_one_that_is_free(seed):
    ours, theirs = random_tokens(seed)
    free = list(enumerate(theirs))
    expected = [-1] * len(ours)
    for place in reversed(range(len(ours))):
        for candidate in reversed(free):
            if candidate[1] == ours[place]:
                expected[place] = candidate[0]
                free.remove(candidate)
                break
    assert pair_from_end(*encode_tokens(ours, theirs)).tolist() == expected
