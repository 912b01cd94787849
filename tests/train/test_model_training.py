"""Gradients, groups and losses inside one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from GOT.data.collator import Collator
from GOT.data.dataset import ConversationDataset, Part
from GOT.train.optimizer import Rates, build_groups, freeze, layer_scale
from GOT.train.stages import STAGES, component_of
from GOT.utils.constants import IGNORE_INDEX
from tests.helpers import make_model
from tests.train.conftest import conversation, draw_word

RATES = Rates({"encoder": 1e-4, "projector": 2e-4, "decoder": 3e-4}, weight_decay=0.1, layer_decay=0.9)


@pytest.fixture
def batch(tmp_path: Path, tiny_processor: Any) -> dict[str, Any]:
    for name in ("a", "b"):
        draw_word(name).save(tmp_path / f"{name}.png")
    records = [conversation("a.png", "first"), conversation("b.png", "a second answer")]
    data = ConversationDataset([Part("set", records, tmp_path)], tiny_processor)  # type: ignore[arg-type]
    return Collator(tiny_processor)([data[0], data[1]])


def test_the_encoder_trains_in_stage_2(tiny_model: Any, batch: dict[str, Any]) -> None:
    freeze(tiny_model, STAGES[2].trains)
    batch.pop("outcomes")
    tiny_model.train()(**batch).loss.backward()
    without = [n for n, p in tiny_model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not [name for name in without if "embed" not in name]


def test_a_batch_without_pictures_holds_the_encoders_graph(
    tiny_model: Any, tiny_processor: Any, tmp_path: Path
) -> None:
    data = ConversationDataset([Part("set", [{"query": "q", "response": "a"}], tmp_path)], tiny_processor)  # type: ignore[arg-type, list-item]
    batch = Collator(tiny_processor)([data[0]])
    batch.pop("outcomes")
    loss = tiny_model.train()(**batch).loss
    loss.backward()
    grads = [p.grad for n, p in tiny_model.named_parameters() if component_of(n) == "encoder"]
    assert all(grad is not None and not grad.abs().sum() for grad in grads)
    alone = data[0][0]
    plain = tiny_model(input_ids=alone.input_ids[None], labels=alone.labels[None]).loss  # type: ignore[union-attr]
    torch.testing.assert_close(loss, plain)


def test_step_0_loss_equals_transformers(tiny_model: Any, batch: dict[str, Any], tmp_path: Path) -> None:
    from transformers import GotOcr2ForConditionalGeneration

    from GOT.model.checkpoint import save_model

    save_model(tiny_model, tmp_path / "hf", layout="transformers")
    theirs = GotOcr2ForConditionalGeneration.from_pretrained(tmp_path / "hf", attn_implementation="eager")
    batch.pop("outcomes")
    with torch.no_grad():
        assert abs(tiny_model(**batch).loss - theirs(**batch).loss) <= 1e-4


def test_groups_hold_every_weight_once_with_its_rate(tiny_model: Any) -> None:
    groups = build_groups(tiny_model, RATES)
    names = [name for group in groups for name in group["param_names"]]
    assert sorted(names) == sorted(name for name, _ in tiny_model.named_parameters())
    rate = {name: group["lr"] for group in groups for name in group["param_names"]}
    decay = {name: group["weight_decay"] for group in groups for name in group["param_names"]}
    assert rate["model.mm_projector_vary.weight"] == 2e-4
    assert rate["model.layers.0.self_attn.q_proj.weight"] == 3e-4
    assert rate["model.vision_tower_high.neck.0.weight"] == 1e-4
    assert rate["model.vision_tower_high.blocks.0.mlp.lin1.weight"] == pytest.approx(1e-4 * 0.9**2)
    assert decay["model.layers.0.input_layernorm.weight"] == decay["model.vision_tower_high.pos_embed"] == 0
    assert decay["model.layers.0.mlp.up_proj.weight"] == 0.1


def test_rates_fall_towards_the_picture() -> None:
    names = [
        "patch_embed.proj.weight",
        "blocks.0.attn.qkv.weight",
        "blocks.5.attn.qkv.weight",
        "net_3.weight",
    ]
    scales = [layer_scale(f"model.vision_tower_high.{name}", 6, 0.8) for name in names]
    assert scales == sorted(scales) and scales[-1] == 1 and scales[0] == pytest.approx(0.8**7)


def test_nothing_to_train_is_an_error(tiny_model: Any) -> None:
    freeze(tiny_model, ())
    with pytest.raises(ValueError, match="Nothing trains"):
        build_groups(tiny_model, RATES)


def test_gradient_checkpointing_covers_the_encoder(tiny_tokenizer: Any, batch: dict[str, Any]) -> None:
    batch.pop("outcomes")
    grads = []
    for checkpointing in (False, True):
        model = make_model(tiny_tokenizer).train()
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            assert model.model.vision_tower_high.gradient_checkpointing
        model(**batch).loss.backward()
        grads.append({name: p.grad for name, p in model.named_parameters()})
    for name in grads[0]:
        torch.testing.assert_close(grads[0][name], grads[1][name])


def test_stage_1s_model_is_causal_and_sees_the_picture(tmp_path: Path) -> None:
    from GOT.train.build import build
    from GOT.train.command_line import parse

    run = parse(
        ["--stage", "1", "--architecture", "tiny", "--tokenizer", "small:300", "--output_dir", str(tmp_path)]
    )
    built = build(run.model, run.training)
    model, processor = built.model.eval(), built.processor
    inputs = [processor.encode_request([draw_word(word)], "OCR: ") for word in ("one", "two")]
    with torch.no_grad():
        logits = [model(i.input_ids[None], pixel_values=i.pixel_values).logits for i in inputs]
    assert not torch.allclose(logits[0][:, -1], logits[1][:, -1])
    assert model.decoder.lm_head.weight is model.get_input_embeddings().weight  # type: ignore[union-attr]
    assert len(inputs[0].input_ids) == 4 + len(processor.tokenizer.encode("OCR: "))


def test_the_full_stage_1_is_opt_125m(tmp_path: Path) -> None:
    from GOT.model.pretrain import GOTPretrainConfig, GOTPretrainModel

    with torch.device("meta"):
        model = GOTPretrainModel(GOTPretrainConfig())
    # Source: 221,595,648 parameters in stage 1 (encoder, Linear(1024, 768), OPT-125M), counted on the released code.
    assert sum(p.numel() for p in model.parameters()) == 221_595_648


def test_glyph_maps_teach_the_encoder_beside_the_text(tiny_tokenizer: Any, tmp_path: Path) -> None:
    from GOT.data.pretrain_processor import PretrainProcessor
    from GOT.data_engine.feed import SynthTable
    from GOT.data_engine.recipe import Recipe
    from GOT.model.pretrain import GOTPretrainConfig, GOTPretrainModel
    from GOT.train.loss import supervised_loss

    torch.manual_seed(0)
    vision = {"image_size": 64, "patch_size": 8, "hidden_size": 32, "num_hidden_layers": 2, "mlp_dim": 64,
              "num_attention_heads": 2, "window_size": 4, "global_attn_indexes": [1], "output_channels": 32,
              "feature_size": 64}  # fmt: skip
    special = tiny_tokenizer.special
    config = GOTPretrainConfig(
        vocab_size=len(tiny_tokenizer), im_patch_token=special.image, pad_token_id=special.end_of_text,
        hidden_size=32, word_embed_proj_dim=32, ffn_dim=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=256, dropout=0.0, vision_config=vision, glyph_weight=1.0,
    )  # fmt: skip
    model = GOTPretrainModel(config).train()
    processor = PretrainProcessor(tiny_tokenizer, image_size=64, num_image_tokens=4)
    processor.with_glyph_maps = True
    grid = {"columns": 2, "rows": 2, "cell": 32, "glyphs": True}
    table = SynthTable(Recipe({"glyph_grid": 1}, count=4, settings={"glyph_grid": grid}))
    data = ConversationDataset([Part("grid", table, tmp_path)], processor)
    batch = Collator(processor)([data[index] for index in range(4)])
    batch.pop("outcomes")
    assert batch["glyph_maps"].shape == (4, 8, 16)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(500):
        optimizer.zero_grad()
        loss = supervised_loss(model, batch)
        loss.backward()
        optimizer.step()
    features = model.vision_tower_high(batch["pixel_values"]).flatten(2).transpose(1, 2)
    found = model.glyph_head.read_tokens(model.mm_projector_vary(features)).argmax(1)  # type: ignore[misc]
    marked = batch["glyph_maps"] > 0
    assert (found[marked] == batch["glyph_maps"][marked]).float().mean() > 0.9
    with torch.no_grad():
        text_alone = supervised_loss(model.eval(), batch)
        both = supervised_loss(model.train(), batch)
        tokens = (batch["labels"][:, 1:] != IGNORE_INDEX).sum()
        half = supervised_loss(
            model, batch, 2 * tokens
        )  # one of two equal batches of a step, or of two ranks
    torch.testing.assert_close(2 * half, both)
    alone = ConversationDataset([Part("text", [{"query": "q", "response": "a"}], tmp_path)], processor)  # type: ignore[arg-type, list-item]
    batch = Collator(processor)([alone[0]])
    batch.pop("outcomes")
    optimizer.zero_grad()
    supervised_loss(model, batch).backward()  # without a picture the head is in the graph, and learns nothing
    gradient = model.glyph_head.how_often.grad  # type: ignore[union-attr]
    assert gradient is not None and not gradient.any()
    assert text_alone < both  # the validation loss is of the text alone
