"""A new decoder that reads glyph codes: what it is born with, and what it learns from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from GOT.data.dataset import ConversationDataset, Part
from GOT.data.glyph_map import glyph_class
from GOT.data.processor import GOTProcessor
from GOT.data_engine.feed import SynthTable
from GOT.data_engine.recipe import Recipe
from GOT.model.config import GOTConfig
from GOT.model.glyph_codes import GlyphCodes
from GOT.model.got import GOTQwenForCausalLM
from GOT.train.code_reading import CodeCollator
from GOT.train.decoder_start import COPYING, LIKENESS, start_looking
from GOT.train.encoder_start import load_encoder
from GOT.train.loss import supervised_loss
from tests.helpers import ROOT

VISION = {
    "image_size": 64, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "mlp_dim": 16,
    "num_attention_heads": 2, "window_size": 4, "global_attn_indexes": [0], "output_channels": 16, "feature_size": 32,
}  # fmt: skip


def make_decoder(tokenizer: Any, *, heads: int = 4, groups: int = 1) -> GOTQwenForCausalLM:
    torch.manual_seed(0)
    special = tokenizer.special
    config = GOTConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=heads, num_key_value_heads=heads // groups, max_window_layers=2,
        max_position_embeddings=512,
        rope_theta=10000.0, initializer_range=0.04, tie_word_embeddings=True, vision_config=VISION,
        bos_token_id=special.end_of_text, eos_token_id=special.turn_end, im_start_token=special.image_start,
        im_end_token=special.image_end, im_patch_token=special.image,
    )  # fmt: skip
    return GOTQwenForCausalLM(config)


def letters_on_a_grid(folder: Path, tokenizer: Any, *, glyphs: bool = True) -> ConversationDataset:
    settings = {"glyph_grid": {"columns": 2, "rows": 2, "cell": 32, "glyphs": glyphs}}
    table = SynthTable(Recipe({"glyph_grid": 1}, count=100_000, settings=settings))
    return ConversationDataset(
        [Part("grid", table, folder)], GOTProcessor(tokenizer, image_size=64, num_image_tokens=4)
    )


def test_what_is_written_is_read() -> None:
    codes = GlyphCodes(256)
    maps = torch.zeros(3, 16, 32, dtype=torch.long)
    generator = torch.Generator().manual_seed(1)
    for view in range(3):
        for _ in range(40):
            row, column, glyph = (int(torch.randint(high, (), generator=generator)) for high in (16, 32, 95))
            maps[view, row, column] = glyph
    tokens = codes.write(maps)
    assert tokens.shape == (3, 16, 256)
    marked = maps > 0
    found = codes.read(tokens)[:, 1:].argmax(1) + 1
    assert (found[marked] == maps[marked]).float().mean() > 0.98
    assert codes.write(torch.zeros_like(maps)).abs().max() == 0
    assert torch.equal(codes.write(torch.where(marked, maps, -100)), tokens)


def test_codes_are_the_same_everywhere() -> None:
    """Stage 1, decoders and collators each make their own."""
    one, other = GlyphCodes(32), GlyphCodes(32)
    assert torch.equal(one.letters, other.letters) and torch.equal(one.places, other.places)
    assert one.letters[0].abs().max() == 0


@pytest.mark.parametrize("groups", [1, 2])
def test_attention_starts_out_copying(tiny_tokenizer: Any, groups: int) -> None:
    model = make_decoder(tiny_tokenizer, groups=groups)
    start_looking(model, tiny_tokenizer)
    attention = model.model.layers[0].self_attn
    heads = attention.v_proj.weight.unflatten(0, (-1, attention.head_dim)).repeat_interleave(groups, dim=0)
    copied = attention.o_proj.weight @ heads.flatten(0, 1)
    kept = torch.linalg.matrix_rank(copied, tol=1e-4)
    assert kept == attention.v_proj.out_features
    assert torch.allclose(copied @ copied, COPYING**2 * copied, atol=1e-5)  # a projection, scaled
    alike = attention.q_proj.weight[: attention.head_dim] @ attention.k_proj.weight[: attention.head_dim].T
    assert torch.allclose(alike, LIKENESS**2 * torch.eye(attention.head_dim), atol=0.1)
    (word,) = tiny_tokenizer.encode("Q")
    expected = 0.04 * GlyphCodes(64).letters[glyph_class("Q")]
    assert torch.allclose(model.model.embed_tokens.weight[word], expected)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_it_reads_codes_where_another_start_does_not(tiny_tokenizer: Any, tmp_path: Path) -> None:
    collator = CodeCollator(GOTProcessor(tiny_tokenizer, image_size=64, num_image_tokens=4), 64)
    data = letters_on_a_grid(tmp_path, tiny_tokenizer)
    data.processor.with_glyph_maps = True
    losses = {}
    for looking in (False, True):
        model = make_decoder(tiny_tokenizer).train()
        if looking:
            start_looking(model, tiny_tokenizer)
        optimizer = torch.optim.AdamW(model.parameters(), 3e-3, betas=(0.9, 0.98))
        last = []
        for step in range(100):
            batch = collator([data[step * 16 + row] for row in range(16)])
            batch.pop("outcomes")
            loss = supervised_loss(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            last.append(loss.item())
        losses[looking] = sum(last[-20:]) / 20
    assert losses[True] < 0.7 * losses[False]


def test_batches_of_codes(tiny_tokenizer: Any, tmp_path: Path) -> None:
    data = letters_on_a_grid(tmp_path, tiny_tokenizer)
    collator = CodeCollator(data.processor, 64)
    batch = collator([data[0], data[1]])
    assert "pixel_values" not in batch and "glyph_maps" not in batch
    assert batch["image_features"].shape == (2, 4, 64)
    again = collator([data[0], data[1]])
    assert torch.equal(batch["image_features"], again["image_features"])
    silent = letters_on_a_grid(tmp_path, tiny_tokenizer, glyphs=False)
    silent.processor.with_glyph_maps = True
    with pytest.raises(ValueError, match="glyphs: true"):
        collator([silent[0]])


def test_a_batch_without_a_good_sample_still_takes_its_step(tiny_tokenizer: Any) -> None:
    collator = CodeCollator(GOTProcessor(tiny_tokenizer, image_size=64, num_image_tokens=4), 64)
    batch = collator([[]])
    batch.pop("outcomes")
    assert batch["image_features"].shape == (1, 4, 64)
    assert supervised_loss(make_decoder(tiny_tokenizer), batch) == 0


@pytest.mark.parametrize("size", ["cpu", "gpu"])
def test_both_stages_of_got_tiny_speak_of_codes_of_one_width(size: str) -> None:
    values = json.loads((ROOT / f"scripts/got_tiny/architecture-{size}.json").read_text(encoding="utf-8"))
    assert values["opt"]["hidden_size"] == values["opt"]["word_embed_proj_dim"] == values["hidden_size"]
    assert values["tie_word_embeddings"]


def test_the_projector_comes_along_from_stage_1_with_glyph_maps(tiny_tokenizer: Any, tmp_path: Path) -> None:
    from GOT.model.pretrain import GOTPretrainConfig, GOTPretrainModel, write_pretrain_model

    for weight in (0.0, 1.0):
        torch.manual_seed(1)
        config = GOTPretrainConfig(
            vocab_size=len(tiny_tokenizer), hidden_size=64, word_embed_proj_dim=64, ffn_dim=64, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=256, vision_config=VISION, glyph_weight=weight,
        )  # fmt: skip
        taught = GOTPretrainModel(config)
        folder = tmp_path / str(weight)
        folder.mkdir()
        write_pretrain_model(config, taught.state_dict(), folder)
        model = make_decoder(tiny_tokenizer)
        before = model.model.mm_projector_vary.weight.clone()
        load_encoder(model, str(folder))
        came = torch.equal(model.model.mm_projector_vary.weight, taught.mm_projector_vary.weight)
        kept = torch.equal(model.model.mm_projector_vary.weight, before)
        assert (came, kept) == ((True, False) if weight else (False, True))
