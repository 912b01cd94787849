"""Formulas, tables, formatted pages, summaries and short answers."""

from __future__ import annotations

import random

import pytest

from GOT.eval.exact import score_exact, score_molecules
from GOT.eval.formatted import score_formatted, strict_split
from GOT.eval.formula import normalize, score_formulas
from GOT.eval.formula_picture import score_formulas_drawn
from GOT.eval.rouge import compat_rouge_l, score_summaries
from GOT.eval.scores import Pair
from GOT.eval.table_notation import Cell, find_tables, latex_tables_to_html, to_html
from GOT.eval.tables import page_teds, score_tables, teds

TABULAR = r"\begin{tabular}{|l|c|} \hline A & B \\ \hline 1 & 2 \\ \hline \end{tabular}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\( x^{2} \)", r"\[x^2\]"),
        (r"a \le b", r"a\leq b"),
        (r"\left( \frac{a}{b} \right)", r"(\dfrac ab)"),
        (r"\left. x \right|_{0}", r"x|_0"),
        (r"x^{ab}_{i^2_j}", r"x_{i_{j}^2}^{ab}"),
        (r"\mathbf{x} \, + \quad y .", r"\mathbf x+y"),
        (r"$$ E = m c ^ { 2 } $$", r"E=mc^2"),
        ("x'", r"x^{\prime}"),
        ("x''_2", r"x_{2}^{\prime\prime}"),
        (r"x^\prime", "x'"),
        ("f'^2", r"f^{\prime 2}"),
        ("f'^{2k}", r"f^{\prime 2k}"),
        ("x^{{2}}", "x^2"),
        ("x^{{{2}}}_{{i}}", "x_i^2"),
    ],
)
def test_formulas_that_look_alike_are_equal(one, other):
    assert normalize(one) == normalize(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x'", "x''"),
        ("x'", r"x\prime"),
        ("x^2", "x_2"),
        ("x^{12}", "x^12"),
        (r"\alpha", "a"),
        (r"\frac{a}{b}", r"\frac{b}{a}"),
    ],
)
def test_formulas_that_look_different_are_not(one, other):
    assert normalize(one) != normalize(other)


def test_a_formula_is_exact_or_measured():
    row = score_formulas(
        [Pair(r"\[x^2\]", r"\( x^{2} \)"), Pair("x", "", failed=True), Pair("ab", "ac")]
    ).rows[0]
    assert row.strict["exact_match"] == pytest.approx(1 / 3)
    assert row.strict["edit_distance"] == pytest.approx(
        (0 + 1 + 1 / 3) / 3
    )  # "a b" and "a c": one of three characters


def test_formulas_are_compared_as_pictures_on_request():
    pytest.importorskip("matplotlib")
    pairs = [
        Pair(r"\frac{a}{b}", r"{a} \over {b}"),  # mathtext knows no \over
        Pair(r"{a+b}c \text{ if }", r"\( a+bc \mathrm{~if~} \)"),
        Pair(r"{a+b}c", r"\( a+bc \)"),
        Pair(r"\alpha + 1", r"\alpha + 2"),
        Pair("y", "", failed=True),
    ]
    row = score_formulas_drawn(pairs).rows[0]
    assert row.strict["exact_match"] == 0.0
    assert row.strict["picture_match"] == 0.4  # two of five look the same
    assert "cannot draw" in row.notes[-1]


def test_tables_are_read_from_latex_html_and_markdown():
    expected = [[Cell("A"), Cell("B")], [Cell("1"), Cell("2")]]
    assert find_tables(TABULAR) == [expected]
    assert find_tables("<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>") == [
        expected
    ]
    assert find_tables("text\n| A | B |\n|---|:-:|\n| 1 | 2 |\nmore") == [expected]
    assert find_tables(to_html(expected)) == [expected]
    assert find_tables("no table") == []


def test_spans_are_read():
    latex = r"""\begin{tabular}{lll}
    \multirow{2}{*}{Name} & \multicolumn{2}{c}{Year \& month} \\ \cline{2-3}
     & 2019 & $a_{1}$ \\[2pt]
    x & \begin{tabular}{l} in \\ ner \end{tabular} & 5\% \\
    \end{tabular}"""
    (table,) = find_tables(latex)
    assert table[0] == [Cell("Name", rows=2), Cell(r"Year \& month", columns=2)]
    assert [cell.text for cell in table[1]] == ["2019", "$a_{1}$"]  # the cell under Name belongs to it
    assert len(table[2]) == 3 and table[2][2].text == r"5\%"
    html = to_html(table)
    assert '<td rowspan="2">Name</td><td colspan="2">Year &amp; month</td>' in html and "<td>5%</td>" in html


