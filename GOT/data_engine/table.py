"""Tables: a random grid of words, numbers and formulas to a picture (typst or pdflatex) and its tabular, the answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

from GOT.data.prompt import build_question
from GOT.data_engine import tex, typst_compiler
from GOT.data_engine.attempts import accepted_in_batches, check_choice, each, first_accepted
from GOT.data_engine.canvas import put_on_paper
from GOT.data_engine.fonts import Font, Split
from GOT.data_engine.formula_grammar import FormulaSize, random_formula
from GOT.data_engine.inline import Inline
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.table_tree import Cell, Table
from GOT.data_engine.wording import Wording, draw_text_style

CELL_FORMULA = FormulaSize(min_symbols=1, max_symbols=7, max_depth=1, structures=False)
RULES = ("grid", "rows", "three", "header", "none")  # three: above, below the head, below; none: white only
RULE_WEIGHTS = (0.45, 0.12, 0.25, 0.13, 0.05)
TEX_PACKAGES = ("amsmath", "amssymb", "lmodern", "multirow")
MAX_PIXELS = 3000  # of either side

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class TableSettings:
    """How tables grow and look.

    Attributes:
        rows: Fewest and most rows.
        columns: Fewest and most columns.
        spans: Chance that a ruled table has cells over several rows or columns.
        formulas: Chance that a column holds formulas.
        language: ``en`` or ``zh``.
        renderer: ``typst`` or ``pdflatex`` (English; quick in batches only, see :func:`samples`).
        font_size: Points.
        ppi: Pixels per inch.
        max_aspect: A longer table is put on white of this aspect ratio.
        fonts: Font folders or files for typst; empty: the machine's own.
        text: A folder of the user's own text.
        split: Texts and fonts of this side of the held-out split only; ``None``: both.
    """

    rows: Range = (2, 8)
    columns: Range = (2, 6)
    spans: float = 0.4
    formulas: float = 0.15
    language: str = "en"
    renderer: Literal["typst", "pdflatex"] = "typst"
    font_size: Range = (9.0, 13.0)
    ppi: Range = (96.0, 160.0)
    max_aspect: float = 6.0
    fonts: tuple[str, ...] = ()
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_range("rows", self.rows, 1, 60)
        check_range("columns", self.columns, 1, 20)
        check_choice("language", self.language, ("en", "zh"))
        check_choice("renderer", self.renderer, ("typst", "pdflatex"))
        if self.renderer == "pdflatex" and self.language == "zh":
            raise ValueError("pdflatex sets English tables only; keep renderer typst for Chinese.")


@dataclasses.dataclass(frozen=True)
class Style:
    """How one table is printed."""

    font_size: float
    ppi: float
    text: str
    font: str
    fonts: tuple[Font, ...]
    inset: str
    stroke: str


def sample(index: int, seed: int, **changes: Any) -> Sample:
    """Draw one table sample.

    Args:
        index: Number of the sample.
        seed: Seed of the run.
        changes: Fields of :class:`TableSettings`.

    Raises:
        ValueError: For a setting that does not exist or cannot be met.
        ImportError, FileNotFoundError: If the renderer or a font is missing; the message says what brings it.
        Rejected: If no attempt became a sample.
    """
    settings = build_settings(TableSettings(), changes, kind="table")
    if settings.renderer == "pdflatex":
        result = samples([index], seed, **changes)[0]
        if isinstance(result, Rejected):
            raise result
        return result

    def draw(rng: np.random.Generator) -> Sample:
        table = random_table(rng, settings)
        style = _choose_style(rng, settings)
        source = to_typst_page(table, style)
        picture = typst_compiler.render_pages(source, ppi=style.ppi, fonts=style.fonts)[0]
        return _finish(table, style, picture, settings, typst_compiler.renderer_version(), rng)

    return first_accepted(_kind(settings), index, seed, draw)


def samples(indices: Sequence[int], seed: int, **changes: Any) -> list[Sample | Rejected]:
    """Draw many at once, as quick as pdflatex gets; each equals what :func:`sample` gives for it."""
    settings = build_settings(TableSettings(), changes, kind="table")
    if settings.renderer == "typst":
        return each(indices, lambda index: sample(index, seed, **changes))

    def draw_many(generators: list[np.random.Generator]) -> list[Sample | Rejected]:
        chosen = each(generators, lambda rng: (random_table(rng, settings), _choose_style(rng, settings)))
        good = [entry for entry in chosen if not isinstance(entry, Rejected)]
        pictures = iter(
            tex.render_fragments(
                [to_tex_fragment(table, style) for table, style in good],
                packages=TEX_PACKAGES,
                ppi=[style.ppi for _, style in good],
            )
        )

        def finish(place: int) -> Sample:
            entry = chosen[place]
            if isinstance(entry, Rejected):
                raise entry
            picture = next(pictures)
            if isinstance(picture, Rejected):
                raise picture
            return _finish(*entry, picture, settings, tex.renderer_version(), generators[place])

        return each(range(len(generators)), finish)

    return accepted_in_batches(_kind(settings), indices, seed, draw_many)


def to_typst_page(table: Table, style: Style) -> str:
    """A typst document of this one table, on a page of its size."""
    return (
        "#set page(width: auto, height: auto, margin: 3pt)\n#set par(leading: 0pt)\n"  # or formulas reach over rules
        f"#set text(size: {style.font_size:.2f}pt, {style.text})\n"
        f"{table.to_typst(inset=style.inset, stroke=style.stroke)}\n"
    )


def to_tex_fragment(table: Table, style: Style) -> str:
    """The same for TeX."""
    return (
        f"\\fontsize{{{style.font_size:.2f}}}{{{style.font_size * 1.2:.2f}}}\\selectfont"
        f"\\setlength{{\\arrayrulewidth}}{{{style.stroke}}}{table.to_latex()}"
    )


def random_table(rng: np.random.Generator, settings: TableSettings) -> Table:
    """Draw a table: its rules first, because spans can be seen only where rules show them."""
    height = int(rng.integers(int(settings.rows[0]), int(settings.rows[1]) + 1))
    width = int(rng.integers(int(settings.columns[0]), int(settings.columns[1]) + 1))
    rules = str(rng.choice(RULES, p=RULE_WEIGHTS))
    wording = Wording(rng, settings.language, text=settings.text, split=settings.split)
    columns = "".join(rng.choice(list("lcr"), size=width, p=(0.4, 0.45, 0.15)).tolist())
    spans = _draw_spans(rng, rules, height, width) if rng.random() < settings.spans else {}
    covered = {
        (y + dy, x + dx): (y, x) for (y, x), (h, w) in spans.items() for dy in range(h) for dx in range(w)
    }
    contents = [_column_content(rng, settings) for _ in range(width)]
    cells = []
    for y in range(height):
        for x in range(width):
            if covered.get((y, x), (y, x)) != (y, x):
                continue
            h, w = spans.get((y, x), (1, 1))
            align = "c" if w > 1 else ""
            cells.append(((y, x), Cell(_fill(rng, wording, contents[x], y, x), w, h, align)))
    row_rules = _draw_rules(rules, height, width, covered)
    lines = rules == "grid" or (rules in ("header", "rows") and rng.random() < 0.4)
    column_rules = tuple(lines and (rules == "grid" or 0 < x < width) for x in range(width + 1))
    return Table(columns, tuple(cells), row_rules, column_rules)


def _draw_spans(
    rng: np.random.Generator, rules: str, height: int, width: int
) -> dict[tuple[int, int], tuple[int, int]]:
    """``corner -> (rows, columns)`` of cells that do not overlap; over rows in full grids only, else in the head."""
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    taken: set[tuple[int, int]] = set()
    for _ in range(int(rng.integers(1, 4))):
        if rules == "grid" and rng.random() < 0.5 and height > 2:
            h, w = int(rng.integers(2, min(4, height))), 1
            y, x = int(rng.integers(1, height - h + 1)), int(rng.integers(0, min(2, width)))
        elif rules in ("grid", "three", "rows") and width > 2:
            h, w = 1, int(rng.integers(2, min(4, width)))
            y, x = (
                (int(rng.integers(0, height)) if rules == "grid" else 0),
                int(rng.integers(1, width - w + 1)),
            )
        else:
            continue
        area = {(y + dy, x + dx) for dy in range(h) for dx in range(w)}
        if not area & taken:
            spans[y, x] = (h, w)
            taken |= area
    return spans


def _draw_rules(
    rules: str, height: int, width: int, covered: dict[tuple[int, int], tuple[int, int]]
) -> tuple[tuple[bool, ...], ...]:
    lines = []
    for y in range(height + 1):
        outer, head = y in (0, height), y == 1
        drawn = {
            "grid": True, "rows": True, "three": outer or head, "header": head and height > 1, "none": False,
        }[rules]  # fmt: skip
        lines.append(
            tuple(
                drawn
                and not (0 < y < height and (y, x) in covered and covered.get((y - 1, x)) == covered[y, x])
                for x in range(width)
            )
        )
    return tuple(lines)


def _column_content(rng: np.random.Generator, settings: TableSettings) -> str:
    if rng.random() < settings.formulas:
        return "formula"
    return str(
        rng.choice(
            ["integer", "decimal", "percent", "words", "code", "mixed"], p=(0.2, 0.25, 0.1, 0.25, 0.1, 0.1)
        )
    )


def _fill(rng: np.random.Generator, wording: Wording, content: str, y: int, x: int) -> Inline:
    chinese = wording.language == "zh"
    if y == 0 or (x == 0 and rng.random() < 0.85):
        return (wording.words(2, 6) if chinese else wording.words(1, 3),)
    if content == "mixed":
        content = str(rng.choice(["integer", "decimal", "words", "code", "empty"]))
    if content == "integer":
        return (str(int(10 ** rng.uniform(0, 6))),)
    if content == "decimal":
        digits = int(rng.integers(1, 4))
        return (f"{rng.normal() * 10 ** rng.uniform(-1, 3):.{digits}f}".replace("-0.0", "0.0"),)
    if content == "percent":
        return (f"{rng.uniform(0, 100):.1f}%",)
    if content == "words":
        return (wording.words(2, 8) if chinese else wording.words(1, 4),)
    if content == "code":
        return (wording.code(int(rng.integers(4, 16))),)
    if content == "formula":
        return (random_formula(rng, CELL_FORMULA),)
    return ()


def _choose_style(rng: np.random.Generator, settings: TableSettings) -> Style:
    fonts: tuple[Font, ...] = ()
    text, font = 'font: "New Computer Modern"', "Latin Modern"
    if settings.renderer == "typst":
        text, font, fonts = draw_text_style(
            rng, settings.language, folders=settings.fonts, split=settings.split
        )
    return Style(
        font_size=round(float(rng.uniform(*settings.font_size)), 2),
        ppi=round(float(rng.uniform(*settings.ppi)), 1),
        text=text,
        font=font,
        fonts=fonts,
        inset=f"(x: {rng.uniform(4, 9):.1f}pt, y: {rng.uniform(2.5, 6):.1f}pt)",
        stroke=f"{rng.uniform(0.4, 1.0):.2f}pt",
    )


def _finish(
    table: Table,
    style: Style,
    picture: Image.Image,
    settings: TableSettings,
    version: str,
    rng: np.random.Generator,
) -> Sample:
    if max(picture.size) > MAX_PIXELS:
        raise Rejected(f"{picture.width}x{picture.height} pixels, more than {MAX_PIXELS}")
    meta = {
        "renderer": version,
        "font": style.font,
        "font_size": style.font_size,
        "ppi": style.ppi,
        "rows": table.height,
        "columns": table.width,
    }
    paper = put_on_paper(picture, rng, max_aspect=settings.max_aspect)
    return Sample((paper,), build_question("format"), table.to_latex(), meta)


def _kind(settings: TableSettings) -> str:
    return f"table_{settings.language}"
