"""Names that code written against the released repository imports."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("GOT.model", ["GOTConfig", "GOTQwenModel", "GOTQwenForCausalLM"]),
        ("GOT.data", ["make_supervised_data_module"]),
        ("GOT.utils.constants", [
            "CONVERSATION_DATA", "IGNORE_INDEX", "DEFAULT_IMAGE_TOKEN", "DEFAULT_IMAGE_PATCH_TOKEN",
            "DEFAULT_IM_START_TOKEN", "DEFAULT_IM_END_TOKEN",
        ]),
        ("GOT.utils.conversation", ["conv_templates", "SeparatorStyle"]),
    ],
)  # fmt: skip
def test_published_names_are_importable(module: str, names: list[str]) -> None:
    imported = importlib.import_module(module)
    for name in names:
        assert getattr(imported, name) is not None
    with pytest.raises(AttributeError):
        imported.no_such_name  # noqa: B018


def test_token_strings_are_the_published_ones() -> None:
    from GOT.utils import constants

    assert (constants.DEFAULT_IM_START_TOKEN, constants.DEFAULT_IM_END_TOKEN) == ("<img>", "</img>")
    assert constants.DEFAULT_IMAGE_PATCH_TOKEN == "<imgpad>" and constants.IGNORE_INDEX == -100


def test_the_chat_template_is_the_published_one() -> None:
    from GOT.utils.conversation import SeparatorStyle, conv_templates

    chat = conv_templates["mpt"].copy()
    chat.append_message(chat.roles[0], "<img></img>\nOCR: ")
    chat.append_message(chat.roles[1], None)
    assert chat.sep_style is SeparatorStyle.MPT
    assert chat.get_prompt() == (
        "<|im_start|>system\nYou should follow the instructions carefully and explain your answers in detail."
        "<|im_end|><|im_start|>user\n<img></img>\nOCR: <|im_end|><|im_start|>assistant\n"
    )
    assert conv_templates["mpt"].messages == []  # a copy does not write into the template


def test_the_architecture_is_named_as_published(tmp_path: Path, tiny_model: Any) -> None:
    from GOT.model.checkpoint import save_model

    save_model(tiny_model, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["GOTQwenForCausalLM"] and config["model_type"] == "GOT"
    for name in (
        "im_patch_token",
        "im_start_token",
        "im_end_token",
        "image_token_len",
        "rope_theta",
        "torch_dtype",
    ):
        assert name in config


def test_the_published_data_module_feeds_a_model(tiny_processor: Any, tiny_model: Any) -> None:
    pytest.importorskip("datasets")
    import types

    from GOT.data import make_supervised_data_module

    arguments = types.SimpleNamespace(datasets="pdf-ocr+scene-ocr")
    module = make_supervised_data_module(False, False, tiny_processor, arguments)
    assert set(module) == {"train_dataset", "eval_dataset", "data_collator"}
    batch = module["data_collator"]([module["train_dataset"][index] for index in (0, 9)])
    assert batch["input_ids"].shape == batch["labels"].shape
    assert tiny_model(batch["input_ids"], batch["pixel_values"], labels=batch["labels"]).loss > 0