def test_teds_counts_cells_and_structure():
    (table,) = find_tables(TABULAR)
    assert teds(reference=table, prediction=table) == 1.0
    changed = [table[0], [Cell("1"), Cell("7")]]
    assert teds(reference=table, prediction=changed) == pytest.approx(1 - 1 / 7)  # table, 2 rows, 4 cells
    assert teds(reference=table, prediction=changed, structure_only=True) == 1.0
    assert teds(reference=table, prediction=table[:1]) == pytest.approx(1 - 3 / 7)  # a row and its two cells
    wide = [[Cell("A", columns=2)], table[1]]
    assert teds(reference=table, prediction=wide) == pytest.approx(
        1 - 2 / 7
    )  # one cell's span, one cell gone
    assert page_teds(reference=[table], prediction=[]) == 0.0
    assert page_teds(reference=[], prediction=[]) == 1.0


def test_teds_is_symmetric_and_bounded_on_random_tables():
    rng = random.Random(3)

    def row():
        texts = (rng.choice("abc") * rng.randint(0, 3) for _ in range(rng.randint(0, 4)))
        return [Cell(text, columns=rng.randint(1, 2)) for text in texts]

    def table():
        return [row() for _ in range(rng.randint(1, 4))]

    for _ in range(200):
        one, other = table(), table()
        value = teds(reference=one, prediction=other)
        assert 0 <= value <= 1
        assert value == pytest.approx(teds(reference=other, prediction=one))
        assert (value == 1) == (one == other)


def test_a_lost_table_scores_zero():
    row = score_tables([Pair(TABULAR, "A B 1 2"), Pair(TABULAR, TABULAR)]).rows[0]
    assert row.strict["teds"] == 0.5 and row.n_invalid == 1


def test_latex_tables_become_html_and_nothing_else_changes():
    page = f"before \\(x\\)\n{TABULAR}\nafter <b> & {TABULAR[:40]} rest"
    html = latex_tables_to_html(page)
    assert (
        html.startswith("before \\(x\\)\n<table>\n<tr><td>A</td><td>B</td></tr>")
        and "\nafter <b> & <table>" in html
    )
    assert latex_tables_to_html("no table") == "no table"


def test_strict_streams_see_what_the_published_ones_miss():
    text, formulas, tables = strict_split(
        f"Thus\n\\[\nx + y = z\n\\]\nholds, $a$ too.\n{TABULAR} end, 5\\$ and 6\\$."
    )
    assert formulas == ["x + y = z", "a"]
    assert tables == [TABULAR]
    assert (
        "tabular" not in text and "x + y" not in text and text.startswith("Thus") and "5\\$ and 6\\$" in text
    )


@pytest.mark.parametrize(
    "words",
    [
        "It costs $5 and then $6 more.",
        "from $ 5 to $ 6",
        "a US$ or A$",
        "$5\n\nor 6$ and",
        "between $1-$2 a piece",
    ],
)
def test_prices_are_words(words):
    text, formulas, _ = strict_split(words)
    assert (text.split(), formulas) == (words.split(), [])


def test_dollars_are_formulas_where_they_hug_them():
    assert strict_split("is $x$, $\\$5 + y$ and $a\nb$.")[1] == ["x", "\\$5 + y", "a b"]


PIPES = "| A | B |\n|---|---|\n| 1 | 2 |"
NESTED = r"\begin{tabular}{l}a & \begin{tabular}{l}b \\ c\end{tabular} \\ d & e\end{tabular}"


@pytest.mark.parametrize(
    "answer", [TABULAR, PIPES, to_html([[Cell("A"), Cell("B")], [Cell("1"), Cell("2")]])]
)
def test_a_table_on_a_page_counts_in_every_notation(answer):
    page = "Before\n{}\nand after |x|"
    (_, _, row) = score_formatted([Pair(page.format(TABULAR), page.format(answer))]).rows
    assert (row.name, row.strict["teds"]) == ("table", 1.0)
    assert strict_split(page.format(answer))[0] == "Before\nand after |x|"


