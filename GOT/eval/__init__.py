"""Measure how well pages are read: benchmarks, metrics, a resumable runner and a report.

``METRICS`` says which scorer a kind of answer gets; importing this costs nothing.
"""

METRICS: dict[str, str] = {
    "plain": "GOT.eval.plain:score_plain",
    "scene": "GOT.eval.plain:score_scene",
    "formatted": "GOT.eval.formatted:score_formatted",
    "formula": "GOT.eval.formula:score_formulas",
    "formula_picture": "GOT.eval.formula_picture:score_formulas_drawn",
    "table": "GOT.eval.tables:score_tables",
    "chart": "GOT.eval.charts:score_charts",
    "summary": "GOT.eval.rouge:score_summaries",
    "exact": "GOT.eval.exact:score_exact",
    "molecule": "GOT.eval.exact:score_molecules",
}
