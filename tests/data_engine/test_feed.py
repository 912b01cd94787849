"""Recipes as training records on the fly."""

from __future__ import annotations

import collections
import hashlib
import subprocess
import sys

import pytest
from PIL import Image

from GOT.data_engine.feed import SynthFeed, SynthTable
from GOT.data_engine.recipe import Recipe
from GOT.data_engine.sample import Rejected, Sample
from tests.data_engine.test_runner import SMALL, fake_kind

RECIPE = Recipe(
    kinds={"line_en": 3, "multi_page": 1},
    count=24,
    seed=5,
    settings={
        "line_en": SMALL,
        "multi_page": {"bases": {"plain_en": 1}, "settings": {"plain_en": SMALL}, "pages": 2},
    },
)


def key(record) -> str:
    text = "".join(turn["value"] for turn in record["conversations"])
    return hashlib.sha256(text.encode() + b"".join(image.tobytes() for image in record["images"])).hexdigest()


def test_a_record_has_pictures_and_two_turns():
    table = SynthTable(RECIPE)
    assert len(table) == 24
    for number in range(8):
        record = table[number]
        assert all(isinstance(image, Image.Image) for image in record["images"])
        human, answer = record["conversations"]
        assert human["value"].count("<image>") == len(record["images"])
        assert answer["from"] == "gpt" and answer["value"]


def test_training_reads_the_records():
    sources = pytest.importorskip("GOT.data.sources")
    for number in range(6):
        record = SynthTable(RECIPE)[number]
        parsed = sources.parse_record(record)
        assert parsed.exchanges[0].num_images == len(record["images"])
        assert parsed.exchanges[0].answer == record["conversations"][1]["value"]


def test_ranks_and_workers_share_every_number_once():
    shares = [
        list(SynthFeed(RECIPE, rank=rank, ranks=2, worker=worker, workers=3, start=4).numbers())
        for rank in range(2)
        for worker in range(3)
    ]
    assert sorted(number for share in shares for number in share) == list(range(4, 24))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_resuming_goes_on_where_it_stopped():
    whole = [key(record) for record in SynthFeed(RECIPE)]
    assert [key(record) for record in SynthFeed(RECIPE, start=9)] == whole[9:]
    assert len(set(whole)) == len(whole)


def test_an_endless_feed_goes_on():
    feed = iter(SynthFeed(Recipe(kinds={"line_en": 1}, count=2, settings={"line_en": SMALL}), endless=True))
    assert len({key(next(feed)) for _ in range(5)}) == 5


def test_kinds_come_by_weight():
    table = SynthTable(Recipe(kinds={"line_en": 3, "plain_en": 1, "scene": 0}, count=400))
    counts = collections.Counter(table.kind_of(number) for number in range(400))
    assert counts["scene"] == 0
    assert 250 < counts["line_en"] < 350


def test_a_rejected_number_is_replaced_and_always_by_the_same(monkeypatch):
    def sample(index, seed):
        if index < 1000:
            raise Rejected("too long")
        return Sample((Image.new("L", (4, 4)),), "OCR: ", str(index))

    fake_kind(monkeypatch, sample)
    table = SynthTable(Recipe(kinds={"fake": 1}, count=3))
    assert key(table[1]) == key(table[1]) != key(table[2])


def test_a_kind_that_always_rejects_is_an_error_not_a_loop(monkeypatch):
    def sample(index, seed):
        raise Rejected("never")

    fake_kind(monkeypatch, sample)
    with pytest.raises(ValueError, match="in a row were rejected; the last one: never"):
        SynthTable(Recipe(kinds={"fake": 1}, count=3))[0]


def test_what_a_kind_cannot_do_shows_before_training(monkeypatch):
    def sample(index, seed, broken=False):
        if broken:
            raise ImportError('typst is not installed; this needs it: pip install "got-ocr[synth]"')
        raise Rejected("not this one")

    fake_kind(monkeypatch, sample)
    SynthTable(Recipe(kinds={"fake": 1}, count=3)).try_kinds()
    with pytest.raises(ImportError, match="pip install"):
        SynthTable(Recipe(kinds={"fake": 1}, count=3, settings={"fake": {"broken": True}})).try_kinds()


def test_a_failure_names_the_sample(monkeypatch):
    def sample(index, seed):
        raise KeyError("x")

    fake_kind(monkeypatch, sample)
    with pytest.raises(RuntimeError, match=r"fake sample 2 of seed 42 failed: KeyError\('x'\)"):
        SynthTable(Recipe(kinds={"fake": 1}, count=3))[2]


def test_the_fingerprint_tells_recipes_apart():
    import dataclasses

    assert SynthTable(RECIPE).fingerprint == SynthTable(dataclasses.replace(RECIPE)).fingerprint
    assert SynthTable(RECIPE).fingerprint != SynthTable(dataclasses.replace(RECIPE, seed=6)).fingerprint


@pytest.mark.parametrize("wrong", [{"rank": 2, "ranks": 2}, {"worker": -1}, {"start": -1}])
def test_impossible_shares_are_refused(wrong):
    with pytest.raises(ValueError, match="count from 0"):
        SynthFeed(RECIPE, **wrong)


def test_numbers_outside_of_the_recipe_are_refused():
    with pytest.raises(IndexError, match="no number 24"):
        SynthTable(RECIPE)[24]


def test_the_engine_does_without_torch():
    code = (
        "import sys, GOT.data_engine.feed, GOT.data_engine.runner, GOT.data_engine.multi_page, GOT.cli.synth\n"
        "print([name for name in ('torch', 'transformers', 'typst', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
