"""Formulas: an answer is read back into the tree it came from, and prints the same picture again; TeX agrees."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from PIL import Image

from GOT.data_engine import attempts, formula, tex
from GOT.data_engine.formula_grammar import SHORT, FormulaSize, random_formula
from GOT.data_engine.formula_parser import parse_formula
from GOT.data_engine.formula_tree import SYMBOLS, Atom, Frac, Node, Script, count_symbols, fenced, row
from GOT.data_engine.sample import Rejected, Sample, random_generator
from GOT.data_engine.typst_compiler import quote, render_pages
from GOT.utils.lazy import is_available
from tests.helpers import has_tex

needs_typst = pytest.mark.skipif(not is_available("typst"), reason="typst is not installed")
needs_tex = pytest.mark.skipif(not has_tex(), reason="no pdflatex with its packages on this machine")


def draw_trees(count: int, size: FormulaSize | None = None) -> list[Node]:
    trees = []
    for index in range(count):
        try:
            trees.append(random_formula(random_generator("test", index, 0), size))
        except Rejected:
            continue
    return trees


def ink(picture: Image.Image) -> np.ndarray:
    """The dark pixels, cut tightly."""
    dark = np.asarray(picture.convert("L")) < 128
    rows, columns = np.nonzero(dark.any(axis=1))[0], np.nonzero(dark.any(axis=0))[0]
    return dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def style_of(sample: Sample) -> formula.Style:
    return formula.Style(
        **{field.name: sample.meta[field.name] for field in dataclasses.fields(formula.Style)}
    )


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two shapes stretched to one size: 1 for equal ones."""
    small = [
        np.asarray(
            Image.fromarray((shape * 255).astype(np.uint8)).resize((32, 32), Image.Resampling.BOX), float
        )
        for shape in (a, b)
    ]
    return float(np.minimum(*small).sum() / np.maximum(*small).sum())


def test_every_answer_is_read_back_into_its_tree():
    trees = draw_trees(400)
    assert len(trees) > 380
    for tree in trees:
        assert parse_formula(formula.to_target(tree)) == tree


def test_answers_are_spelled_in_one_way():
    wide = row("f", fenced("(", Frac(Atom("a"), Atom("b")), ")"), "=", "x", "y")
    assert wide.to_latex() == r"f \left(\frac{a}{b}\right)=x y"
    assert row("f", fenced("(", Atom("x"), ")"), r"\leq", r"\alpha", "z").to_latex() == r"f(x) \leq \alpha z"
    assert Script(Atom("x"), sub=Atom("i"), sup=Atom("2")).to_latex() == "x_{i}^{2}"


def test_size_limits_are_kept():
    for tree in draw_trees(200, SHORT):
        assert SHORT.min_symbols <= count_symbols(tree) <= SHORT.max_symbols
        assert "matrix" not in tree.to_latex()


@pytest.mark.parametrize(
    "broken", [r"\frac{a}", r"\left( x", "x^2^3", r"\foo", r"a}", r"\begin{pmatrix} a", r"\end{cases}"]
)
def test_broken_latex_is_refused(broken):
    with pytest.raises(ValueError, match="LaTeX"):
        parse_formula(broken)


def test_unknown_signs_and_limits_are_refused():
    with pytest.raises(ValueError, match="no letter"):
        Atom(r"\unknown")
    with pytest.raises(ValueError, match="in order"):
        FormulaSize(min_symbols=5, max_symbols=2)
    with pytest.raises(ValueError, match="no setting 'sise'"):
        formula.sample(0, 0, sise=3)
    with pytest.raises(ValueError, match="typst, pdflatex"):
        formula.sample(0, 0, renderer="word")


@needs_typst
@pytest.mark.parametrize("index", range(12))
def test_an_answer_prints_its_picture_again(index):
    sample = formula.sample(index, 7)
    again = printed(parse_formula(sample.target), style_of(sample))
    assert np.array_equal(ink(again), ink(sample.images[0]))


@needs_typst
def test_formulas_drawn_together_equal_those_drawn_alone():
    together = formula.samples(range(40), 5)  # more than one document, with attempts that are drawn again
    for index in (0, 7, 20, 33, 39):
        alone, other = formula.sample(index, 5), together[index]
        assert isinstance(other, Sample)
        assert other.images[0].tobytes() == alone.images[0].tobytes()
        assert (other.target, other.meta) == (alone.target, alone.meta)


def printed(tree, style: formula.Style) -> Image.Image:
    return render_pages(formula.to_typst_document([(tree, style)]), ppi=formula.PIXEL_PPI)[0]


@needs_typst
def test_every_sign_prints():
    blank = []
    for name in sorted(set(SYMBOLS) - {r"\quad"}):
        page = printed(Atom(name), formula.Style(12, 400, 100, True))
        if not (np.asarray(page.convert("L")) < 200).any():
            blank.append(name)
    assert not blank


@needs_typst
def test_formulas_reach_no_edge():
    for index in range(10):
        page = np.asarray(formula.sample(index, 3, inline=1.0).images[0].convert("L"))
        edges = np.concatenate(
            [page[:2].ravel(), page[-2:].ravel(), page[:, :2].ravel(), page[:, -2:].ravel()]
        )
        assert edges.min() > 200


