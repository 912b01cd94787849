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
