"""Shards: resumable after a kill, idempotent, ordered, and without averages unless every record is there."""

from __future__ import annotations

import dataclasses
import json

import pytest

from GOT.eval import runner
from GOT.eval.records import Record
from tests.eval.stand_in import READER, StandIn


def records(count, bad=()):
    names = [f"bad_{index}.png" if index in bad else f"page_{index}.png" for index in range(count)]
    return [
        Record(index, name, "OCR: ", "OCR: ", f"text of {name}", (name,)) for index, name in enumerate(names)
    ]


def plan(tmp_path, count=9, *, bad=(), name="run", num_chunks=2, batch_size=2, **options):
    return runner.RunPlan(
        records=records(count, bad),
        out=tmp_path / name,
        reader=READER,
        reader_options=options,
        num_chunks=num_chunks,
        batch_size=batch_size,
    )


def files(folder):
    return {
        path.name: path.read_bytes() for path in sorted(folder.glob("*.json*")) if path.name != "run.json"
    }


def test_every_record_is_answered_once_and_in_order(tmp_path):
    # Nine records over eight shards: the released program loses the last three workers.
    run = plan(tmp_path, num_chunks=2, log=str(tmp_path / "log"))
    answers = runner.run(run)
    assert [answer.index for answer in answers] == list(range(9))
    assert [answer.answer for answer in answers] == [f"text of page_{index}.png" for index in range(9)]
    assert sorted((tmp_path / "log").read_text().split()) == sorted(record.image for record in run.records)
    published = json.loads((run.out / "results_final.json").read_text())
    assert published[3] == {
        "image": "page_3.png", "question": "OCR: ", "label": "text of page_3.png", "answer": "text of page_3.png",
    }  # fmt: skip


def test_shards_differ_by_one_record_at_most(tmp_path):
    run = plan(tmp_path, num_chunks=8)
    runner.prepare_folder(run)
    for shard in range(8):
        runner.read_shard(run, shard)
    counts = [file.read_bytes().count(b"\n") for file in run.answers.iterdir()]
    assert sorted(counts) == [1] * 7 + [2]


@pytest.mark.parametrize(("name", "flag"), [("num_chunks", "--num-chunks"), ("batch_size", "--batch-size")])
def test_a_run_wants_shards_and_batches(tmp_path, name, flag):
    with pytest.raises(ValueError, match=f"{flag} takes a number from 1; got 0"):
        plan(tmp_path, **{name: 0})


def test_a_damaged_file_is_named(tmp_path):
    run = plan(tmp_path)
    runner.run(run)
    file = next(run.answers.iterdir())
    file.write_text('{"index": 0,\n')
    with pytest.raises(ValueError, match=rf"{file.name} is damaged .* --restart"):
        runner.collect(run)
    (run.out / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run.json is not JSON .* --restart"):
        runner.run(run)


def test_a_killed_run_goes_on_and_equals_an_uninterrupted_one(tmp_path):
    whole = plan(tmp_path, name="whole")
    runner.run(whole)

    cut = plan(tmp_path, name="cut", num_chunks=1, batch_size=1)
    runner.prepare_folder(cut)
    reading = runner.read_records(StandIn(0), cut.records, cut)
    lines = [next(reading).to_line() for _ in range(4)]
    partial = cut.answers / "00000-of-00001.partial.jsonl"
    partial.write_text("\n".join(lines) + "\n" + lines[-1][:20])  # killed while writing the fifth
    assert sorted(runner.collect(cut)) == [0, 1, 2, 3]

    resumed = plan(tmp_path, name="cut", num_chunks=3)  # with another number of shards
    answers = runner.run(resumed)
    assert [answer.index for answer in answers] == list(range(9))
    assert files(resumed.out) == files(whole.out)


def test_a_killed_shard_is_a_failed_run_that_keeps_what_was_read(tmp_path):
    killed = plan(tmp_path, kill_shard=1, after=1, batch_size=1)
    with pytest.raises(runner.ShardError, match=r"shard 1 of 2 \(exit code -9\).*no averages"):
        runner.run(killed)
    assert not (killed.out / "answers.jsonl").exists() and not (killed.out / "results_final.json").exists()
    assert len(runner.collect(killed)) == 6  # all five of shard 0 and one of shard 1

    # Started again the shard dies again after one more record: two are left, then one, then none.
    for left in (2, 1, 0):
        if left:
            with pytest.raises(runner.ShardError):
                runner.run(killed)
            assert len(runner.collect(killed)) == 9 - left
    assert len(runner.collect(killed)) == 8


def test_a_second_run_changes_nothing(tmp_path):
    run = plan(tmp_path, log=str(tmp_path / "log"))
    runner.run(run)
    before, read = files(run.out), (tmp_path / "log").read_text()
    runner.run(run)
    assert files(run.out) == before
    assert (tmp_path / "log").read_text() == read  # nothing was read again


def test_one_bad_picture_is_one_failed_record(tmp_path):
    answers = runner.run(plan(tmp_path, bad=(4,)))
    assert [answer.status for answer in answers].count("failed") == 1
    assert answers[4].error == "bad_4.png is no picture" and answers[4].answer == ""


def test_the_folder_of_another_run_is_not_continued(tmp_path):
    runner.run(plan(tmp_path))
    with pytest.raises(ValueError, match=r"another run .its records, records_sha256 differ.*--restart"):
        runner.run(plan(tmp_path, count=5))
    with pytest.raises(ValueError, match="reader_options differ"):
        runner.run(plan(tmp_path, log="elsewhere"))


def test_a_missing_answer_is_no_average(tmp_path):
    run = plan(tmp_path)
    runner.prepare_folder(run)
    with pytest.raises(
        runner.ShardError, match=r"9 records have no answer, the first is record 0 \(image 'page_0.png'\)"
    ):
        runner.merge(run, {})


def test_answers_to_other_records_are_refused(tmp_path):
    run = plan(tmp_path)
    runner.run(run)
    swapped = [*run.records]
    swapped[0], swapped[1] = (
        Record(0, "page_1.png", "OCR: ", "OCR: ", "", ()),
        Record(1, "page_0.png", "OCR: ", "OCR: ", "", ()),
    )
    (run.out / "run.json").unlink()
    with pytest.raises(ValueError, match=r"answers image 'page_0.png' as record 0, which it is not"):
        runner.run(runner.RunPlan(swapped, run.out, READER))


def test_the_first_process_of_a_launcher_merges_what_all_have_read(tmp_path):
    run = plan(tmp_path, num_chunks=3)
    runner.prepare_folder(run)
    for rank in (2, 1, 0):
        runner.read_shard(run, rank)
    assert [answer.index for answer in runner.wait_for_shards(run)] == list(range(9))


def test_progress_is_told(tmp_path):
    seen = []
    runner.run(plan(tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (9, 9) and all(total == 9 for _, total in seen)


def test_shards_without_records_are_not_started(tmp_path):
    answers = runner.run(plan(tmp_path, count=2, num_chunks=5_000))
    assert [answer.index for answer in answers] == [0, 1]


def test_other_weights_under_the_same_name_are_another_run(tmp_path):
    runner.run(plan(tmp_path))
    with pytest.raises(ValueError, match="its weights differ"):
        runner.run(dataclasses.replace(plan(tmp_path), weights="retrained"))
