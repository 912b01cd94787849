"""Plain text, lines and columns: exact answers and boxes, equal on every process, held-out split kept."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys

import numpy as np
import pytest

from GOT.data_engine import columns, plain
from GOT.data_engine.fonts import PRINTABLE_ASCII, alphabet, find_fonts, split_of
from GOT.data_engine.glyphs import Face, GlyphCache, glyph_cache, needs_shaping, paint_text
from GOT.data_engine.layout import answer, place, wrap
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.text import load_pool

STRIP = {
    "width": 256,
    "height": 64,
    "tight": False,
    "lines": (1, 2),
    "font_size": (12, 18),
    "breaks": "lines",
}


def has_chinese_font() -> bool:
    try:
        return bool(find_fonts(alphabet("zh")))
    except FileNotFoundError:
        return False


needs_chinese = pytest.mark.skipif(not has_chinese_font(), reason="no Chinese font on this machine")


def digest(sample: Sample) -> str:
    pixels = b"".join(image.mode.encode() + image.tobytes() for image in sample.images)
    return hashlib.sha256(pixels + sample.prompt.encode() + sample.target.encode()).hexdigest()


def face(size: int = 20) -> Face:
    return glyph_cache().face(find_fonts(PRINTABLE_ASCII)[0], size)


def test_a_page_is_filled_and_asks_for_plain_text():
    sample = plain.sample_en(0, 1)
    assert sample.images[0].size == (1024, 1024)
    assert sample.prompt == "OCR: "
    assert len(sample.target) > 300
    assert np.asarray(sample.images[0].convert("L")).std() > 5


def test_english_is_printable_ascii():
    for index in range(20):
        assert set(plain.sample_line_en(index, 3).target) <= set(PRINTABLE_ASCII + "\n")


@needs_chinese
def test_chinese_pages_have_chinese_text():
    target = plain.sample_zh(0, 1).target
    assert sum("\u4e00" <= char <= "\u9fff" for char in target) > 0.3 * len(target)


def test_a_strip_has_the_size_and_the_lines_asked_for():
    for index in range(30):
        sample = plain.sample_line_en(index, 5, **STRIP)
        assert sample.images[0].size == (256, 64)
        assert 1 <= len(sample.target.split("\n")) <= 2


def test_no_jitter_starts_every_strip_at_the_same_place():
    settings = {**STRIP, "jitter": 0, "margin": 0.1, "lines": 1, "degrade": 0}
    boxes = [plain.sample_line_en(index, 5, **settings).meta["regions"][0]["box"] for index in range(12)]
    lefts = [box[0] for box in boxes]
    assert max(lefts) - min(lefts) <= 4  # the letters' own side bearings
    assert max(box[1] for box in boxes) <= 8


def test_answers_hold_exactly_the_printed_lines():
    for index in range(5):
        sample = plain.sample_en(index, 9)
        lines = [region["text"] for region in sample.meta["regions"] if region["level"] == "line"]
        assert "".join(lines).replace(" ", "") == sample.target.replace(" ", "").replace("\n", "")


def test_every_ink_pixel_is_inside_a_line_box():
    sample = plain.sample_en(2, 9, degrade=0, colored=0, inverted=0, paper=(255, 255), ink=(0, 0))
    pixels = np.asarray(sample.images[0]).copy()
    assert (pixels < 128).any()
    for region in sample.meta["regions"]:
        x1, y1, x2, y2 = region["box"]
        pixels[max(0, y1 - 1) : y2 + 1, x1:x2] = 255
    assert not (pixels < 128).any()


def test_wrapped_lines_join_to_the_text_again():
    text = "A sentence of several words, and averyveryverylongwordthatfitsnowhere (at all)."
    lines = wrap(text, 120, face())
    assert "".join(line.text + line.end for line in lines) == text + "\n"
    assert all(face().width(line.text) <= 120 for line in lines)
    placed = place(lines, face(), left=0, top=0, width=120, pitch=30)
    assert answer(placed) == text
    assert answer(placed, breaks="lines").count("\n") == len(lines) - 1


def test_mixed_chinese_and_english_loses_no_character():
    text = "他说：“我们在2024年用 Python 3.11 写了（两个）程序。”很好！don’t stop"
    joined = "".join(line.text + line.end for line in wrap(text, 90, face()))
    assert joined == text + "\n"


def test_closing_punctuation_never_starts_a_line():
    for width in range(60, 160, 7):
        for line in wrap("今天，老师在图书馆。我们（大家）都很满意！" * 4, width, face()):
            assert line.text[0] not in "，。！）"


def test_text_that_reaches_out_is_rejected_not_clipped():
    ink = np.zeros((40, 60), dtype=np.uint8)
    with pytest.raises(Rejected, match="reaches out"):
        paint_text(ink, 5, 30, "much too long", face())
    with pytest.raises(Rejected, match="reaches out"):
        paint_text(ink, 5, 3, "up", face())
    assert not ink.any()


def test_cached_glyphs_equal_pillows_own_drawing():
    from PIL import Image, ImageDraw

    drawn = Image.new("L", (60, 40))
    ImageDraw.Draw(drawn).text((10, 30), "g", fill=255, font=face().pillow, anchor="ls")
    ink = np.zeros((40, 60), dtype=np.uint8)
    paint_text(ink, 10, 30, "g", face())
    assert np.array_equal(ink, np.asarray(drawn))


def test_the_glyph_cache_forgets_what_it_cannot_hold():
    cache = GlyphCache(max_bytes=200_000)
    for font in find_fonts(PRINTABLE_ASCII)[:4]:
        for size in range(10, 60):
            entry = cache.face(font, size)
            for char in "abcdefgh":
                entry.glyph(char)
    assert cache.bytes < 600_000


def test_held_out_texts_and_fonts_are_never_drawn_in_training():
    train, heldout = load_pool("en", split="train"), load_pool("en", split="heldout")
    assert train.paragraphs and heldout.paragraphs
    assert not set(train.paragraphs) & set(heldout.paragraphs)
    try:
        fonts = [find_fonts(PRINTABLE_ASCII, split=side) for side in ("train", "heldout")]
    except FileNotFoundError:
        pytest.skip("the fonts of this machine are all on one side")
    assert not {font.family for font in fonts[0]} & {font.family for font in fonts[1]}
    rng = np.random.default_rng(0)
    for source in ("words", "random", "codes"):
        for _ in range(20):
            assert split_of("text/" + heldout.draw(rng, 30, source)) == "heldout"
            assert split_of("text/" + train.draw(rng, 30, source)) == "train"


def test_same_number_same_bytes_in_another_process():
    code = (
        "from tests.data_engine.test_plain import digest, plain, columns\n"
        "print([digest(make(4, 11)) for make in (plain.sample_en, plain.sample_line_en, columns.sample)])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={
                "PYTHONHASHSEED": seed,
                "PATH": "",
                "PYTHONPATH": ":".join(filter(None, sys.path)),
                "HOME": "/",
            },
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_numbers_and_seeds_give_different_samples():
    made = {digest(plain.sample_line_en(index, seed)) for index in range(4) for seed in range(3)}
    assert len(made) == 12


def test_columns_are_read_one_after_the_other():
    sample = columns.sample(1, 2, chinese=0, title=0, headings=0)
    lines = [region for region in sample.meta["regions"] if region["level"] == "line"]
    turns = [a["box"][1] > b["box"][1] for a, b in itertools.pairwise(lines)]
    assert 1 <= sum(turns) <= 2  # back to the top once or twice: two or three columns


def test_an_unknown_setting_names_those_there_are():
    with pytest.raises(ValueError, match="has no setting 'fontsize'; it has width, height"):
        plain.sample_en(0, 1, fontsize=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sources": {"poems": 1}}, "sources takes weights"),
        ({"font_size": (30, 20)}, "font_size takes"),
        ({"degrade": 2}, "strength from 0 to 1"),
        ({"height": 20, "font_size": (30, 40)}, "does not fit"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        plain.sample_en(0, 1, **settings)


def test_scripts_that_join_letters_are_known():
    assert needs_shaping("سلام") and needs_shaping("नमस्ते")
    assert not needs_shaping("Straße Привет 你好")
