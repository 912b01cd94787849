"""Chart scores: the published ones against a plain reading of their definition, the strict ones by example."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from GOT.eval import charts
from GOT.eval.chart_json import number_rows, read_answer
from GOT.eval.charts import score_charts
from GOT.eval.scores import Pair

# --- the definition of SCRM, read literally: slow, with nothing shared with the code under test ---------------------


def rows_of(values):
    rows = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += [[key, sub, re.sub(r"[^\d.-]", "", str(cell))] for sub, cell in value.items()]
        else:
            rows.append([key, "value", re.sub(r"[^\d.-]", "", str(value))])
    typed = []
    for key, sub, text in rows:
        try:
            typed.append((key.lower(), sub.lower(), float(text)))
        except ValueError:
            typed.append((key.lower(), sub.lower(), text.lower()))
    return typed


def similarity(prediction, label, words, numbers):
    p, g = rows_of(prediction), rows_of(label)
    for i in range(min(len(p), len(g))):
        if g[i][1] == "value" and "value" not in p[i][:2]:
            p[i] = (p[i][0], "value", p[i][2])
        p[i] = (*sorted(p[i][:2]), p[i][2])
        g[i] = (*sorted(g[i][:2]), g[i][2])
    intersection = set()
    for a in set(p):
        for b in set(g):
            head_a, head_b = a[0] + a[1], b[0] + b[1]
            if isinstance(a[2], float) and isinstance(b[2], float):
                close = abs(a[2] - b[2]) / (abs(b[2]) + 1e-6) <= numbers
                near = Levenshtein.distance(head_a, head_b) <= words or head_a in head_b or head_b in head_a
                if close and near:
                    intersection.add(a)
            elif Levenshtein.distance(head_a + str(a[2]), head_b + str(b[2])) <= words:
                intersection.add(a)
    union = (set(p) | set(g)) - (intersection - (set(p) & set(g)))
    return len(intersection) / len(union)


def definition(predictions, labels):
    tolerances = {"strict": (0, 0), "slight": (2, 0.05), "high": (5, 0.1)}
    sims = {
        name: [similarity(p, g, *tolerance) for p, g in zip(predictions, labels, strict=True)]
        for name, tolerance in tolerances.items()
    }

    def ap(name, threshold):
        return len([s for s in sims[name] if s >= threshold]) / (len(sims[name]) + 1e-16)

    result = {"em": ap("strict", 1)}
    for name in tolerances:
        total = 0
        for threshold in np.arange(0.5, 1, 0.05):
            total += ap(name, threshold) / 10
        result[f"map_{name}"] = total
        for threshold in (0.5, 0.75, 0.9):
            result[f"ap{round(threshold * 100)}_{name}"] = ap(name, threshold)
    return result


KEYS = [
    "2019",
    "2020",
    "Sales",
    "sales of cars",
    "Sale",
    "A",
    "AA",
    "value",
    "Value",
    "收入",
    "支出",
    "",
    "Jan",
    "Jannary",
]
CELLS = [
    0,
    1,
    1.0,
    "1,200",
    "$1,200",
    "35%",
    "1e3",
    "10-20",
    "-",
    "n/a",
    "",
    "12.5",
    12.6,
    "-3",
    "٣",
    None,
    "1.2.3",
    1200,
]


def random_values(rng):
    def cells(count):
        return {rng.choice(KEYS): rng.choice(CELLS) for _ in range(count)}

    if rng.random() < 0.5:
        return cells(rng.randint(1, 7))
    return {rng.choice(KEYS): cells(rng.randint(1, 4)) for _ in range(rng.randint(1, 4))}


def misread(values, rng):
    changed = {}
    for key, value in values.items():
        if rng.random() < 0.15:
            continue
        key = key + "x" * rng.choice((0, 0, 0, 1, 3)) if rng.random() < 0.4 else key
        if isinstance(value, dict):
            value = misread(value, rng)
        elif rng.random() < 0.3:
            value = rng.choice(CELLS)
        changed[key] = value
    items = list(changed.items())
    rng.shuffle(items)
    return dict(items)


def test_scrm_is_its_definition_on_random_charts():
    rng = random.Random(11)
    labels = [random_values(rng) for _ in range(1_500)]
    predictions = [misread(label, rng) if rng.random() < 0.8 else random_values(rng) for label in labels]
    both = [(p, g) for p, g in zip(predictions, labels, strict=True) if rows_of(p) or rows_of(g)]
    assert len(both) > 1_000
    for p, g in both:
        assert charts.scrm([p], [g]) == definition([p], [g]), (p, g)
    assert charts.scrm([p for p, _ in both], [g for _, g in both]) == definition(*zip(*both, strict=True))


# --- strict -----------------------------------------------------------------------------------------------------------

CHART = {
    "title": "Sales",
    "source": "None",
    "x_title": "Year",
    "y_title": "None",
    "values": {"2019": "10", "2020": "12.5"},
}


def pair(answer, reference=None, failed=False):
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return Pair(json.dumps(reference or CHART), text, failed)


def strict(*pairs):
    (row,) = score_charts(pairs).rows
    return row


def with_values(values):
    return {**CHART, "values": values}


def test_an_exact_chart_is_exact_in_both_modes():
    row = strict(pair(CHART))
    assert row.strict["em"] == row.strict["map_strict"] == row.strict["title"] == 1.0
    assert row.compat["em"] == row.compat["structure_accuracy"] == 1.0


def test_an_answer_that_is_no_json_counts_as_wrong_and_is_not_dropped():
    row = strict(pair(CHART), pair("no data here"))
    assert row.strict["map_high"] == 0.5 and row.strict["structure_accuracy"] == 0.5
    assert (row.n_total, row.n_scored, row.n_invalid) == (2, 1, 1)
    assert row.compat["map_high"] == pytest.approx(1.0)  # the published tool drops it
    assert row.compat["structure_x_map_high"] == pytest.approx(0.5)


def test_strict_pairs_rows_one_to_one():
    answer, truth = with_values({"A": "100", "AA": "100"}), with_values({"AAA": "100"})
    row = strict(pair(answer, truth))
    assert row.compat["em"] == 1.0  # two wrong keys, and the published similarity is 2
    assert row.strict["em"] == 0.0
    assert row.strict["ap50_high"] == 1.0 and row.strict["ap75_high"] == 0.0  # one of two rows


def test_a_similarity_of_exactly_0_6_passes_the_level_0_6():
    answer, truth = with_values(dict.fromkeys("abc", "1")), with_values(dict.fromkeys("abcde", "1"))
    row = strict(pair(answer, truth))
    assert row.strict["map_strict"] == pytest.approx(0.3)  # levels 0.5, 0.55 and 0.6
    assert row.compat["map_strict"] == pytest.approx(0.2)


def test_two_empty_charts_are_equal_and_stop_only_the_published_tool():
    row = strict(pair(with_values({}), with_values({})))
    assert row.strict["em"] == 1.0
    assert row.compat is None and "ZeroDivisionError" in row.notes[0]


@pytest.mark.parametrize("title", [{"a": 1}, [{"a": 1}], [], 5, None])
def test_a_title_that_is_no_text_stops_only_the_published_tool(title):
    row = strict(pair({**CHART, "title": title}))
    assert row.strict["em"] == 1.0 and row.strict["title"] < 1.0
    assert row.compat is None and "the published tool stops" in row.notes[0]


@pytest.mark.parametrize("reference", ['{"values": {"2019": 10, "2020": 12.5}}', str(CHART)])
def test_a_reference_that_only_we_read_stops_only_the_published_tool(reference):
    row = strict(Pair(reference, json.dumps(CHART), False))
    assert row.strict["em"] == 1.0
    assert row.compat is None and "the published tool cannot read a reference" in row.notes[0]


def test_a_transposed_table_is_the_same_table():
    truth = with_values({"cars": {"2019": 1, "2020": 2}, "bikes": {"2019": 3, "2020": 4}})
    turned = with_values({"2019": {"cars": 1, "bikes": 3}, "2020": {"cars": 2, "bikes": 4}})
    assert strict(pair(turned, truth)).strict["em"] == 1.0


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('```json\n{"values": {"a": 1}}\n```', {"a": 1}),
        ("{'values': {'a': 1}}", {"a": 1}),  # Python's spelling
        ('{"values": {"a": 1, "b": 2', {"a": 1, "b": 2}),  # cut off between entries
        ('{"values": {"a": 1, "b', {"a": 1}),  # cut off inside a key
        ('{"title": "a } b", "data": {"a": 1}} and so on', {"a": 1}),
        ('{"values": [1, 2]}', None),
        ("values: a 1", None),
        ("{" * 5_000, None),
        ("", None),
    ],
)
def test_answers_are_read_as_far_as_they_are_certain(text, values):
    answer = read_answer(text)
    assert (answer and answer["values"]) == values


def test_numbers_are_read_with_their_units_and_exponents():
    rows = number_rows({"a": "$1,200", "b": "35%", "c": "1e3", "d": "10-20", "e": None})
    assert [row[2] for row in rows] == [1200.0, 35.0, 1000.0, "10-20", "none"]
