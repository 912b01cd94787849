"""A run that was killed goes on as if it had not been; one with other data does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers import ROOT
from tests.train.conftest import Train, launcher, losses, training_environment

pytest.importorskip("deepspeed", reason='pip install "got-ocr[train]"')


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


@pytest.mark.parametrize("adapters", [False, True])
def test_a_run_killed_behind_its_last_step_still_writes_its_model(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path, adapters: bool
) -> None:
    output = tmp_path / "out"
    flags = [
        "--model_name_or_path", tiny_checkpoint, "--datasets", word_set, "--per_device_train_batch_size", 2,
        "--save_steps", 1, "--max_steps", 1, "--lora_enable", adapters, "--output_dir", output,
    ]  # fmt: skip
    train(*flags)
    before = load_file(output / "model.safetensors")
    for name in ("config.json", "model.safetensors", "trainer_state.json"):
        (output / name).unlink()
    (output / ".saving" / "checkpoint-2").mkdir(parents=True)  # half a checkpoint is none
    result = train(*flags)
    after = load_file(output / "model.safetensors")
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert (output / "config.json").is_file() and losses(output)
    assert "raise --max_steps" in result.stderr
    assert not (output / ".saving").exists() and not (output / "checkpoint-2").exists()


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
    record = (tmp_path / "out" / "run.json").read_bytes()
    result = train(*flags, "--datasets", other, "--max_steps", 2, check=False)
    assert result.returncode == 2 and "was made with other data" in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "out" / "run.json").read_bytes() == record  # a refused command leaves no trace
    result = train(*flags, "--datasets", word_set, "--max_tiles", 3, "--max_steps", 2, check=False)
    assert result.returncode == 2 and "max_tiles was 6, now 3" in result.stderr


def test_a_resumed_run_says_what_it_takes_from_its_flags_and_what_not(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    flags = ["--datasets", word_set, "--per_device_train_batch_size", 2, "--output_dir", output]
    same = ["--model_name_or_path", tiny_checkpoint, *flags]
    train(*same, "--save_steps", 1, "--max_steps", 1, "--learning_rate", 1e-3)
    for other in (["--model_name_or_path", word_set.parent, *flags], [*same, "--stage", 2]):
        result = train(*other, "--max_steps", 3, check=False)
        assert result.returncode == 2 and "belongs to another run" in result.stderr
    go_on = train(*same, "--save_steps", 3, "--max_steps", 3, "--learning_rate", 5e-4)
    assert "--learning_rate was 0.001, now 0.0005" in go_on.stderr
    assert json.loads((output / "run.json").read_text())["training"]["learning_rate"] == 1e-3
    assert not (output / "checkpoint-2").exists() and (output / "checkpoint-3").exists()
