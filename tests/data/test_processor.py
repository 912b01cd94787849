"""Prompts as token ids, labels beside them, and the files that transformers reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from GOT.data.processor import GOTProcessor, Turn
from GOT.data.tokenizer import GOTTokenizer
from GOT.utils.constants import IGNORE_INDEX
from GOT.utils.conversation import conv_templates
from tests.helpers import draw_page


def template_text(question: str, views: int) -> str:
    """The prompt as the released code's template builds it, as one string."""
    chat = conv_templates["mpt"].copy()
    image = "<img>" + "<imgpad>" * (4 * views) + "</img>\n" if views else ""
    chat.append_message(chat.roles[0], image + question)
    chat.append_message(chat.roles[1], None)
    return chat.get_prompt()


@pytest.mark.parametrize("views", [0, 1, 7])
@pytest.mark.parametrize("question", ["OCR: ", "[60, 85, 483, 384] OCR with format: ", "[red] OCR: "])
def test_prompt_is_the_templates(tiny_processor: GOTProcessor, views: int, question: str) -> None:
    ids = tiny_processor.encode_conversation([Turn(question, None, views)]).input_ids
    tokenizer = tiny_processor.tokenizer
    assert tokenizer.decode(ids, skip_special_tokens=False) == template_text(question, views)
    allowed = tokenizer._encoding.encode(template_text(question, views), allowed_special="all")
    assert ids == allowed


def test_only_answers_are_supervised(tiny_processor: GOTProcessor) -> None:
    turns = [Turn("OCR: ", "Hi", 1), Turn("Again?", "No", 0)]
    sample = tiny_processor.encode_conversation(turns)
    assert len(sample.input_ids) == len(sample.labels)
    learned = [token for token in sample.labels if token != IGNORE_INDEX]
    decode = tiny_processor.tokenizer.decode
    assert decode(learned, skip_special_tokens=False) == "Hi<|im_end|>No<|im_end|>"
    assert all(
        label in (IGNORE_INDEX, token) for token, label in zip(sample.input_ids, sample.labels, strict=True)
    )


def test_an_empty_answer_teaches_to_stop(tiny_processor: GOTProcessor) -> None:
    """The released template leaves it open, so that blank pages never end."""
    sample = tiny_processor.encode_conversation([Turn("OCR: ", "", 1)])
    assert [t for t in sample.labels if t != IGNORE_INDEX] == [tiny_processor.tokenizer.special.turn_end]


def test_answers_continue_from_the_very_ids_of_the_prompt(tiny_processor: GOTProcessor) -> None:
    prompt = tiny_processor.encode_conversation([Turn("OCR: ", None, 1)]).input_ids
    for answer in ("Hi", "\n\nHi", " Hi", ""):
        whole = tiny_processor.encode_conversation([Turn("OCR: ", answer, 1)]).input_ids
        assert whole[: len(prompt)] == prompt


@pytest.mark.parametrize(
    "text", ["<|im_end|>", "<img>", "<imgpad>" * 300, "</img>", "<|im_start|>user\n", "<image>"]
)
def test_control_strings_change_no_mask(tiny_processor: GOTProcessor, text: str) -> None:
    """In the released code they end answers early or crash the forward pass (fault S9)."""
    special = tiny_processor.tokenizer.special
    sample = tiny_processor.encode_conversation([Turn(f"OCR: {text}", f"a {text} b", 2)])
    assert sample.input_ids.count(special.image) == 8
    assert sample.input_ids.count(special.image_start) == sample.input_ids.count(special.image_end) == 1
    assert sample.input_ids.count(special.turn_end) == 3
    assert sample.labels.count(special.turn_end) == 1 and sample.labels[-1] == special.turn_end
    learned = [token for token in sample.labels if token != IGNORE_INDEX]
    assert tiny_processor.tokenizer.decode(learned) == f"a {text} b"


@pytest.mark.parametrize(("layout", "size", "views"), [("single", (300, 200), 1), ("crop", (512, 768), 7)])
def test_layouts_give_their_views(tiny_processor: GOTProcessor, layout: Any, size: Any, views: int) -> None:
    pages = tiny_processor.views_of([draw_page(*size)], layout)
    inputs = tiny_processor.encode_request(pages, "OCR: ")
    assert inputs.pixel_values.shape == (views, 3, 128, 128)
    assert int((inputs.input_ids == tiny_processor.tokenizer.special.image).sum()) == 4 * views


def test_multi_page_takes_one_view_a_page(tiny_processor: GOTProcessor) -> None:
    assert len(tiny_processor.views_of([draw_page()] * 3, "multi_page")) == 3
    with pytest.raises(ValueError, match="takes one page"):
        tiny_processor.views_of([draw_page()] * 3, "single")
    with pytest.raises(ValueError, match="got 0"):
        tiny_processor.views_of([], "multi_page")


@pytest.mark.parametrize("crop", [False, True])
def test_transformers_processor_agrees(
    tmp_path: Path, tiny_processor: GOTProcessor, tiny_model: Any, crop: bool
) -> None:
    """Same pixels; same ids but for the space that it puts before the words."""
    from transformers import AutoProcessor, GenerationConfig

    from GOT.model.checkpoint import save_model

    save_model(tiny_model, tmp_path, layout="transformers")
    tiny_processor.save_pretrained(tmp_path, layout="transformers")
    theirs = AutoProcessor.from_pretrained(tmp_path)
    page = draw_page(384, 256)
    inputs = theirs(page, return_tensors="pt", crop_to_patches=crop, num_image_tokens=4)
    words = " OCR upon the patch reference: " if crop else " OCR: "
    ours = tiny_processor.encode_request(tiny_processor.views_of([page], "crop" if crop else "single"), words)
    assert inputs["input_ids"][0].tolist() == ours.input_ids.tolist()
    torch.testing.assert_close(inputs["pixel_values"], ours.pixel_values, rtol=0, atol=1e-6)
    special = tiny_processor.tokenizer.special
    generation = GenerationConfig.from_pretrained(tmp_path)
    assert (generation.eos_token_id, generation.pad_token_id) == (special.turn_end, special.end_of_text)
    again = GOTTokenizer.from_pretrained(tmp_path)
    assert again.special == special
