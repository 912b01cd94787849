"""Both layouts, both ways, and what is wrong with a checkpoint said in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from GOT.data.tokenizer import GOTTokenizer
from GOT.model.checkpoint import load_config, load_model, load_weights, save_model
from GOT.model.config import GOTConfig
from GOT.model.got import GOTQwenForCausalLM, count_parameters
from GOT.model.layouts import Layout, to_original_key, to_transformers_key
from tests.helpers import make_model


@torch.no_grad()
def logits_of(model: GOTQwenForCausalLM) -> torch.Tensor:
    image = model.config.image_token_id
    ids = torch.tensor([[5, *[image] * 4, 7, 8, 9]])
    views = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    return model(ids, views).logits


@pytest.mark.parametrize("layout", ["original", "transformers"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("shard", ["5GB", "100KB"])
def test_round_trip_gives_identical_logits(
    tmp_path: Path, tiny_tokenizer: GOTTokenizer, layout: Layout, tied: bool, shard: str
) -> None:
    model = make_model(tiny_tokenizer, tie_word_embeddings=tied)
    save_model(model, tmp_path / "saved", layout=layout, max_shard_size=shard)
    assert (len(list((tmp_path / "saved").glob("*.safetensors"))) > 1) == (shard == "100KB")
    again = load_model(tmp_path / "saved")
    assert torch.equal(logits_of(model), logits_of(again))
    assert (again.lm_head.weight is again.model.embed_tokens.weight) == tied
    save_model(again, tmp_path / "other", layout="original" if layout == "transformers" else "transformers")
    assert torch.equal(logits_of(model), logits_of(load_model(tmp_path / "other")))
    assert load_config(tmp_path / "other").to_dict() == load_config(tmp_path / "saved").to_dict()


def test_weight_names_are_the_published_ones(golden: Any) -> None:
    with torch.device("meta"):
        model = GOTQwenForCausalLM(GOTConfig())
    ours = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    assert ours == dict(map(tuple, golden("checkpoint-keys.json")))


def test_full_size_has_the_published_number_of_weights() -> None:
    with torch.device("meta"):
        model = GOTQwenForCausalLM(GOTConfig())
    model.tie_weights()
    assert count_parameters(model) == 560_528_640
    assert count_parameters(model.model.vision_tower_high) == 95_569_152


def test_every_published_name_translates_there_and_back(golden: Any) -> None:
    names = [name for name, _ in golden("checkpoint-keys.json")]
    translated = [to_transformers_key(name) for name in names]
    assert len(set(translated)) == len(names)
    assert [to_original_key(name) for name in translated] == names


def test_transformers_names_in_memory_are_read_too(tmp_path: Path, tiny_model: Any) -> None:
    """As tools save them that take the class's own state dict."""
    save_model(tiny_model, tmp_path, layout="transformers")
    path = tmp_path / "model.safetensors"
    renamed = {
        name.replace("language_model.model.", "model.language_model.", 1)
        if name.startswith("language_model.model.")
        else f"model.{name}": tensor
        for name, tensor in load_file(path).items()
    }
    assert all(name.startswith("model.") for name in renamed)
    save_file(renamed, path)
    assert torch.equal(logits_of(load_model(tmp_path)), logits_of(tiny_model))


