"""What goes wrong within a run: bad records are reported, too many end it, a loss that is no number stops it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from GOT.train.health import training_flops
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


def test_samples_longer_than_the_decoder_are_not_taken(train: Train, tmp_path: Path) -> None:
    from GOT.train.architecture import read_architecture

    (tmp_path / "short.json").write_text(
        json.dumps(read_architecture("tiny") | {"max_position_embeddings": 96})
    )
    records = [{"query": "q", "response": "word " * 90}, {"query": "q", "response": "word"}]
    (tmp_path / "a.json").write_text(json.dumps(records))
    output = tmp_path / "out"
    result = train(
        "--stage", 1, "--architecture", tmp_path / "short.json", "--tokenizer", "small:300", *PLAIN,
        "--datasets", tmp_path / "a.json", "--length_policy", "drop", "--max_steps", 1, "--output_dir", output,
    )  # fmt: skip
    assert "more than the 96 positions of this decoder" in result.stderr
    history = json.loads((output / "trainer_state.json").read_text())["log_history"]
    assert history[0]["dropped_records"] == 1


def test_a_run_that_teaches_nothing_ends_in_one_line(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    result = train(
        "--model_name_or_path", tiny_checkpoint, *PLAIN, "--datasets", word_set, "--length_policy", "drop",
        "--model_max_length", 9, "--output_dir", tmp_path / "out", check=False,
    )  # fmt: skip
    assert result.returncode == 1 and "teach nothing: 8 are over --model_max_length" in result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "out" / "config.json").exists()


def test_a_frozen_weight_has_no_gradient_to_compute() -> None:
    model = torch.nn.ModuleList([torch.nn.Linear(10, 10, bias=False)])
    assert training_flops(model, tokens=3, images=0) == 6 * 100 * 3
    model.requires_grad_(False)
    assert training_flops(model, tokens=3, images=0) == 4 * 100 * 3