@needs_typst
@needs_tex
@pytest.mark.parametrize(
    ("name", "twin"),
    [
        (r"\phi", r"\varphi"),
        (r"\epsilon", r"\varepsilon"),
        (r"\theta", r"\vartheta"),
        (r"\rho", r"\varrho"),
    ],
)
def test_typst_prints_the_letter_that_tex_prints(name, twin):
    style = formula.Style(12, 400, 300, True)
    pictures = tex.render_fragments(
        [formula.to_tex_fragment(Atom(letter), style) for letter in (name, twin)], ppi=300
    )
    by_tex = [ink(picture) for picture in pictures if isinstance(picture, Image.Image)]
    by_typst = [ink(printed(Atom(letter), style)) for letter in (name, twin)]
    assert likeness(by_typst[0], by_tex[0]) > likeness(by_typst[0], by_tex[1])
    assert likeness(by_typst[1], by_tex[1]) > likeness(by_typst[1], by_tex[0])


@needs_typst
@needs_tex
def test_tex_compiles_every_answer_and_prints_the_same_extent():
    ours = [formula.sample(index, 5) for index in range(40)]
    theirs = formula.samples(range(40), 5, renderer="pdflatex")
    for our, their in zip(ours, theirs, strict=True):
        assert isinstance(their, Sample), their
        assert our.target == their.target
        a, b = ink(our.images[0]), ink(their.images[0])
        # The two programs space big operators and brackets a little differently.
        assert abs(a.shape[1] - b.shape[1]) <= 0.13 * b.shape[1] + 8, our.target
        assert abs(a.shape[0] - b.shape[0]) <= 0.3 * b.shape[0] + 8, our.target


@needs_tex
def test_an_answer_compiles_to_its_picture_again():
    drawn = formula.samples(range(8), 1, renderer="pdflatex")
    assert all(isinstance(sample, Sample) for sample in drawn)
    fragments = [formula.to_tex_fragment(parse_formula(sample.target), style_of(sample)) for sample in drawn]
    again = tex.render_fragments(fragments, ppi=[sample.meta["ppi"] for sample in drawn])
    for sample, picture in zip(drawn, again, strict=True):
        assert np.array_equal(ink(picture), ink(sample.images[0]))


@needs_tex
def test_a_batch_equals_single_samples():
    batch = formula.samples([3, 9, 4], 2, renderer="pdflatex", max_symbols=12)
    single = formula.sample(9, 2, renderer="pdflatex", max_symbols=12)
    assert batch[1].target == single.target and batch[1].meta == single.meta
    assert batch[1].images[0].tobytes() == single.images[0].tobytes()


@needs_tex
def test_one_broken_fragment_spoils_no_other():
    fragments = ["$a$", "${x$", r"$\nosuchcommand$", r"$x^2^3$", "$b", "c % d", r"\begin{x}", "$z$"]
    results = tex.render_fragments(fragments)
    assert [isinstance(result, Rejected) for result in results] == [False, *[True] * 6, False]


@needs_tex
def test_tex_cannot_write_outside_or_run_programs(tmp_path):
    target = tmp_path / "outside"
    fragments = [
        rf"\immediate\write18{{touch {target}}}x",
        rf"\newwrite\f\immediate\openout\f={target} \immediate\write\f{{x}}\immediate\closeout\f y",
    ]
    tex.render_fragments(fragments)
    assert not list(tmp_path.iterdir())


def test_a_missing_renderer_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(ImportError, match=r"got-ocr\[synth\]"):
        formula.sample(0, 0)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="texlive"):
        formula.sample(0, 0, renderer="pdflatex")


@needs_typst
def test_typst_takes_no_packages_and_no_broken_markup():
    with pytest.raises(ValueError, match="package"):
        render_pages('#import "@preview/cetz:0.3.0"')
    with pytest.raises(ValueError, match="does not compile"):
        render_pages("$ frac(a $")
    assert quote('a"b\\') == r'"a\"b\\"'


def test_rejected_attempts_are_drawn_again_and_counted():
    def draw(rng: np.random.Generator) -> Sample:
        if rng.random() < 0.6:
            raise Rejected("not this one")
        return Sample((), "OCR: ", str(rng.integers(1000)))

    drawn = [attempts.first_accepted("test", index, 0, draw) for index in range(20)]
    assert {sample.meta["attempt"] for sample in drawn} > {0, 1}
    in_batches = attempts.accepted_in_batches("test", range(20), 0, lambda rngs: attempts.each(rngs, draw))
    assert [sample.target for sample in in_batches] == [sample.target for sample in drawn]
    assert [sample.meta for sample in in_batches] == [sample.meta for sample in drawn]


def test_a_sample_that_never_comes_is_rejected_with_the_last_reason():
    def draw(rng: np.random.Generator) -> Sample:
        raise Rejected("too wide")

    with pytest.raises(Rejected, match="20 attempts rejected, the last one: too wide"):
        attempts.first_accepted("test", 0, 0, draw)
    assert isinstance(
        attempts.accepted_in_batches("test", [0], 0, lambda rngs: attempts.each(rngs, draw))[0], Rejected
    )


@needs_typst
def test_the_sides_of_the_split_never_meet():
    train = {formula.sample(index, 1, split="train", max_symbols=3).target for index in range(25)}
    heldout = {formula.sample(index, 1, split="heldout", max_symbols=3).target for index in range(3)}
    assert not train & heldout
