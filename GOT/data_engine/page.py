"""Formatted pages: headings, paragraphs, lists, formulas and tables, set by typst; the answer is Mathpix markdown."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from GOT.data.prompt import build_question
from GOT.data_engine import typst_compiler
from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.canvas import ink_share
from GOT.data_engine.fonts import Font, Split
from GOT.data_engine.formula_grammar import FormulaSize, random_formula
from GOT.data_engine.formula_tree import Node
from GOT.data_engine.inline import Inline
from GOT.data_engine.page_regions import block_regions
from GOT.data_engine.page_tree import (
    END,
    END_MARK,
    Block,
    Display,
    Heading,
    Listing,
    Page,
    Paragraph,
    TableBlock,
)
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.table import TableSettings, random_table
from GOT.data_engine.wording import Wording, draw_text_style

POINTS_PER_INCH = 72.0
INLINE_FORMULA = FormulaSize(min_symbols=1, max_symbols=9, max_depth=1, structures=False)
DISPLAY_FORMULA = FormulaSize(min_symbols=4, max_symbols=32, max_depth=2)
NARROW_FORMULA = FormulaSize(
    min_symbols=4, max_symbols=14, max_depth=2, structures=False
)  # for half a page's width
TABLE = TableSettings(rows=(2, 6), columns=(2, 4), formulas=0.1)
# Every level is larger than the text: a font without a bold face would hide typst's own third level.
HEADINGS = "#show heading: set block(above: 1.3em, below: 0.9em)\n" + "".join(
    f"#show heading.where(level: {level}): set text(size: {size}em)\n"
    for level, size in ((1, 1.3), (2, 1.2), (3, 1.2))
)  # of typst's own 1.4, 1.2 and 1.0 em
# A font of letters and digits need not have the bullet.
MARKER = '#set list(marker: text(font: "New Computer Modern")[•])\n'
LEAST_INK = 0.004  # share of dark pixels below which a page counts as empty

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class PageSettings:
    """How pages look; every ``(smallest, largest)`` range is drawn from anew for each page.

    Attributes:
        width: Picture width, in pixels.
        height: Picture height, in pixels.
        font_size: Pixels per em.
        blocks: Fewest and most blocks; a full page ends earlier.
        two_columns: Chance of two columns.
        formulas: Share of blocks that are formulas on their own line; also scales inline formulas.
        tables: Share of blocks that are tables.
        lists: Share of blocks that are lists.
        fonts: Font folders or files; empty: the machine's own.
        text: A folder of the user's own text.
        split: Texts and fonts of this side of the held-out split only; ``None``: both.
    """

    width: Range = (720, 1024)
    height: Range = (900, 1250)
    font_size: Range = (14, 24)
    blocks: Range = (4, 24)
    two_columns: float = 0.2
    formulas: float = 0.2
    tables: float = 0.1
    lists: float = 0.1
    fonts: tuple[str, ...] = ()
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_range("width", self.width, 200, 8000)
        check_range("height", self.height, 200, 8000)
        check_range("font_size", self.font_size, 6, 200)
        check_range("blocks", self.blocks, 1, 100)
        if not 0 <= self.formulas + self.tables + self.lists <= 1:
            raise ValueError("formulas, tables and lists are shares of a page's blocks; together at most 1.")


@dataclasses.dataclass(frozen=True)
class Style:
    """How one page is printed; lengths in pixels."""

    width: int
    height: int
    font_size: float
    margin: float
    leading: float
    columns: int
    justified: bool
    indented: bool
    text: str
    font: str
    fonts: tuple[Font, ...]


def sample_en(index: int, seed: int, **changes: Any) -> Sample:
    """Draw one English page; see :func:`sample`."""
    return sample(index, seed, "en", **changes)


def sample_zh(index: int, seed: int, **changes: Any) -> Sample:
    """Draw one Chinese page; see :func:`sample`."""
    return sample(index, seed, "zh", **changes)


def sample(index: int, seed: int, language: str = "en", **changes: Any) -> Sample:
    """Draw one page.

    Args:
        index: Number of the sample.
        seed: Seed of the run.
        language: ``en`` or ``zh``.
        changes: Fields of :class:`PageSettings`.

    Raises:
        ValueError: For a language or setting that does not exist.
        ImportError, FileNotFoundError: If typst or a font is missing; the message says what brings it.
        Rejected: If no attempt became a sample.
    """
    if language not in ("en", "zh"):
        raise ValueError(f"Pages are in en or zh, not {language!r}; other languages come from text=FOLDER.")
    settings = build_settings(PageSettings(), changes, kind=f"page_{language}")

    def draw(rng: np.random.Generator) -> Sample:
        style = _choose_style(rng, language, settings)
        page = random_page(rng, language, settings, room=_room(style, language), narrow=style.columns > 1)
        return _print_page(page, style)

    return first_accepted(f"page_{language}", index, seed, draw)


def to_typst_document(page: Page, style: Style) -> str:
    """A typst document whose every pixel is a point, so that sizes need no conversion."""
    indent = f", first-line-indent: {2 * style.font_size:.1f}pt" if style.indented else ""
    return (
        f"#set page(width: {style.width}pt, height: {style.height}pt, margin: {style.margin:.1f}pt,"
        f" columns: {style.columns})\n"
        f"#set text(size: {style.font_size:.2f}pt, hyphenate: false, {style.text})\n"
        f"#set par(leading: {style.leading:.2f}em, justify: {str(style.justified).lower()}{indent})\n"
        # Typst lets a formula in a line reach into seven tenths of the leading: in a table, over its rules.
        "#show table: set par(leading: 0.25em)\n"
        f"{HEADINGS}{MARKER}{END_MARK}{page.to_typst()}\n"
    )


def random_page(
    rng: np.random.Generator,
    language: str,
    settings: PageSettings,
    *,
    room: float = float("inf"),
    narrow: bool = False,
) -> Page:
    """Draw a page's blocks: a title perhaps, then sections of paragraphs, formulas, lists and tables.

    Args:
        rng: Where the choices come from.
        language: ``en`` or ``zh``.
        settings: What the page may hold.
        room: How many characters fit the page, roughly; blocks end before.
        narrow: Formulas and tables must fit half a page's width.
    """
    wording = Wording(rng, language, text=settings.text, split=settings.split)
    count = int(rng.integers(int(settings.blocks[0]), int(settings.blocks[1]) + 1)) * (2 if narrow else 1)
    blocks: list[Block] = []
    if rng.random() < 0.6:
        blocks.append(Heading(1, _heading(wording)))
    shares = [settings.formulas, settings.tables, settings.lists]
    weights = [*shares, 1 - sum(shares)]
    table = dataclasses.replace(
        TABLE, language=language, text=settings.text, split=settings.split, columns=(2, 2 if narrow else 4)
    )
    while len(blocks) < count and (not blocks or sum(_size(block, narrow) for block in blocks) < room):
        kind = ("formula", "table", "list", "paragraph")[int(rng.choice(4, p=weights))]
        last = blocks[-1] if blocks else None
        if kind == "formula" and not isinstance(last, Display | Heading | None):
            blocks.append(Display(random_formula(rng, NARROW_FORMULA if narrow else DISPLAY_FORMULA)))
        elif kind == "table" and not isinstance(last, TableBlock):
            blocks.append(TableBlock(random_table(rng, table)))
        elif kind == "list" and not isinstance(last, Listing):
            items = tuple(_line(wording, settings, 15, 90) for _ in range(int(rng.integers(2, 6))))
            blocks.append(Listing(items, is_numbered=bool(rng.random() < 0.5)))
        elif rng.random() < 0.2 and not isinstance(last, Heading):
            blocks.append(Heading(int(rng.integers(2, 4)), _heading(wording)))
        else:
            blocks.append(Paragraph(_line(wording, settings, 60, 420)))
    while len(blocks) > 1 and isinstance(blocks[-1], Heading):
        blocks.pop()
    return Page(tuple(blocks))


def _room(style: Style, language: str) -> float:
    """About how many characters the page holds, less what a last block may need."""
    line = (
        (style.width - 2 * style.margin)
        / style.columns
        / (style.font_size * (1.0 if language == "zh" else 0.5))
    )
    lines = (style.height - 2 * style.margin) / (style.font_size * (0.75 + style.leading)) * style.columns
    return line * lines * 0.75


def _size(block: Block, narrow: bool) -> float:
    """About how many characters of running text a block takes the room of."""
    line = 40 if narrow else 75
    if isinstance(block, Paragraph | Heading):
        return len(block.to_markdown()) * 0.8 + 1.5 * line
    if isinstance(block, TableBlock):
        return (2 * block.table.height + 1) * line
    return 4.0 * line if isinstance(block, Display) else (2 * len(block.to_markdown().split("\n")) + 1) * line


def _heading(wording: Wording) -> str:
    words = (
        wording.words(3, 12, markdown=True)
        if wording.language == "zh"
        else wording.words(2, 7, markdown=True)
    )
    return words[:1].upper() + words[1:]


def _line(wording: Wording, settings: PageSettings, least: int, most: int) -> Inline:
    """Running text; between its words inline formulas, as often as the page has displayed ones."""
    rng = wording.rng
    length = int(rng.integers(least, most + 1)) // (2 if wording.language == "zh" else 1)
    text = wording.sentence(length, markdown=True)
    if rng.random() > 2 * settings.formulas:
        return (text,)
    # A formula stands between two words: at a space; in Chinese between any two characters.
    if wording.language == "zh":
        places = [place for place in range(1, len(text)) if min(text[place - 1 : place + 1]) > "\u4e00"]
    else:
        places = [place for place in range(1, len(text)) if text[place] == " "]
    count = min(len(places), int(rng.integers(1, 4)))
    cuts = sorted(rng.choice(places, size=count, replace=False).tolist()) if count else []
    parts: Inline = ()
    for start, end in zip([0, *cuts], cuts, strict=False):
        parts += (text[start:end].strip() + " ", random_formula(rng, INLINE_FORMULA), " ")
    return _joined((*parts, text[cuts[-1] if cuts else 0 :].strip()))


def _joined(parts: Inline) -> Inline:
    """The same line with neighbouring words in one string."""
    joined: list[str | Node] = []
    for part in parts:
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def _choose_style(rng: np.random.Generator, language: str, settings: PageSettings) -> Style:
    text, font, fonts = draw_text_style(rng, language, folders=settings.fonts, split=settings.split)
    width, height = (
        int(rng.integers(int(low), int(high) + 1)) for low, high in (settings.width, settings.height)
    )
    columns = 2 if rng.random() < settings.two_columns else 1
    size = float(rng.uniform(*settings.font_size))
    return Style(
        width=width,
        height=height,
        font_size=round(min(size, 18.0) if columns > 1 else size, 2),
        margin=round(float(rng.uniform(0.05, 0.1)) * width, 1),
        leading=round(float(rng.uniform(0.5, 0.95)), 2),
        columns=columns,
        justified=bool(rng.random() < 0.5),
        indented=bool(rng.random() < 0.25),
        text=text,
        font=font,
        fonts=fonts,
    )


def _print_page(page: Page, style: Style) -> Sample:
    """Print the page; drop its last blocks until it fits on one."""
    while True:
        source = to_typst_document(page, style)
        picture, count = typst_compiler.render_grey_page(source, ppi=POINTS_PER_INCH, fonts=style.fonts)
        if picture is not None:
            break
        keep = min(len(page.blocks) - 1, max(1, len(page.blocks) // count))
        blocks = page.blocks[:keep]
        while blocks and isinstance(blocks[-1], Heading):
            blocks = blocks[:-1]
        if not blocks:
            raise Rejected("not one block fits on the page")
        page = Page(blocks)
    if ink_share(picture) < LEAST_INK:
        raise Rejected("an empty page")
    _check_width(picture, style)
    ends = [(x, y) for x, y in typst_compiler.query_values(source, END, fonts=style.fonts)]
    meta = {
        "renderer": typst_compiler.renderer_version(),
        "font": style.font,
        "font_size": style.font_size,
        "columns": style.columns,
        "blocks": [type(block).__name__ for block in page.blocks],
        "regions": block_regions(page, picture, ends, font_size=style.font_size, columns=style.columns),
    }
    return Sample((picture,), build_question("format"), page.to_markdown(), meta)


def _check_width(picture: Any, style: Style) -> None:
    """A formula or table that is wider than the text reaches into the margins, or over the page's edge.

    Raises:
        Rejected: If there is ink outside the text area.
    """
    dark = np.asarray(picture) < 160
    border = int(style.margin * 0.8)
    if dark[:, :border].any() or dark[:, -border:].any():
        raise Rejected("something is wider than the text")
    if style.columns > 1:
        middle = picture.width // 2
        if dark[:, middle - 1 : middle + 1].any():
            raise Rejected("something is wider than its column")
