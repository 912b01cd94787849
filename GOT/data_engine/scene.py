"""Scene-like text: signs and words in perspective on walls, gradients, bricks and shapes, read from top to bottom.

Everything is drawn; nothing is a photograph, and it does not look like one. It teaches a reader to find few words of
any size, slant and colour on a busy ground, not what streets look like.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from GOT.data.prompt import build_question
from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.degrade import degrade, grain, homography, smooth_noise
from GOT.data_engine.fonts import Split
from GOT.data_engine.glyphs import Face, paint_text
from GOT.data_engine.languages import choose_language
from GOT.data_engine.plain import PlainSettings, Range, draw_face, draw_int, draw_text
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.text import load_pool

KIND = "scene"
MIN_CONTRAST = 75  # grey levels between a text's ink and what is under and around it, over its whole area
MAX_UNREST = 30  # grey levels, standard deviation of the ground right around a text
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclasses.dataclass(frozen=True)
class SceneSettings:
    """How scenes look.

    Attributes:
        width: Picture width, in pixels.
        height: Picture height, in pixels.
        lines: Fewest and most texts.
        font_size: Pixels per em, before perspective.
        characters: Rough length of one text.
        slant: Most rotation of one text, in degrees.
        chinese: Chance of Chinese, where there is a font.
        degrade: Wear of the finished picture, 0 to 1.
        sources: Weights of text sources, as for plain text.
        fonts: Font folders or files; empty: the machine's own.
        font_limit: At most this many fonts.
        text: A folder of the user's own text.
        split: Side of the held-out split.
    """

    width: Range = (480, 1024)
    height: Range = (480, 1024)
    lines: Range = (1, 6)
    font_size: Range = (24, 96)
    characters: Range = (3, 24)
    slant: float = 10.0
    chinese: float = 0.4
    degrade: float = 0.4
    sources: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"prose": 0.3, "words": 0.4, "random": 0.1, "codes": 0.2}
    )
    fonts: tuple[str, ...] = ()
    font_limit: int | None = None
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_range("width", self.width, 64, 4096)
        check_range("height", self.height, 64, 4096)
        check_range("lines", self.lines, 1, 40)
        check_range("slant", (0, self.slant), 0, 45)


DEFAULTS = SceneSettings()


def sample(index: int, seed: int, **settings: Any) -> Sample:
    """A scene with one to six texts. ``settings``: fields of :class:`SceneSettings`."""
    chosen = build_settings(DEFAULTS, settings, kind=KIND)
    return first_accepted(KIND, index, seed, lambda rng: _draw(rng, chosen))


def _draw(rng: np.random.Generator, settings: SceneSettings) -> Sample:
    width, height = draw_int(rng, settings.width), draw_int(rng, settings.height)
    canvas = _background(rng, width, height)
    plain = PlainSettings(
        font_size=settings.font_size,
        sources=settings.sources,
        fonts=settings.fonts,
        font_limit=settings.font_limit,
        text=settings.text,
        split=settings.split,
    )
    language = choose_language(rng, settings.chinese, settings)
    pool = load_pool(language, folder=settings.text, split=settings.split)
    texts: list[str] = []
    regions: list[dict[str, Any]] = []
    top = int(rng.integers(4, max(5, height // 6)))
    for _ in range(draw_int(rng, settings.lines)):
        face = draw_face(rng, pool, plain, largest=height // 3)
        text = draw_text(rng, pool, plain, face.font, draw_int(rng, settings.characters))
        text = _shorten(text, face, width * 0.86)
        mask = _warped_mask(rng, text, face, settings.slant)
        if mask.shape[1] > width - 8:
            continue
        if top + mask.shape[0] > height - 4:
            break
        left = int(rng.integers(4, width - mask.shape[1] - 3))
        printed = _print(rng, canvas, mask, left, top)
        if printed is None:
            continue
        canvas = printed
        texts.append(text)
        box = [left, top, left + mask.shape[1], top + mask.shape[0]]
        regions.append({"level": "line", "box": box, "text": text, "paragraph": len(regions)})
        top += mask.shape[0] + int(
            rng.integers(4, max(5, height // 8))
        )  # one text to a row: the order is never in doubt
    if not texts:
        raise Rejected("no text fits into the scene")
    image, _ = degrade(Image.fromarray(canvas), rng, settings.degrade, warp=False)
    meta = {"language": language, "split": settings.split, "regions": regions}
    return Sample((image,), build_question("ocr"), "\n".join(texts), meta)


def _shorten(text: str, face: Face, room: float) -> str:
    """The start of a text that fits a width: whole words, else whole characters."""
    kept = text
    while face.width(kept) > room and " " in kept:
        kept = kept.rsplit(" ", 1)[0]
    while face.width(kept) > room and len(kept) > 1:
        kept = kept[:-1]
    return kept.strip()


def _warped_mask(rng: np.random.Generator, text: str, face: Face, slant: float) -> np.ndarray:
    """A text's ink after a random perspective, cut tightly: ``(h, w)`` uint8."""
    pad = face.size // 2
    ink = np.zeros((face.ascent + face.descent + 2 * pad, int(face.width(text)) + 2 * pad), dtype=np.uint8)
    paint_text(ink, pad, pad + face.ascent, text, face)
    height, width = ink.shape
    angle = np.radians(slant * (2 * rng.random() - 1) * rng.random())
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
    jitter = (rng.random((4, 2)) - 0.5) * np.array([0.06 * width, 0.35 * height]) * float(rng.random())
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = (corners + jitter) @ turn.T
    target -= target.min(axis=0)
    size = (int(target[:, 0].max()) + 1, int(target[:, 1].max()) + 1)
    backward = np.linalg.inv(homography(corners, target))
    backward /= backward[2, 2]
    warped = Image.fromarray(ink).transform(
        size, Image.Transform.PERSPECTIVE, backward.reshape(-1)[:8].tolist(), Image.Resampling.BICUBIC
    )
    box = warped.point(lambda value: 255 if value > 24 else 0).getbbox()
    if box is None:
        raise Rejected(f"the text {text[:20]!r} has no ink")
    return np.asarray(warped.crop((max(0, box[0] - 2), max(0, box[1] - 2), box[2] + 2, box[3] + 2)))


