"""Pictures: opened as a reader sees them, cut as released, resized as torchvision would."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from GOT.data.image import (
    CLIP_MEAN,
    CLIP_STD,
    ImageTransform,
    choose_tile_grid,
    count_frames,
    open_image,
    open_lazily,
    read_frame,
    tile_image,
)
from tests.helpers import draw_page, run_python


def released_grid(width: int, height: int, max_num: int) -> tuple[int, int]:
    """An independent statement of the released rule: nearest aspect; of equal ones the last whose half is covered.

    GOT/demo/run_ocr_2.0_crop.py:40-75 of Ucas-HaoranWei/GOT-OCR2.0 at 179ed08, as a specification: go through the
    grids by area, take one that is strictly nearer, or equally near while the page exceeds half of its pixels.
    """
    grids = {(c, r) for n in range(1, max_num + 1) for c in range(1, n + 1) for r in range(1, n + 1)}
    ordered = sorted((g for g in grids if g[0] * g[1] <= max_num), key=lambda g: g[0] * g[1])
    nearest = min(abs(width / height - c / r) for c, r in ordered)
    candidates = [g for g in ordered if abs(width / height - g[0] / g[1]) == nearest]
    allowed = [g for g in candidates[1:] if width * height > 0.5 * 1024 * 1024 * g[0] * g[1]]
    return allowed[-1] if allowed else candidates[0]


@pytest.mark.parametrize("max_tiles", [6, 12])
def test_tile_grids_are_the_released_ones(max_tiles: int) -> None:
    chance = random.Random(max_tiles)
    sizes = [(chance.randint(4, 6000), chance.randint(4, 6000)) for _ in range(6000)]
    sizes += [(w * 64, h * 64) for w in range(1, 65) for h in range(1, 65)]  # where ties are
    assert len(sizes) >= 10_000
    wrong = [s for s in sizes if choose_tile_grid(*s, max_tiles) != released_grid(*s, max_tiles)]
    assert wrong == []


def test_tile_grids_are_the_recorded_ones(golden: Any) -> None:
    for case in golden("metric-vectors.json")["tiling"]["cases"]:
        for limit in (6, 12):
            wanted = case[f"max{limit}"]
            columns, rows = choose_tile_grid(case["w"], case["h"], limit)
            assert (columns, rows) == (wanted["cols"], wanted["rows"])
            views = columns * rows + (columns * rows > 1)
            assert views == wanted["views_with_thumbnail"]
            assert views * 256 == wanted["image_tokens"]


@pytest.mark.parametrize("limit", [0, -1, 101, 10**9])
def test_an_absurd_number_of_tiles_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=r"max_tiles must be 1\.\.100"):
        choose_tile_grid(100, 100, limit)


def test_tiles_go_row_by_row_and_end_with_the_whole() -> None:
    page = Image.new("RGB", (64, 96))
    colors = [(i, 0, 0) for i in range(6)]
    for i, color in enumerate(colors):
        page.paste(color, (i % 2 * 32, i // 2 * 32, i % 2 * 32 + 32, i // 2 * 32 + 32))
    tiles = tile_image(page, tile_size=32)
    assert [tile.size for tile in tiles] == [(32, 32)] * 7
    assert [tile.getpixel((16, 16)) for tile in tiles[:6]] == colors
    assert tiles[6].tobytes() == page.resize((32, 32), Image.Resampling.BICUBIC).tobytes()


def test_a_small_page_is_one_tile_without_a_thumbnail() -> None:
    assert len(tile_image(Image.new("RGB", (500, 500)))) == 1


@pytest.mark.parametrize("size", [(10, 10), (2000, 1400), (333, 1777), (64, 64)])
def test_views_hold_torchvisions_numbers(size: tuple[int, int]) -> None:
    """Resize(bicubic) + ToTensor + Normalize on PIL pictures, stated with Pillow and numpy."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    resized = np.asarray(image.resize((64, 64), resample=3), dtype=np.float32)
    wanted = (resized / np.float32(255) - np.float32(CLIP_MEAN)) / np.float32(CLIP_STD)
    view = ImageTransform(64)(image)
    assert view.dtype == torch.float32 and view.is_contiguous()
    np.testing.assert_array_equal(view.numpy(), wanted.transpose(2, 0, 1))


# ---- what users have: modes, rotations, formats


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_every_format_opens(kind: str) -> None:
    opened = open_image(saved(draw_page(), kind))
    assert opened.mode == "RGB" and opened.size == (240, 180)
    assert abs(np.asarray(opened, float) - np.asarray(draw_page(), float)).mean() < 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_white_paper(mode: str) -> None:
    """The released code shows black there (fault I8)."""
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 20))
    opened = open_image(saved(image.convert(mode), "PNG"))
    assert opened.getpixel((5, 5)) == (0, 0, 0) and opened.getpixel((15, 5)) == (255, 255, 255)


