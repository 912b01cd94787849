"""The ms-swift client fine-tunes a checkpoint that we saved, from the very file that our training reads.

It wants an environment of its own: ``pip install ms-swift`` there, and its ``swift`` on PATH or in ``GOT_SWIFT``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from GOT.data.dataset import ConversationDataset, Part, TrainingSample
from GOT.data.processor import GOTProcessor
from GOT.data.sources import DataSource, open_table
from GOT.data.tokenizer import GOTTokenizer
from GOT.model.checkpoint import save_model
from tests.helpers import make_model
from tests.train.conftest import WORDS, draw_word

SWIFT = os.environ.get("GOT_SWIFT") or shutil.which("swift")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny model with 256 image tokens a view, the number that ms-swift writes into every prompt."""
    tokenizer = GOTTokenizer.small(1000)
    vision = {
        "image_size": 256, "patch_size": 4, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "mlp_dim": 64, "window_size": 8, "global_attn_indexes": (1,), "output_channels": 16, "feature_size": 64,
    }  # fmt: skip
    folder = tmp_path / "GOT-OCR-2.0-hf"
    save_model(make_model(tokenizer, vision_config=vision), folder, layout="transformers")
    GOTProcessor(tokenizer, image_size=256).save_pretrained(folder, layout="transformers")
    return folder


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """ms-swift's JSONL."""
    path = tmp_path / "data.jsonl"
    lines = []
    for number, word in enumerate(WORDS):
        draw_word(word, 256).save(tmp_path / f"{number}.png")
        lines.append({"query": "<image>OCR: ", "response": word, "images": [str(tmp_path / f"{number}.png")]})
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return path


def test_our_training_reads_the_same_file(records: Path, tmp_path: Path) -> None:
    table: Any = open_table(DataSource("swift", records, tmp_path), cache_dir=tmp_path / "cache")
    processor = GOTProcessor(GOTTokenizer.small(1000), image_size=256)
    data = ConversationDataset([Part("swift", table, tmp_path)], processor)
    assert all(isinstance(entry, TrainingSample) for i in range(len(data)) for entry in data[i])


@pytest.mark.slow
@pytest.mark.skipif(not SWIFT, reason="ms-swift is not installed (swift on PATH, or GOT_SWIFT)")
def test_swift_fine_tunes_with_lora(checkpoint: Path, records: Path, tmp_path: Path) -> None:
    command = [
        str(SWIFT), "sft", "--model", checkpoint, "--model_type", "got_ocr2_hf", "--dataset", records,
        "--tuner_type", "lora", "--torch_dtype", "float32", "--max_steps", 3, "--per_device_train_batch_size", 2,
        "--gradient_accumulation_steps", 1, "--learning_rate", "1e-3", "--max_length", 1024, "--logging_steps", 1,
        "--save_steps", 3, "--eval_strategy", "no", "--split_dataset_ratio", 0, "--dataset_num_proc", 1,
        "--dataloader_num_workers", 0, "--use_hf", "true", "--report_to", "none", "--attn_impl", "eager",
        "--output_dir", tmp_path / "out",
    ]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=550,
        env=environment,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert list((tmp_path / "out").rglob("adapter_model.safetensors"))
    (log,) = (tmp_path / "out").rglob("logging.jsonl")
    losses = [entry["loss"] for entry in map(json.loads, log.read_text().splitlines()) if "loss" in entry]
    assert len(losses) >= 3 and losses[-1] < losses[0]
