"""Tables: a tabular is read back into its tree and prints the same picture again; spans and rules agree with TeX."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from GOT.data_engine import inline, table, tex
from GOT.data_engine.formula_tree import Frac, row
from GOT.data_engine.sample import Rejected, Sample, random_generator
from GOT.data_engine.table_tree import Cell, Table, parse_table
from GOT.data_engine.typst_compiler import render_pages
from GOT.utils.lazy import is_available
from tests.helpers import has_tex

needs_typst = pytest.mark.skipif(not is_available("typst"), reason="typst is not installed")
needs_tex = pytest.mark.skipif(not has_tex(), reason="no pdflatex with its packages on this machine")

SPANNED = Table(
    columns="lcr",
    cells=(
        ((0, 0), Cell(("Name",), rows=2)),
        ((0, 1), Cell(("50% & more",), columns=2, align="c")),
        ((1, 1), Cell(("a_b",))),
        ((1, 2), Cell((row("x", "=", Frac(row("1"), row("2"))),))),
    ),
    row_rules=((True,) * 3, (False, True, True), (True,) * 3),
    column_rules=(True,) * 4,
)


def ink(picture: Image.Image) -> np.ndarray:
    dark = np.asarray(picture.convert("L")) < 128
    rows, columns = np.nonzero(dark.any(axis=1))[0], np.nonzero(dark.any(axis=0))[0]
    return dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def long_lines(dark: np.ndarray) -> tuple[int, int]:
    """How many horizontal and vertical rules run through a grid, from side to side."""
    across = dark.mean(axis=1) > 0.8
    down = dark.mean(axis=0) > 0.8
    return int((np.diff(across.astype(int), prepend=0) == 1).sum()), int(
        (np.diff(down.astype(int), prepend=0) == 1).sum()
    )


def test_spans_and_rules_are_spelled_as_tabular():
    assert SPANNED.to_latex() == "\n".join(
        [
            r"\begin{tabular}{|l|c|r|}",
            r"\hline \multirow{2}{*}{Name} & \multicolumn{2}{c|}{50\% \& more} \\",
            r"\cline{2-3}  & a\_b & \( x=\frac{1}{2} \) \\",
            r"\hline",
            r"\end{tabular}",
        ]
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_tabular_is_read_back_into_its_tree(language):
    settings = table.TableSettings(language=language, formulas=0.3)
    for index in range(150):
        tree = table.random_table(random_generator("test", index, 0), settings)
        assert parse_table(tree.to_latex()) == tree


def test_cells_must_fill_the_grid_once():
    with pytest.raises(ValueError, match="do not fill"):
        Table("ll", (((0, 0), Cell(("a",))),), ((True, True), (True, True)), (True,) * 3)
    with pytest.raises(ValueError, match="covers another"):
        cells = (((0, 0), Cell(("a",), columns=2)), ((0, 1), Cell(("b",))))
        Table("ll", cells, ((True, True), (True, True)), (True,) * 3)


@pytest.mark.parametrize(
    "text", ["", r"\begin{tabular}{l} a \\", r"\begin{tabular}{p{2cm}}" + "\na \\\\\n" + r"\end{tabular}"]
)
def test_what_is_no_tabular_is_refused(text):
    with pytest.raises(ValueError, match="tabular"):
        parse_table(text)


def test_words_that_latex_would_not_print_are_left_out():
    assert inline.printable("it's <b>5 -- 6</b> ~x^2\\n") == "its b5 - 6/b x2n"
    assert inline.from_latex(inline.to_latex(("50% of A_1 & #2",))) == ("50% of A_1 & #2",)


@needs_typst
@pytest.mark.parametrize("index", range(6))
def test_an_answer_prints_its_picture_again(index, monkeypatch):
    styles = []
    choose = table._choose_style
    monkeypatch.setattr(table, "_choose_style", lambda *given: styles.append(choose(*given)) or styles[-1])
    sample = table.sample(index, 3, formulas=0.3)
    style = styles[-1]
    source = table.to_typst_page(parse_table(sample.target), style)
    again = render_pages(source, ppi=style.ppi, fonts=style.fonts)[0]
    assert np.array_equal(ink(again), ink(sample.images[0]))


@needs_typst
@needs_tex
def test_typst_and_tex_draw_the_same_rules():
    style = table.Style(10, 144, 'font: "New Computer Modern"', "", (), "(x: 6pt, y: 4pt)", "0.5pt")
    by_typst = render_pages(table.to_typst_page(SPANNED, style), ppi=144)[0]
    (by_tex,) = tex.render_fragments(
        [table.to_tex_fragment(SPANNED, style)], packages=table.TEX_PACKAGES, ppi=144
    )
    assert isinstance(by_tex, Image.Image), by_tex
    assert long_lines(ink(by_typst)) == long_lines(ink(by_tex)) == (2, 3)


@needs_tex
def test_tex_compiles_every_answer_to_its_picture_again():
    drawn = table.samples(range(12), 4, renderer="pdflatex", formulas=0.3)
    assert all(isinstance(sample, Sample) for sample in drawn)
    fragments = []
    for sample in drawn:
        # The size is all of the style that TeX uses, apart from the rules' weight.
        size = sample.meta["font_size"]
        start = f"\\fontsize{{{size:.2f}}}{{{size * 1.2:.2f}}}\\selectfont\\setlength{{\\arrayrulewidth}}{{0.70pt}}"
        fragments.append(start + parse_table(sample.target).to_latex())
    again = tex.render_fragments(fragments, packages=table.TEX_PACKAGES, ppi=[s.meta["ppi"] for s in drawn])
    for sample, picture in zip(drawn, again, strict=True):
        ours, theirs = ink(sample.images[0]), ink(picture)
        assert np.abs(np.subtract(ours.shape, theirs.shape)).max() <= 4 + 0.005 * max(ours.shape), (
            sample.target
        )


@needs_tex
def test_a_batch_equals_single_samples():
    batch = table.samples([5, 6], 2, renderer="pdflatex", rows=(2, 3), columns=2)
    single = table.sample(6, 2, renderer="pdflatex", rows=(2, 3), columns=2)
    assert batch[1].target == single.target
    assert batch[1].images[0].tobytes() == single.images[0].tobytes()


@needs_tex
def test_a_table_that_cannot_be_drawn_rejects_itself_only(monkeypatch):
    draw = table.random_table
    monkeypatch.setattr(
        table, "random_table", lambda rng, settings: draw(rng, settings) if rng.random() < 0.7 else reject()
    )
    results = table.samples(range(6), 8, renderer="pdflatex", rows=2, columns=2)
    assert all(isinstance(sample, Sample) for sample in results)
    assert max(sample.meta["attempt"] for sample in results) > 0


def reject() -> None:
    raise Rejected("not this one")


@needs_typst
def test_settings_are_kept_and_checked():
    sample = table.sample(0, 0, rows=3, columns=2, spans=0.0, formulas=0.0)
    assert (sample.meta["rows"], sample.meta["columns"]) == (3, 2)
    assert sample.prompt == "OCR with format: "
    with pytest.raises(ValueError, match="rows takes"):
        table.sample(0, 0, rows=(5, 2))
    with pytest.raises(ValueError, match="English tables only"):
        table.sample(0, 0, renderer="pdflatex", language="zh")


@needs_typst
def test_an_empty_text_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="No text in"):
        table.sample(0, 0, text=str(tmp_path))
    with pytest.raises(FileNotFoundError, match="font"):
        table.sample(0, 0, fonts=(str(tmp_path),))
