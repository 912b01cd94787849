"""Handwriting-like lines: script fonts whose every letter is turned, scaled and shifted, on lines that wobble.

This imitates: two equal letters differ, lines drift, strokes swell. It is not handwriting; letters keep their font's
skeleton. For Chinese the ground is a brush-like (Kai) or any other font. Train on real hands where you have them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from GOT.data.prompt import build_question
from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.degrade import degrade, smooth_noise
from GOT.data_engine.fonts import Font, Split, draw_font, find_fonts
from GOT.data_engine.glyphs import Face, glyph_cache, needs_shaping
from GOT.data_engine.languages import choose_language
from GOT.data_engine.layout import Line, wrap
from GOT.data_engine.plain import PlainSettings, Range, draw_int, draw_text
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.text import TextPool, load_pool

KIND = "handwriting"


@dataclasses.dataclass(frozen=True)
class HandSettings:
    """How handwriting looks.

    Attributes:
        width: Width of a line, in pixels.
        lines: Fewest and most lines.
        font_size: Pixels per em.
        wobble: 0 prints the font as it is; 1 is a restless hand.
        ruled: Chance of ruled or squared paper.
        chinese: Chance of Chinese, where there is a font.
        degrade: Wear of the finished picture, 0 to 1.
        sources: Weights of text sources, as for plain text.
        fonts: Font folders or files of hands; empty: the machine's script fonts.
        font_limit: At most this many fonts.
        text: A folder of the user's own text.
        split: Side of the held-out split.
    """

    width: Range = (400, 1000)
    lines: Range = (1, 8)
    font_size: Range = (28, 56)
    wobble: float = 0.6
    ruled: float = 0.35
    chinese: float = 0.4
    degrade: float = 0.3
    sources: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"prose": 0.5, "words": 0.35, "codes": 0.15}
    )
    fonts: tuple[str, ...] = ()
    font_limit: int | None = None
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_range("width", self.width, 64, 4096)
        check_range("lines", self.lines, 1, 60)
        check_range("font_size", self.font_size, 10, 400)
        check_range("wobble", (0, self.wobble), 0, 1)


DEFAULTS = HandSettings()


def sample(index: int, seed: int, **settings: Any) -> Sample:
    """One to eight handwriting-like lines. ``settings``: fields of :class:`HandSettings`."""
    chosen = build_settings(DEFAULTS, settings, kind=KIND)
    return first_accepted(KIND, index, seed, lambda rng: _draw(rng, chosen))


def _draw(rng: np.random.Generator, settings: HandSettings) -> Sample:
    language = choose_language(rng, settings.chinese, settings)
    pool = load_pool(language, folder=settings.text, split=settings.split)
    size = draw_int(rng, settings.font_size)
    face = glyph_cache().face(_hand_font(rng, pool, settings), size - size % max(1, size // 12))
    width = draw_int(rng, settings.width)
    lines = _write(rng, pool, settings, face, width)
    pitch = (face.ascent + face.descent) * float(rng.uniform(1.15, 1.6))
    margin = face.size
    height = int(2 * margin + pitch * (len(lines) - 1) + face.ascent + face.descent)
    ink = np.zeros((height, width + 2 * margin), dtype=np.uint8)
    for number, line in enumerate(lines):
        baseline = margin + face.ascent + number * pitch
        _write_line(
            rng, ink, margin + float(rng.uniform(-0.3, 0.3)) * face.size, baseline, line.text, face, settings
        )
    ink = _wobble(rng, ink, settings.wobble * face.size)
    image = _on_paper(rng, ink, [margin + face.ascent + n * pitch + 3 for n in range(len(lines))], settings)
    image, _ = degrade(image, rng, settings.degrade)
    target = "\n".join(line.text for line in lines)
    return Sample((image,), build_question("ocr"), target, {"font": face.font.name, "split": settings.split})


def _hand_font(rng: np.random.Generator, pool: TextPool, settings: HandSettings) -> Font:
    """A script font for the pool; for Chinese a Kai font where there is one."""
    choose = {"folders": tuple(settings.fonts), "limit": settings.font_limit}
    if pool.language == "zh" and settings.text is None:
        fonts = find_fonts(pool.characters, split=settings.split, **choose)  # type: ignore[arg-type]
        brushes = tuple(font for font in fonts if "kai" in font.name.lower())
        return draw_font(rng, brushes if brushes and rng.random() < 0.7 else fonts)
    # Machines have few script fonts: the split is by text alone where one side has none.
    try:
        fonts = find_fonts(pool.characters, hand=True, split=settings.split, **choose)  # type: ignore[arg-type]
    except FileNotFoundError:
        if settings.split == "heldout":
            raise
        fonts = find_fonts(pool.characters, hand=True, **choose)  # type: ignore[arg-type]
    return draw_font(rng, fonts)


def _write(
    rng: np.random.Generator, pool: TextPool, settings: HandSettings, face: Face, width: int
) -> list[Line]:
    plain = PlainSettings(sources=settings.sources)
    most = draw_int(rng, settings.lines)
    lines: list[Line] = []
    while len(lines) < most:
        length = int(width / face.size * (most - len(lines)) * (1.8 if pool.language == "en" else 0.9))
        text = draw_text(rng, pool, plain, face.font, max(4, length))
        if needs_shaping(text):
            raise ValueError(
                "handwriting is drawn letter by letter; scripts that join letters are not supported."
            )
        lines += wrap(text, width * 0.92, face)
    return lines[:most]


def _write_line(
    rng: np.random.Generator,
    ink: np.ndarray,
    x: float,
    baseline: float,
    text: str,
    face: Face,
    settings: HandSettings,
) -> None:
    """Every letter at its own angle, size and height; the line drifts slowly."""
    wobble = settings.wobble
    count = len(text)
    steps = rng.standard_normal(count) * 0.02 * wobble * face.size
    drift = np.cumsum(steps) * 0.5 + np.linspace(0, rng.normal() * 0.25 * wobble * face.size, count)
    angles = rng.normal(0, 3.5 * wobble, count)
    scales = 1 + rng.normal(0, 0.06 * wobble, count)
    spread = 1 + rng.normal(0, 0.05 * wobble) + rng.normal(0, 0.06 * wobble, count)
    for place, char in enumerate(text):
        block, columns, left, advance = face.glyph(char)
        if block is not None:
            glyph = Image.fromarray(np.ascontiguousarray(block.reshape(columns, face.rows).T))
            pad = face.size // 4
            framed = Image.new("L", (columns + 2 * pad, face.rows + 2 * pad))
            framed.paste(glyph, (pad, pad))
            turned = framed.rotate(float(angles[place]), Image.Resampling.BICUBIC)
            scaled = turned.resize(
                (max(1, round(framed.width * scales[place])), max(1, round(framed.height * scales[place]))),
                Image.Resampling.BILINEAR,
            )
            top = round(baseline + drift[place] - (face.rise + pad) * scales[place])
            _stamp(ink, np.asarray(scaled), round(x) + left - pad, top, text)
        x += advance * float(spread[place])


def _stamp(ink: np.ndarray, mask: np.ndarray, left: int, top: int, text: str) -> None:
    """Merge a mask; parts that reach out must be blank."""
    height, width = ink.shape
    x1, y1 = max(0, left), max(0, top)
    x2, y2 = min(width, left + mask.shape[1]), min(height, top + mask.shape[0])
    inside = mask[max(0, y1 - top) : max(0, y2 - top), max(0, x1 - left) : max(0, x2 - left)]
    if int(inside.sum(dtype=np.int64)) < int(mask.sum(dtype=np.int64)):
        raise Rejected(f"the line {text[:30]!r} reaches out of the paper")
    region = ink[y1:y2, x1:x2]
    np.maximum(region, inside, out=region)


def _wobble(rng: np.random.Generator, ink: np.ndarray, amount: float) -> np.ndarray:
    """Strokes bend over about a letter's width and swell or thin over several words."""
    height, width = ink.shape
    cells = max(4, int(width / max(8.0, amount * 1.2)))
    shift = 0.16 * amount
    dx = (smooth_noise(rng, (width, height), cells) - 0.5) * shift
    dy = (smooth_noise(rng, (width, height), cells) - 0.5) * shift
    x = (np.arange(width)[None, :] + dx).clip(0, width - 1.001)
    y = (np.arange(height)[:, None] + dy).clip(0, height - 1.001)
    x0, y0 = x.astype(np.int32), y.astype(np.int32)
    fx, fy = x - x0, y - y0
    flat = ink.reshape(-1).astype(np.float32)
    at = y0 * width + x0
    upper = flat[at] * (1 - fx) + flat[at + 1] * fx
    lower = flat[at + width] * (1 - fx) + flat[at + width + 1] * fx
    bent = Image.fromarray((upper * (1 - fy) + lower * fy).astype(np.uint8))
    bold = np.asarray(
        bent.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float32
    )
    share = (smooth_noise(rng, (width, height), 6) * 1.6 - 0.5).clip(0, 1) * 0.6 * float(rng.random())
    return (np.asarray(bent) * (1 - share) + bold * share).astype(np.uint8)


