"""What tests build: tiny models, pages, PDFs, and processes of our command lines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def make_model(tokenizer: Any, *, seed: int = 1, **overrides: Any) -> Any:
    """A model of random weights for a tokenizer."""
    from GOT.model.config import tiny_config
    from GOT.model.got import GOTQwenForCausalLM, randomize_

    special = tokenizer.special
    config = tiny_config(
        **{
            "vocab_size": len(tokenizer),
            "im_patch_token": special.image,
            "im_start_token": special.image_start,
            "im_end_token": special.image_end,
            "bos_token_id": None,
            "eos_token_id": special.turn_end,
            **overrides,
        }
    )
    return randomize_(GOTQwenForCausalLM(config), seed, std=0.1).eval()


def draw_page(width: int = 240, height: int = 180, text: str = "Hello 42", color: str = "black") -> Any:
    """A white picture with words."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for row in range(10, height - 20, 24):
        draw.text((10, row), text, fill=color, font_size=18)
    return image


def make_pdf(*pages: Any) -> bytes:
    """Pictures as a PDF."""
    import io

    buffer = io.BytesIO()
    pages[0].save(buffer, "PDF", save_all=True, append_images=list(pages[1:]), resolution=72)
    return buffer.getvalue()


def run_got(*arguments: object, cwd: Path | None = None, stdin: bytes | None = None, **env: str) -> Any:
    """Run a command line in a process of its own; output as text."""
    return run_python("-m", "GOT", *arguments, cwd=cwd, stdin=stdin, **env)


def run_python(*arguments: object, cwd: Path | None = None, stdin: bytes | None = None, **env: str) -> Any:
    """Run this Python with the repository importable."""
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd or ROOT,
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **env},
    )
    result.stdout, result.stderr = result.stdout.decode("utf-8"), result.stderr.decode("utf-8")
    return result


def has_tex() -> bool:
    """Whether pdflatex is here with the packages that the data engine wants (docs/data-engine.md)."""
    if not (shutil.which("pdflatex") and shutil.which("kpsewhich")):
        return False
    names = ["multirow.sty", "lmodern.sty", "tikz.sty"]
    found = subprocess.run(["kpsewhich", *names], capture_output=True, text=True, timeout=60)
    return len(found.stdout.split()) == len(names)


def is_running(pid: int) -> bool:
    """Whether a process still runs; one that has ended and only waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds: Callable[[], object], *, seconds: float = 60) -> None:
    """Look again and again until something holds; a failed test if it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"still not so after {seconds:g} s"
        time.sleep(0.01)


def count_steps(action: Callable[[], object], *folders: str) -> int:
    """How many lines of the sources below folders of these names run: work that no busy machine makes larger."""
    steps = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        if not any(f"/{folder}/" in frame.f_code.co_filename for folder in folders):
            return None
        steps += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return steps


def grows_linearly(work: Callable[[int], int]) -> bool:
    """Whether four times as much takes no more than its share over twice as much; what a fixed part costs cancels."""
    one, two, four = work(1), work(2), work(4)
    return four - two <= 2.1 * (two - one)
