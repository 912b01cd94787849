"""Font files to what must be known before drawing: their faces' names and which characters have a glyph.

Reads two tables (``name``, ``cmap``) of TrueType and OpenType files and collections; drawing is Pillow's.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import BinaryIO

import numpy as np

CODE_POINTS = 0x30000  # planes 0-2: every script and all CJK extensions that fonts hold today

MAX_FACES = 64  # in one collection
MAX_TABLE_BYTES = 16 << 20  # of one table; the largest real character map has under 1 MiB


@dataclasses.dataclass(frozen=True)
class FaceTables:
    """What one face of a font file says about itself.

    Attributes:
        index: Its place in a collection (0 in a plain file).
        name: Full name, e.g. ``"Noto Sans CJK SC"``.
        coverage: ``(CODE_POINTS / 8,)`` packed bits, set where a character has a glyph (:func:`has_glyphs`).
    """

    index: int
    name: str
    coverage: np.ndarray


def read_faces(file: BinaryIO) -> list[FaceTables]:
    """Read every face of an open font file, touching only the two tables.

    Faces without a Unicode character map (old symbol fonts) are left out.

    Raises:
        ValueError: If it is no TrueType/OpenType font, or is cut off.
    """
    try:
        head = _read(file, 0, 12)
        if head[:4] == b"ttcf":
            count = min(struct.unpack(">I", head[8:])[0], MAX_FACES)
            starts: tuple[int, ...] = struct.unpack(f">{count}I", _read(file, 12, 4 * count))
        elif head[:4] in (b"\0\1\0\0", b"OTTO", b"true"):
            starts = (0,)
        else:
            raise ValueError("not a TrueType or OpenType font")
        faces = [_read_face(file, start, index) for index, start in enumerate(starts)]
    except (struct.error, IndexError) as error:
        raise ValueError(f"the font file is cut off or damaged ({error})") from error
    return [face for face in faces if face is not None]


def has_bitmaps(file: BinaryIO) -> bool:
    """Whether the (first) face of an open font file holds pictures of small letters, as some Chinese fonts do."""
    head = _read(file, 0, 16)
    start = struct.unpack_from(">I", head, 12)[0] if head[:4] == b"ttcf" else 0
    return not _directory(file, start).keys().isdisjoint((b"EBLC", b"EBDT", b"CBLC", b"bloc"))


def _read_face(file: BinaryIO, start: int, index: int) -> FaceTables | None:
    tables = _directory(file, start)
    if b"cmap" not in tables:
        return None
    coverage = _read_coverage(_read(file, *tables[b"cmap"]))
    if coverage is None:
        return None
    name = _read_name(_read(file, *tables[b"name"])) if b"name" in tables else ""
    return FaceTables(index, name, np.packbits(coverage))


def _directory(file: BinaryIO, start: int) -> dict[bytes, tuple[int, int]]:
    """Table names of a face to their places and lengths."""
    count = struct.unpack(">H", _read(file, start + 4, 2))[0]
    entries = _read(file, start + 12, 16 * count)
    rows = (struct.unpack_from(">4sIII", entries, 16 * number) for number in range(count))
    return {tag: (offset, length) for tag, _, offset, length in rows}


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = file.read(min(length, MAX_TABLE_BYTES))
    if len(data) < length:
        raise ValueError(f"the font file is cut off: {length} bytes wanted at {offset}, {len(data)} found")
    return data


def _read_name(data: bytes) -> str:
    """The full name (id 4), else the family (id 1); English Windows entries first."""
    _, count, strings = struct.unpack_from(">HHH", data)
    found: dict[tuple[int, int], str] = {}
    for number in range(count):
        platform, _, language, name_id, length, offset = struct.unpack_from(">6H", data, 6 + 12 * number)
        if name_id not in (1, 4):
            continue
        raw = data[strings + offset : strings + offset + length]
        if platform == 3:
            found[name_id, 0 if language == 0x409 else 2] = raw.decode("utf-16-be", "replace")
        elif platform == 1:
            found[name_id, 1] = raw.decode("mac-roman", "replace")
    ordered = sorted(found, key=lambda key: (-key[0], key[1]))
    return found[ordered[0]] if ordered else ""


def _read_coverage(data: bytes) -> np.ndarray | None:
    """Characters of the widest Unicode map: formats 12 and 4, which every Unicode font has."""
    count = struct.unpack_from(">H", data, 2)[0]
    maps: dict[int, int] = {}  # format -> offset
    for number in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", data, 4 + 8 * number)
        if platform == 0 or (platform, encoding) in ((3, 1), (3, 10)):
            maps[struct.unpack_from(">H", data, offset)[0]] = offset
    if 12 in maps:
        return _read_groups(data, maps[12])
    if 4 in maps:
        return _read_segments(data, maps[4])
    return None


def _read_groups(data: bytes, offset: int) -> np.ndarray:
    """Format 12: (first, last, first glyph) triples."""
    count = struct.unpack_from(">I", data, offset + 12)[0]
    groups = np.frombuffer(data, ">u4", count * 3, offset + 16).reshape(count, 3)
    coverage = np.zeros(CODE_POINTS, dtype=bool)
    for first, last, glyph in groups.tolist():
        if first < CODE_POINTS:
            coverage[first + (glyph == 0) : last + 1] = True  # glyph 0 is the "missing" box
    return coverage


def _read_segments(data: bytes, offset: int) -> np.ndarray:
    """Format 4: segments with a delta, or with an offset into a glyph array."""
    count = struct.unpack_from(">H", data, offset + 6)[0] // 2
    position = offset + 14
    ends = np.frombuffer(data, ">u2", count, position).astype(np.int64)
    starts = np.frombuffer(data, ">u2", count, position + 2 * count + 2).astype(np.int64)
    deltas = np.frombuffer(data, ">u2", count, position + 4 * count + 2).astype(np.int64)
    range_position = position + 6 * count + 2
    ranges = np.frombuffer(data, ">u2", count, range_position).astype(np.int64)
    coverage = np.zeros(CODE_POINTS, dtype=bool)
    for number in range(count):
        first, last = int(starts[number]), int(ends[number])
        if first == 0xFFFF or last < first:
            continue
        codes = np.arange(first, min(last, 0xFFFE) + 1)
        if ranges[number] == 0:
            glyphs = (codes + deltas[number]) & 0xFFFF
        else:
            at = range_position + 2 * number + int(ranges[number])
            raw = np.frombuffer(data, ">u2", len(codes), at).astype(np.int64)
            glyphs = np.where(raw == 0, 0, (raw + deltas[number]) & 0xFFFF)
        coverage[codes[glyphs != 0]] = True
    return coverage


def has_glyphs(coverage: np.ndarray, text: str) -> np.ndarray:
    """Tell for every character of a text whether a face's packed coverage has it: ``(len(text),)`` bool."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    inside = codes < CODE_POINTS
    safe = np.where(inside, codes, 0)
    return inside & ((coverage[safe >> 3] >> (7 - (safe & 7)).astype(np.uint8)) & 1).astype(bool)
