"""Text to ink on a grey canvas: every glyph is drawn once per font and size, kept, and pasted from then on.

Three to four times as fast as drawing each line anew. Glyphs stand side by side at their own advance (no kerning, no
shaping), which is right for Latin, Greek, Cyrillic and Chinese; lines of scripts that join letters go to Raqm whole.
"""

from __future__ import annotations

import collections
import functools
import re

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from GOT.data_engine.fonts import Font
from GOT.data_engine.sample import Rejected

CACHE_BYTES = 96 << 20  # of glyphs in one process; a worker's memory stays flat however many fonts it meets
CACHE_FACES = 2048  # fonts at a size
OPEN_FONTS = 24  # FreeType keeps about half a megabyte for each
EVICT_EVERY = 16  # new faces between two looks at what all of them hold
_GLYPH_OVERHEAD = 320  # bytes of one entry beside its pixels (array header, tuple, key)
_LINE_PROBE = "ÅQgj|(@_国鬱"  # what lines are spaced by: the tallest and deepest that are common

# Combining marks, Hebrew to Thaana, the Indic scripts to Myanmar, Khmer, Arabic presentation forms.
_SHAPED = re.compile(r"[\u0300-\u036f\u0590-\u08ff\u0900-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufefc]")

# ink, column after column of the whole line's height, or None when blank · columns · left · advance
Glyph = tuple[np.ndarray | None, int, int, float]


class Face:
    """One font at one size: glyphs drawn so far, how far lines reach, how wide text is.

    Attributes:
        font: The font.
        size: Pixels per em.
        ascent: How far ink rises over the baseline, in pixels, over the widest characters there are.
        descent: The same below it.
        rise: Rows of a glyph's block over the baseline.
        rows: Rows of a glyph's block.
        bytes: What the glyphs hold, in bytes.
    """

    def __init__(self, font: Font, size: int) -> None:
        self.font = font
        self.size = size
        self.bytes = 0
        self._glyphs: dict[str, Glyph] = {}
        self._advances: dict[str, float] = {}
        self.ascent, self.descent = self._extent(_LINE_PROBE)
        self.rise = self.ascent
        self.rows = self.ascent + self.descent

    @property
    def pillow(self) -> ImageFont.FreeTypeFont:
        """The open font; opened again when others pushed it out."""
        return _open_font(self.font, self.size, False)

    def glyph(self, char: str) -> Glyph:
        """One character's ink and advance."""
        return self._glyphs.get(char) or self._draw(char)

    def width(self, text: str) -> float:
        """Width of a text set in one line, in pixels."""
        if needs_shaping(text):
            return float(self.shaper.getlength(text))
        advances = self._advances
        try:
            return sum([advances[char] for char in text])
        except KeyError:
            return sum([self.glyph(char)[3] for char in text])

    @property
    def shaper(self) -> ImageFont.FreeTypeFont:
        """The font with Raqm's layout, for whole lines of scripts that join letters.

        Raises:
            ValueError: If this Pillow was built without Raqm.
        """
        if not features.check("raqm"):
            raise ValueError(
                "Arabic, Hebrew and Indic text needs Pillow with Raqm (its wheels on PyPI have it)."
            )
        return _open_font(self.font, self.size, True)

    @functools.cached_property
    def _han_advance(self) -> float | None:
        """The one advance of all Chinese characters, or ``None`` in a font where they differ; a load less for each."""
        widths = {self.pillow.getlength(char) for char in "一国永" if self.font.covers(char)}
        return float(widths.pop()) if len(widths) == 1 else None

    def _draw(self, char: str) -> Glyph:
        advance = self._han_advance if "\u4e00" <= char <= "\u9fff" else None
        if advance is None:
            advance = float(self.pillow.getlength(char))
        # One call gives the pixels and where they stand; the picture functions on top of it cost three times as much.
        core, (left, top) = self.pillow.getmask2(char, mode="L", anchor="ls")
        columns, rows = core.size
        mask = np.frombuffer(bytes(core), dtype=np.uint8).reshape(rows, columns)
        glyph: Glyph = (None, 0, 0, advance)
        if mask.any():
            first = self.rise + int(top)
            if first < 0 or first + rows > self.rows:
                self._grow(max(0, -first), max(0, first + rows - self.rows))
                first = self.rise + int(top)
            # Column-major and as high as the line: pasting is then one contiguous stretch, five times as fast.
            block = np.zeros((columns, self.rows), dtype=np.uint8)
            block[:, first : first + rows] = mask.T
            glyph = (block.reshape(-1), columns, int(left), advance)
        elif not char.isspace():
            raise Rejected(f"{self.font.name} has an empty glyph for {char!r}")
        self._glyphs[char] = glyph
        self._advances[char] = advance
        self.bytes += _GLYPH_OVERHEAD + (0 if glyph[0] is None else glyph[0].size)
        return glyph

    def _grow(self, above: int, below: int) -> None:
        """Make room for a glyph taller than those probed; the others are drawn anew when next needed."""
        self.rise += above
        self.rows += above + below
        self.bytes = 0
        self._glyphs.clear()

    def _extent(self, probe: str) -> tuple[int, int]:
        """How far ink of the probe's characters rises over and falls below the baseline."""
        probe = "".join(char for char in probe if self.font.covers(char)) or "x"
        _, top, _, bottom = self.pillow.getbbox(probe, anchor="ls")
        return max(1, -int(top)), max(1, int(bottom))


