"""Kinds of the data engine beside what their renderer alone manages here and now, on the very same documents.

The documents are noted while one process draws samples, and given to the renderer in another, which remembers nothing
of them: both rates are of one machine at one moment. What is missing to 1 is ours: growing trees, reading PNG, checks.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

from GOT.data_engine import chart_painter, typst_compiler
from GOT.data_engine.recipe import Recipe
from GOT.data_engine.sample import Sample
from GOT.data_engine.shards import Shard, draw_shard

# kind -> its renderer, and how many samples take a few seconds
BARE: dict[str, tuple[str, int]] = {
    "formula": ("typst", 512),
    "table": ("typst", 128),
    "page_en": ("typst", 64),
    "page_zh": ("typst", 64),
    "chart": ("matplotlib", 32),
}
WARM_UP = 8  # documents that are not timed: fonts, caches of glyphs


def measure_beside_bare(kind: str) -> dict[str, float]:
    """Samples a CPU second of a kind of :data:`BARE`: whole ones by us, and pictures by its renderer alone."""
    renderer, count = BARE[kind]
    context = multiprocessing.get_context("spawn")  # typst starts threads; a fork would lose them
    with context.Pool(1) as pool:
        ours, jobs = pool.apply(_draw, (kind, renderer, count))
    with context.Pool(1) as pool:
        bare = pool.apply(_replay, (renderer, jobs))
    return {"ours": round(ours, 1), "bare": round(bare, 1), "share": round(ours / bare, 2)}


def _draw(kind: str, renderer: str, count: int) -> tuple[float, list[Any]]:
    """Our rate; and the number of samples accepted, with what the renderer was asked, first while warming up."""
    jobs: list[Any] = []
    if renderer == "typst":
        compiled = typst_compiler._compile

        def compile_and_note(source: str, fonts: Any, **output: Any) -> Any:
            jobs.append((source, fonts, output))
            return compiled(source, fonts, **output)

        typst_compiler._compile = compile_and_note
    else:
        painted = chart_painter.paint

        def paint_and_note(chart: Any, style: Any) -> Any:
            jobs.append((chart, style))
            return painted(chart, style)

        chart_painter.paint = paint_and_note
    recipe = Recipe(kinds={kind: 1}, count=1, seed=1)
    list(draw_shard(recipe, Shard(kind, 0, 0, WARM_UP)))
    warm_up = len(jobs)
    start = time.process_time()
    results = [result for _, result in draw_shard(recipe, Shard(kind, 0, WARM_UP, count))]
    seconds = time.process_time() - start
    accepted = sum(isinstance(result, Sample) for result in results)
    return accepted / seconds, [accepted, jobs[:warm_up], jobs[warm_up:]]


def _replay(renderer: str, jobs: list[Any]) -> float:
    """Samples a CPU second that the renderer alone would give: one reused compiler, or a figure built and drawn."""
    accepted, warm_up, timed = jobs
    render = _typst if renderer == "typst" else _matplotlib
    for job in warm_up:
        render(*job)
    start = time.process_time()
    for job in timed:
        render(*job)
    return accepted / (time.process_time() - start)


def _typst(source: str, fonts: Any, output: dict[str, Any]) -> None:
    # PNG as a user of typst asks for it, also where we take a quicker way.
    typst_compiler._compile(
        source, fonts, format="png", ppi=output.get("ppi", typst_compiler.POINTS_PER_INCH)
    )


def _matplotlib(chart: Any, style: Any) -> None:
    chart_painter.build_figure(chart, style).canvas.draw()
