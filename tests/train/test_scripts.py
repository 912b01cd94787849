"""The scripts of the stages, as they stand, one after the other; and the one that shows a sample."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT, run_got, run_python
from tests.train.conftest import training_environment


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four scripts on the shipped samples, two steps each."""
    folder = tmp_path_factory.mktemp("runs")
    stages = {"STAGE1": folder / "stage1", "MODEL": folder / "stage2"}
    for script, output in (
        ("stage1_pretrain", "stage1"),
        ("stage2_joint", "stage2"),
        ("stage3_post", "stage3"),
        ("finetune_lora", "lora"),
    ):
        environment = {**training_environment(), "LAUNCHER": sys.executable, "STEPS": "2", "BATCH": "2"}
        environment |= {name: str(path) for name, path in stages.items()} | {"OUTPUT": str(folder / output)}
        command = ["bash", str(ROOT / f"scripts/{script}.sh"), "--data_cache", str(folder / "tables")]
        result = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=os.sep, timeout=280
        )
        assert result.returncode == 0, f"{script}\n{result.stdout[-2000:]}{result.stderr[-3000:]}"
    return folder


@pytest.mark.parametrize("output", ["stage2", "stage3", "lora"])
def test_what_a_script_trains_reads(runs: Path, page: Path, output: str) -> None:
    result = run_got("read", page, "--model-name", runs / output, "--max-new-tokens", 4)
    assert result.returncode == 0, result.stderr


def test_stage_1_leaves_an_encoder(runs: Path) -> None:
    assert (runs / "stage1" / "model.safetensors").is_file() and (runs / "lora" / "adapter").is_dir()


def test_a_sample_is_shown_with_what_is_learned(tmp_path: Path) -> None:
    result = run_python(
        ROOT / "scripts/inspect_sample.py", "scene-ocr", "--index", 1, "--save", tmp_path / "views"
    )
    assert result.returncode == 0, result.stderr
    assert "«Attributes covered?<|im_end|>»" in result.stdout and "<imgpad>×256" in result.stdout
    assert (tmp_path / "views" / "view-0.png").is_file()


def test_a_sample_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = run_python(ROOT / "scripts/inspect_sample.py", "scene-ocr", "--index", 99)
    assert result.returncode == 2 and "8 records" in result.stderr and "Traceback" not in result.stderr


def test_an_environment_without_pip_is_told(tmp_path: Path) -> None:
    """As Debian's python3 leaves one, and later runs find it."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    environment = {**os.environ, "GOT_VENV": str(tmp_path / "venv")}
    result = subprocess.run(
        ["bash", str(ROOT / "scripts/demo.sh")], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 1 and "has no pip; on Debian" in result.stderr


def test_a_folder_with_a_blank_in_its_name_runs(tmp_path: Path) -> None:
    """Without LAUNCHER a script runs the environment's own python, wherever that lies."""
    python = tmp_path / "my venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" = -m ] || echo "ran $1"\n')
    python.chmod(0o755)
    environment = {
        **os.environ,
        "GOT_VENV": str(tmp_path / "my venv"),
        "FOX": str(tmp_path),
        "TASKS": "fox-en-page",
    }
    environment.pop("LAUNCHER", None)
    for script, file in (("stage3_post", "GOT/train/train_GOT.py"), ("eval_fox", "GOT/eval/evaluate_GOT.py")):
        result = subprocess.run(
            ["bash", str(ROOT / f"scripts/{script}.sh")], capture_output=True, text=True, env=environment
        )
        assert result.returncode == 0 and f"ran {file}" in result.stdout, result.stderr
