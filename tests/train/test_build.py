"""The models that stages start from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import Qwen2Config

from GOT.train.build import Built, build
from GOT.train.command_line import parse


def test_stage_2_starts_with_stage_1s_encoder(tmp_path: Path) -> None:
    small = ["--architecture", "tiny", "--tokenizer", "small:300"]
    first = parse(["--stage", "1", *small, "--output_dir", str(tmp_path / "1")])
    one = build(first.model, first.training)
    (tmp_path / "1").mkdir()
    one.write(one.model.state_dict(), tmp_path / "1", "original")
    taken = ["--architecture", "tiny", "--vision_tower", str(tmp_path / "1")]
    second = parse(["--stage", "2", *taken, "--output_dir", str(tmp_path / "2")])
    two = build(second.model, second.training)
    ours, theirs = two.model.model.vision_tower_high.state_dict(), one.model.vision_tower_high.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert len(two.processor.tokenizer) == 312  # stage 1's tokenizer goes on too


def test_a_decoder_of_pickled_weights_is_refused(tmp_path: Path) -> None:
    fields = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    Qwen2Config(**fields, num_key_value_heads=2, vocab_size=300).save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"never opened")
    run = parse(
        ["--stage", "2", "--architecture", "tiny", "--tokenizer", "small:300", "--decoder", str(tmp_path)]
    )
    with pytest.raises(FileNotFoundError, match="holds no safetensors"):
        build(run.model, run.training)


def test_stage_1_goes_on_with_a_checkpoint_of_stage_1(tiny_checkpoint: Path, tmp_path: Path) -> None:
    def built(*flags: str) -> Built:
        run = parse(["--stage", "1", *flags, "--output_dir", str(tmp_path / "out")])
        return build(run.model, run.training)

    first = built("--architecture", "tiny", "--tokenizer", "small:300", "--glyph_weight", "1")
    first.write(first.model.state_dict(), tmp_path, "original")
    assert built("--model_name_or_path", str(tmp_path)).model.config.glyph_weight == 1
    again = built("--model_name_or_path", str(tmp_path), "--glyph_weight", "0.25")
    assert again.model.config.glyph_weight == 0.25
    with pytest.raises(ValueError, match="only when it is new"):
        built("--model_name_or_path", str(tmp_path), "--glyph_weight", "0")
    with pytest.raises(ValueError, match="no checkpoint of stage 1"):
        built("--model_name_or_path", str(tiny_checkpoint))


@pytest.mark.parametrize(
    ("tokenizer", "words"),
    [("small:300", "do not fit"), ("published", "do not fit"), ("/no/such", "or a folder")],
)
def test_another_tokenizer_than_the_checkpoints_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, tokenizer: str, words: str
) -> None:
    flags = ["--model_name_or_path", str(tiny_checkpoint), "--tokenizer", tokenizer]
    run = parse([*flags, "--output_dir", str(tmp_path)])
    with pytest.raises(ValueError, match=words):
        build(run.model, run.training)


def test_a_checkpoint_goes_on_with_larger_views(tmp_path: Path) -> None:
    common = ["--architecture", "tiny", "--tokenizer", "small:300", "--output_dir", str(tmp_path / "small")]
    first = parse(["--stage", "2", "--image_size", "64", *common])
    small = build(first.model, first.training)
    (tmp_path / "small").mkdir()
    small.write(small.model.state_dict(), tmp_path / "small", "original")
    second = parse(["--stage", "2", "--image_size", "192", "--model_name_or_path", str(tmp_path / "small")])
    large = build(second.model, second.training)
    assert large.model.config.vision.image_size == large.processor.transform.image_size == 192
    assert large.processor.num_image_tokens == 9 and large.model.config.image_token_len == 9
    ours, theirs = large.model.state_dict(), small.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if "pos" not in name)
    pixels = torch.zeros(1, 3, 192, 192)
    assert large.model.model.vision_tower_high(pixels).shape[-2:] == (3, 3)  # type: ignore[union-attr]
