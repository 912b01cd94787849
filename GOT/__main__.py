"""got-ocr <command>: one program for reading, training, measuring and making data."""

from __future__ import annotations

import sys

from GOT import __version__
from GOT.utils.lazy import load_entry

# name -> (entry point, what --help says); a command's module is imported only when it is asked for
COMMANDS: dict[str, tuple[str, str]] = {
    "read": ("GOT.cli.read:main", "turn images and PDFs into text, Markdown or JSON"),
    "train": ("GOT.cli.train:main", "pre-train, joint-train, post-train, fine-tune (also with LoRA)"),
    "merge": ("GOT.cli.merge:main", "fold LoRA adapters into their base model"),
    "evaluate": ("GOT.cli.evaluate:main", "read a benchmark's pages and score them"),
    "export": ("GOT.cli.export:main", "write a checkpoint for another engine, tried on sample pages"),
    "synth": ("GOT.cli.synth:main", "draw training samples of every kind of OCR-2.0 character"),
    "doctor": ("GOT.cli.doctor:main", "versions, devices, extras, and whether a checkpoint is sound"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 when the work failed, 2 when the command was wrong."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["--version"]:
        print(f"got-ocr {__version__}")
        return 0
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    entries = {name: entry for name, (entry, _) in COMMANDS.items()}
    try:
        command = load_entry(entries, arguments[0], what="command")
    except ValueError as error:
        print(f"got-ocr: {error}", file=sys.stderr)
        return 2
    return int(command(arguments[1:]))


def _usage() -> str:
    lines = "\n".join(f"  {name:10s}{what}" for name, (_, what) in COMMANDS.items())
    return (
        "usage: got-ocr <command> [options]\n\n"
        f"OCR-2.0 in one end-to-end model.\n\ncommands:\n{lines}\n\n"
        "got-ocr <command> --help tells the options of a command."
    )


if __name__ == "__main__":
    sys.exit(main())
