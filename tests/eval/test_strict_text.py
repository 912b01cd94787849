"""Strict text scores: roles right, nothing dropped, every faulty behaviour of the published tools undone."""

from __future__ import annotations

import math

import pytest

from GOT.eval.plain import score_plain, score_scene, score_text
from GOT.eval.scores import Pair, map_pages
from tests.helpers import run_python

PAGE = "Section one Introduction to the reading of pages"


def scores(reference, prediction, failed=False):
    return score_text(Pair(reference, prediction, failed))


def test_reading_half_a_page_is_precise_and_incomplete():
    values = scores("a b c d", "a b").strict
    assert (values["precision"], values["recall"]) == (1.0, 0.5)
    published = scores("a b c d", "a b").compat
    assert (published["precision"], published["recall"]) == (0.5, 1.0)  # exchanged, as released


def test_repeated_text_is_punished():
    values = scores(PAGE, " ".join([PAGE] * 3))
    assert values.compat["f1"] == 1.0
    assert values.strict["precision"] == pytest.approx(1 / 3) and values.strict["recall"] == 1.0


def test_half_a_page_is_too_short_for_bleu_and_a_doubled_page_is_not():
    half, double = scores(PAGE, "Section one Introduction to"), scores(PAGE, f"{PAGE} {PAGE}")
    assert half.strict["bleu"] == pytest.approx(math.exp(1 - 8 / 4))  # every run right, half of the length
    assert double.strict["bleu"] == pytest.approx((8 / 16 * 7 / 15 * 6 / 14 * 5 / 13) ** 0.25)


@pytest.mark.parametrize("text", ["OCR", "Hello world", "one two three", PAGE, "字", "北京大学", ""])
def test_an_exact_answer_is_perfect_however_short(text):
    assert scores(text, text).strict == {
        "cer": 0.0, "edit_distance": 0.0, "f1": 1.0, "precision": 1.0, "recall": 1.0, "bleu": 1.0, "meteor": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("answer", ["", " \n", "\t"])
def test_an_empty_answer_is_the_worst_and_counted(answer):
    row = score_plain([Pair(PAGE, answer), Pair(PAGE, PAGE)]).rows[0]
    assert row.strict["f1"] == 0.5 and row.strict["edit_distance"] >= 0.5
    assert (row.n_total, row.n_scored, row.n_empty, row.n_invalid) == (2, 1, 1, 0)
    assert row.compat["f1"] == 1.0  # the published mean does not see it


def test_text_on_a_blank_page_is_the_worst_too():
    assert scores("", "invented").strict["f1"] == 0.0
    assert scores("", " \n").strict["edit_distance"] == 0.0


def test_a_failed_page_is_the_worst_even_if_it_is_blank():
    row = score_plain([Pair("", "", failed=True)]).rows[0]
    assert row.strict["edit_distance"] == 1.0 and row.n_invalid == 1 and row.compat is None


def test_two_codes_of_one_accent_are_equal():
    assert scores("caf\u00e9 au lait", "cafe\u0301 au lait").strict["edit_distance"] == 0.0
    assert scores("caf\u00e9 au lait", "cafe\u0301 au lait").compat["edit_distance"] > 0


def test_the_reference_decides_how_words_are_cut():
    english = "one two three four"
    assert scores(english, english + " 字").strict["recall"] == 1.0
    assert scores(english, english + " 字").strict["precision"] == 4 / 5


def test_white_space_is_no_token():
    assert scores("中文\n页面", "中文 页面").strict["f1"] == 1.0
    assert score_scene([Pair("EXIT ONLY", "EXITONLY")]).rows[0].strict["f1"] == 1.0


def test_a_white_space_answer_is_noted_where_the_published_tool_stops():
    row = score_plain([Pair(PAGE, "  ")]).rows[0]
    assert row.compat is None and "TypeError" in row.notes[0]


def test_processes_score_the_same():
    pairs = [Pair(f"{PAGE} {number}", PAGE[:-number]) for number in range(1, 20)]
    assert score_plain(pairs, workers=2) == score_plain(pairs, workers=1)


def test_few_pages_stay_in_this_process():
    assert map_pages(str.upper, ["a", "b"], workers=8) == ["A", "B"]


def test_scoring_waits_for_nltk_only_where_wordnet_is_installed(tmp_path):
    """Importing nltk takes longer than scoring Fox does; it is wanted for WordNet alone."""
    script = (
        "import sys; from GOT.eval.meteor import wordnet_note; from GOT.eval.plain import score_text;"
        "from GOT.eval.scores import Pair; score_text(Pair('reading a page', 'reads the page'));"
        "print('nltk' in sys.modules, wordnet_note())"
    )
    bare = {"HOME": str(tmp_path), "NLTK_DATA": ""}
    without = run_python("-c", f"import sys; sys.prefix = {str(tmp_path)!r}; {script}", **bare)
    assert without.stdout.split(maxsplit=1)[0] in ("False", "True"), without.stderr
    if "with WordNet" not in without.stdout:  # unless the machine has it for everybody
        assert without.stdout.startswith("False METEOR without WordNet")
    (tmp_path / "data" / "corpora" / "wordnet").mkdir(
        parents=True
    )  # empty: nltk is asked, and finds it damaged
    asked = run_python("-c", script, HOME=str(tmp_path), NLTK_DATA=str(tmp_path / "data"))
    assert asked.stdout.startswith("True METEOR with"), asked.stderr


def test_the_character_error_rate_counts_errors_over_the_page():
    assert scores("abcd efghi", "abxd efghi").strict["cer"] == 0.1
    assert scores("two\nlines", "two lines").strict["cer"] == 0.0  # where a line was broken is no error
    assert scores("ab", "ab and so on").strict["cer"] == 5.0 and scores("ab", "").strict["cer"] == 1.0
    assert "cer" not in scores("ab", "ab").compat  # the published tools have none
