"""Clean-up of answers."""

from __future__ import annotations

import pytest

from GOT.render.clean import CLEANERS, balance, clean
from GOT.render.latex import is_balanced
from tests.render.test_drawings import CHART, SCORE, TRIANGLE


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\left( \frac{a}{b", r"\left( \frac{a}{b}\right."),
        (r"a \right) + \left[ b \right]", r"a ) + \left[ b \right]"),
        (
            r"\begin{aligned} a &= \left( b \\ c \right) &= d",
            r"\begin{aligned} a &= \left( b \right.\\ c ) &= d\end{aligned}",
        ),
        ("x}", "x"),
        (r"{x \left\{ y }", r"{x \left\{ y \right.}"),
        (r"\left\langle a \right\rangle", r"\left\langle a \right\rangle"),
        (r"\leftarrow \rightarrow \left. x \right|_{0}", r"\leftarrow \rightarrow \left. x \right|_{0}"),
        (r"\{ a \}", r"\{ a \}"),
        ("", ""),
        (r"\left\begin{cases}x", r"\left.\begin{cases}x\end{cases}\right."),
        ("\\left一", "\\left一\\right."),
        (r"\left(x\right\end{cases}", r"\left(x\right."),
    ],
)  # fmt: skip
def test_formulas_are_balanced(latex: str, expected: str) -> None:
    assert balance(latex) == expected
    assert is_balanced(expected)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("formulas", r"if \( \left( x \) and $5 or \(y\)", r"if \( \left( x\right.\) and $5 or \(y\)"),
        ("formulas", "costs $5 {and", "costs $5 {and"),
        ("tables", "a\n\\begin{tabular}{l}\n1 \\\\\n2\n\nEnd.",
         "a\n\\begin{tabular}{l}\n1 \\\\\n2\n\\end{tabular}\n\nEnd."),
        (
            "tables",
            "\\begin{table}\\begin{tabular}{l}1",
            "\\begin{table}\\begin{tabular}{l}1\n\\end{tabular}\n\\end{table}",
        ),
        ("page-numbers", "12\na\nb\nc\nd", "a\nb\nc\nd"),
        ("page-numbers", "a\nb\nc\nd\n\n- 3 -\n", "a\nb\nc\nd"),
        ("page-numbers", "a\nb\nc\nd\nPage 3 of 10", "a\nb\nc\nd"),
        ("page-numbers", "a\n12\nb\nc", "a\n12\nb\nc"),
        ("page-numbers", "12", "12"),
        ("hyphens", "a hyphen-\nation of words", "a hyphenation\nof words"),
        ("hyphens", "well-\nKnown, 3-\n4, \\(a-\nb\\)", "well-\nKnown, 3-\n4, \\(a-\nb\\)"),
    ],
)  # fmt: skip
def test_clean_ups(name: str, text: str, expected: str) -> None:
    assert clean(text, [name]) == expected


def test_nothing_happens_unasked_and_nothing_happens_twice() -> None:
    text = "1\na\n\\( \\left( x \\)\nhy-\nphen\n\\begin{tabular}{l}1"
    assert clean(text, []) == text
    once = clean(text, CLEANERS)
    assert once != text and clean(once, CLEANERS) == once


def test_scores_drawings_molecules_and_charts_are_left_alone() -> None:
    for text in (SCORE, TRIANGLE, "<smiles>CCO</smiles>", CHART):
        assert clean(text, CLEANERS) == text


def test_unknown_clean_ups_are_named() -> None:
    with pytest.raises(
        ValueError, match="There is no clean-up 'x'; choose from formulas, tables, page-numbers, hyphens"
    ):
        clean("a", ["x"])
