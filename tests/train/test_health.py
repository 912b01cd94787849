"""What goes wrong within a run: bad records are reported, too many end it, a loss that is no number stops it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.train.conftest import PLAIN, Train


def test_bad_records_are_reported_and_the_run_goes_on(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    records = [
        {**r, "image": str(word_set.parent / r["image"])} for r in json.loads(word_set.read_text())
    ] * 4
    records[3] = {**records[3], "image": "gone.png"}
    records[9] = {**records[9], "conversations": []}
    (tmp_path / "a.json").write_text(json.dumps(records))
    output = tmp_path / "out"
    train(
        "--model_name_or_path",
        tiny_checkpoint,
        *PLAIN,
        "--datasets",
        tmp_path / "a.json",
        "--num_train_epochs",
        2,
        "--output_dir",
        output,
    )
    reported = [json.loads(line) for line in (output / "quarantine.jsonl").read_text().splitlines()]
    assert sorted(entry["index"] for entry in reported) == [3, 9]


def test_too_many_bad_records_end_the_run_in_one_line(
    train: Train, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    records = [{"query": "q", "response": ""}] * 20 + [{"query": "q", "response": "a"}] * 20
    (tmp_path / "a.json").write_text(json.dumps(records))
    result = train(
        "--model_name_or_path",
        tiny_checkpoint,
        *PLAIN,
        "--datasets",
        tmp_path / "a.json",
        "--output_dir",
        tmp_path / "out",
        check=False,
    )
    assert result.returncode == 1 and "records are bad" in result.stderr and "Traceback" not in result.stderr


def test_a_loss_that_is_no_number_stops_before_the_update(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    result = train(
        "--model_name_or_path", tiny_checkpoint, *PLAIN, "--learning_rate", 1e30, "--max_grad_norm", 0,
        "--datasets", word_set,
        "--max_steps", 5, "--output_dir", tmp_path / "out", check=False,
    )  # fmt: skip
    assert result.returncode == 1 and "nothing was updated" in result.stderr
    assert not (tmp_path / "out" / "model.safetensors").exists()
