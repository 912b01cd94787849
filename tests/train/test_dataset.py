"""Samples: what is learned, in which order, and what happens to bad records."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from GOT.data.collator import Collator
from GOT.data.dataset import BadSample, ConversationDataset, Part, Quarantine, TrainingSample, image_files
from GOT.data.sampler import EpochBatchSampler
from GOT.train.health import DataHealth
from GOT.utils.constants import IGNORE_INDEX
from tests.train.conftest import conversation, draw_word


class Records(list):
    """A table in memory."""


def dataset_of(
    records: list[dict[str, Any]], folder: Path, processor: Any, **options: Any
) -> ConversationDataset:
    return ConversationDataset([Part("set", Records(records), folder)], processor, **options)


def learned(sample: TrainingSample, processor: Any) -> str:
    kept = sample.labels[sample.labels != IGNORE_INDEX].tolist()
    return processor.tokenizer.decode(kept, skip_special_tokens=False)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    draw_word("hello").save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_only_answers_are_learned_and_each_ends(picture: Path, tiny_processor: Any) -> None:
    turns = [("<image>\nOCR: ", "one"), ("again", "two")]
    values = [v for q, a in turns for v in ({"from": "human", "value": q}, {"from": "gpt", "value": a})]
    (sample,) = dataset_of([{"image": "a.png", "conversations": values}], picture.parent, tiny_processor)[0]
    assert isinstance(sample, TrainingSample)
    assert learned(sample, tiny_processor) == "one<|im_end|>two<|im_end|>"
    assert sample.pixel_values.shape == (1, 3, 128, 128)


def test_training_sees_the_ids_that_reading_continues_from(picture: Path, tiny_processor: Any) -> None:
    (sample,) = dataset_of([conversation("a.png", "\nHello")], picture.parent, tiny_processor)[0]
    assert isinstance(sample, TrainingSample)
    prompt = tiny_processor.encode_request([draw_word("x")], "OCR: ").input_ids
    assert torch.equal(sample.input_ids[: len(prompt)], prompt)


@pytest.mark.parametrize(
    "text", ["<|im_end|>", "a <img> b", "<imgpad><imgpad>", "<|im_start|>user\n", "</img>"]
)
def test_control_strings_in_data_stay_text(picture: Path, tiny_processor: Any, text: str) -> None:
    record = conversation("a.png", text, question=f"{text} OCR: ")
    (sample,) = dataset_of([record], picture.parent, tiny_processor)[0]
    assert isinstance(sample, TrainingSample)
    assert (sample.input_ids == tiny_processor.tokenizer.special.image).sum() == 4
    kept = sample.labels[sample.labels != IGNORE_INDEX]
    assert kept[-1] == tiny_processor.tokenizer.special.turn_end
    assert tiny_processor.tokenizer.decode(kept.tolist()) == text


def test_a_folder_is_read_in_natural_order(tmp_path: Path, tiny_processor: Any) -> None:
    folder = tmp_path / "doc"
    folder.mkdir()
    for number in (10, 9, 1):
        draw_word(str(number)).save(folder / f"page_{number}.png")
    assert [path.stem for path in image_files(tmp_path, "doc/")] == ["page_1", "page_9", "page_10"]
    assert len(image_files(tmp_path, "doc/page_")) == 3  # a prefix, as published
    assert [path.stem for path in image_files(tmp_path, "doc/page_1")] == ["page_1"]
    (folder / "page_1.png").unlink()
    assert [path.stem for path in image_files(tmp_path, "doc/page_1")] == ["page_10"]
    draw_word("1").save(folder / "page_1.png")
    record = conversation("doc/", "x", "OCR with format across multi pages: ")
    (sample,) = dataset_of([record], tmp_path, tiny_processor)[0]
    assert isinstance(sample, TrainingSample) and len(sample.pixel_values) == 3


def test_a_crop_question_about_one_picture_is_tiled(tmp_path: Path, tiny_processor: Any) -> None:
    Image.new("RGB", (256, 384), "white").save(tmp_path / "a.png")
    record = conversation("a.png", "x", "OCR with format upon the patch reference: ")
    (sample,) = dataset_of([record], tmp_path, tiny_processor)[0]
    assert isinstance(sample, TrainingSample) and len(sample.pixel_values) == 7


@pytest.mark.parametrize("question", ["<image>\n<image>\n<image>\n{}", "{}<image><image><image>"])
def test_several_pictures_under_a_crop_question_are_cut_already(
    tmp_path: Path, tiny_processor: Any, question: str
) -> None:
    Image.new("RGB", (256, 384), "white").save(tmp_path / "a.png")
    record = {
        "images": ["a.png"] * 3,
        "query": question.format("OCR upon the patch reference: "),
        "response": "x",
    }
    (sample,) = dataset_of([record], tmp_path, tiny_processor)[0]
    assert isinstance(sample, TrainingSample) and len(sample.pixel_values) == 3


def test_text_alone_is_a_sample(tmp_path: Path, tiny_processor: Any) -> None:
    (sample,) = dataset_of([{"query": "2+2?", "response": "4"}], tmp_path, tiny_processor)[0]
    assert isinstance(sample, TrainingSample) and len(sample.pixel_values) == 0


@pytest.mark.parametrize(
    ("policy", "words"),
    [("error", "more than the 80"), ("drop", "more than the 80"), ("split", "more than the 80")],
)
def test_long_samples_are_never_cut(picture: Path, tiny_processor: Any, policy: str, words: str) -> None:
    data = dataset_of(
        [conversation("a.png", "x y z " * 60)],
        picture.parent,
        tiny_processor,
        max_length=80,
        length_policy=policy,
    )
    (bad,) = data[0]
    assert isinstance(bad, BadSample) and words in bad.reason and bad.dropped == (policy != "error")


def test_split_makes_a_sample_of_each_exchange_that_fits(picture: Path, tiny_processor: Any) -> None:
    values = [
        {"from": "human", "value": "<image>\nOCR: "}, {"from": "gpt", "value": "short"},
        {"from": "human", "value": "more"}, {"from": "gpt", "value": "word " * 200},
        {"from": "human", "value": "last"}, {"from": "gpt", "value": "end"},
    ]  # fmt: skip
    data = dataset_of(
        [{"image": "a.png", "conversations": values}],
        picture.parent,
        tiny_processor,
        max_length=80,
        length_policy="split",
    )
    (left_out,) = [entry for entry in data[0] if isinstance(entry, BadSample)]
    assert left_out.dropped  # counted, never silent
    pieces = [entry for entry in data[0] if isinstance(entry, TrainingSample)]
    assert [learned(piece, tiny_processor) for piece in pieces] == ["short<|im_end|>", "end<|im_end|>"]
    assert all(len(piece.pixel_values) == 1 for piece in pieces)


def test_weights_repeat_and_thin_out(tmp_path: Path, tiny_processor: Any) -> None:
    records = Records({"query": str(i), "response": "x"} for i in range(100))
    data = ConversationDataset(
        [Part("twice", records, tmp_path, 2.0), Part("half", records, tmp_path, 0.5)], tiny_processor
    )
    entries = [(part.name, number) for part, number in map(data.entry, range(len(data)))]
    assert [n for name, n in entries if name == "twice"] == list(range(100)) * 2
    half = [n for name, n in entries if name == "half"]
    assert len(half) == len(set(half)) == 50 and len(data) == 250
    with pytest.raises(IndexError, match="no number 250"):
        data.entry(250)


def test_a_mixture_of_a_hundred_million_records_is_counted_not_listed(
    tmp_path: Path, tiny_processor: Any
) -> None:
    class Endless(Records):
        def __len__(self) -> int:
            return 10**11

    parts = [
        Part("few", Records([{"query": "q", "response": "x"}]), tmp_path),
        Part("many", Endless(), tmp_path),
    ]
    data = ConversationDataset(parts, tiny_processor)
    assert len(data) == 10**11 + 1 and data.entry(10**11) == (parts[1], 10**11 - 1)


KINDS_OF_BAD = 10


def spoil(folder: Path, number: int) -> dict[str, Any]:
    """One of ten kinds of bad record."""
    good = conversation("good.png", "fine")
    return [
        lambda: good | {"image": f"missing-{number}.png"},
        lambda: good | {"image": "empty.png"},
        lambda: good | {"image": "text.png"},
        lambda: good | {"image": "cut.jpg"},
        lambda: good | {"image": 7},
        lambda: conversation("good.png", ""),
        lambda: {"image": "good.png"},
        lambda: {"image": "good.png", "conversations": [{"from": "human", "value": "<image>"}]},
        lambda: good | {"image": ["good.png", "good.png"]},
        lambda: conversation("good.png", "long " * 3000),
    ][number % KINDS_OF_BAD]()


def test_a_thousand_bad_records_are_all_reported_and_no_good_one_is_lost(
    tmp_path: Path, tiny_processor: Any
) -> None:
    draw_word("good", 32).save(tmp_path / "good.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture")
    draw_word("cut", 256).save(tmp_path / "cut.jpg")
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 3])
    chance = random.Random(5)
    bad_places = set(chance.sample(range(10_000), 1000))
    kind = iter(range(1000))
    records = [
        spoil(tmp_path, next(kind)) if i in bad_places else {"query": f"q{i}", "response": f"answer {i}"}
        for i in range(10_000)
    ]
    data = dataset_of(records, tmp_path, tiny_processor, max_length=600)
    quarantine = Quarantine(tmp_path / "quarantine.jsonl")
    good, bad = [], []
    for index in range(len(data)):
        for entry in data[index]:
            if isinstance(entry, BadSample):
                bad.append(entry)
            else:
                good.append((index, learned(entry, tiny_processor)))
    for entry in bad:
        assert quarantine.report(entry)
    assert good == [(i, f"answer {i}<|im_end|>") for i in range(10_000) if i not in bad_places]
    reported = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert {entry["index"] for entry in reported} == bad_places and len(reported) == 1000
    assert all(entry["reason"] and "\n" not in entry["reason"] for entry in reported)
    assert not quarantine.report(bad[0])  # once, also in a second epoch


def test_a_batch_of_bad_records_still_has_a_row_and_teaches_nothing(tiny_processor: Any) -> None:
    batch = Collator(tiny_processor)([[BadSample("set", 3, "broken")]])
    assert (batch["labels"] == IGNORE_INDEX).all() and batch["outcomes"].tolist() == [1]
    assert len(batch["pixel_values"]) == 1


def test_rows_are_padded_and_masked_by_length(picture: Path, tiny_processor: Any) -> None:
    data = dataset_of(
        [conversation("a.png", "x"), conversation("a.png", "longer than x")], picture.parent, tiny_processor
    )
    batch = Collator(tiny_processor)([data[0], data[1]])
    lengths = [len(data[i][0].input_ids) for i in range(2)]  # type: ignore[union-attr]
    assert batch["attention_mask"].sum(1).tolist() == lengths
    assert (batch["labels"][0, lengths[0] :] == IGNORE_INDEX).all()


@pytest.mark.parametrize("world", [1, 2, 3, 8])
@pytest.mark.parametrize("lengths", [False, True])
def test_every_sample_comes_once_an_epoch_on_any_number_of_ranks(world: int, lengths: bool) -> None:
    sizes = list(np.random.default_rng(0).integers(1, 99, 103)) if lengths else None
    ranks = [EpochBatchSampler(103, 4, seed=7, rank=r, world_size=world, lengths=sizes) for r in range(world)]
    assert len({len(rank) for rank in ranks}) == 1
    batches = [list(rank) for rank in ranks]
    assert all(len(mine) == len(ranks[0]) for mine in batches)
    assert sorted(i for mine in batches for batch in mine for i in batch) == list(range(103))


def test_a_step_holds_the_same_samples_on_two_ranks_as_on_one() -> None:
    one = list(EpochBatchSampler(64, 2, seed=3))
    two = [list(EpochBatchSampler(64, 2, seed=3, rank=r, world_size=2)) for r in range(2)]
    for step in range(len(two[0])):
        assert sorted(one[2 * step] + one[2 * step + 1]) == sorted(two[0][step] + two[1][step])


def test_epochs_differ_and_repeat_with_their_seed() -> None:
    sampler = EpochBatchSampler(50, 5, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first != list(EpochBatchSampler(50, 5, seed=2))


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([1] * 100, "100 bad records in a row"),
        (([0] * 50 + [1]) * 12, "12 of 612 records are bad, and a share of 0.011"),
    ],
)
def test_too_much_bad_data_stops_the_run(outcomes: list[int], words: str) -> None:
    share = 1.0 if "row" in words else 0.011
    with pytest.raises(RuntimeError, match=words):
        DataHealth(records=1000, max_share=share, max_run=100).count(torch.tensor(outcomes))


def test_a_long_epoch_is_judged_by_its_beginning() -> None:
    DataHealth(records=10**7, max_share=0.01).count(torch.tensor(([0] * 99 + [1]) * 50))
    with pytest.raises(RuntimeError, match="of 300 records are bad"):
        DataHealth(records=10**7, max_share=0.01).count(torch.tensor(([0] * 9 + [1]) * 30))


def test_dropped_records_are_no_fault_of_the_data() -> None:
    health = DataHealth(records=1000, max_share=0)
    health.count(torch.tensor([2] * 500 + [0]))
    assert health.report() == {"dropped_records": 500}


@pytest.mark.parametrize("records", [20, 10**6])
def test_a_run_that_teaches_nothing_stops(records: int) -> None:
    health = DataHealth(records=records, max_share=0.01)
    with pytest.raises(RuntimeError, match=r"teach nothing: .* over --model_max_length"):
        for _ in range(10):
            health.count(torch.tensor([2] * 10), teaches=False)


def test_another_data_set_has_another_fingerprint(tmp_path: Path, tiny_processor: Any) -> None:
    def fingerprint(records: list[dict[str, Any]]) -> str:
        return dataset_of(records, tmp_path, tiny_processor).fingerprint()

    records: list[dict[str, Any]] = [{"query": str(i), "response": "x"} for i in range(20)]
    changed = [dict(r) for r in records[:-1]] + [{"query": "z", "response": "x"}]
    assert fingerprint(records) == fingerprint([dict(r) for r in records])
    assert len({fingerprint(records), fingerprint(records[:-1]), fingerprint(changed)}) == 3
    moved = ConversationDataset([Part("./set", Records(records), tmp_path / "..")], tiny_processor)
    assert moved.fingerprint() == fingerprint(records)  # the same, however its path is typed


def test_bad_records_of_an_epoch_are_counted_once() -> None:
    health = DataHealth(records=12, max_share=0.9)
    for _ in range(5):
        health.start_epoch()
        health.count(torch.tensor([0, 1] * 6))
    assert health.report() == {"bad_records": 6}


def test_two_processes_report_a_record_once(tmp_path: Path) -> None:
    one, two = (Quarantine(tmp_path / "quarantine.jsonl") for _ in range(2))
    assert one.report(BadSample("a", 1, "x")) and not two.report(BadSample("a", 1, "x"))
    assert two.report(BadSample("a", 2, "y")) and not one.report(BadSample("a", 2, "y"))
    assert len((tmp_path / "quarantine.jsonl").read_text().splitlines()) == 2
