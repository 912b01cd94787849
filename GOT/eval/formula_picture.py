"""Formulas compared as pictures: two spellings that draw the same pixels are the same formula.

Drawn by matplotlib's mathtext, which runs no TeX and reads no files. It knows no matrices, for one; a formula that it
cannot draw counts by its normalised spelling alone, and the report says that there were such.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from GOT.eval.formula import score_formula, without_delimiters
from GOT.eval.plain import warm_up
from GOT.eval.scores import PageScore, Pair, Scored, StreamScore, average, map_pages
from GOT.utils.lazy import require

RESOLUTION = 120  # dots per inch, at 12 points
MAX_LENGTH = 2_000  # characters; a longer answer is a loop, and would take the drawing a long time


def score_formulas_drawn(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """As ``formula.score_formulas``, with ``picture_match`` beside the exact match."""
    require("matplotlib.mathtext", extra="synth")
    warm_up(pairs)
    pages = map_pages(_score_page, pairs, workers=workers)
    return Scored([average(pairs, pages)], pages)


def pictures_match(*, reference: str, prediction: str) -> bool | None:
    """Whether both formulas draw the same picture; ``None`` if one of them cannot be drawn."""
    ours, theirs = draw(without_delimiters(prediction)), draw(without_delimiters(reference))
    if ours is None or theirs is None:
        return None
    return bool(np.array_equal(ours, theirs))


@functools.lru_cache(maxsize=256)
def draw(formula: str) -> np.ndarray | None:
    """The ink of a formula, (height, width) grey values; ``None`` if mathtext cannot draw it."""
    if not formula or len(formula) > MAX_LENGTH:
        return None
    font_manager = require("matplotlib.font_manager", extra="synth")
    parser = require("matplotlib.mathtext", extra="synth").MathTextParser("agg")
    try:
        drawn = parser.parse(f"${formula}$", dpi=RESOLUTION, prop=font_manager.FontProperties(size=12))
    except (ValueError, RuntimeError, RecursionError):
        return None
    picture = np.asarray(drawn.image)
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else None


def _score_page(pair: Pair) -> PageScore:
    score = score_formula(pair)
    strict = dict(score.strict or {})
    note = score.note
    if strict["exact_match"] or pair.failed:
        strict["picture_match"] = strict["exact_match"]
    else:
        same = pictures_match(reference=pair.reference, prediction=pair.prediction)
        strict["picture_match"] = float(bool(same))
        if same is None:
            note = "a formula that mathtext cannot draw counts by its spelling alone in picture_match"
    return {"": StreamScore(score.compat, strict, note=note)}
