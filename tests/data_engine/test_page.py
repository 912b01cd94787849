"""Formatted pages: markdown and picture hold the same blocks; one page, nothing over its edges."""

from __future__ import annotations

import re

import numpy as np
import pypdfium2
import pytest

from GOT.data_engine import page, typst_compiler
from GOT.data_engine.fonts import alphabet, find_fonts
from GOT.data_engine.formula_parser import parse_formula
from GOT.data_engine.formula_tree import row
from GOT.data_engine.page_tree import END, Display, Heading, Listing, Page, Paragraph, TableBlock
from GOT.data_engine.sample import Rejected, random_generator
from GOT.data_engine.table_tree import Cell, Table, parse_table
from GOT.data_engine.typst_compiler import render_pages, text_style
from GOT.utils.lazy import is_available


def has_chinese_font() -> bool:
    try:
        return bool(find_fonts(alphabet("zh")))
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(not is_available("typst"), reason="typst is not installed")
LANGUAGES = [
    "en",
    pytest.param(
        "zh", marks=pytest.mark.skipif(not has_chinese_font(), reason="no Chinese font on this machine")
    ),
]
SMALL = {"width": (500, 600), "height": (600, 700), "font_size": (13, 16), "blocks": (3, 6)}


def test_markdown_is_mathpix_markdown():
    tree = Page(
        (
            Heading(1, "Title"),
            Paragraph(("Let ", row("x"), " be 5%.")),
            Display(row("x", "=", "y")),
            Listing((("one",), ("two",)), is_numbered=True),
            TableBlock(Table("l", (((0, 0), Cell(("5%",))),), ((True,), (True,)), (True, True))),
        )
    )
    assert tree.to_markdown() == "\n\n".join(
        [
            "# Title",
            r"Let \( x \) be 5%.",
            r"\[ x=y \]",
            "1. one\n2. two",
            "\\begin{tabular}{|l|}\n\\hline 5\\% \\\\\n\\hline\n\\end{tabular}",
        ]
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_formulas_and_tables_of_a_page_are_read_back(language):
    settings = page.PageSettings(formulas=0.4, tables=0.2)
    found = 0
    for index in range(30):
        try:
            tree = page.random_page(random_generator("test", index, 0), language, settings)
        except Rejected:
            continue
        markdown = tree.to_markdown()
        for body in re.findall(r"\\\[ (.*?) \\\]", markdown) + re.findall(r"\\\( (.*?) \\\)", markdown):
            assert parse_formula(body).to_latex() == body
            found += 1
        for block in re.findall(r"\\begin\{tabular\}.*?\\end\{tabular\}", markdown, flags=re.DOTALL):
            assert parse_table(block).to_latex() == block
            found += 1
    assert found > 50


def test_formulas_in_a_table_stay_off_its_rules():
    cells = "\\( \\binom{x}{\\epsilon} \\) \\\\\n\\hline \\( q_{j}^{n} \\) \\\\\n\\hline gjpq"
    block = parse_table(f"\\begin{{tabular}}{{c}}\n\\hline {cells} \\\\\n\\hline\n\\end{{tabular}}")
    text = 'font: "New Computer Modern"'
    style = page.Style(300, 200, 20, 20, 0.95, 1, False, False, text, "", ())
    source = page.to_typst_document(Page((TableBlock(block),)), style)
    ink = np.asarray(render_pages(source, ppi=288)[0].convert("L")) < 200
    share = ink.mean(axis=1)
    wide = share > 0.9 * share.max()
    rules = [y for y in np.flatnonzero(wide) if not wide[y - 1]]
    assert len(rules) == 4
    for y in rules:
        thick = next(count for count in range(1, 20) if not wide[y + count])
        assert share[y - 4] == 0 and share[y + thick + 3] == 0  # a pixel of the page above, and below


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_has_ink_and_keeps_its_margins(language):
    for index in range(4):
        sample = page.sample(index, 5, language, **SMALL)
        dark = np.asarray(sample.images[0].convert("L")) < 128
        assert dark.mean() > 0.004
        assert not dark[:8].any() and not dark[-8:].any() and not dark[:, :8].any() and not dark[:, -8:].any()
        assert sample.prompt == "OCR with format: "


def test_a_full_page_loses_blocks_from_picture_and_answer_alike():
    sample = page.sample_en(1, 0, width=400, height=300, font_size=20, blocks=12)
    assert len(sample.meta["blocks"]) == len(re.split(r"\n\n", sample.target)) < 12
    assert sample.meta["blocks"][-1] != "Heading"


def test_bullets_are_bullets_in_a_font_without_them():
    fonts = find_fonts(alphabet("en"))
    without = [font for font in fonts if not font.covers("•") and text_style(font, fonts)]
    if not without:
        pytest.skip("every font of this machine has the bullet")
    tree = Page((Listing((("x",),)),))
    style = page.Style(200, 60, 16, 10, 0.6, 1, False, False, str(text_style(without[0], fonts)), "", fonts)
    picture = render_pages(page.to_typst_document(tree, style), ppi=288, fonts=fonts)[0].convert("L")
    dark = np.asarray(picture) < 128
    inked = dark.any(axis=0).tolist()
    start = inked.index(True)
    end = inked.index(False, start)
    rows = np.nonzero(dark[:, start:end].any(axis=1))[0]
    # A bullet is filled; the box that stands for a missing glyph is hollow.
    assert dark[rows[0] : rows[-1] + 1, start:end].mean() > 0.65


def test_shares_settings_and_languages_are_checked():
    with pytest.raises(ValueError, match="together at most 1"):
        page.sample_en(0, 0, formulas=0.8, tables=0.5)
    with pytest.raises(ValueError, match="en or zh"):
        page.sample(0, 0, "fr")
    with pytest.raises(Rejected, match="20 attempts"):
        page.sample_en(0, 0, width=200, height=200, font_size=150, blocks=1)


def test_the_users_own_text_is_printed(tmp_path):
    (tmp_path / "own.txt").write_text("Zebra quagga okapi. " * 40, encoding="utf-8")
    pages = [page.sample_en(index, 0, text=str(tmp_path), split=None, **SMALL) for index in range(4)]
    assert any("Zebra quagga" in sample.target or "okapi" in sample.target for sample in pages)


COLORS = ((200, 0, 0), (0, 0, 200), (0, 120, 0))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_region_holds_exactly_its_block(language, monkeypatch):
    drawn = []
    print_page = page._print_page
    monkeypatch.setattr(page, "_print_page", lambda *args: drawn.append(args) or print_page(*args))
    checked = 0
    for index in range(6):
        settings = {**SMALL, "blocks": (6, 14), "formulas": 0.3, "two_columns": 0.5}
        sample = page.sample(index, 11, language, **settings)
        tree, style = drawn[-1]
        tree = Page(tree.blocks[: len(sample.meta["blocks"])])
        regions = sample.meta["regions"]
        broken = [region for region in regions if not region["text"]]
        asked = [region for region in regions if region["text"]]
        assert len(asked) + bool(broken) == len(tree.blocks)
        if broken:
            continue
        assert [region["text"] for region in asked] == [block.to_markdown() for block in tree.blocks]
        colored = np.asarray(print_in_colors(tree, style)).astype(int)
        tinted = [is_tinted(colored, place) for place in range(3)]
        for number, region in enumerate(asked):
            x1, y1, x2, y2 = region["box"]
            inside = [bool(pixels[y1:y2, x1:x2].any()) for pixels in tinted]
            assert inside == [place == number % 3 for place in range(3)]
            checked += 1
        covered = np.zeros(colored.shape[:2], dtype=bool)
        for region in asked:
            x1, y1, x2, y2 = region["box"]
            covered[y1 - 1 : y2 + 1, x1 - 1 : x2 + 1] = True  # pdfium's letters are a little wider in colour
        assert not (colored.min(axis=2) < 200)[~covered].any()
    assert checked > 10


def print_in_colors(tree: Page, style: page.Style):
    """The page with every block in another colour than its neighbours, at the same places."""
    source = page.to_typst_document(tree, style)
    for number, block in enumerate(tree.blocks):
        printed = f"{block.to_typst()}\n\n#{END}()"
        fill = "rgb" + str(COLORS[number % 3])
        assert source.count(printed) >= 1
        source = source.replace(printed, f"#[#set text(fill: {fill})\n{block.to_typst()}\n]\n\n#{END}( )", 1)
    pdf = typst_compiler._compile(source, style.fonts, format="pdf")  # pages are drawn from PDF
    (picture,) = [sheet.render(scale=1).to_pil().convert("RGB") for sheet in pypdfium2.PdfDocument(pdf)]
    return picture


def is_tinted(pixels: np.ndarray, place: int) -> np.ndarray:
    """Where there is text in one of COLORS."""
    red, green, blue = (pixels[:, :, channel] for channel in range(3))
    most = pixels.max(axis=2)
    dark = pixels.min(axis=2) < 140
    strongest = ((red == most), (blue == most), (green == most))[place]
    return dark & strongest & (pixels.max(axis=2) - pixels.min(axis=2) > 60)


def test_a_block_over_two_columns_is_ink_without_a_text():
    words = "word " * 40
    tree = Page((Paragraph(("short",)), Paragraph((words.strip(),)), Paragraph(("last",))))
    style = page.Style(
        400, 220, 16, 20, 0.6, 2, False, False, 'font: "Libertinus Serif"', "Libertinus Serif", ()
    )
    sample = page._print_page(tree, style)
    regions = sample.meta["regions"]
    assert [region["text"] for region in regions] == ["short", "", "", "last"]
    left, right = regions[1]["box"], regions[2]["box"]
    assert left[2] <= 200 <= right[0] and right[1] < left[1]