def test_a_table_in_a_cell_does_not_end_the_table_around_it():
    text, _, tables = strict_split(f"Before {NESTED} after")
    assert (text, tables) == ("Before\nafter", [NESTED])
    assert strict_split(f"Before\n|x|\nafter {NESTED[:40]}")[0] == "Before\n|x|\nafter"
    assert strict_split("Before\n|x|\nafter")[2] == []


def test_a_page_that_lost_its_formulas_and_table_pays_for_them():
    page = f"See \\[\nk=1\n\\]\n{TABULAR}\nend of page"
    rows = {
        row.name: row for row in score_formatted([Pair(page, "See end of page"), Pair("plain", "plain")]).rows
    }
    assert rows["text"].strict["f1"] == 1.0 and rows["text"].n_total == 2
    assert rows["formula"].strict["edit_distance"] == 1.0 and rows["formula"].n_total == 1
    assert rows["table"].strict["teds"] == 0.0 and rows["table"].n_total == 1
    assert rows["table"].compat is None  # where the published tool divides by zero


def test_rouge_equals_the_package():
    rouge = pytest.importorskip("rouge", reason="the rouge package, which Fox's tool uses, is not installed")
    rng = random.Random(5)
    words = "a b c d e the report says . . , yes".split()
    scorer, compared = rouge.Rouge(), 0
    for _ in range(500):
        label, answer = (" ".join(rng.choices(words, k=rng.randint(0, 30))) for _ in range(2))
        ours = compat_rouge_l(label=label, answer=answer)
        try:
            theirs = scorer.get_scores(hyps=" ".join(label.split()), refs=" ".join(answer.split()))[0][
                "rouge-l"
            ]
        except ValueError:
            assert ours is None
            continue
        compared += 1
        assert ours == {"rouge_l": theirs["f"], "precision": theirs["p"], "recall": theirs["r"]}
    assert compared > 300


def test_rouge_recorded_from_the_package():
    # rouge 1.0.1: Rouge().get_scores(hyps=label, refs=answer), as Fox's tool calls it
    label, answer = "The report says a. It says b b.", "The report says b. And c."
    assert compat_rouge_l(label=label, answer=answer) == {
        "rouge_l": 0.6666666616666668, "precision": 0.6666666666666666, "recall": 0.6666666666666666,
    }  # fmt: skip


def test_a_summary_is_scored_by_its_longest_common_subsequence():
    row = score_summaries([Pair("a b c d", "a c x"), Pair("a", "")]).rows[0]
    assert row.strict["precision"] == pytest.approx((2 / 3 + 0) / 2)
    assert row.strict["recall"] == pytest.approx((2 / 4 + 0) / 2)
    assert row.n_empty == 1 and row.n_scored == 1


def test_short_answers_are_equal_or_not():
    row = score_exact([Pair("Page 2.", "page  2"), Pair("yes", "no"), Pair("", "", failed=True)]).rows[0]
    assert score_exact([Pair("Two", "two .")]).rows[0].strict["accuracy"] == 1.0
    assert row.compat["accuracy"] == pytest.approx(1 / 3)
    assert row.strict["accuracy"] == pytest.approx(1 / 3)


def test_the_case_of_a_molecule_counts_and_a_sentence_s_does_not():
    benzene, cyclohexane = "<smiles>c1ccccc1</smiles>", "<smiles>C1CCCCC1</smiles>"
    assert score_exact([Pair(benzene, cyclohexane)]).rows[0].strict["accuracy"] == 1.0
    row = score_molecules([Pair(benzene, cyclohexane), Pair(benzene, f"{benzene} \n")]).rows[0]
    assert row.strict["accuracy"] == 0.5 and row.compat["accuracy"] == 0.0


def test_tables_that_share_nothing_score_zero_and_not_less():
    one = [
        [Cell("", 2, 2), Cell("yy"), Cell("y"), Cell("", 2, 1)],
        [Cell("x"), Cell("a", 1, 2), Cell("y"), Cell("c", 1, 2)],
    ]
    other = [
        [Cell("zz", 2, 1), Cell("cc", 2, 1)],
        [Cell("c", 1, 2)],
        [Cell("xx", 1, 2), Cell("b")],
        [Cell("aa", 2, 1), Cell("", 1, 2)],
    ]
    assert teds(reference=one, prediction=other) == 0.0
