"""Clean pictures to worn ones: paper, uneven light, perspective, blur, noise, JPEG. Seeded, sizes unchanged.

The answer stays the same; where boxes go is told by the returned transform.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

IDENTITY = np.eye(3)


def degrade(
    image: Image.Image, rng: np.random.Generator, strength: float, *, warp: bool = True
) -> tuple[Image.Image, np.ndarray]:
    """Wear a picture as scanning, photographing and compressing do.

    Args:
        image: ``L`` or ``RGB``.
        rng: The random numbers.
        strength: 0 leaves the picture as it is; 1 is a bad photograph that a person can still read.
        warp: Allow perspective, which moves text.

    Returns:
        The picture in the same mode and size, and the ``(3, 3)`` homography that moves old pixels to new ones.

    Raises:
        ValueError: If ``strength`` is not between 0 and 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"degrade takes a strength from 0 to 1; got {strength:g}.")
    if strength == 0:
        return image, IDENTITY
    chance = rng.random(7) < np.array([0.5, 0.5, 0.35, 0.2, 0.45, 0.45, 0.5]) * (0.5 + strength / 2)
    amount = (strength * (0.3 + 0.7 * rng.random(7))).tolist()
    moved = IDENTITY
    if chance[0]:
        image = _paper(image, rng, amount[0])
    if warp and chance[2]:
        image, moved = _perspective(image, rng, amount[2])
    if chance[1]:
        image = _uneven_light(image, rng, amount[1])
    if chance[3]:
        image = _low_resolution(image, amount[3])
    if chance[4]:
        image = image.filter(ImageFilter.BoxBlur(0.2 + 0.8 * amount[4]))  # a third of a Gaussian's time
    if chance[5]:
        image = _noise(image, rng, amount[5])
    if chance[6]:
        image = _jpeg(image, quality=round(90 - 60 * amount[6]))
    return image, moved


def move_box(box: list[int], moved: np.ndarray, size: tuple[int, int]) -> list[int]:
    """The upright box around a moved box, in pixels, kept inside a picture of ``size`` (width, height)."""
    x1, y1, x2, y2 = box
    corners = moved @ np.array([[x1, x2, x2, x1], [y1, y1, y2, y2], [1, 1, 1, 1]], dtype=float)
    xs, ys = corners[0] / corners[2], corners[1] / corners[2]
    width, height = size
    return [
        max(0, int(np.floor(xs.min()))),
        max(0, int(np.floor(ys.min()))),
        min(width, int(np.ceil(xs.max()))),
        min(height, int(np.ceil(ys.max()))),
    ]


def move_point(x: float, y: float, moved: np.ndarray) -> tuple[float, float]:
    """Where a point of the picture goes, in pixels."""
    across, down, depth = (moved @ np.array([x, y, 1.0])).tolist()
    return across / depth, down / depth


def smooth_noise(rng: np.random.Generator, size: tuple[int, int], cells: int) -> np.ndarray:
    """A ``(height, width)`` float field from 0 to 1 that varies over about ``cells`` hills a side."""
    coarse = Image.fromarray(rng.integers(0, 256, size=(cells + 1, cells + 1), dtype=np.uint8))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.float32) / 255


def grain(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """``(height, width)`` float32 normal noise; one block is repeated, which no eye finds and saves the time."""
    block = rng.standard_normal((251, 257), dtype=np.float32)
    width, height = size
    return np.tile(block, (-(-height // 251), -(-width // 257)))[:height, :width]


def _paper(image: Image.Image, rng: np.random.Generator, amount: float) -> Image.Image:
    """Stains, fibres and a tint: darker where the paper is, never lighter."""
    small = (image.width // 4 + 1, image.height // 4 + 1)
    coarse = Image.fromarray(0.7 * smooth_noise(rng, small, 5) + 0.3 * smooth_noise(rng, small, 48))
    shade = np.asarray(coarse.resize(image.size, Image.Resampling.BILINEAR))
    factor = 1 - 0.22 * amount * shade
    if image.mode == "L":
        return _multiply(image, factor)
    tint = 1 - amount * np.array([0.0, 0.04, 0.14]) * rng.random()
    return _multiply(image, factor[:, :, None] * tint.astype(np.float32))


def _uneven_light(image: Image.Image, rng: np.random.Generator, amount: float) -> Image.Image:
    """A lamp on one side, and now and then the soft shadow of a hand or a fold."""
    width, height = image.size
    angle = rng.random() * 2 * np.pi
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    slope = across + down
    factor = 1 - 0.45 * amount * (slope + 0.5).clip(0, 1)
    if rng.random() < 0.4:
        edge = (slope - (rng.random() - 0.5) * 0.6) * (4 + 20 * rng.random())
        factor = factor * (1 - 0.3 * amount / (1 + np.exp(-edge)))
    return _multiply(image, factor if image.mode == "L" else factor[:, :, None])


def _perspective(
    image: Image.Image, rng: np.random.Generator, amount: float
) -> tuple[Image.Image, np.ndarray]:
    """Every corner moves inwards by up to 4% of the picture; what opens up has the border's colour."""
    width, height = image.size
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    target = source + inwards * rng.random((4, 2)) * 0.04 * amount * np.array([width, height])
    forward = homography(source, target)
    backward = np.linalg.inv(forward)
    backward /= backward[2, 2]
    border = np.asarray(image)[:: max(1, height - 1), :: max(1, width - 1)]
    fill = (
        np.median(border.reshape(-1, border.shape[2] if border.ndim == 3 else 1), axis=0).astype(int).tolist()
    )
    warped = image.transform(
        image.size,
        Image.Transform.PERSPECTIVE,
        backward.reshape(-1)[:8].tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=fill[0] if image.mode == "L" else tuple(fill),
    )
    return warped, forward


def homography(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The projective map through four point pairs, from its eight linear equations."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def _low_resolution(image: Image.Image, amount: float) -> Image.Image:
    width, height = image.size
    small = (max(8, round(width * (1 - 0.4 * amount))), max(8, round(height * (1 - 0.4 * amount))))
    return image.resize(small, Image.Resampling.BILINEAR).resize((width, height), Image.Resampling.BICUBIC)


def _noise(image: Image.Image, rng: np.random.Generator, amount: float) -> Image.Image:
    pixels = np.asarray(image)
    noise = grain(rng, image.size) * np.float32(2 + 16 * amount)
    noisy = pixels + (noise if pixels.ndim == 2 else noise[:, :, None])
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, *, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as worn:
        return worn.copy()


def _multiply(image: Image.Image, factor: np.ndarray) -> Image.Image:
    """Darken by a factor of 0 to 1 a pixel, in whole numbers: three times as fast as floats."""
    scale = (factor * 256).astype(np.uint16)
    return Image.fromarray(((np.asarray(image, dtype=np.uint16) * scale) >> 8).astype(np.uint8))
