"""Score chart data: SCRM as OneChart publishes it (``compat``), and one-to-one matching of rows (``strict``).

An answer is a JSON object with ``title``, ``source``, ``x_title``, ``y_title`` and ``values``, the last
``{key: number}`` or ``{key: {subkey: number}}``. Reading and repairing the answer's text is ``chart_json``'s work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from GOT.eval import chart_json
from GOT.eval.scores import PageScore, Pair, Scored, StreamRow, StreamScore, Values, map_pages
from GOT.utils.lazy import require

# (name, edits allowed in the joined keys, relative error allowed in the number)
TOLERANCES: tuple[tuple[str, int, float], ...] = (("strict", 0, 0.0), ("slight", 2, 0.05), ("high", 5, 0.1))
TEXT_FIELDS = ("title", "source", "x_title", "y_title")
NO_TEXT = 9999  # what OneChart's tool prints for a field that no chart has

# np.arange(0.5, 1, 0.05), whose values are not the decimals they look like: a similarity of exactly 0.6 misses the
# third.
_STEP = 0.55 - 0.5
COMPAT_THRESHOLDS = tuple(0.5 + index * _STEP for index in range(10))

Row = tuple[str, str, float | str]


def score_charts(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Score charts; each reference is the JSON object of the ground truth."""
    scored = map_pages(_score_strict, pairs, workers=workers)
    compat, kept, notes = compat_scores(pairs)
    row = StreamRow(
        name="",
        compat=compat,
        strict=_strict_means(scored),
        n_total=len(pairs),
        n_scored=kept,
        n_empty=sum(not pair.failed and not pair.prediction.strip() for pair in pairs),
        n_invalid=sum(chart["invalid"] for chart in scored),
        notes=notes,
    )
    pages: list[PageScore] = [
        {"": StreamScore(None, _page_values(chart), invalid=chart["invalid"])} for chart in scored
    ]
    return Scored([row], pages)


# --- compat: the published tool -------------------------------------------------------------------------------------


def compat_scores(pairs: Sequence[Pair]) -> tuple[Values | None, int, tuple[str, ...]]:
    """What eval_ChartSE.py prints: unreadable answers are dropped, and structure accuracy says how many were kept.

    Returns:
        The numbers, or ``None`` where the published tool stops with an exception; the charts kept; notes.
    """
    references, predictions = [], []
    unread = ""
    for pair in pairs:
        try:
            answer = chart_json.published_repair(pair.prediction)
            values = answer["values"] if "values" in answer else answer["data"]
            texts = [answer[field] for field in TEXT_FIELDS]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        predictions.append((values, texts))
        try:
            reference = json.loads(pair.reference)
            references.append((reference["values"], [reference[field] for field in TEXT_FIELDS]))
        except (ValueError, KeyError, TypeError) as error:
            unread = unread or f"({type(error).__name__}: {error}) {pair.reference[:80]!r}"
    if unread:
        return (
            None,
            len(predictions),
            (f"the published tool cannot read a reference, so compat has no numbers {unread}",),
        )
    try:
        numbers = scrm([values for values, _ in predictions], [values for values, _ in references])
        for index, field in enumerate(TEXT_FIELDS):
            numbers[field] = field_score(
                references=[texts[index] for _, texts in references],
                predictions=[texts[index] for _, texts in predictions],
            )
    except (ZeroDivisionError, AttributeError, TypeError, LookupError) as error:
        note = f"the published tool stops at these answers ({type(error).__name__}: {error}), so compat has no numbers"
        return None, len(predictions), (note,)
    structure = len(predictions) / len(pairs)
    numbers["structure_accuracy"] = structure
    for name, _, _ in TOLERANCES:
        numbers[f"structure_x_map_{name}"] = structure * numbers[f"map_{name}"]
    return numbers, len(predictions), ()


