#!/usr/bin/env python3
"""Measure one part of GOT beside a named peer in the same run: a table on stderr, one JSON line last on stdout.

    python scripts/bench.py read --size full
    python scripts/bench.py --help

Each benchmark is a module of ``scripts/benchmarks`` with ``main(argv) -> dict``.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run from any folder, without installation

BENCHMARKS = {
    "read": "seconds of encoder and prefill, tokens/s; beside transformers' GotOcr2",
    "decode": "tokens/s of one page and of batches; beside transformers' generate and the roofline",
    "gpu": "read, decode and train at full size on a card, against the goals",
    "throughput": "pages/s of a PDF; beside page by page and transformers' batched generate",
    "synth": "samples a second and core, for every kind of the data engine; beside its renderers alone",
    "metrics": "edit distance and the whole Fox score; beside nltk's edit distance",
    "train": "images/s, tokens/s and peak memory of a training step; beside transformers' GotOcr2",
}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark named first; its own ``--help`` lists its options."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] not in BENCHMARKS:
        print(
            __doc__
            + "\nbenchmarks:\n"
            + "\n".join(f"  {name:10s} {text}" for name, text in BENCHMARKS.items())
        )
        return 0 if arguments in (["-h"], ["--help"]) else 2
    module = importlib.import_module(f"scripts.benchmarks.{arguments[0]}")
    print(json.dumps({"benchmark": arguments[0], **module.main(arguments[1:])}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
