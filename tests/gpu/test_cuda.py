"""Reading on a CUDA card: the CPU's answer in float32, sane answers in the card's own types. Run with ``-m gpu``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from GOT.inference.generation import GenerationSettings
from GOT.inference.pipeline import GOTPipeline
from tests.helpers import draw_page

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card"),
]
SETTINGS = GenerationSettings(max_new_tokens=32)


def test_float32_reads_what_the_cpu_reads(tiny_checkpoint: Path) -> None:
    pages = [draw_page(text=text) for text in ("one", "two two", "three")]
    cpu = GOTPipeline.from_pretrained(tiny_checkpoint, device="cpu", settings=SETTINGS)
    card = GOTPipeline.from_pretrained(tiny_checkpoint, device="cuda", dtype="float32", settings=SETTINGS)
    for arguments in ({}, {"crop": True}, {"batch_size": 3}):
        wanted = [page.text for page in cpu.read(pages, **arguments)]  # type: ignore[arg-type]
        assert [page.text for page in card.read(pages, **arguments)] == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["auto", "bfloat16", "float16"])
def test_short_types_read(tiny_checkpoint: Path, dtype: str) -> None:
    card = GOTPipeline.from_pretrained(tiny_checkpoint, device="cuda:0", dtype=dtype, settings=SETTINGS)
    (result,) = card.read(draw_page())
    assert result.status in ("ok", "truncated", "repeated", "retried") and result.confidence


def test_memory_that_runs_out_is_one_failed_page(tiny_checkpoint: Path) -> None:
    card = GOTPipeline.from_pretrained(tiny_checkpoint, device="cuda", settings=SETTINGS)
    free, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(max(1e-6, torch.cuda.memory_reserved() / total))
    try:
        settings = dataclasses.replace(SETTINGS, max_new_tokens=2)
        (result,) = card.read(draw_page(3000, 2000), crop=True, max_tiles=100, settings=settings)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert result.status in ("failed", "truncated"), free