def scrm(predictions: Sequence[Any], references: Sequence[Any]) -> Values:
    """The thirteen numbers of ``csv_eval(predictions, references, easy=1, pred_type="json")``, to the last bit.

    Raises:
        ZeroDivisionError: If a chart and its answer are both empty, as the published tool does.
        AttributeError: If ``values`` is no object, as the published tool does.

    Source:
        ChartSE_eval/SCRM.py of LingyvKong/OneChart (StructChart, arXiv 2309.11268).
    """
    charts = [
        similarities(prediction, reference)
        for prediction, reference in zip(predictions, references, strict=False)
    ]

    def ap(tolerance: int, threshold: float) -> float:
        return sum(chart[tolerance] >= threshold for chart in charts) / (len(charts) + 1e-16)

    numbers = {"em": ap(0, 1)}
    for tolerance, (name, _, _) in enumerate(TOLERANCES):
        total = 0.0
        for threshold in COMPAT_THRESHOLDS:
            total += ap(tolerance, threshold) / 10
        numbers[f"map_{name}"] = total
    for threshold in (0.5, 0.75, 0.9):
        for tolerance, (name, _, _) in enumerate(TOLERANCES):
            numbers[f"ap{round(threshold * 100)}_{name}"] = ap(tolerance, threshold)
    return numbers


def similarities(prediction: Any, reference: Any) -> list[float]:
    """Intersection over union of one chart's rows at each tolerance; many rows may match one, so it can exceed 1."""
    ours, theirs = map(set, _align(_rows(prediction), _rows(reference)))
    results = []
    for _, word_edits, error in TOLERANCES:
        matched = {
            row for row in ours if any(_compat_match(row, other, word_edits, error) for other in theirs)
        }
        union = (ours | theirs) - (matched - (ours & theirs))
        results.append(len(matched) / len(union))
    return results


def field_score(*, references: Sequence[Any], predictions: Sequence[Any]) -> float:
    """The score of one text field over all charts, as the published ``ocr_eval`` computes it; "None" is no text.

    A field may list several texts. The published tool then takes the best match but still divides by how many there
    are.
    """
    total, without = 0.0, 0
    for reference, prediction in zip(references, predictions, strict=False):
        wanted = [reference] if isinstance(reference, str) else reference
        given = [prediction] if isinstance(prediction, str) else prediction
        score, count = 0.0, len(wanted)
        for index, text in enumerate(wanted):
            answer = given[index] if index < len(given) else given[0]
            if len(given) == 1 and answer != "None" and "None" not in wanted:
                score = max(score, _likeness(answer, text))
            elif text == "None":
                count -= 1
            elif answer != "None":
                score += _likeness(answer, text)
        if count:
            total += score / count
        else:
            without += 1
    return NO_TEXT if without == len(references) else round(total / (len(references) - without), 5)


def _rows(values: Any) -> list[Row]:
    rows: list[Row] = []
    for key, value in values.items():
        cells = value.items() if isinstance(value, dict) else (("value", value),)
        for subkey, number in cells:
            rows.append((key.lower(), subkey.lower(), _number(re.sub(r"[^\d.-]", "", str(number)))))
    return rows


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.lower()


def _align(ours: list[Row], theirs: list[Row]) -> tuple[list[Row], list[Row]]:
    # Row by row, by position: where the chart is flat the answer's subkey is forgotten, and both keys are sorted, so
    # that a transposed table matches. Rows beyond the shorter list stay as they are.
    for index in range(min(len(ours), len(theirs))):
        key, subkey, number = ours[index]
        if theirs[index][1] == "value" and "value" not in (key, subkey):
            subkey = "value"
        first, second = sorted((key, subkey))
        ours[index] = (first, second, number)
        first, second = sorted(theirs[index][:2])
        theirs[index] = (first, second, theirs[index][2])
    return ours, theirs


def _compat_match(ours: Row, theirs: Row, word_edits: int, error: float) -> bool:
    distance = require("rapidfuzz.distance.Levenshtein", extra="eval").distance
    a, b = ours[2], theirs[2]
    if isinstance(a, float) and isinstance(b, float):
        if not abs(a - b) / (abs(b) + 0.000001) <= error:
            return False
        key, other = ours[0] + ours[1], theirs[0] + theirs[1]
        return key in other or other in key or distance(key, other, score_cutoff=word_edits) <= word_edits
    joined, other = f"{ours[0]}{ours[1]}{a}", f"{theirs[0]}{theirs[1]}{b}"
    return distance(joined, other, score_cutoff=word_edits) <= word_edits