class GlyphCache:
    """Faces used lately; the least used ones go first when they hold too many bytes or files."""

    def __init__(self, *, max_bytes: int = CACHE_BYTES, max_faces: int = CACHE_FACES) -> None:
        self._faces: collections.OrderedDict[tuple[Font, int], Face] = collections.OrderedDict()
        self._max_bytes = max_bytes
        self._max_faces = max_faces
        self._rounds = 0

    def face(self, font: Font, size: int) -> Face:
        """The face of a font at a size in pixels; a caller may go on using it after it left the cache."""
        key = (font, size)
        face = self._faces.get(key)
        if face is None:
            face = self._faces[key] = Face(font, size)
            self._rounds += 1
            if self._rounds >= EVICT_EVERY:
                self._evict()
        self._faces.move_to_end(key)
        return face

    @property
    def bytes(self) -> int:
        """What all glyphs hold."""
        return sum(face.bytes for face in self._faces.values())

    def _evict(self) -> None:
        while len(self._faces) > 1 and (len(self._faces) > self._max_faces or self.bytes > self._max_bytes):
            self._faces.popitem(last=False)
        self._rounds = 0


@functools.lru_cache(maxsize=OPEN_FONTS)
def _open_font(font: Font, size: int, shaping: bool) -> ImageFont.FreeTypeFont:
    return font.open(size, shaping=shaping)


@functools.lru_cache(maxsize=1)
def glyph_cache() -> GlyphCache:
    """The cache of this process."""
    return GlyphCache()


def paint_text(
    ink: np.ndarray,
    x: float,
    baseline: int,
    text: str,
    face: Face,
    *,
    word_space: float = 0.0,
    letter_space: float = 0.0,
) -> tuple[int, int]:
    """Paint one line of text.

    Args:
        ink: ``(H, W)`` uint8, 0 where blank, 255 where fully inked; painted in place (overlapping ink merges).
        x: Where the line starts, in pixels.
        baseline: Row of the baseline.
        text: The line, without line ends.
        face: The font at its size.
        word_space: Pixels added to every space (justified text).
        letter_space: Pixels added after every character.

    Returns:
        First column with ink, and the one after the last (slanted letters lean over the line's ends).

    Raises:
        Rejected: If ink would leave the canvas, or a character has an empty glyph.
    """
    if needs_shaping(text):
        return _paint_shaped(ink, x, baseline, text, face)
    width = ink.shape[1]
    rows = 0
    while rows != face.rows:  # a glyph that needs more room than there was makes all blocks higher
        rows = face.rows
        for char in set(text):
            face.glyph(char)
    maximum = np.maximum
    glyph_of = face.glyph
    first, last = width, 0
    strip = np.zeros(width * rows, dtype=np.uint8)  # the line, column after column
    for char in text:
        block, columns, left, advance = glyph_of(char)
        if block is None:
            x += advance + word_space + letter_space
            continue
        start = round(x) + left
        if start < 0 or start + columns > width:
            raise Rejected(f"{char!r} of the line {text[:40]!r} reaches out of a picture {width} pixels wide")
        stretch = strip[start * rows : (start + columns) * rows]
        maximum(stretch, block, out=stretch)
        if start < first:
            first = start
        if start + columns > last:
            last = start + columns
        x += advance + letter_space
    _merge(ink, strip.reshape(width, rows).T, baseline - face.rise, text)
    return first, last


def _merge(ink: np.ndarray, line: np.ndarray, top: int, text: str) -> None:
    """Merge a line as wide as the canvas into it; rows that reach out must be blank."""
    first, last = max(0, -top), min(line.shape[0], ink.shape[0] - top)
    if first >= last or line[:first].any() or line[last:].any():
        raise Rejected(f"the line {text[:40]!r} reaches out of a picture {ink.shape[0]} pixels high")
    region = ink[top + first : top + last]
    np.maximum(region, line[first:last], out=region)


def needs_shaping(text: str) -> bool:
    """Tell whether a text is in a script whose letters join, stack or run right to left."""
    return not text.isascii() and _SHAPED.search(text) is not None


def _paint_shaped(ink: np.ndarray, x: float, baseline: int, text: str, face: Face) -> tuple[int, int]:
    """Paint a line of a joining script at once; Pillow's Raqm layout orders and joins the letters."""
    font = face.shaper
    left, top, right, bottom = (int(side) for side in font.getbbox(text, anchor="ls"))
    rows, columns = bottom - top, right - left
    x0, y0 = round(x) + left, baseline + top
    if x0 < 0 or y0 < 0 or x0 + columns > ink.shape[1] or y0 + rows > ink.shape[0]:
        raise Rejected(f"the line {text[:40]!r} reaches out of the {ink.shape[1]}x{ink.shape[0]} picture")
    picture = Image.new("L", (columns, rows))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=font, anchor="ls")
    region = ink[y0 : y0 + rows, x0 : x0 + columns]
    np.maximum(region, np.asarray(picture), out=region)
    return x0, x0 + columns
