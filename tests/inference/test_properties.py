"""Properties of everything that reads a user's words, over random ones: a value that is right, or a ValueError."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from GOT.data.image import choose_tile_grid
from GOT.data.prompt import BOX_SCALE, build_question, normalize_box, parse_box
from GOT.data.tokenizer import GOTTokenizer, StreamDecoder
from GOT.inference.documents import PageRange, short_name
from GOT.utils.sorting import natural_key

MANY = settings(max_examples=300, deadline=None)
SIDES = st.integers(1, 20_000)


@MANY
@given(st.text(max_size=60))
def test_any_text_is_a_box_or_a_value_error(text: str) -> None:
    try:
        values = parse_box(text)
    except ValueError as error:
        assert "--box takes" in str(error)
    else:
        assert len(values) in (2, 4) and all(isinstance(value, float) for value in values)


@MANY
@given(st.lists(st.floats(), max_size=6), SIDES, SIDES)
def test_any_numbers_are_a_box_of_the_page_or_a_value_error(
    box: list[float], width: int, height: int
) -> None:
    try:
        values = normalize_box(box, width, height)
    except ValueError:
        return
    assert all(0 <= value <= BOX_SCALE for value in values)
    assert str(values) in build_question("ocr", box=values)


@MANY
@given(st.text(alphabet="0123456789-, x", max_size=20), st.integers(0, 50))
def test_any_page_range_chooses_pages_that_are_there(text: str, count: int) -> None:
    try:
        chosen, outside = PageRange.parse(text).select(count)
    except ValueError as error:
        assert "--pages" in str(error)
        return
    assert chosen == sorted(set(chosen)) and all(1 <= number <= count for number in chosen)
    assert chosen or outside


@MANY
@given(st.text(max_size=200))
def test_any_source_has_a_name_that_stays_in_its_folder(source: str) -> None:
    name = short_name(source)
    assert name and "/" not in name and "\\" not in name and "\0" not in name
    assert name not in (".", "..") and not name.startswith(".") and len(name) <= 80


@pytest.fixture(scope="module")
def tokenizer() -> GOTTokenizer:
    return GOTTokenizer.small(600)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_any_text_comes_back(tokenizer: GOTTokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == unicodedata.normalize("NFC", text)
    stream = StreamDecoder(tokenizer)
    assert "".join(map(stream.push, ids)) + stream.finish() == tokenizer.decode(ids)


@MANY
@given(st.lists(st.integers(0, 700), max_size=60))
def test_any_ids_decode_alike_in_one_piece_and_streamed(tokenizer: GOTTokenizer, ids: list[int]) -> None:
    stream = StreamDecoder(tokenizer)
    assert "".join(map(stream.push, ids)) + stream.finish() == tokenizer.decode(ids)


@MANY
@given(SIDES, SIDES, st.integers(1, 100))
def test_any_page_has_a_grid_within_the_limit(width: int, height: int, limit: int) -> None:
    columns, rows = choose_tile_grid(width, height, limit)
    assert columns >= 1 and rows >= 1 and columns * rows <= limit


@MANY
@given(st.lists(st.text(alphabet="aB0129_.²漢", max_size=8), max_size=12))
def test_any_names_have_one_order(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert all(natural_key(a) <= natural_key(b) for a, b in itertools.pairwise(ordered))
