"""Reading on a CUDA card: the CPU's answer in float32, sane answers in the card's own types. Run with ``-m gpu``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from GOT.data.processor import GOTProcessor, ModelInputs
from GOT.inference.backends import Prompt
from GOT.inference.backends.card_session import CardSession
from GOT.inference.backends.torch_backend import TorchBackend
from GOT.inference.backends.torch_decoder import Decoder, KeyValueCache
from GOT.inference.backends.torch_session import TorchSession
from GOT.inference.generation import GenerationSettings, decode
from GOT.inference.pipeline import GOTPipeline
from GOT.model.config import VisionConfig
from GOT.model.grid_attention import attend_folded, attend_plain
from GOT.model.vision import VisionEncoder
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


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
@torch.inference_mode()
def test_folded_attention_is_the_plain_formula(dtype: torch.dtype, tolerance: float) -> None:
    """In bfloat16 beside the formula in float32 of the same rounded values: its eps is 2^-8, outputs are of size 1."""
    random = torch.Generator("cuda").manual_seed(0)
    tensors = [
        torch.randn(*shape, generator=random, device="cuda").to(dtype)
        for shape in [(1, 4, 1024, 64)] * 3 + [(32, 32, 64)] * 2
    ]
    tensors[3:] = [table * 0.1 for table in tensors[3:]]
    wanted = attend_plain(*(tensor.float() for tensor in tensors))
    found = attend_folded(*tensors).float()
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)


@torch.inference_mode()
def test_encoding_a_page_holds_no_bias() -> None:
    """A view of the full size in bfloat16 takes less above the weights than one layer's bias: 12 x 4096^2 x 2 bytes."""
    encoder = VisionEncoder(VisionConfig()).to("cuda", torch.bfloat16).eval()
    pixels = torch.randn(1, 3, 1024, 1024, device="cuda", dtype=torch.bfloat16)
    encoder(pixels)  # libraries take their workspaces
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    encoder(pixels)
    assert torch.cuda.max_memory_allocated() - before < 12 * 4096**2 * 2


def test_captured_steps_give_what_plain_steps_give(tiny_model: Any, tiny_processor: GOTProcessor) -> None:
    """Batches of rows that stop one after another, twice: captured the first time, replayed the second."""
    card = TorchBackend(tiny_model.to("cuda").requires_grad_(False))
    batch = [tiny_processor.encode_request([draw_page(text=str(n))], "OCR: " + "a " * n) for n in range(5)]
    ids = [inputs.input_ids.tolist() for inputs in batch]
    options: dict[str, Any] = {"stop_ids": frozenset(range(0, 1012, 43)), "max_new_tokens": 300}
    found = []
    for session in (plain_session(card, batch), card.start(batch), card.start(batch)):
        *_, answers = decode(session, ids, **options)
        found.append([(answer.token_ids, answer.finish_reason) for answer in answers])
        captured = isinstance(session, CardSession) and bool(session._space._graphs)
        assert captured is isinstance(session, CardSession)
        del session
    assert found[0] == found[1] == found[2]


def plain_session(backend: TorchBackend, batch: list[ModelInputs]) -> TorchSession:
    """A session of single steps, nothing captured."""
    decoder = Decoder(backend.model)
    session = TorchSession(decoder, KeyValueCache(decoder, len(batch)))
    session.join([Prompt(inputs.input_ids, backend.encode([inputs.pixel_values])) for inputs in batch])
    return session


def test_memory_stays_where_it_is_from_page_to_page(tiny_checkpoint: Path) -> None:
    card = GOTPipeline.from_pretrained(tiny_checkpoint, device="cuda", settings=SETTINGS)
    taken = []
    for number in range(12):
        card.read([draw_page(text=f"page {number}")] * (1 + number % 3), batch_size=3)
        taken.append(torch.cuda.memory_allocated())
    assert max(taken[6:]) <= max(taken[:6])