def test_half_transparent_black_is_grey() -> None:
    opened = open_image(saved(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG"))
    assert opened.getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_undone(orientation: int) -> None:
    """As a camera writes it; the released code ignores it (fault I8)."""
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste("red", (0, 0, 10, 10))  # top left
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_image(saved(stored, "PNG", exif=exif))
    assert opened.size == (40, 20)
    assert opened.tobytes() == upright.tobytes()


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    opened = np.asarray(open_image(saved(Image.fromarray(values), "PNG")))[..., 0]
    assert abs(opened.astype(int) - np.arange(256).reshape(16, 16)).max() <= 1


def test_floating_point_tiffs_are_spread() -> None:
    values = np.linspace(-3, 7, 256, dtype=np.float32).reshape(16, 16)
    values[0, 0] = np.nan
    opened = np.asarray(open_image(saved(Image.fromarray(values), "TIFF")))
    assert opened.max() == 255 and opened.min() == 0


def test_cmyk_and_grey_become_rgb() -> None:
    assert open_image(saved(Image.new("CMYK", (9, 9), (0, 0, 0, 0)), "JPEG")).getpixel((4, 4)) == (
        255,
        255,
        255,
    )
    assert open_image(saved(Image.new("L", (9, 9), 77), "PNG")).getpixel((4, 4)) == (77, 77, 77)
    assert open_image(saved(Image.new("1", (9, 9), 1), "PNG")).getpixel((4, 4)) == (255, 255, 255)


def test_every_frame_of_a_tiff_opens() -> None:
    frames = [draw_page(text=str(i)) for i in range(3)]
    content = saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    with open_lazily(content) as image:
        assert count_frames(image, name="x") == (3, None)
        for number in (3, 1, 2):
            assert read_frame(image, number, name="x").tobytes() == frames[number - 1].tobytes()


def test_the_caller_keeps_his_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(saved(Image.new("RGB", (40, 20)), "PNG", exif=exif)))
    from GOT.data.image import to_rgb

    assert to_rgb(image).size == (20, 40) and image.size == (40, 20)


# ---- what cannot be read, in one line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello, I am text", "is not an image; readable are PNG"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"\x89PNG\r\n\x1a\n", "is not an image|cannot be opened|damaged"),
        (saved(Image.new("RGB", (1, 1)), "PNG"), "1x1 pixels; nothing can be read"),
        (saved(Image.new("RGB", (3, 500)), "PNG"), "3x500 pixels; nothing can be read"),
        (saved(Image.new("RGB", (1, 20000)), "PNG"), "1x20000 pixels; nothing can be read"),
        (saved(Image.new("RGB", (4, 20000)), "PNG"), "a strip over 200:1"),
        (saved(draw_page(), "JPEG")[:900], "damaged or cut off"),
        (saved(draw_page(), "PNG")[:-200], "damaged or cut off"),
    ],
)
def test_bad_files_say_what_is_wrong(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(content)
    for source in (path, content, io.BytesIO(content)):
        with pytest.raises(ValueError, match=said) as caught:
            open_image(source, name="page.png")
        assert "\n" not in str(caught.value) and "0x" not in str(caught.value)
        assert str(caught.value).startswith("page.png ")


@pytest.mark.parametrize("kind", ["EPS", "ICO", "TGA", "SGI", "PCX", "ICNS"])
def test_other_decoders_are_out_of_reach(kind: str) -> None:
    with pytest.raises(ValueError, match="is not an image"):
        open_image(saved(draw_page(64, 64), kind))


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not there"):
        open_image(tmp_path / "absent.png")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        open_image(tmp_path)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few KB that unpacks to gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(10**6), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    """Under 50 ms and 30 MB, measured in a process of its own (fault S8: the released code unpacks anything)."""
    sides = (30_000, 13_300, 9_400)  # Pillow itself would refuse, warn, and be silent
    for side in sides:
        (tmp_path / f"{side}.png").write_bytes(bomb(side, side))
    result = run_python("-c", f"""
import resource, time
from GOT.data.image import open_image
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for side in {sides}:
    before, best = peak(), 1.0
    for _ in range(3):
        started = time.perf_counter()
        try:
            open_image({str(tmp_path)!r} + f"/{{side}}.png")
        except ValueError as error:
            message = str(error)
        best = min(best, time.perf_counter() - started)
    print(best, peak() - before, message, sep="|")
""")  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == len(sides)
    for line in lines:
        seconds, megabytes, message = line.split("|")
        assert float(seconds) < 0.05 and float(megabytes) < 30
        assert "million pixels" in message


def test_the_limit_is_ours_not_a_global_switch() -> None:
    """The released code sets LOAD_TRUNCATED_IMAGES for the whole process (fault S8)."""
    from PIL import ImageFile

    import GOT.data.image  # noqa: F401

    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    assert Image.MAX_IMAGE_PIXELS == 89_478_485


def test_damaged_files_never_raise_anything_else() -> None:
    """2,000 mutations of 14 seeds: opened, or one line (safety goal 1)."""
    seeds = [saved(draw_page(60, 50), kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")]
    seeds += [
        saved(draw_page(60, 50), "TIFF", compression=how)
        for how in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")
    ]
    seeds += [saved(draw_page(60, 50).convert(mode), "PNG") for mode in ("P", "1", "RGBA")]
    chance = random.Random(7)
    for number in range(2000):
        content = bytearray(seeds[number % len(seeds)])
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(min(len(content), 400))] = chance.randrange(256)
        if chance.random() < 0.3:
            del content[chance.randrange(len(content)) :]
        try:
            assert open_image(bytes(content)).mode == "RGB"
        except ValueError as error:
            assert "\n" not in str(error)