def _on_paper(
    rng: np.random.Generator, ink: np.ndarray, rules: list[float], settings: HandSettings
) -> Image.Image:
    """Pen ink on blank, ruled or squared paper; pressure varies along the line."""
    height, width = ink.shape
    grey = int(rng.integers(228, 256))
    sheet = Image.new("RGB", (width, height), (grey, grey, max(0, grey - int(rng.integers(0, 22)))))
    if rng.random() < settings.ruled:
        pen = ImageDraw.Draw(sheet)
        color = (170, 185, 215) if rng.random() < 0.7 else (200, 200, 200)
        for y in rules:
            pen.line((0, y, width, y), fill=color)
        if rng.random() < 0.3:
            step = max(8, round(rules[1] - rules[0])) if len(rules) > 1 else 40
            for x in range(int(rng.integers(step)), width, step):
                pen.line((x, 0, x, height), fill=color)
    pens = np.array(
        [[25, 25, 30], [20, 40, 120], [60, 60, 65], [10, 10, 80], [120, 20, 30]], dtype=np.float32
    )
    color_of_pen = pens[int(rng.integers(len(pens)))]
    pressure = 0.75 + 0.25 * smooth_noise(rng, (width, height), 12)
    alpha = (ink / 255 * pressure)[:, :, None].astype(np.float32)
    mixed = np.asarray(sheet, dtype=np.float32) * (1 - alpha) + color_of_pen * alpha
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
