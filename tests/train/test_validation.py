"""The validation loss, and samples that are read aloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from GOT.data.dataset import ConversationDataset, Part, TrainingSample
from GOT.train.aloud import ReadAloud
from tests.train.conftest import PLAIN, WORDS, Train, draw_word


def test_validation_loss_and_decoded_samples(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    result = train(
        "--model_name_or_path", tiny_checkpoint, *PLAIN, "--datasets", word_set, "--eval_datasets", word_set,
        "--eval_strategy", "steps", "--eval_steps", 1, "--decode_samples", 1, "--max_steps", 1,
        "--report_to", "tensorboard", "--output_dir", tmp_path / "out",
    )  # fmt: skip
    history = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    assert any("eval_loss" in entry for entry in history)
    assert f"page  {WORDS[0]!r}" in result.stderr
    assert any("tokens_per_second" in entry and "images_per_second" in entry for entry in history)


def test_validation_loss_is_the_mean_over_tokens_whatever_the_batches(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    found = []
    for size in (1, 3, 8):
        train(
            "--model_name_or_path", tiny_checkpoint, *PLAIN, "--learning_rate", 0,
            "--datasets", word_set, "--max_steps", 1,
            "--eval_datasets", word_set, "--eval_strategy", "steps", "--eval_steps", 1, "--lora_enable", "True",
            "--decode_samples", 1, "--per_device_eval_batch_size", size, "--output_dir", tmp_path / str(size),
        )  # fmt: skip
        history = json.loads((tmp_path / str(size) / "trainer_state.json").read_text())["log_history"]
        found.append(next(entry["eval_loss"] for entry in history if "eval_loss" in entry))
    assert found[1:] == pytest.approx(found[:1] * 2, abs=1e-5)


@pytest.mark.parametrize("mark", ["", "<image>\n"])
def test_the_first_question_of_a_conversation_is_read_aloud(
    tiny_model: Any, tiny_processor: Any, tmp_path: Path, mark: str
) -> None:
    turns = [("<image>\nOCR: ", "one"), (f"{mark}again", "two")]
    values = [v for q, a in turns for v in ({"from": "human", "value": q}, {"from": "gpt", "value": a})]
    record = {"images": [draw_word("one"), draw_word("two")][: 1 + bool(mark)], "conversations": values}
    data = ConversationDataset([Part("set", [record], tmp_path)], tiny_processor)  # type: ignore[arg-type]
    (sample,) = data[0]
    assert isinstance(sample, TrainingSample)
    reference, _ = ReadAloud(tiny_processor, data, 1).read(tiny_model.eval(), sample)
    assert reference == "one"
