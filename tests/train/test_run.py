"""The training command itself: published flags, deepspeed, stages, resuming, what is written and what reads it back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers import ROOT, run_python
from tests.train.conftest import WORDS, launcher, losses, training_environment

pytest.importorskip("deepspeed", reason='pip install "got-ocr[train]"')

Train = Callable[..., "subprocess.CompletedProcess[str]"]

# The published command; only paths, the number of steps and the sizes that a test can afford are others.
PUBLISHED = (
    "--use_im_start_end True --bf16 True --gradient_accumulation_steps 2 --evaluation_strategy no "
    "--save_strategy steps --save_steps 200 --save_total_limit 1 --weight_decay 0. --warmup_ratio 0.001 "
    "--lr_scheduler_type cosine --logging_steps 1 --tf32 True --model_max_length 8192 --gradient_checkpointing True "
    "--dataloader_num_workers 1 --report_to none --per_device_train_batch_size 2 "
    "--num_train_epochs 1 --learning_rate 2e-3"
).split()
PLAIN = (
    "--per_device_train_batch_size 2 --save_strategy no --lr_scheduler_type constant --learning_rate 1e-3"
).split()


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


@pytest.mark.parametrize("engine", ["alone", "zero2"])
def test_killed_and_resumed_is_bit_equal_to_uninterrupted(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path, engine: str
) -> None:
    common: list[object] = [
        "--model_name_or_path", tiny_checkpoint, "--stage", 2, "--datasets", word_set,
        "--per_device_train_batch_size", 2, "--save_strategy", "steps", "--save_steps", 2,
        "--max_steps", 9, "--learning_rate", 1e-3,
    ]  # fmt: skip
    ranks = 0
    if engine == "zero2":
        common += ["--deepspeed", ROOT / "zero_config/zero2.json"]
        ranks = 2
    train(*common, "--output_dir", tmp_path / "whole", ranks=ranks)
    kill_after_checkpoint(tmp_path / "cut", common, ranks)
    result = train(*common, "--output_dir", tmp_path / "cut", ranks=ranks)
    assert "resuming from" in result.stderr
    whole, cut = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def kill_after_checkpoint(output: Path, flags: list[object], ranks: int) -> None:
    """Start a run and SIGKILL all of it as soon as its first checkpoint is there."""
    command = [
        *launcher(ranks),
        str(ROOT / "GOT/train/train_GOT.py"),
        *map(str, flags),
        "--output_dir",
        str(output),
    ]
    process = subprocess.Popen(
        command,
        env=training_environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    try:
        while not (output / "checkpoint-2").exists():
            assert process.poll() is None and time.monotonic() < deadline, (
                "the run ended before it could be killed"
            )
            time.sleep(0.02)
    finally:
        # The launcher starts its ranks in sessions of their own.
        pids = subprocess.run(
            ["pgrep", "-f", str(output)], capture_output=True, text=True, check=False
        ).stdout.split()
        for pid in [*pids, process.pid]:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
    assert not (output / "model.safetensors").exists()


def test_resuming_with_other_data_is_refused(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    flags = [
        "--model_name_or_path",
        tiny_checkpoint,
        "--per_device_train_batch_size",
        2,
        "--save_steps",
        1,
        "--output_dir",
        tmp_path / "out",
    ]
    train(*flags, "--datasets", word_set, "--max_steps", 1)
    other = tmp_path / "other.jsonl"
    other.write_text('{"query": "1+1?", "response": "2"}\n' * 8)
    result = train(*flags, "--datasets", other, "--max_steps", 2, check=False)
    assert result.returncode == 2 and "was made with other data" in result.stderr
    assert "Traceback" not in result.stderr


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


def test_stage_2_starts_with_stage_1s_encoder(tmp_path: Path) -> None:
    from GOT.train.build import build
    from GOT.train.command_line import parse

    first = parse(
        [
            "--stage",
            "1",
            "--architecture",
            "tiny",
            "--tokenizer",
            "small:300",
            "--output_dir",
            str(tmp_path / "1"),
        ]
    )
    one = build(first.model, first.training)
    (tmp_path / "1").mkdir()
    one.write(one.model.state_dict(), tmp_path / "1", "original")
    second = parse(
        [
            "--stage",
            "2",
            "--architecture",
            "tiny",
            "--vision_tower",
            str(tmp_path / "1"),
            "--output_dir",
            str(tmp_path),
        ]
    )
    two = build(second.model, second.training)
    ours, theirs = two.model.model.vision_tower_high.state_dict(), one.model.vision_tower_high.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert len(two.processor.tokenizer) == 312  # stage 1's tokenizer goes on too


@pytest.mark.parametrize("layout", ["original", "transformers"])
def test_lora_trains_adapters_alone_and_merges(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path, page: Path, layout: str
) -> None:
    output = tmp_path / "out"
    train(
        "--model_name_or_path", tiny_checkpoint, *PLAIN, "--lora_enable", "True", "--lora_r", 4, "--datasets", word_set,
        "--max_steps", 3, "--learning_rate", 1e-2, "--save_layout", layout, "--output_dir", output,
    )  # fmt: skip
    go_on = [
        "--save_strategy",
        "steps",
        "--save_steps",
        1,
        "--max_steps",
        2,
        "--output_dir",
        tmp_path / "resumed",
    ]
    common = ["--model_name_or_path", tiny_checkpoint, "--lora_enable", "True", "--datasets", word_set]
    train(*common, *go_on)
    again = train(*common, *go_on[:-3], 3, *go_on[-2:])
    assert "resuming from" in again.stderr and len(losses(tmp_path / "resumed")) == 3
    assert "has its 3 steps already" in train(*common, *go_on[:-3], 3, *go_on[-2:]).stderr
    merged = tmp_path / "merged"
    result = run_python("-m", "GOT", "merge", output / "adapter", "-o", merged, "--layout", layout)
    assert result.returncode == 0, result.stderr
    written, again = load_file(output / "model.safetensors"), load_file(merged / "model.safetensors")
    assert written.keys() == again.keys()
    for name, weight in written.items():
        torch.testing.assert_close(again[name], weight, atol=1e-6, rtol=0)
    if layout == "original":
        before = load_file(tiny_checkpoint / "model.safetensors")
        changed = {name for name in before if not torch.allclose(before[name], written[name], atol=1e-7)}
        assert changed and all("layers." in name and "proj" in name for name in changed)
    assert (
        run_python("-m", "GOT", "read", page, "--model-name", merged, "--max-new-tokens", 4).returncode == 0
    )


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


def test_torch_compile_is_optional(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    from GOT.train.command_line import parse

    run = parse(
        [
            "--model_name_or_path",
            str(tiny_checkpoint),
            "--torch_compile",
            "True",
            "--output_dir",
            str(tmp_path),
        ]
    )
    assert run.training.torch_compile


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--stage", "4"], "--stage must be one of 1, 2, 3"),
        (["--datasets", "nothing"], "no data set 'nothing'"),
        (["--model_name_or_path", "/no/such/folder"], "no folder /no/such/folder"),
        (["--architecture", "huge"], "full, tiny or a JSON file"),
        (["--tokenizer", "small:3", "--architecture", "tiny"], "256.."),
        (["--deepspeed", "nothing.json"], "zero2.json"),
        (["--use_im_start_end", "False"], "trained with <img>"),
        (["--load_best_model_at_end", "True", "--eval_strategy", "steps"], "not supported"),
        (["--no_such_flag", "1"], "no_such_flag"),
    ],
)
def test_wrong_settings_are_one_line(train: Train, tmp_path: Path, flags: list[str], words: str) -> None:
    result = train(*flags, "--output_dir", tmp_path / "out", check=False)
    assert result.returncode == 2 and words in result.stderr and "Traceback" not in result.stderr


def test_settings_have_origins(tmp_path: Path) -> None:
    from GOT.train.arguments import describe
    from GOT.train.command_line import parse

    (tmp_path / "run.yaml").write_text("learning_rate: 3.0e-4\nwarmup_ratio: 0.1\nmodel_max_length: 99\n")
    run = parse(
        [
            "--stage",
            "1",
            "--config",
            str(tmp_path / "run.yaml"),
            "--model_max_length",
            "77",
            "--output_dir",
            str(tmp_path),
        ]
    )
    assert (run.training.learning_rate, run.training.warmup_steps, run.training.model_max_length) == (
        3e-4,
        0.1,
        77,
    )
    assert run.training.num_train_epochs == 3.0
    lines = {line.split()[0]: line for line in describe(run).splitlines()}
    assert lines["learning_rate"].endswith("config file") and lines["model_max_length"].endswith("flag")
    assert lines["num_train_epochs"].endswith("stage 1") and lines["max_tiles"].endswith("default")


def test_every_published_flag_is_taken(tmp_path: Path) -> None:
    from GOT.train.command_line import parse

    run = parse([*PUBLISHED, "--datasets", "pdf-ocr+scene-ocr", "--output_dir", str(tmp_path)])
    training = run.training
    assert (training.eval_strategy, training.save_steps, training.save_total_limit) == ("no", 200, 1)
    assert (training.warmup_steps, training.gradient_accumulation_steps, training.model_max_length) == (
        0.001,
        2,
        8192,
    )
    assert training.gradient_checkpointing and run.data.datasets == "pdf-ocr+scene-ocr"


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


def test_a_checkpoint_goes_on_with_larger_views(tmp_path: Path) -> None:
    from GOT.train.build import build
    from GOT.train.command_line import parse

    common = ["--architecture", "tiny", "--tokenizer", "small:300", "--output_dir", str(tmp_path / "small")]
    first = parse(["--stage", "2", "--image_size", "64", *common])
    small = build(first.model, first.training)
    (tmp_path / "small").mkdir()
    small.write(small.model.state_dict(), tmp_path / "small", "original")
    second = parse(["--stage", "2", "--image_size", "192", "--model_name_or_path", str(tmp_path / "small")])
    large = build(second.model, second.training)
    assert large.model.config.vision.image_size == large.processor.transform.image_size == 192
    assert large.processor.num_image_tokens == 9 and large.model.config.image_token_len == 9
    ours, theirs = large.model.state_dict(), small.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if "pos" not in name)
    pixels = torch.zeros(1, 3, 192, 192)
    assert large.model.model.vision_tower_high(pixels).shape[-2:] == (3, 3)  # type: ignore[union-attr]