def _print(
    rng: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, left: int, top: int
) -> np.ndarray | None:
    """Print a mask in a colour that stands out everywhere, on a plate where the ground is too restless.

    ``None`` if no colour stands out.
    """
    rows, columns = mask.shape
    area = canvas[top : top + rows, left : left + columns].astype(np.float32)
    alpha = mask[:, :, None].astype(np.float32) / 255
    grey = area @ _LUMA
    if grey.std() > MAX_UNREST or rng.random() < 0.25:
        plate = rng.integers(0, 256, size=3).astype(np.float32)
        area = 0.12 * area + 0.88 * plate
        grey = area @ _LUMA
    # The ink and its surroundings.
    near = np.asarray(Image.fromarray(mask).filter(ImageFilter.BoxBlur(3))) > 8
    around = grey[near][::5]
    for _ in range(20):
        color = rng.integers(0, 256, size=3).astype(np.float32)
        shade = float(color @ _LUMA)
        if np.percentile(np.abs(around - shade), 2) >= MIN_CONTRAST:
            break
    else:
        return None
    if rng.random() < 0.3:  # a shadow on the side away from the text's own shade
        shift = max(1, rows // 24)
        shadow = np.zeros_like(alpha)
        shadow[shift:, shift:] = alpha[:-shift, :-shift]
        dark_or_light = np.float32(0 if shade > 128 else 255)
        area = (area * (1 - 0.5 * shadow) + dark_or_light * 0.5 * shadow).astype(np.float32)
    printed = canvas.copy()
    printed[top : top + rows, left : left + columns] = np.rint(area * (1 - alpha) + color * alpha).astype(
        np.uint8
    )
    return printed


def _background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """``(height, width, 3)`` uint8: a gradient, bricks, shapes or mottle, drawn at half size, with fine grain."""
    ground = _ground(rng, -(-width // 2), -(-height // 2)).clip(0, 255).astype(np.uint8)
    large = np.asarray(
        Image.fromarray(ground).resize((width, height), Image.Resampling.BILINEAR), dtype=np.int16
    )
    rough = large + (grain(rng, (width, height)) * np.float32(rng.uniform(1, 7))).astype(np.int16)[:, :, None]
    return np.clip(rough, 0, 255, out=rough).astype(np.uint8)


def _ground(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    style = int(rng.integers(4))
    first, second = rng.integers(0, 256, size=(2, 3)).astype(np.float32)
    if style == 1:
        return _bricks(rng, width, height, first)
    if style == 2:
        return _shapes(rng, width, height, first)
    if style == 3:
        second = 0.6 * first + 0.4 * second
        share = smooth_noise(rng, (width, height), int(rng.integers(2, 14)))
    else:
        angle = rng.random() * 2 * np.pi
        across = (
            np.linspace(0, np.cos(angle), width)[None, :] + np.linspace(0, np.sin(angle), height)[:, None]
        )
        share = ((across - across.min()) / max(1e-6, float(np.ptp(across)))).astype(np.float32)
    return first + (second - first) * share[:, :, None]


def _bricks(rng: np.random.Generator, width: int, height: int, color: np.ndarray) -> np.ndarray:
    rows = int(rng.integers(10, 30))
    columns = int(rows * rng.uniform(1.6, 3))
    y = np.arange(height)[:, None]
    x = np.arange(width)[None, :] + (y // rows % 2) * (columns // 2)
    number = (y // rows * 131 + x // columns * 17) % 97
    shade = rng.uniform(-12, 12, size=97).astype(np.float32)[number]
    light = np.where((y % rows == 0) | (x % columns == 0), np.float32(0.8), np.float32(1))
    return (color + shade[:, :, None]) * light[:, :, None]


def _shapes(rng: np.random.Generator, width: int, height: int, color: np.ndarray) -> np.ndarray:
    picture = Image.new("RGB", (width, height), tuple(int(value) for value in color))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(3, 14))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = int(rng.integers(10, width)), int(rng.integers(10, height))
        fill = tuple((0.7 * color + 0.3 * rng.integers(0, 256, size=3)).astype(int).tolist())
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)(
            (x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=fill
        )
    return np.asarray(picture, dtype=np.float32)
