"""Where characters stand, as labels: the cheap target of stage 1."""

from __future__ import annotations

import pytest
import torch

from GOT.data.glyph_map import BLANK, OTHER, draw_glyph_map, glyph_class, unknown_glyph_maps
from GOT.data_engine.glyph_grid import sample as draw_grid
from GOT.data_engine.plain import sample_en
from GOT.utils.constants import IGNORE_INDEX


def test_a_character_marks_the_cell_of_its_middle() -> None:
    # 2 x 2 image tokens of 4 rows and 8 columns each: a cell of a 160 x 80 picture is 10 x 10 pixels
    labels = draw_glyph_map([("A", 15.0, 5.0), ("é", 159.9, 79.9)], (160, 80), num_image_tokens=4)
    assert labels.shape == (8, 16)
    assert labels[0, 1] == glyph_class("A") and labels[7, 15] == OTHER
    assert (labels != BLANK).sum() == 2


def test_what_stands_outside_marks_nothing() -> None:
    labels = draw_glyph_map([("A", -5.0, 5.0), ("B", 50.0, 900.0)], (100, 100), num_image_tokens=1)
    assert (labels == BLANK).all()


def test_every_printable_character_has_a_class_of_its_own() -> None:
    classes = [glyph_class(chr(code)) for code in range(33, 127)]
    assert sorted(classes) == list(range(1, 95))
    assert glyph_class("国") == glyph_class("ß") == OTHER


def test_unknown_maps_hold_no_label() -> None:
    maps = unknown_glyph_maps(3, num_image_tokens=4)
    assert maps.shape == (3, 8, 16) and torch.equal(maps, torch.full_like(maps, IGNORE_INDEX))


@pytest.mark.parametrize("wear", [0.0, 0.6])
@pytest.mark.parametrize("draw", [sample_en, draw_grid])
def test_samples_tell_where_every_character_stands(draw: object, wear: float) -> None:
    for index in range(6):
        drawn = draw(index, seed=3, glyphs=True, degrade=wear)  # type: ignore[operator]
        assert [char for char, _, _ in drawn.meta["glyphs"]] == [c for c in drawn.target if not c.isspace()]
        width, height = drawn.images[0].size
        assert all(0 <= x < width and 0 <= y < height for _, x, y in drawn.meta["glyphs"])


def test_characters_stand_inside_the_box_of_their_line() -> None:
    drawn = sample_en(1, seed=5, glyphs=True, headings=0.0)
    glyphs = iter(drawn.meta["glyphs"])
    for region in (region for region in drawn.meta["regions"] if region["level"] == "line"):
        x1, y1, x2, y2 = region["box"]
        for char in region["text"].replace(" ", ""):
            same, x, y = next(glyphs)
            assert char == same and x1 - 2 <= x <= x2 + 2 and y1 <= y <= y2