def test_an_original_file_that_stores_the_tied_head_stays_tied(tmp_path: Path, tiny_model: Any) -> None:
    save_model(tiny_model, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, tmp_path / "model.safetensors")
    model = load_model(tmp_path)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_a_head_that_differs_is_kept_with_a_warning(
    tmp_path: Path, tiny_model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    save_model(tiny_model, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"] + 1
    save_file(weights, tmp_path / "model.safetensors")
    with caplog.at_level("WARNING", logger="GOT"):
        model = load_model(tmp_path)
    assert not model.config.tie_word_embeddings and "untied" in caplog.text
    assert torch.equal(model.lm_head.weight, model.model.embed_tokens.weight + 1)


def test_the_published_config_is_read(tmp_path: Path) -> None:
    """Its keys, as far as they are known: extras of the released code are ignored, nothing in it is run."""
    values = {
        "architectures": ["GOTQwenForCausalLM"], "auto_map": {"AutoModel": "modeling_GOT.GOTQwenForCausalLM"},
        "model_type": "GOT", "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 24,
        "num_attention_heads": 16, "num_key_value_heads": 16, "rope_theta": 1000000.0, "vocab_size": 151860,
        "im_patch_token": 151859, "im_start_token": 151857, "im_end_token": 151858, "image_token_len": 256,
        "use_im_start_end": True, "freeze_vision_tower": False, "vision_select_layer": -2, "torch_dtype": "bfloat16",
        "sliding_window": 32768, "use_sliding_window": False, "max_window_layers": 21, "tie_word_embeddings": True,
        "transformers_version": "4.37.2",
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(values))
    config = load_config(tmp_path)
    assert config.rope_parameters["rope_theta"] == 1_000_000.0
    ours, default = config.to_dict(), GOTConfig().to_dict()
    assert {k: v for k, v in ours.items() if k in values and k != "architectures"} == {
        k: v for k, v in default.items() if k in values and k != "architectures"
    }


def test_dtype_is_the_files_unless_asked(tmp_path: Path, tiny_model: Any) -> None:
    save_model(tiny_model.to(torch.bfloat16), tmp_path)
    assert load_model(tmp_path).dtype == torch.bfloat16
    assert load_model(tmp_path, dtype=torch.float32).dtype == torch.float32
    assert json.loads((tmp_path / "config.json").read_text())["torch_dtype"] == "bfloat16"


def break_missing(weights: dict[str, torch.Tensor]) -> None:
    del weights["model.norm.weight"]


def break_unexpected(weights: dict[str, torch.Tensor]) -> None:
    weights["model.extra"] = torch.zeros(1)


def break_shape(weights: dict[str, torch.Tensor]) -> None:
    weights["model.norm.weight"] = torch.zeros(3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (break_missing, "1 missing: model.norm.weight"),
        (break_unexpected, "1 unexpected: model.extra"),
        (break_shape, r"1 mis-shaped: model.norm.weight is \(3,\) instead of \(64,\)"),
    ],
)
def test_wrong_weights_are_named(tmp_path: Path, tiny_model: Any, change: Any, said: str) -> None:
    save_model(tiny_model, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    change(weights)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=said):
        load_model(tmp_path)


def test_an_export_for_openvino_names_its_backend(tmp_path: Path, tiny_model: Any) -> None:
    save_model(tiny_model, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    for name in ("decoder.bin", "decoder.xml"):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=r"holds an OpenVINO export.*--backend openvino"):
        load_model(tmp_path)


def test_a_pickle_is_never_loaded(tmp_path: Path, tiny_model: Any) -> None:
    save_model(tiny_model, tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"pytorch_model.bin is a pickle, which is never loaded"):
        load_model(tmp_path)


def test_remote_code_in_a_checkpoint_is_never_run(tmp_path: Path, tiny_model: Any) -> None:
    save_model(tiny_model, tmp_path)
    (tmp_path / "modeling_GOT.py").write_text("raise SystemExit('this ran')")
    values = json.loads((tmp_path / "config.json").read_text())
    values["auto_map"] = {
        "AutoConfig": "modeling_GOT.GOTConfig",
        "AutoModel": "modeling_GOT.GOTQwenForCausalLM",
    }
    (tmp_path / "config.json").write_text(json.dumps(values))
    load_model(tmp_path)


@pytest.mark.parametrize("cut", [0, 4, 100, 5000, -1])
def test_a_damaged_file_is_an_error_of_one_line(tmp_path: Path, tiny_model: Any, cut: int) -> None:
    save_model(tiny_model, tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match="damaged or no safetensors file") as caught:
        load_weights(tmp_path)
    assert "\n" not in str(caught.value)


def test_mutated_headers_never_crash(tmp_path: Path, tiny_model: Any) -> None:
    """A typed error or a load; nothing else (safety goal 5)."""
    import random

    save_model(tiny_model, tmp_path)
    path = tmp_path / "model.safetensors"
    content, chance = path.read_bytes(), random.Random(5)
    for _ in range(100):
        changed = bytearray(content)
        for _ in range(3):
            changed[chance.randrange(0, 3000)] = chance.randrange(256)
        path.write_bytes(changed)
        try:
            load_model(tmp_path)
        except ValueError as error:
            assert str(tmp_path) in str(error)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "does not hold a configuration"),
        ('{"model_type": "llama"}', "holds a model of type 'llama'"),
        ('{"model_type": "GOT", "hidden_size": "many"}', "a value that cannot be"),
        ('{"model_type": "GOT", "vision_config": {"wings": 2}}', "a value that cannot be.*wings"),
        (
            '{"model_type": "GOT", "vision_config": {"image_size": 100}}',
            "image_size must be a positive multiple",
        ),
    ],
)
def test_a_wrong_config_is_an_error_of_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=said):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "is no index"),
        ("{}", "is no index"),
        ('{"weight_map": {"a": "absent.safetensors"}}', "lists absent.safetensors"),
        ('{"weight_map": {"a": "../../absent.safetensors"}}', "lists absent.safetensors"),
    ],
)
def test_a_wrong_index_is_an_error(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "GOT"}')
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        load_weights(tmp_path)


@pytest.mark.parametrize("name", ["/no/such/folder", "no-slash", "./relative/x", "owner/model"])
def test_a_missing_checkpoint_says_what_is_wanted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        load_model(name)


def test_saving_leaves_the_old_folder_when_it_fails(
    tmp_path: Path, tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tiny_model, tmp_path / "model")
    before = sorted(tmp_path.rglob("*"))

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("huggingface_hub.save_torch_state_dict", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(tiny_model, tmp_path / "model")
    assert sorted(tmp_path.rglob("*")) == before
    load_model(tmp_path / "model")
