"""Adapters: what trains, resuming, merging."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers import run_python
from tests.train.conftest import PLAIN, Train, losses


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
