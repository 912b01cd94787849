"""Samples a second and core, for every kind of the data engine, beside Pillow drawing the same page line by line.

Rates are samples by CPU seconds of this process and its children, so they hold per core however busy the machine is
(a busy neighbour still takes cache and clock: read them as within 40%). A kind's first samples (imports, fonts) do not
count. Kinds whose renderer is missing are named.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from GOT.data_engine import KINDS
from GOT.data_engine.recipe import Recipe
from GOT.data_engine.sample import Sample
from GOT.data_engine.shards import SHARD_SIZE, Shard, draw_shard
from scripts.benchmarks.bare import BARE, measure_beside_bare

# Thirty fonts at one size, all glyphs drawn before: what the cache gives once it is full.
WARM: dict[str, tuple[str, dict[str, Any]]] = {
    "plain_en_warm": ("plain_en", {"font_limit": 30, "font_size": 22}),
    "plain_zh_warm": ("plain_zh", {"font_limit": 5, "font_size": 24}),
}
PEER = "pillow_page"  # the same page of English text by ImageDraw.text, one call a line: no glyph cache


def main(argv: list[str]) -> dict[str, Any]:
    """Measure; the table goes to stderr."""
    parser = argparse.ArgumentParser(prog="bench.py synth", description=__doc__)
    parser.add_argument("--kinds", help="comma-separated; all by default")
    parser.add_argument("--seconds", type=float, default=6.0, help="CPU seconds for each kind, about (6)")
    parser.add_argument(
        "--memory", type=int, default=0, metavar="N", help="also watch memory over N plain_en samples"
    )
    arguments = parser.parse_args(argv)
    known = [*KINDS, *WARM]
    kinds = arguments.kinds.split(",") if arguments.kinds else known
    for kind in kinds:
        if kind not in known:
            parser.exit(2, f"{parser.prog}: --kinds takes {', '.join(known)}; got {kind!r}.\n")
    rates: dict[str, float] = {}
    missing: dict[str, str] = {}
    print(
        f"{'kind':20s} {'samples/s/core':>15s} {'samples':>8s} {'accepted':>9s} {'peak MB':>8s}",
        file=sys.stderr,
    )
    for kind in kinds:
        try:
            rate, count, accepted = _measure(kind, arguments.seconds)
        except (ImportError, FileNotFoundError) as error:
            missing[kind] = str(error)
            print(f"{kind:20s} missing: {error}", file=sys.stderr)
            continue
        rates[kind] = round(rate, 2)
        print(f"{kind:20s} {rate:15.1f} {count:8d} {accepted:9d} {_peak_mb():8.0f}", file=sys.stderr)
    rates[PEER] = round(_measure_peer(arguments.seconds), 2)
    print(f"{PEER:20s} {rates[PEER]:15.1f}", file=sys.stderr)
    beside = {kind: measure_beside_bare(kind) for kind in BARE if kind in rates}
    for kind, found in beside.items():
        print(
            f"{kind:20s} {found['ours']:15.1f} ours, {found['bare']:.1f} by its renderer alone",
            file=sys.stderr,
        )
    result: dict[str, Any] = {
        "samples_per_second_and_core": rates,
        "beside_the_renderer_alone": beside,
        "missing": missing,
    }
    if arguments.memory:
        result["memory_mb"] = _watch_memory(arguments.memory)
    return result


def _measure(kind: str, seconds: float) -> tuple[float, int, int]:
    """Rate, samples tried and samples accepted; batches grow until the time is used."""
    first = 2  # imports, fonts, text
    settings: dict[str, Any] = {}
    if kind in WARM:
        kind, settings = WARM[kind]
        first = 100
    recipe = Recipe(kinds={kind: 1}, count=1, seed=1, settings={kind: settings})
    list(draw_shard(recipe, Shard(kind, 0, 0, first)))
    count = accepted = 0
    size, used = 4, 0.0
    while used < seconds:
        start = _cpu_seconds()
        results = [result for _, result in draw_shard(recipe, Shard(kind, 0, first + count, size))]
        used += _cpu_seconds() - start
        count += size
        accepted += sum(isinstance(result, Sample) for result in results)
        size = min(SHARD_SIZE, size * 2)
    return accepted / used, count, accepted


def _measure_peer(seconds: float) -> float:
    """The text of plain_en pages drawn anew by Pillow, one call a line, for comparison."""
    from PIL import Image, ImageDraw, ImageFont

    from GOT.data_engine.fonts import PRINTABLE_ASCII, find_fonts
    from GOT.data_engine.plain import sample_en

    fonts = [font for font in find_fonts(PRINTABLE_ASCII, limit=12) if font.path]
    pages = [[r for r in sample_en(n, 1).meta["regions"] if r["level"] == "line"] for n in range(12)]
    opened = [ImageFont.truetype(font.path, 22, index=font.index) for font in fonts] or [
        ImageFont.load_default(22)
    ]
    count, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        image = Image.new("L", (1024, 1024), 255)
        pen = ImageDraw.Draw(image)
        for region in pages[count % len(pages)]:
            pen.text(region["box"][:2], region["text"], fill=0, font=opened[count % len(opened)])
        count += 1
    return count / (time.process_time() - start)


def _watch_memory(count: int) -> list[float]:
    """Resident memory, in MB, at eleven points of ``count`` samples: a flat worker ends where its caches are full."""
    from GOT.data_engine.plain import sample_en

    seen = []
    for number in range(count + 1):
        if number % max(1, count // 10) == 0:
            seen.append(round(_resident_mb(), 1))
        sample_en(number, 5)
    print("resident MB: " + " ".join(map(str, seen)), file=sys.stderr)
    return seen


def _cpu_seconds() -> float:
    """CPU time of this process, of its children that ended and of those still running (Verovio, node)."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = sum(_ticks(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return (
        own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime + ticks / os.sysconf("SC_CLK_TCK")
    )


def _ticks(entry: Path) -> int:
    """User and system clock ticks of a process if it is a child of this one."""
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12]) if int(fields[1]) == os.getpid() else 0


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20
