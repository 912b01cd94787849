"""Plain document text: whole pages, and slices of one or a few lines, in English, Chinese or the user's own text.

Lines and words are laid out here and painted from cached glyphs, so the answer and every box are exact.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from PIL import Image

from GOT.data.prompt import build_question
from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.degrade import IDENTITY, degrade, move_box, move_point
from GOT.data_engine.fonts import Font, Split, draw_font, find_fonts
from GOT.data_engine.glyphs import Face, glyph_cache
from GOT.data_engine.layout import Align, PlacedLine, answer, paragraph_regions, place, wrap
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.text import SOURCES, TextPool, load_pool

Range = tuple[float, float]
_LUMA = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue are to the eye


@dataclasses.dataclass(frozen=True)
class PlainSettings:
    """How plain text looks; every ``(smallest, largest)`` range is drawn from anew for each sample.

    Attributes:
        width: Picture width, in pixels; for tight pictures the widest line.
        height: Picture height, in pixels; unused for tight pictures.
        tight: The picture ends where its text does (plus the margin) instead of having a given size.
        margin: Blank border, as a share of the shorter side.
        padding: Blank border of tight pictures, in font sizes.
        jitter: Where so many ``lines`` stand in the room that is left: 0 always at the top left, 1 anywhere.
        font_size: Pixels per em.
        line_spacing: Baseline to baseline, in font sizes; never less than the font's own height.
        lines: Fewest and most lines; ``None`` fills the picture.
        characters: Rough length of one paragraph, in characters.
        headings: Chance of a larger title line, and of headings between paragraphs.
        breaks: The answer has a line end after every printed ``lines`` or after ``paragraphs`` only.
        sources: Weights of ``prose``, ``words``, ``random`` strings and ``codes``; drawn for every paragraph.
        fonts: Font folders or files; empty: the machine's own.
        font_limit: At most this many fonts, spread over the families.
        text: A folder (or file) of the user's own text: .txt, .md, .pdf.
        split: Fonts and texts of the ``train`` or the ``heldout`` side only; ``None``: both.
        ink: Grey of the text, 0 black.
        paper: Grey of the paper, 255 white.
        colored: Chance of coloured text on coloured paper.
        inverted: Chance of light text on dark paper.
        degrade: Wear: 0 none (as printed to PDF), 1 a bad photograph.
        glyphs: Tell where every character stands (``meta["glyphs"]``), for stage 1's glyph maps.
    """

    width: Range = (1024, 1024)
    height: Range = (1024, 1024)
    tight: bool = False
    margin: Range = (0.03, 0.1)
    padding: Range = (0.1, 0.8)
    jitter: float = 1.0
    font_size: Range = (16, 30)
    line_spacing: Range = (1.15, 1.7)
    lines: Range | None = None
    characters: Range = (80, 700)
    headings: float = 0.25
    breaks: Literal["lines", "paragraphs"] = "paragraphs"
    sources: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"prose": 0.5, "words": 0.25, "random": 0.1, "codes": 0.15}
    )
    fonts: tuple[str, ...] = ()
    font_limit: int | None = None
    text: str | None = None
    split: Split | None = "train"
    ink: Range = (0, 60)
    paper: Range = (225, 255)
    colored: float = 0.1
    inverted: float = 0.03
    degrade: float = 0.0
    glyphs: bool = False

    def __post_init__(self) -> None:
        check_range("width", self.width, 16, 8192)
        check_range("height", self.height, 16, 8192)
        check_range("font_size", self.font_size, 6, 400)
        check_range("line_spacing", self.line_spacing, 0.8, 4)
        check_range("margin", self.margin, 0, 0.45)
        check_range("padding", self.padding, 0, 4)
        check_range("characters", self.characters, 1, 20_000)
        check_range("ink", self.ink, 0, 255)
        check_range("paper", self.paper, 0, 255)
        if self.lines is not None:
            check_range("lines", self.lines, 1, 1000)
        unknown = set(self.sources) - set(SOURCES)
        if unknown or not self.sources or min(self.sources.values()) < 0 or sum(self.sources.values()) <= 0:
            raise ValueError(f"sources takes weights of {', '.join(SOURCES)}; got {dict(self.sources)}.")
        if self.breaks not in ("lines", "paragraphs"):
            raise ValueError(f"breaks takes lines or paragraphs; got {self.breaks!r}.")


PAGE_EN = PlainSettings()
# Our Chinese sentences know few words: a third is random characters, so that all of GB2312 comes up.
SOURCES_ZH = {"prose": 0.35, "words": 0.15, "random": 0.35, "codes": 0.15}
PAGE_ZH = dataclasses.replace(PAGE_EN, font_size=(18, 34), characters=(40, 360), sources=SOURCES_ZH)
LINE_EN = dataclasses.replace(
    PAGE_EN,
    width=(120, 1000),
    tight=True,
    font_size=(14, 56),
    lines=(1, 4),
    characters=(4, 160),
    headings=0.0,
    breaks="lines",
    degrade=0.3,
)
LINE_ZH = dataclasses.replace(LINE_EN, font_size=(16, 60), characters=(2, 60), sources=SOURCES_ZH)


def sample_en(index: int, seed: int, **settings: Any) -> Sample:
    """A page of English text. ``settings``: fields of :class:`PlainSettings`."""
    return _sample("plain_en", "en", index, seed, PAGE_EN, settings)


def sample_zh(index: int, seed: int, **settings: Any) -> Sample:
    """A page of Chinese text. ``settings``: fields of :class:`PlainSettings`."""
    return _sample("plain_zh", "zh", index, seed, PAGE_ZH, settings)


def sample_line_en(index: int, seed: int, **settings: Any) -> Sample:
    """One to four lines of English, cropped. ``settings``: fields of :class:`PlainSettings`."""
    return _sample("line_en", "en", index, seed, LINE_EN, settings)


def sample_line_zh(index: int, seed: int, **settings: Any) -> Sample:
    """One to four lines of Chinese, cropped. ``settings``: fields of :class:`PlainSettings`."""
    return _sample("line_zh", "zh", index, seed, LINE_ZH, settings)


def _sample(
    kind: str, language: str, index: int, seed: int, defaults: PlainSettings, changes: dict[str, Any]
) -> Sample:
    settings = build_settings(defaults, changes, kind=kind)
    draw = draw_slice if settings.tight else draw_page
    return first_accepted(kind, index, seed, lambda rng: draw(rng, language, settings))


def draw_page(rng: np.random.Generator, language: str, settings: PlainSettings) -> Sample:
    """One attempt at a picture of a given size, filled with text from the top (or with so many lines).

    Raises:
        Rejected: If this attempt cannot become a sample.
    """
    pool = load_pool(language, folder=settings.text, split=settings.split)
    width, height = draw_int(rng, settings.width), draw_int(rng, settings.height)
    face = draw_face(rng, pool, settings, largest=int(height / 1.4))
    margins = draw_float(rng, settings.margin, count=4) * min(width, height)
    left, top = float(margins[0]), float(margins[1])
    room, bottom = width - left - float(margins[2]), height - float(margins[3])
    placed = fill_column(rng, pool, settings, face, left=left, top=top, width=room, bottom=bottom)
    if settings.lines is not None and settings.jitter > 0:
        placed = _move(rng, placed, settings.jitter, right=left + room, bottom=bottom)
    return finish(rng, placed, (width, height), settings)


def draw_slice(rng: np.random.Generator, language: str, settings: PlainSettings) -> Sample:
    """One attempt at a tight picture of a few lines.

    Raises:
        Rejected: If this attempt cannot become a sample.
    """
    pool = load_pool(language, folder=settings.text, split=settings.split)
    face = draw_face(rng, pool, settings)
    margins = draw_float(rng, settings.padding, count=4) * face.size
    width = draw_int(rng, settings.width)
    lines = settings.lines or (1, 4)
    settings = dataclasses.replace(settings, lines=lines)
    left, top = float(margins[0]) + 0.1 * face.size, float(margins[1])
    placed = fill_column(rng, pool, settings, face, left=left, top=top, width=width, bottom=np.inf)
    shift = left - min(entry.x for entry in placed)
    placed = [dataclasses.replace(entry, x=entry.x + shift) for entry in placed]
    overhang = 0.15 * face.size  # of slanted letters at the line's end
    right = max(entry.right for entry in placed) + overhang
    size = (round(right + margins[2]) + 1, round(placed[-1].baseline + face.descent + margins[3]) + 1)
    return finish(rng, placed, size, settings)


def fill_column(
    rng: np.random.Generator,
    pool: TextPool,
    settings: PlainSettings,
    face: Face,
    *,
    left: float,
    top: float,
    width: float,
    bottom: float,
    first_paragraph: int = 0,
    align: Align | None = None,
) -> list[PlacedLine]:
    """Fill a column with paragraphs until it is full or has its lines.

    Args:
        rng: The random numbers.
        pool: Where text comes from.
        settings: Line spacing, sources, number of lines.
        face: Font and size.
        left: Left edge of the column, in pixels.
        top: Where the first line's ink may start.
        width: Width of the column.
        bottom: Where the last line's ink must end.
        first_paragraph: Number of the first paragraph.
        align: How lines stand; drawn when ``None``.

    Raises:
        Rejected: If not even one line fits.
    """
    pitch = max(
        face.size * float(draw_float(rng, settings.line_spacing)[0]), face.ascent + face.descent + 1.0
    )
    most = draw_int(rng, settings.lines) if settings.lines is not None else 10**6
    aligns: tuple[Align, ...] = ("left", "left", "justify", "justify", "center")
    align = align or aligns[int(rng.integers(5))]
    if settings.lines is not None and settings.jitter == 0:
        align = "left"
    if align == "center" and settings.lines is None:
        align = "justify"  # whole pages are hardly ever centred
    indent = face.size * (2.0 if pool.language == "zh" else 1.5) * float(rng.random() < 0.5)
    gap = pitch * float(rng.choice([0.0, 0.3, 0.8])) if indent else pitch * 0.6
    indent *= settings.lines is None
    with_headings = rng.random() < settings.headings
    placed: list[PlacedLine] = []
    paragraph = first_paragraph
    while len(placed) < most:
        if with_headings and rng.random() < (0.6 if not placed else 0.15):
            heading = _heading(rng, pool, settings, face, left, top, width, bottom, paragraph)
            if heading:
                placed.append(heading)
                top += heading.face.ascent + heading.face.descent + pitch * 0.4
                paragraph += 1
        count = most - len(placed)
        if bottom < np.inf:
            count = min(count, int((bottom - top - face.ascent - face.descent) // pitch) + 1)
        if count < 1:
            break
        text = draw_text(rng, pool, settings, face.font, draw_int(rng, settings.characters))
        lines = wrap(text, width, face, indent=indent if align in ("left", "justify") else 0.0)[:count]
        placed += place(
            lines,
            face,
            left=left,
            top=top,
            width=width,
            pitch=pitch,
            align=align,
            indent=indent,
            paragraph=paragraph,
        )
        top += len(lines) * pitch + gap
        paragraph += 1
    if not placed:
        raise Rejected(f"no line of {face.size} pixels fits into a column {width:.0f} wide")
    return placed


def draw_text(
    rng: np.random.Generator, pool: TextPool, settings: PlainSettings, font: Font, characters: int
) -> str:
    """A text of the settings' sources that the font has every glyph of.

    Raises:
        Rejected: If twenty draws in a row have a character that the font lacks.
    """
    names = list(settings.sources)
    weights = np.cumsum([settings.sources[name] for name in names])
    for _ in range(20):
        source = names[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))]
        text = pool.draw(rng, characters, source)
        if text and font.covers(text):
            return text
    raise Rejected(f"{font.name} lacks glyphs for 20 texts in a row, e.g. {font.missing(text)[:8]!r}")


def draw_face(
    rng: np.random.Generator, pool: TextPool, settings: PlainSettings, *, largest: int = 10**6
) -> Face:
    """A font of the settings that can print the pool, at a drawn size.

    Raises:
        FileNotFoundError: If there is no such font.
        ValueError: If the smallest font size is too large for the picture.
    """
    smallest = int(settings.font_size[0])
    if smallest > largest:
        raise ValueError(f"font_size {smallest} does not fit a picture {settings.height[0]:g} pixels high.")
    fonts = find_fonts(
        pool.characters, folders=tuple(settings.fonts), split=settings.split, limit=settings.font_limit
    )
    size = min(draw_int(rng, settings.font_size), largest)
    size -= size % max(
        1, size // 12
    )  # steps of about 8%: the eye sees no more sizes, and the cache hits more often
    size = max(size, smallest)
    return glyph_cache().face(draw_font(rng, fonts), size)


def finish(
    rng: np.random.Generator,
    placed: list[PlacedLine],
    size: tuple[int, int],
    settings: PlainSettings,
    *,
    question: str = "ocr",
) -> Sample:
    """Paint placed lines, colour and wear the picture, and put the sample together.

    Raises:
        Rejected: If a line reaches out of the picture.
    """
    width, height = size
    ink = np.zeros((height, width), dtype=np.uint8)
    regions = [entry.paint(ink) for entry in placed]
    regions += paragraph_regions(placed, regions)
    image = color_ink(rng, ink, settings)
    moved = IDENTITY
    if settings.degrade > 0:
        image, moved = degrade(image, rng, settings.degrade)
        regions = [{**region, "box": move_box(region["box"], moved, size)} for region in regions]
    meta = {
        "font": placed[-1].face.font.name,
        "font_size": placed[-1].face.size,
        "split": settings.split,
        "regions": regions,
    }
    if settings.glyphs:
        centers = [center for entry in placed for center in entry.glyph_centers()]
        meta["glyphs"] = [(char, *move_point(x, y, moved)) for char, x, y in centers]
    return Sample((image,), build_question(question), answer(placed, breaks=settings.breaks), meta)


def color_ink(rng: np.random.Generator, ink: np.ndarray, settings: PlainSettings) -> Image.Image:
    """Ink to a picture: grey as a rule, else coloured text on coloured paper, or light on dark.

    Args:
        rng: The random numbers.
        ink: ``(H, W)`` uint8, 255 where fully inked.
        settings: Greys and chances.
    """
    is_colored, is_inverted = (rng.random(2) < (settings.colored, settings.inverted)).tolist()
    channels = 3 if is_colored else 1
    text = np.full(channels, draw_float(rng, settings.ink)[0])
    paper = np.full(channels, draw_float(rng, settings.paper)[0])
    if is_colored:
        text_tint, paper_tint = rng.random(3) * 130, rng.random(3) * 70
        # Bright colours are dark to the eye when blue: halve the tints until the greys stand well apart.
        while _LUMA @ ((paper - paper_tint) - (text + text_tint)) < 110 and text_tint.max() > 1:
            text_tint, paper_tint = text_tint / 2, paper_tint / 2
        text, paper = text + text_tint, paper - paper_tint
    if is_inverted:
        text, paper = paper, text
    ramp = np.arange(256)[:, None] / 255
    table = np.rint(paper + (text - paper) * ramp).clip(0, 255).astype(np.uint8)  # (256, channels)
    picture = Image.fromarray(ink)
    if channels == 1:
        return picture.point(table[:, 0].tolist())
    return Image.merge("RGB", [picture.point(table[:, channel].tolist()) for channel in range(3)])


def draw_int(rng: np.random.Generator, bounds: Range) -> int:
    """A whole number from a range, both ends possible."""
    low, high = int(bounds[0]), int(bounds[1])
    return low if low == high else int(rng.integers(low, high + 1))


def draw_float(rng: np.random.Generator, bounds: Range, count: int = 1) -> np.ndarray:
    """``(count,)`` numbers from a range."""
    return bounds[0] + (bounds[1] - bounds[0]) * rng.random(count)


def _heading(
    rng: np.random.Generator,
    pool: TextPool,
    settings: PlainSettings,
    face: Face,
    left: float,
    top: float,
    width: float,
    bottom: float,
    paragraph: int,
) -> PlacedLine | None:
    large = glyph_cache().face(face.font, round(face.size * float(rng.choice([1.2, 1.4, 1.8]))))
    text = draw_text(
        rng, pool, settings, face.font, int(width / large.size * (1.2 if pool.language == "en" else 0.6))
    )
    line = wrap(text, width, large)[0]
    if top + large.ascent + large.descent > bottom:
        return None
    align: Align = "center" if rng.random() < 0.4 else "left"
    line = dataclasses.replace(line, end="\n")
    return place([line], large, left=left, top=top, width=width, pitch=0, align=align, paragraph=paragraph)[0]


def _move(
    rng: np.random.Generator, placed: list[PlacedLine], jitter: float, *, right: float, bottom: float
) -> list[PlacedLine]:
    """Move the block of lines into the room that is left to its right and below."""
    spare_x = right - max(entry.right for entry in placed)
    spare_y = bottom - placed[-1].baseline - placed[-1].face.descent
    across = jitter * float(rng.random()) * max(0.0, spare_x)
    down = round(jitter * float(rng.random()) * max(0.0, spare_y))
    return [
        dataclasses.replace(entry, x=entry.x + across, baseline=entry.baseline + down) for entry in placed
    ]
