"""Every number that the published tools gave on recorded cases, equal to the last bit in compat mode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from GOT.data.prompt import build_question, normalize_box
from GOT.eval import charts
from GOT.eval.chart_json import complete_braces
from GOT.eval.formatted import compat_split
from GOT.eval.meteor import load_synonyms, meteor
from GOT.eval.plain import compat_text, cut_characters, cut_words, edit_distance
from GOT.eval.tokens import has_chinese

VECTORS = json.loads((Path(__file__).parent.parent / "golden" / "metric-vectors.json").read_text("utf-8"))
TEXT_CASES = [("plain_ocr", name) for name in VECTORS["plain_ocr"]["cases"]]
TEXT_CASES += [("scene", name) for name in VECTORS["scene"]["cases"]]
NAMES = {"f_measure": "f1", "edit_dist": "edit_distance"}


def ours(label, answer, cut):
    values, note = compat_text(label, answer, cut)
    assert values is not None, note
    return values


def renamed(expected):
    return {NAMES.get(name, name): value for name, value in expected.items()}


@pytest.mark.parametrize(("group", "name"), TEXT_CASES)
def test_text_scores_are_the_published_tools(group, name):
    case = VECTORS[group]["cases"][name]
    cut = cut_characters if group == "scene" else cut_words
    values = ours(case["label"], case["answer"], cut)
    expected = renamed(case["expected"])
    without = VECTORS["scene_meteor_without_wordnet" if group == "scene" else "meteor_without_wordnet"][name]
    if load_synonyms() is None:  # each set of vectors applies where its METEOR is the one computed
        expected["meteor"] = without
    assert values == expected


@pytest.mark.parametrize(("group", "name"), TEXT_CASES)
def test_meteor_without_wordnet(group, name):
    case = VECTORS[group]["cases"][name]
    label, answer = case["label"], case["answer"]
    cut = cut_characters if group == "scene" else cut_words
    chinese = has_chinese(label, answer)
    score = meteor(reference=cut(answer, chinese), prediction=cut(label, chinese), synonyms=None)
    assert (
        score
        == VECTORS["scene_meteor_without_wordnet" if group == "scene" else "meteor_without_wordnet"][name]
    )


@pytest.mark.skipif(
    load_synonyms() is None, reason="nltk finds no WordNet installed (docs/evaluation.md says how)"
)
@pytest.mark.parametrize(("group", "name"), TEXT_CASES)
def test_meteor_with_wordnet(group, name):
    case = VECTORS[group]["cases"][name]
    cut = cut_characters if group == "scene" else cut_words
    assert ours(case["label"], case["answer"], cut)["meteor"] == case["expected"]["meteor"]


@pytest.mark.parametrize("name", VECTORS["formatted"]["cases"])
def test_formatted_pages_are_split_and_scored_as_published(name):
    case = VECTORS["formatted"]["cases"][name]
    label, answer = compat_split(case["label"]), compat_split(case["answer"])
    for theirs, stream in (("text", "text"), ("math", "formula"), ("table", "table")):
        assert label[stream] == case["split_label"][theirs]
        assert answer[stream] == case["split_answer"][theirs]
        values, _ = compat_text(label[stream], answer[stream], cut_words)
        expected = case["expected"][theirs]
        if expected is None:
            assert values is None  # dropped from that average
        else:
            assert values == renamed(expected)


@pytest.mark.parametrize("case", VECTORS["scrm"]["cases"], ids=lambda case: case["name"])
def test_chart_scores_are_the_published_tools(case):
    expected = case["expected"]
    if "raises" in expected:
        with pytest.raises((ZeroDivisionError, AttributeError)) as raised:
            charts.scrm(case["pred"], case["gt"])
        assert raised.type.__name__ == expected["raises"]
    else:
        assert charts.scrm(case["pred"], case["gt"]) == expected


def test_chart_thresholds_are_numpys():
    assert list(charts.COMPAT_THRESHOLDS) == VECTORS["scrm"]["np_arange_0.5_1_0.05"]


@pytest.mark.parametrize("case", VECTORS["scrm_text_fields"]["cases"], ids=lambda case: case["name"])
def test_chart_text_fields(case):
    score = charts.field_score(references=case["references(gt)"], predictions=case["predictions"])
    assert score == case["expected"]


@pytest.mark.parametrize("case", VECTORS["complete_json_string"], ids=lambda case: case["in"])
def test_brace_repair(case):
    assert complete_braces(case["in"]) == case["out"]


@pytest.mark.parametrize("case", VECTORS["edit_distance"], ids=lambda case: f"{case['a']}-{case['b']}")
def test_edit_distance(case):
    longest = max(len(case["a"]), len(case["b"]))
    assert edit_distance(reference=case["a"], prediction=case["b"]) == case["normalised"]
    assert case["nltk"] / longest == case["normalised"]


@pytest.mark.parametrize("case", VECTORS["tiling"]["cases"], ids=lambda case: f"{case['w']}x{case['h']}")
@pytest.mark.parametrize("most", (6, 12))
def test_tile_grid(case, most):
    from GOT.data.image import choose_tile_grid

    columns, rows = choose_tile_grid(case["w"], case["h"], most)
    assert (columns, rows) == (case[f"max{most}"]["cols"], case[f"max{most}"]["rows"])


@pytest.mark.parametrize("case", VECTORS["box_normalisation"]["cases"], ids=lambda case: case["prompt"])
def test_box_normalisation(case):
    box = normalize_box(case["box"], case["w"], case["h"])
    assert box == case["out"]
    assert build_question("ocr", box=box) == case["prompt"]
