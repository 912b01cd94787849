"""LaTeX to MathML and to Word's formulas."""

from __future__ import annotations

import contextlib
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from GOT.render.elements import to_xml
from GOT.render.formula import TooComplex, convert
from GOT.render.formula.omml import to_omml


def shape(node: Element) -> str:
    """A tree in short: ``msup(mi:x mn:2)``."""
    if not len(node):
        return f"{node.tag}:{node.text or ''}"
    return f"{node.tag}({' '.join(shape(child) for child in node)})"


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"x^{2}", "msup(mi:x mn:2)"),
        (r"x_i^2", "msubsup(mi:x mi:i mn:2)"),
        (r"\frac{a}{b}", "mfrac(mi:a mi:b)"),
        (r"\frac12", "mfrac(mn:1 mn:2)"),
        (r"\sqrt[3]{x}", "mroot(mi:x mn:3)"),
        (r"\sqrt x", "msqrt(mi:x)"),
        (r"\alpha \leq \beta", "mrow(mi:α mo:≤ mi:β)"),
        (r"\sum_{i=1}^{n}", "munderover(mo:∑ mrow(mi:i mo:= mn:1) mi:n)"),
        (r"\int_0^1", "msubsup(mo:∫ mn:0 mn:1)"),
        (r"\mathbb{R}", "mi:ℝ"),
        (r"\mathbf{u}", "mi:𝐮"),
        (r"\mathrm{max}", "mi:max"),
        (r"f'", "msup(mi:f mo:′)"),
        (r"\hat{x}", "mover(mi:x mo:^)"),
        (r"\left( x \right]", "mrow(mo:( mi:x mo:])"),
        (r"a \over b", "mfrac(mi:a mi:b)"),
        (r"\not= b", "mrow(mo:≠ mi:b)"),
        (r"\text{if } x", "mrow(mtext:if\xa0 mi:x)"),
        (r"\operatorname{rank} A", "mrow(mo:rank mi:A)"),
        (r"1,000.5", "mn:1,000.5"),
        (r"\{a\}", "mrow(mo:{ mi:a mo:})"),
        (r"\underbrace{x}_{n}", "munder(munder(mi:x mo:⏟) mi:n)"),
        (r"\binom{n}{k}", "mrow(mo:( mfrac(mi:n mi:k) mo:))"),
        (r"\ce{H2O}", "mrow(msub(mi:H mn:2) mi:O)"),
        (r"中", "mtext:中"),
    ],
)
def test_formulas_have_the_expected_trees(latex: str, expected: str) -> None:
    assert shape(convert(latex).body) == expected


def test_arrays_and_cases() -> None:
    made = convert(r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}")
    assert shape(made.body) == ("mrow(mo:( mtable(mtr(mtd(mn:1) mtd(mn:2)) mtr(mtd(mn:3) mtd(mn:4))) mo:))")
    made = convert(r"f=\begin{cases} 1 & x>0 \\ 0 \end{cases}")
    assert "mtable(mtr(mtd(mn:1) mtd(mi:x mo:> mn:0)) mtr(mtd(mn:0)))" in shape(made.body)
    assert made.unknown == []


def test_tags_are_taken_out() -> None:
    assert convert(r"a=b \tag{3.1}").tag == "(3.1)"
    assert convert(r"a=b \tag*{$\ast$}").tag != ""


def test_unknown_commands_are_shown_and_listed() -> None:
    made = convert(r"\foo{x}+1")
    assert made.unknown == ["foo"]
    assert "\\foo" in "".join(made.body.itertext())


@pytest.mark.parametrize(
    "latex",
    [
        r"\left( Q", r"Q \right)", "{{{Q", "Q}}}", r"\begin{aligned} Q &= b", r"a \end{cases} Q", "Q_{Q}_{Q}", "^Q",
        "_Q",
        "Q^", r"Q\frac", r"\sqrt[Q", r"Q\begin", r"Q\left", "&Q", r"\\ Q", "$Q", r"\text{Q", "Q\\",
        r"\sqrt[3", r"\begin{", r"\left", r"\tag{", "\\", "$", "&",
    ],
)  # fmt: skip
def test_what_a_model_leaves_open_is_shown_all_the_same(latex: str) -> None:
    made = convert(latex)
    assert "".join(made.body.itertext()).count("Q") == latex.count("Q")
    to_omml(made.body)


def test_the_source_stays_as_annotation() -> None:
    made = convert(r"\frac{a}{b}")
    assert made.math[0][1].text == r"\frac{a}{b}"


def test_too_complex_is_said() -> None:
    with pytest.raises(TooComplex, match="nested deeper than 40"):
        convert("{" * 3000)
    with pytest.raises(TooComplex, match="30000 characters"):
        convert("x" * 30_000)


def test_second_scripts_nest_no_deeper_than_groups() -> None:
    for latex in ("x" + "_a" * 2000, "x" + r"\limits^2" * 200, "{" * 30 + "x" + "_a_a_a}" * 30):
        with pytest.raises(TooComplex, match="nested deeper than 40"):
            convert(latex)
    assert convert("x_a_b").body[0].tag == "msub"
    convert("x_a" * 1000 + "x" + "_a" * 30)


@pytest.mark.parametrize(
    "latex", ["&" * 8000 + r"\\" * 5000, r"\sum" * 4000, "x'" * 5000, r"\left(" * 30 + "&" * 9000]
)
def test_hostile_formulas_take_little_time(latex: str) -> None:
    with contextlib.suppress(TooComplex):
        to_omml(convert(latex).body)


def omml(latex: str) -> str:
    made = to_xml(to_omml(convert(latex).body))
    return made.replace("ns0:", "").replace("ns1:", "")


def test_word_gets_fractions_roots_scripts_sums_and_matrices() -> None:
    assert "<f><num><r><t" in omml(r"\frac{a}{b}")
    assert "<rad><deg><r><t" in omml(r"\sqrt[3]{x}")
    assert "<sSubSup>" in omml("x_1^2")
    assert '<nary><naryPr><chr val="∑" />' in omml(r"\sum_{i}^{n} i")
    assert omml(r"\begin{matrix} a & b \\ c & d \end{matrix}").count("<mr>") == 2
    assert '<begChr val="|" />' in omml(r"|u|^2")
    assert '<endChr val="]" />' in omml(r"\left( x \right]")


def test_every_word_formula_is_well_formed_xml() -> None:
    for latex in (
        r"a<b & c>\"d\"",
        "\x00\x0b x",
        r"\text{<script>}",
        r"\bar{x}\vec{y}\widehat{abc}\overbrace{x}^{n}",
    ):
        ElementTree.fromstring(ElementTree.tostring(to_omml(convert(latex).body, display=True)))
