"""The training command itself: published flags, deepspeed, stages, what is written and what reads it back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers import ROOT, run_python
from tests.train.conftest import PLAIN, PUBLISHED, WORDS, Train, losses

pytest.importorskip("deepspeed", reason='pip install "got-ocr[train]"')


@pytest.mark.parametrize("zero", [2, 3])
def test_the_published_command_trains_and_its_result_reads(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path, page: Path, zero: int
) -> None:
    output = tmp_path / "out"
    result = train(
        "--deepspeed", ROOT / f"zero_config/zero{zero}.json", "--model_name_or_path", tiny_checkpoint, *PUBLISHED,
        "--datasets", word_set, "--output_dir", output, "--max_steps", 6, ranks=2,
    )  # fmt: skip
    history = losses(output)
    assert len(history) == 6 and history[-1] < history[0]
    assert "--evaluation_strategy is now --eval_strategy" in result.stderr
    assert ("bf16 is emulated" in result.stderr) != torch.cpu._is_avx512_bf16_supported()
    read = run_python(
        ROOT / "GOT/demo/run_ocr_2.0.py",
        "--model-name",
        output,
        "--image-file",
        page,
        "--type",
        "ocr",
        "--max-new-tokens",
        8,
    )
    assert read.returncode == 0, read.stderr
    assert not (output / ".saving").exists()


def test_two_ranks_equal_one_rank_that_accumulates(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    common = [
        "--model_name_or_path",
        tiny_checkpoint,
        *PLAIN,
        "--datasets",
        word_set,
        "--max_steps",
        4,
        "--max_grad_norm",
        0,
    ]
    two, one = tmp_path / "two", tmp_path / "one"
    zero = ["--deepspeed", ROOT / "zero_config/zero2.json"]
    train(*common, *zero, "--output_dir", two, ranks=2)
    train(*common, "--gradient_accumulation_steps", 2, "--output_dir", one)
    assert losses(two) == pytest.approx(losses(one), abs=2e-4)
    for name, weight in load_file(one / "model.safetensors").items():
        torch.testing.assert_close(load_file(two / "model.safetensors")[name], weight, atol=2e-4, rtol=0)


def test_checkpointing_changes_nothing(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    common = [
        "--model_name_or_path",
        tiny_checkpoint,
        *PLAIN,
        "--stage",
        2,
        "--datasets",
        word_set,
        "--max_steps",
        3,
    ]
    for value in ("True", "False"):
        train(*common, "--gradient_checkpointing", value, "--output_dir", tmp_path / value)
    on, off = (load_file(tmp_path / value / "model.safetensors") for value in ("True", "False"))
    for name in on:
        torch.testing.assert_close(on[name], off[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("stage", "flags", "trains"),
    [
        (2, [], {"encoder", "projector", "decoder"}),
        (3, [], {"projector", "decoder"}),
        (3, ["--freeze_lm_model", "True"], {"projector"}),
        (3, ["--train_encoder", "True"], {"encoder", "projector", "decoder"}),
    ],
)
def test_exactly_the_declared_parts_change(
    train: Train,
    tiny_checkpoint: Path,
    word_set: Path,
    tmp_path: Path,
    stage: int,
    flags: list[str],
    trains: set[str],
) -> None:
    from GOT.train.stages import component_of

    train(
        "--model_name_or_path", tiny_checkpoint, *PLAIN, *flags, "--stage", stage, "--datasets", word_set,
        "--max_steps", 2, "--output_dir", tmp_path / "out",
    )  # fmt: skip
    before, after = (
        load_file(tiny_checkpoint / "model.safetensors"),
        load_file(tmp_path / "out" / "model.safetensors"),
    )
    assert before.keys() == after.keys()
    # Rows of the embedding that no sample uses keep their values, so a part changes when any of its weights does …
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {component_of(name) for name in changed} == trains
    # … and every matrix of a part that trains has changed.
    still = {
        name
        for name in before
        if before[name].dim() > 1 and name not in changed and component_of(name) in trains
    }
    assert not still


def test_all_three_stages_in_a_row_read_the_training_page_back(
    train: Train, word_set: Path, tmp_path: Path
) -> None:
    records = json.loads(word_set.read_text())[:2]
    (tmp_path / "two.json").write_text(json.dumps(records))
    sets = {"two": {"annotations": str(tmp_path / "two.json"), "images": str(word_set.parent)}}
    (tmp_path / "sets.json").write_text(json.dumps(sets))
    common = [
        "--data_config", tmp_path / "sets.json", "--datasets", "two", "--per_device_train_batch_size", 2,
        "--save_strategy", "no", "--lr_scheduler_type", "constant_with_warmup", "--warmup_steps", 5,
        "--learning_rate", 3e-3, "--num_train_epochs", 1000,
    ]  # fmt: skip
    train(
        "--stage",
        1,
        "--architecture",
        "tiny",
        "--tokenizer",
        "small:300",
        *common,
        "--max_steps",
        180,
        "--output_dir",
        tmp_path / "1",
    )
    train(
        "--stage",
        2,
        "--architecture",
        "tiny",
        "--vision_tower",
        tmp_path / "1",
        *common,
        "--max_steps",
        80,
        "--output_dir",
        tmp_path / "2",
    )
    train(
        "--stage",
        3,
        "--model_name_or_path",
        tmp_path / "2",
        *common,
        "--max_steps",
        20,
        "--output_dir",
        tmp_path / "3",
    )
    assert losses(tmp_path / "1")[-1] < losses(tmp_path / "1")[0] / 2
    for record, word in zip(records, WORDS, strict=False):
        read = run_python(
            ROOT / "GOT/demo/run_ocr_2.0.py",
            "--model-name",
            tmp_path / "3",
            "--image-file",
            word_set.parent / record["image"],
        )
        assert read.stdout == word + "\n", read.stderr


def test_checkpoints_of_transformers_layout_are_read_by_transformers(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    from transformers import GotOcr2ForConditionalGeneration

    train(
        "--model_name_or_path", tiny_checkpoint, *PLAIN, "--save_layout", "transformers", "--datasets", word_set,
        "--max_steps", 1, "--output_dir", tmp_path / "out",
    )  # fmt: skip
    _, info = GotOcr2ForConditionalGeneration.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]


def test_a_dry_run_shows_everything_and_writes_nothing(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    result = train(
        "--model_name_or_path",
        tiny_checkpoint,
        "--datasets",
        word_set,
        "--dry_run",
        "True",
        "--output_dir",
        tmp_path / "out",
    )
    assert f"«{WORDS[0]}<|im_end|>»" in result.stderr and "<imgpad>×4" in result.stderr
    for words in (
        "parameter groups",
        "frozen",
        "memory a rank",
        "one step taken",
        "learning_rate",
        "stage 3",
    ):
        assert words in result.stderr
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
