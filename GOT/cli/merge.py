"""got-ocr merge: fold LoRA adapters into their base model."""

from __future__ import annotations

from pathlib import Path

from GOT.cli import common

PROGRAM = "got-ocr merge"


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = common.Parser(
        prog=PROGRAM, description="Fold LoRA adapters into their base model: one plain checkpoint."
    )
    parser.add_argument(
        "adapter", type=Path, metavar="ADAPTER", help="folder that training with --lora_enable True wrote"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="new folder, where the checkpoint goes",
    )
    parser.add_argument("--base", metavar="W", help="base model, if it is not where it was during training")
    parser.add_argument("--layout", choices=("original", "transformers"), default="original")
    arguments = parser.parse_args(argv)

    def work() -> int:
        common.quiet_libraries()
        from GOT.train.lora import merge

        path = merge(arguments.adapter, arguments.output, base=arguments.base, layout=arguments.layout)
        common.note(f"wrote {path}; read with --model-name {path}")
        return common.OK

    return common.run(PROGRAM, work)
