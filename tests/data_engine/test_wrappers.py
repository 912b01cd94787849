"""Boxes, frames, spreads and page runs over other kinds; scenes, hands and wear."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from GOT.data.tokenizer import count_tokens
from GOT.data_engine import KINDS, crop, fine, handwriting, multi_page, scene
from GOT.data_engine.degrade import degrade, move_box
from GOT.data_engine.fonts import find_fonts
from GOT.data_engine.sample import Sample
from GOT.utils.lazy import is_available, load_entry
from tests.data_engine.test_plain import digest, needs_chinese

ENGLISH = {"plain_en": 0.7, "columns": 0.3}
TINY = {"width": 120, "height": 60, "font_size": 14}
SMALL = {
    "plain_en": {"width": 480, "height": 480, "font_size": (14, 18)},
    "columns": {"width": 640, "height": 640, "chinese": 0},
}


def box(index: int, **settings) -> Sample:
    return fine.sample_box(index, 3, **{"bases": ENGLISH, "settings": SMALL, **settings})


def test_a_box_question_has_the_published_form():
    for index in range(8):
        sample = box(index)
        match = re.fullmatch(r"\[(\d+), (\d+), (\d+), (\d+)\] OCR: ", sample.prompt)
        assert match
        x1, y1, x2, y2 = map(int, match.groups())
        assert 0 <= x1 < x2 <= 1000 and 0 <= y1 < y2 <= 1000
        width, height = sample.images[0].size
        left, top, right, bottom = sample.meta["box"]
        assert [x1, y1, x2, y2] == [
            left * 1000 // width,
            top * 1000 // height,
            right * 1000 // width,
            bottom * 1000 // height,
        ]


def test_a_box_holds_exactly_the_lines_of_its_answer(monkeypatch):
    pages = []
    draw = fine.draw_base
    monkeypatch.setattr(fine, "draw_base", lambda *args: pages.append(draw(*args)) or pages[-1])
    for index in range(12):
        sample = box(index)
        x1, y1, x2, y2 = sample.meta["box"]
        inside, touched = [], []
        for region in pages[-1].meta["regions"]:
            if region["level"] != "line":
                continue
            left, top, right, bottom = region["box"]
            if left >= x1 and top >= y1 and right <= x2 and bottom <= y2:
                inside.append(region["text"])
            elif min(right, x2) > max(left, x1) and min(bottom, y2) > max(top, y1):
                touched.append(region["text"])
        assert not touched
        assert "".join(inside).replace(" ", "") == sample.target.replace(" ", "").replace("\n", "")


def test_a_frame_is_drawn_in_the_colour_asked_for_and_covers_no_text():
    named = set()
    for index in range(10):
        sample = fine.sample_color(index, 4, bases=ENGLISH, settings=SMALL)
        color = sample.meta["color"]
        named.add(color)
        assert sample.prompt == f"[{color}] OCR: "
        x1, y1, x2, _ = sample.meta["box"]
        pixels = np.asarray(sample.images[0]).astype(int)
        edge = pixels[y1, x1 : x2 + 1]
        channel = ("red", "green", "blue").index(color)
        others = [other for other in range(3) if other != channel]
        assert (edge[:, channel] > edge[:, others].max(axis=1) + 40).all()
    assert len(named) == 3


@pytest.mark.skipif(not is_available("typst"), reason="typst is not installed")
@pytest.mark.parametrize("kind", ["page_en", pytest.param("page_zh", marks=needs_chinese)])
def test_blocks_of_formatted_pages_are_asked_about_in_their_markup(kind, monkeypatch):
    pages = []
    draw = fine.draw_base
    monkeypatch.setattr(fine, "draw_base", lambda *args: pages.append(draw(*args)) or pages[-1])
    settings = {"bases": {kind: 1}, "settings": {kind: {"width": 500, "height": 600, "blocks": (3, 6)}}}
    for index in range(3):
        boxed = fine.sample_box(index, 1, **settings)
        assert re.fullmatch(r"\[\d+, \d+, \d+, \d+\] OCR with format: ", boxed.prompt)
        assert boxed.target in pages[-1].target.split("\n\n") and boxed.meta["level"] == "block"
        framed = fine.sample_color(index, 1, **settings)
        assert re.fullmatch(r"\[(red|green|blue)\] OCR with format: ", framed.prompt)
        assert framed.target in pages[-1].target.split("\n\n")


def test_a_base_without_regions_is_named():
    with pytest.raises(ValueError, match="handwriting samples list no regions"):
        fine.sample_box(0, 1, bases={"handwriting": 1}, settings={"handwriting": {"chinese": 0}})


@pytest.mark.parametrize("bases", [{"fine_box": 1}, {"poetry": 1}, {}])
def test_bases_must_be_kinds_that_can_be_wrapped(bases):
    with pytest.raises(ValueError, match=r"base kind|bases takes"):
        crop.sample(0, 1, bases=bases)


def test_a_spread_is_one_picture_and_one_answer():
    settings = {"bases": {"plain_en": 1}, "settings": SMALL, "pages": 2, "vertical": 0}
    sample = crop.sample(0, 1, **settings)
    assert sample.images[0].size == (960, 480)
    assert sample.prompt == "OCR upon the patch reference: "
    assert len(sample.images) == 1


def test_stitching_keeps_every_page_whole():
    pages = [Image.new("L", (100, 200), 10), Image.new("RGB", (50, 100), (200, 0, 0))]
    wide, tall = crop.stitch(pages, vertical=False), crop.stitch(pages, vertical=True)
    assert (wide.size, tall.size) == ((200, 200), (100, 400))
    assert wide.getpixel((150, 100)) == (200, 0, 0) and tall.getpixel((50, 350)) == (200, 0, 0)


def test_page_runs_stay_below_the_token_limit():
    settings = {"bases": {"plain_en": 1}, "settings": {"plain_en": {"font_size": (30, 40)}}, "pages": (2, 4)}
    sample = multi_page.sample(0, 1, **settings)
    assert 2 <= len(sample.images) <= 4
    assert sample.prompt == "OCR with format across multi pages: "
    assert count_tokens(sample.target) < 650 * len(sample.images)


def test_pages_that_never_fit_are_rejected_with_the_reason():
    from GOT.data_engine.sample import Rejected

    with pytest.raises(Rejected, match="have 1 tokens or more"):
        multi_page.sample(0, 1, bases={"plain_en": 1}, settings={"plain_en": TINY}, pages=2, page_tokens=1)


def test_scenes_are_read_from_top_to_bottom():
    for index in range(5):
        sample = scene.sample(index, 1, chinese=0)
        tops = [region["box"][1] for region in sample.meta["regions"]]
        assert tops == sorted(tops)
        assert sample.target == "\n".join(region["text"] for region in sample.meta["regions"])


def test_scene_text_stands_out_from_its_ground():
    for index in range(5):
        sample = scene.sample(index, 2, chinese=0, degrade=0)
        grey = np.asarray(sample.images[0].convert("L")).astype(int)
        for region in sample.meta["regions"]:
            x1, y1, x2, y2 = region["box"]
            assert np.ptp(grey[y1:y2, x1:x2]) > 60


@needs_chinese
def test_mixed_kinds_draw_both_languages():
    made = [scene.sample(index, 1, chinese=0.5).target for index in range(12)]
    chinese = [any("\u4e00" <= char <= "\u9fff" for char in text) for text in made]
    assert any(chinese) and not all(chinese)


def test_equal_letters_of_a_hand_differ():
    try:
        find_fonts("abc", hand=True)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    sample = handwriting.sample(0, 1, chinese=0)
    assert sample.target and np.asarray(sample.images[0].convert("L")).std() > 5
    restless = handwriting.sample(0, 1, chinese=0, wobble=1.0)
    assert digest(sample) != digest(restless)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_wear_keeps_size_and_mode(mode, strength):
    image = Image.new(mode, (200, 120), "white")
    for seed in range(12):
        worn, moved = degrade(image, np.random.default_rng(seed), strength)
        assert (worn.size, worn.mode, moved.shape) == (image.size, mode, (3, 3))


def test_no_wear_is_no_change():
    image = Image.new("L", (20, 20), 200)
    assert degrade(image, np.random.default_rng(0), 0)[0] is image


def test_boxes_follow_the_perspective():
    pixels = np.full((200, 300), 255, dtype=np.uint8)
    pixels[80:120, 100:180] = 0
    checked = 0
    for seed in range(40):
        worn, moved = degrade(Image.fromarray(pixels), np.random.default_rng(seed), 1.0)
        if np.array_equal(moved, np.eye(3)):
            continue
        checked += 1
        dark = np.argwhere(np.asarray(worn.convert("L")) < 60)
        x1, y1, x2, y2 = move_box([100, 80, 180, 120], moved, worn.size)
        if len(dark):
            assert dark[:, 1].min() >= x1 - 3 and dark[:, 1].max() <= x2 + 3
            assert dark[:, 0].min() >= y1 - 3 and dark[:, 0].max() <= y2 + 3
    assert checked > 3


@pytest.mark.parametrize("kind", ["scene", "handwriting", "fine_box", "fine_color", "crop", "multi_page"])
def test_a_number_gives_the_same_sample_again(kind):
    settings = (
        {"chinese": 0} if kind in ("scene", "handwriting") else {"bases": {"plain_en": 1}, "settings": SMALL}
    )
    make = load_entry(KINDS, kind, what="kind")
    try:
        assert digest(make(3, 9, **settings)) == digest(make(3, 9, **settings))
    except FileNotFoundError as error:
        pytest.skip(str(error))
