"""transformers' own GotOcr2 reads what we save and computes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GotOcr2ForConditionalGeneration

from GOT.data.tokenizer import GOTTokenizer
from GOT.model.checkpoint import load_model, save_model
from GOT.model.config import GOTConfig
from GOT.model.got import GOTQwenForCausalLM, randomize_
from tests.helpers import make_model

TOLERANCE = 1e-4  # float32, other order of additions


def theirs_of(model: GOTQwenForCausalLM, folder: Path) -> Any:
    save_model(model, folder, layout="transformers")
    theirs, report = GotOcr2ForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    return theirs.eval()


def batch_of(tokenizer: GOTTokenizer, num_image_tokens: int, size: int) -> dict[str, torch.Tensor]:
    """Two prompts: one view, and two views."""
    special = tokenizer.special
    rows = []
    for views in (1, 2):
        image = [special.image_start, *[special.image] * (num_image_tokens * views), special.image_end]
        rows.append([special.turn_start, *image, *tokenizer.encode("\nOCR: " + "x y z " * 10)])
    length = max(map(len, rows))
    ids = torch.tensor([[special.end_of_text] * (length - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
    return {"input_ids": ids, "attention_mask": mask, "pixel_values": torch.randn(3, 3, size, size)}


@pytest.mark.parametrize("tied", [True, False])
@torch.no_grad()
def test_tiny_model_has_their_logits(tmp_path: Path, tiny_tokenizer: GOTTokenizer, tied: bool) -> None:
    model = make_model(tiny_tokenizer, tie_word_embeddings=tied)
    batch = batch_of(tiny_tokenizer, 4, 128)
    theirs = theirs_of(model, tmp_path / "hf")(**batch).logits
    kept = batch["attention_mask"].bool()
    torch.testing.assert_close(model(**batch).logits[kept], theirs[kept], rtol=0, atol=TOLERANCE)


@torch.no_grad()
def test_their_checkpoint_is_read_by_us(tmp_path: Path, tiny_tokenizer: GOTTokenizer) -> None:
    theirs = theirs_of(make_model(tiny_tokenizer), tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    batch = batch_of(tiny_tokenizer, 4, 128)
    ours = load_model(tmp_path / "theirs")
    torch.testing.assert_close(
        ours(**batch).logits[:, -5:], theirs(**batch).logits[:, -5:], rtol=0, atol=TOLERANCE
    )


def test_gradients_reach_the_encoder_as_theirs_do(tmp_path: Path, tiny_tokenizer: GOTTokenizer) -> None:
    model = make_model(tiny_tokenizer)
    theirs = theirs_of(model, tmp_path / "hf")
    batch = batch_of(tiny_tokenizer, 4, 128)
    for each in (model, theirs):
        logits = each(**batch).logits[batch["attention_mask"].bool()]
        logits.logsumexp(-1).sum().backward()
    ours = model.model.vision_tower_high.blocks[0].attn.rel_pos_h.grad
    assert ours is not None and ours.abs().sum() > 0
    torch.testing.assert_close(
        ours, theirs.model.vision_tower.layers[0].attn.rel_pos_h.grad, rtol=1e-3, atol=1e-4
    )


@pytest.mark.slow
@torch.no_grad()
def test_full_size_has_their_logits(tmp_path: Path) -> None:
    tokenizer = GOTTokenizer.published()
    model = randomize_(GOTQwenForCausalLM(GOTConfig()), std=0.02).eval()
    batch = {k: v[:1] for k, v in batch_of(tokenizer, 256, 1024).items()}
    kept = batch["attention_mask"][0].bool()
    batch = {name: tensor if name == "pixel_values" else tensor[:, kept] for name, tensor in batch.items()}
    theirs = theirs_of(model, tmp_path / "hf")(**batch).logits
    torch.testing.assert_close(model(**batch).logits, theirs, rtol=0, atol=TOLERANCE)
