"""Blank pages, loops, and confidence."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from PIL import Image, ImageFilter

from GOT.inference.guards import LoopDetector, is_blank, lines_confidence
from tests.helpers import draw_page

CHANCE = np.random.default_rng(3)


def shaded(width: int = 800, height: int = 1000) -> Image.Image:
    """Paper under a lamp."""
    across = np.linspace(190, 245, width)[None, :] + np.linspace(0, 10, height)[:, None]
    return Image.fromarray(across.astype(np.uint8)).convert("RGB")


def noisy(strength: float) -> Image.Image:
    values = 230 + CHANCE.normal(0, strength, (1000, 800))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize(
    "page",
    [
        Image.new("RGB", (800, 1000), "white"), Image.new("RGB", (800, 1000), "black"), Image.new("RGB", (5, 5)),
        Image.new("RGB", (300, 400), (243, 238, 220)), shaded(), noisy(3), noisy(6),
        shaded().filter(ImageFilter.GaussianBlur(3)),
    ],
)  # fmt: skip
def test_empty_paper_is_blank(page: Image.Image) -> None:
    assert is_blank(page)


@pytest.mark.parametrize(
    "page",
    [
        draw_page(), draw_page(1654, 2339), draw_page(1654, 60), draw_page(40, 40, "a"), draw_page(text="."),
        draw_page(1654, 2339, color="#888888"), draw_page(800, 1000, color="#c8c8c8"),
        draw_page(800, 1000, "so many words " * 8, color="#c8c8c8"),
    ],
)  # fmt: skip
def test_print_is_not_blank(page: Image.Image) -> None:
    assert not is_blank(page)


def test_one_small_word_on_a_big_page_is_found() -> None:
    page = Image.new("RGB", (1654, 2339), "white")
    page.paste(draw_page(70, 40, "3"), (800, 2200))
    assert not is_blank(page)


def test_print_on_shaded_noisy_paper_is_found() -> None:
    page = np.minimum(np.asarray(shaded(), float), np.asarray(draw_page(800, 1000), float) + 60)
    page += CHANCE.normal(0, 5, page.shape)
    assert not is_blank(Image.fromarray(page.clip(0, 255).astype(np.uint8)))


def first_alarm(tokens: list[int]) -> int | None:
    detector = LoopDetector()
    for index, token in enumerate(tokens):
        if detector.push(token):
            return index
    return None


@pytest.mark.parametrize("period", [1, 2, 3, 7, 20, 50, 150, 400])
def test_loops_of_any_period_are_found(period: int) -> None:
    text = random.Random(period).sample(range(10_000), 300)
    loop = random.Random(period).sample(range(10_000, 20_000), period)
    detector = LoopDetector()
    found = next(index for index, token in enumerate(text + loop * 200) if detector.push(token))
    assert found <= len(text) + 5 * period + 97
    assert detector.loop_start == len(text) + period  # one round is kept


def test_pages_without_loops_raise_no_alarm() -> None:
    chance = random.Random(0)
    for _ in range(40):
        line = [chance.randrange(50) for _ in range(12)]  # few different tokens, many lines alike
        page = [token for _ in range(60) for token in [*line[:8], *(chance.randrange(50) for _ in range(4))]]
        assert first_alarm(page) is None


def test_a_row_of_dots_or_a_short_table_is_no_loop() -> None:
    assert first_alarm([1, *[7] * 90, 2]) is None
    assert first_alarm([*[3, 4, 5, 6] * 4, *range(100, 300)]) is None


def test_the_detector_costs_the_same_at_any_length() -> None:
    detector, chance = LoopDetector(), random.Random(1)

    def spent() -> float:
        started = time.perf_counter()
        for _ in range(500):
            detector.push(chance.randrange(10_000))
        return time.perf_counter() - started

    early = min(spent() for _ in range(4))
    for _ in range(20):
        spent()
    assert min(spent() for _ in range(4)) < 5 * early


def test_confidence_is_told_by_line() -> None:
    confidence = lines_confidence(["a", "b\n", "", "c\nd"], [-1.0, -3.0, -0.5, -0.1])
    assert confidence == pytest.approx((np.exp(-2), np.exp(-0.3), 1.0))
    assert len(lines_confidence(["\n\n"], [-1.0])) == 3
