"""Images to tensors: open, tile, resize, normalise. Knows nothing about prompts or the model."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from torch import Tensor

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)  # the released code normalises with CLIP's statistics
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

# Decoders that untrusted files may reach.
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
MAX_PIXELS = 64_000_000  # a 37 KB file can ask for gigabytes; A4 at 600 dpi has 35 million
MIN_SIDE = 4  # pixels; nothing can be read in fewer
MAX_ASPECT = 200  # a strip longer than this is squeezed to nothing by the square view

MAX_TILES = 6  # as the released demo; the paper's "12" is reached by asking
TILES_LIMIT = 100  # of a request: their image tokens nearly fill the published model's context


def open_image(source: str | Path | bytes | BinaryIO, *, name: str | None = None) -> Image.Image:
    """Open the first frame of a picture, upright, RGB, on white where it was transparent.

    Args:
        source: A path, the bytes of a file, or an open binary file.
        name: What to call it in errors; the path by default.

    Raises:
        FileNotFoundError: If the path does not exist or is no file.
        ValueError: If it is empty, no picture, damaged, or of a size that cannot be read.
    """
    label = name or _label_of(source)
    with open_lazily(source, name=label) as image:
        return read_frame(image, 1, name=label)


def open_lazily(source: str | Path | bytes | BinaryIO, *, name: str | None = None) -> Image.Image:
    """Open a picture of an allowed format, without decoding a frame; arguments and errors of :func:`open_image`."""
    label = name or _label_of(source)
    if isinstance(source, str | Path) and not Path(source).is_file():
        what = "a folder" if Path(source).is_dir() else "not there"
        raise FileNotFoundError(f"{label} is {what}; give an image file.")
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large sizes, where check_size is stricter, and of odd tags
            return Image.open(file, formats=IMAGE_FORMATS)
    except Image.DecompressionBombError:
        raise ValueError(
            f"{label} has far more than {MAX_PIXELS // 10**6} million pixels; scale it down."
        ) from None
    except UnidentifiedImageError:
        raise ValueError(f"{label} {_why_unreadable(file)}") from None
    except Exception as error:  # decoders of untrusted files raise nearly anything
        raise ValueError(f"{label} cannot be opened as an image: {_first_line(error)}.") from error


def count_frames(image: Image.Image, *, name: str) -> tuple[int, str | None]:
    """How many frames of a picture (pages of a TIFF) can be reached, and what is wrong after them, if anything."""
    count = 0
    try:
        with _damage_reported(name):
            while True:
                try:
                    image.seek(count)
                except EOFError:
                    return count, None
                count += 1
    except ValueError as error:
        return count, str(error)


def read_frame(image: Image.Image, number: int, *, name: str) -> Image.Image:
    """Decode one frame, from 1, as :func:`open_image` does.

    Raises:
        ValueError: If it is damaged, or of a size that cannot be read.
    """
    with _damage_reported(name):
        image.seek(number - 1)
    return to_page(image, name=name)


def to_page(image: Image.Image, *, name: str = "the image") -> Image.Image:
    """The frame that a picture shows, as :func:`open_image` opens it from a file.

    Raises:
        ValueError: If it is damaged, or of a size that cannot be read.
    """
    check_size(*image.size, name=name)
    with _damage_reported(name):
        return to_rgb(image)


@contextlib.contextmanager
def _damage_reported(label: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks about odd tags
            yield
    except Exception as error:  # damaged files make decoders raise nearly anything
        raise ValueError(f"{label} is damaged or cut off: {_first_line(error)}.") from error


def check_size(width: int, height: int, *, name: str = "the image") -> None:
    """Refuse sizes that cannot be read, before any pixel is decoded.

    Raises:
        ValueError: If a side is under ``MIN_SIDE``, the picture has over ``MAX_PIXELS``, or is a mere strip.
    """
    if min(width, height) < MIN_SIDE:
        raise ValueError(
            f"{name} is {width}x{height} pixels; nothing can be read under {MIN_SIDE} pixels a side."
        )
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"{name} is {width}x{height}: more than {MAX_PIXELS // 10**6} million pixels; scale it down."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ValueError(f"{name} is {width}x{height}: a strip over {MAX_ASPECT}:1; cut it into pieces.")


def to_rgb(image: Image.Image) -> Image.Image:
    """A copy that is upright (EXIF), 8 bits a channel, RGB, transparent parts on white."""
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _to_eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


class ImageTransform:
    """A picture to one square view: ``PIL -> (3, S, S)`` float32.

    Bicubic and aspect-ignoring, as the model was trained; the same numbers as torchvision's
    ``Resize(bicubic) + ToTensor + Normalize`` on PIL pictures.

    Args:
        image_size: Side of the view, in pixels (``config.vision.image_size``).
    """

    def __init__(self, image_size: int = 1024) -> None:
        self.image_size = image_size

    def __call__(self, image: Image.Image) -> Tensor:
        return normalize(resize(image, self.image_size)[None])[0]


def resize(image: Image.Image, side: int) -> np.ndarray:
    """A picture as one square view of 8-bit pixels: (S, S, 3)."""
    rgb = image if image.mode == "RGB" else image.convert("RGB")  # which would copy megabytes for nothing
    return np.array(rgb.resize((side, side), Image.Resampling.BICUBIC))


def normalize(views: np.ndarray) -> Tensor:
    """8-bit views, (N, S, S, 3), to what the model takes: (N, 3, S, S), float32."""
    # Imported here, so that processes that only open pictures start quickly and stay small.
    import torch

    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
    pixels = torch.from_numpy(views).permute(0, 3, 1, 2).float()
    return pixels.div(255).sub(mean).div(std).contiguous()


@functools.lru_cache(maxsize=1024)
def choose_tile_grid(
    width: int, height: int, max_tiles: int = MAX_TILES, tile_size: int = 1024
) -> tuple[int, int]:
    """Choose the tile grid whose aspect ratio is closest to the page's.

    Ties go to the larger grid as long as the page covers more than half of its area, so a small page is not
    blown up into many tiles.

    Args:
        width: Page width, in pixels.
        height: Page height, in pixels.
        max_tiles: Most tiles the grid may hold (the released demo uses 6, the paper 12).
        tile_size: Side of a tile, in pixels.

    Returns:
        ``(columns, rows)`` with ``columns * rows <= max_tiles``.

    Raises:
        ValueError: If a side is not positive, or ``max_tiles`` is out of its range.

    Source:
        ``dynamic_preprocess`` in GOT/demo/run_ocr_2.0_crop.py of Ucas-HaoranWei/GOT-OCR2.0 (from InternVL 1.5).

    Example:
        >>> choose_tile_grid(1654, 2339)  # A4 at 200 dpi, portrait
        (2, 3)
    """
    if min(width, height) < 1:
        raise ValueError(f"A tile grid needs a page of positive size; got {width}x{height}.")
    if not 1 <= max_tiles <= TILES_LIMIT:
        raise ValueError(f"max_tiles must be 1..{TILES_LIMIT}; got {max_tiles}.")
    aspect = width / height
    best, best_difference = (1, 1), float("inf")
    for columns, rows in _grids(max_tiles):
        difference = abs(aspect - columns / rows)
        covers_half = width * height > 0.5 * tile_size * tile_size * columns * rows
        if difference < best_difference or (difference == best_difference and covers_half):
            best, best_difference = (columns, rows), difference
    return best


def tile_image(image: Image.Image, *, tile_size: int = 1024, max_tiles: int = MAX_TILES) -> list[Image.Image]:
    """Cut a page into square tiles, row by row, and add a thumbnail of the whole if there is more than one.

    Args:
        image: The page.
        tile_size: Side of a tile, in pixels.
        max_tiles: Most tiles, the thumbnail not counted.
    """
    columns, rows = choose_tile_grid(*image.size, max_tiles, tile_size)
    resized = image.resize((columns * tile_size, rows * tile_size), Image.Resampling.BICUBIC)
    corners = [(column * tile_size, row * tile_size) for row in range(rows) for column in range(columns)]
    tiles = [resized.crop((x, y, x + tile_size, y + tile_size)) for x, y in corners]
    if len(tiles) > 1:
        tiles.append(image.resize((tile_size, tile_size), Image.Resampling.BICUBIC))
    return tiles


@functools.lru_cache(maxsize=64)
def _grids(max_tiles: int) -> tuple[tuple[int, int], ...]:
    pairs = ((c, r) for c in range(1, max_tiles + 1) for r in range(1, max_tiles + 1) if c * r <= max_tiles)
    return tuple(sorted(pairs, key=lambda pair: pair[0] * pair[1]))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    # Pillow's own convert("L") clips 16-bit values to white instead of scaling them.
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0, neginf=0)
    if image.mode == "F":
        low, high = float(values.min()), float(values.max())
        scale = 255 / (high - low) if high > low else 1.0
        return Image.fromarray(((values - low) * scale).round().astype(np.uint8))
    top = 65535 if values.max(initial=0) > 255 else 255
    return Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))


def _label_of(source: str | Path | bytes | BinaryIO) -> str:
    return str(source) if isinstance(source, str | Path) else "the image"


def _why_unreadable(file: str | Path | BinaryIO) -> str:
    if isinstance(file, str | Path):
        with open(file, "rb") as opened:
            head = opened.read(16)
    else:
        file.seek(0)
        head = file.read(16)
    if not head:
        return "is empty (0 bytes)."
    if head.startswith(b"%PDF"):
        return "is a PDF, not an image; got-ocr read takes PDFs, other commands want its pages as pictures."
    return f"is not an image; readable are {', '.join(IMAGE_FORMATS)} and PDF."


def _first_line(error: BaseException) -> str:
    # Pillow's messages may hold the address of an object; nobody needs it.
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text.split(" <", 1)[0].rstrip(".")
