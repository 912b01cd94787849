"""Everything that is measured on a card, in one go: read, decode and train at full size, against the goals.

Each part is a command of its own (``bench.py read``, ``decode``, ``train``) and runs in a process of its own, so that
one that lacks memory takes down no other. With ``--device cpu --size tiny`` it shows that the script itself works.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parents[1] / "bench.py"
SINGLE, BATCHES = "1", ("1", "8", "32", "64")

# What issue and docs/performance.md ask of a card: (what, where in the result, at least).
GOALS = (
    ("encoder, times transformers", ("read", "encoder", "ratio"), 3.0),
    ("one page, times generate", ("decode", "batches", SINGLE, "ratio"), 15.0),
    ("one page, share of the roofline", ("decode", "batches", SINGLE, "share_of_roofline"), 0.5),
)


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, print tables on stderr, return all numbers."""
    parser = argparse.ArgumentParser(prog="bench.py gpu", description=__doc__)
    parser.add_argument("--size", choices=("tiny", "full"), default="full")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", default="5")
    parser.add_argument("--tokens", default="256", help="tokens of an answer")
    parser.add_argument("--batch-sizes", nargs="+", default=list(BATCHES), help="for decode")
    arguments = parser.parse_args(argv)
    common = ["--size", arguments.size, "--device", arguments.device, "--rounds", arguments.rounds]
    parts = {
        "read": ["--tokens", arguments.tokens],
        "decode": ["--tokens", arguments.tokens, "--batch-sizes", *arguments.batch_sizes],
        "train": [],
    }
    results = {name: run(name, [*common, *options]) for name, options in parts.items()}
    for what, path, least in GOALS:
        value = find(results, path)
        state = "not measured" if value is None else f"{value:8.2f}  {'met' if value >= least else 'missed'}"
        print(f"{what:34s} goal {least:5.1f}  {state}", file=sys.stderr)
    return results


def run(name: str, options: list[str]) -> dict[str, Any]:
    """One benchmark's result, or the reason why there is none."""
    print(f"\n{name} {' '.join(options)}", file=sys.stderr, flush=True)
    finished = subprocess.run(
        [sys.executable, str(BENCH), name, *options], stdout=subprocess.PIPE, text=True, check=False
    )
    if finished.returncode:
        return {"failed": f"exit code {finished.returncode}; its messages are above"}
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def find(results: dict[str, Any], path: tuple[str, ...]) -> float | None:
    """The number at a path of keys, if it was measured."""
    value: Any = results
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
