"""got-ocr export: a checkpoint to another engine's files, tried on sample pages before they are kept."""

from __future__ import annotations

import argparse
from pathlib import Path

from GOT.cli import common
from GOT.export import EXPORTERS
from GOT.utils.hub import bundled_checkpoint, resolve_folder
from GOT.utils.lazy import load_entry

PROGRAM = "got-ocr export"


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = common.Parser(
        prog=PROGRAM,
        description="Write a checkpoint for another engine, which must read sample pages as torch does.",
    )
    parser.add_argument("--to", required=True, choices=sorted(EXPORTERS), help="the engine")
    parser.add_argument("--model-name", metavar="W", help="checkpoint; default: the embedded got-tiny")
    parser.add_argument("--revision", help="revision on the hub")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="new folder to write; default: the cache alone"
    )
    common.add_precision_flags(parser)
    arguments = parser.parse_args(argv)
    return common.run(PROGRAM, lambda: export(arguments))


def export(arguments: argparse.Namespace) -> int:
    """Export what the flags name, and print where it is."""
    common.quiet_libraries()
    name = arguments.model_name or bundled_checkpoint()
    if name is None:
        raise FileNotFoundError("No checkpoint is shipped with this copy; give --model-name.")
    write = load_entry(EXPORTERS, arguments.to, what="exporter")
    path = write(
        resolve_folder(name, revision=arguments.revision),
        arguments.output,
        precision=arguments.precision,
        cache_dir=arguments.cache_dir,
        allow_lossy=arguments.allow_lossy,
    )
    print(path)
    return common.OK