def _likeness(answer: str, text: str) -> float:
    answer, text = answer.lower(), text.lower()
    if answer == text:
        return 1.0
    distance = require("rapidfuzz.distance.Levenshtein", extra="eval").distance
    return 1 - distance(answer, text) / max(len(answer), len(text))


# --- strict ---------------------------------------------------------------------------------------------------------


def _score_strict(pair: Pair) -> dict[str, Any]:
    reference = chart_json.read_answer(pair.reference)
    if reference is None:
        raise ValueError(
            f"The reference of a chart must be a JSON object with values; got {pair.reference[:80]!r}."
        )
    answer = None if pair.failed else chart_json.read_answer(pair.prediction)
    ours = chart_json.number_rows(answer["values"]) if answer else []
    theirs = chart_json.number_rows(reference["values"])
    matched = [_count_matches(ours, theirs, edits, error) if answer else 0 for _, edits, error in TOLERANCES]
    texts = {}
    for field in TEXT_FIELDS:
        wanted = _as_text(reference.get(field))
        if wanted not in ("", "None"):
            texts[field] = _likeness(_as_text(answer.get(field)), wanted) if answer else 0.0
    return {
        "matched": matched,
        "ours": len(ours),
        "theirs": len(theirs),
        "texts": texts,
        "invalid": answer is None,
    }


def _count_matches(ours: Sequence[Row], theirs: Sequence[Row], edits: int, error: float) -> int:
    """The most rows that can be paired one to one (maximum bipartite matching by augmenting paths)."""
    options = [
        [index for index, other in enumerate(theirs) if _strict_match(row, other, edits, error)]
        for row in ours
    ]
    taken: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for index in options[row]:
            if index not in seen:
                seen.add(index)
                if index not in taken or place(taken[index], seen):
                    taken[index] = row
                    return True
        return False

    return sum(place(row, set()) for row in range(len(ours)))


def _strict_match(ours: Row, theirs: Row, edits: int, error: float) -> bool:
    distance = require("rapidfuzz.distance.Levenshtein", extra="eval").distance
    a, b = ours[2], theirs[2]
    if isinstance(a, float) != isinstance(b, float):
        return False
    if isinstance(a, float) and isinstance(b, float):
        if abs(a - b) > error * abs(b):
            return False
    else:
        edits -= distance(a, b)
    as_is = distance(ours[0], theirs[0]) + distance(ours[1], theirs[1])
    transposed = distance(ours[0], theirs[1]) + distance(ours[1], theirs[0])
    return min(as_is, transposed) <= edits


def _strict_means(charts: Sequence[Mapping[str, Any]]) -> Values:
    if not charts:
        return {}

    def ap(tolerance: int, twentieths: int) -> float:
        # Whole numbers, so that a similarity of exactly 0.6 passes the level 0.6; two empty charts are equal.
        passed = sum(
            not chart["invalid"]
            and 20 * chart["matched"][tolerance]
            >= twentieths * (chart["ours"] + chart["theirs"] - chart["matched"][tolerance])
            for chart in charts
        )
        return passed / len(charts)

    numbers = {"em": ap(0, 20)}
    for tolerance, (name, _, _) in enumerate(TOLERANCES):
        numbers[f"map_{name}"] = sum(ap(tolerance, level) for level in range(10, 20)) / 10
    for level in (10, 15, 18):
        for tolerance, (name, _, _) in enumerate(TOLERANCES):
            numbers[f"ap{level * 5}_{name}"] = ap(tolerance, level)
    for field in TEXT_FIELDS:
        scores = [chart["texts"][field] for chart in charts if field in chart["texts"]]
        if scores:
            numbers[field] = sum(scores) / len(scores)
    numbers["structure_accuracy"] = sum(not chart["invalid"] for chart in charts) / len(charts)
    return numbers


def _page_values(chart: Mapping[str, Any]) -> Values:
    values = {}
    for (name, _, _), matched in zip(TOLERANCES, chart["matched"], strict=True):
        union = chart["ours"] + chart["theirs"] - matched
        values[f"similarity_{name}"] = 0.0 if chart["invalid"] else matched / union if union else 1.0
    return values


def _as_text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else "None" if value is None else str(value)
