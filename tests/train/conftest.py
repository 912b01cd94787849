"""Small data sets of drawn words, and runs of the training command in processes of their own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.helpers import ROOT

pytest.importorskip("datasets", reason='pip install "got-ocr[train]"')

Train = Callable[..., "subprocess.CompletedProcess[str]"]  # the fixture ``train``

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
WORDS = ("EIGHT", "seven", "6 six", "Five!", "4-four", "three", "TWO 2", "one.")


def draw_word(text: str, size: int = 128) -> Image.Image:
    """A square picture of one word."""
    image = Image.new("RGB", (size, size), "white")
    ImageDraw.Draw(image).text((8, size // 3), text, fill="black", font_size=size // 5)
    return image


def conversation(image: str, answer: str, question: str = "OCR: ") -> dict[str, Any]:
    """A record as published."""
    turns = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
    return {"image": image, "conversations": turns}


@pytest.fixture(scope="session", autouse=True)
def own_extensions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let deepspeed build its CPU op in a folder of this run, where no killed process left a lock."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path_factory.getbasetemp() / "torch_extensions"))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def word_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight words, each with its picture: an annotation file in the published format."""
    folder = tmp_path_factory.mktemp("words")
    for number, word in enumerate(WORDS):
        draw_word(word).save(folder / f"{number}.png")
    records = [conversation(f"{number}.png", word) for number, word in enumerate(WORDS)]
    (folder / "words.json").write_text(json.dumps(records))
    return folder / "words.json"


@pytest.fixture
def train(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run the published training command; fails the test with its output unless ``check=False``.

    With ``ranks`` through the deepspeed launcher, else in this process: importing torch, transformers and deepspeed
    anew takes ten times as long as a tiny run.
    """
    import torch

    cache = tmp_path_factory.getbasetemp() / "tables"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as under the launcher: sums in another order are other sums

    def run(*flags: object, ranks: int = 0, check: bool = True) -> subprocess.CompletedProcess[str]:
        common = [
            "--data_cache",
            cache,
            "--logging_steps",
            1,
            "--report_to",
            "none",
            "--disable_tqdm",
            "True",
        ]
        arguments = [str(flag) for flag in [*common, *flags]]
        result = _launch(arguments, ranks) if ranks else _run_here(arguments)
        if check and result.returncode:
            pytest.fail(f"{' '.join(arguments)}\n{result.stdout[-3000:]}\n{result.stderr[-5000:]}")
        return result

    yield run
    torch.set_num_threads(threads)


def _run_here(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    from GOT.cli.train import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def _launch(arguments: list[str], ranks: int) -> subprocess.CompletedProcess[str]:
    command = [*launcher(ranks), str(ROOT / "GOT/train/train_GOT.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=training_environment())


def launcher(ranks: int) -> list[str]:
    """Plain Python, or the deepspeed launcher with so many CPU ranks."""
    if not ranks:
        return [sys.executable]
    port = 20000 + os.getpid() % 20000
    return [
        str(Path(sys.executable).with_name("deepspeed")),
        "--num_gpus",
        str(ranks),
        "--master_port",
        str(port),
    ]


def training_environment() -> dict[str, str]:
    """CPU ranks, one thread each, no hub."""
    names = {
        "DS_ACCELERATOR": "cpu",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **names, "PATH": path}


def losses(output: Path) -> list[float]:
    """The loss of every logged step of a run."""
    state = json.loads((output / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]
