#!/usr/bin/env python3
"""Show what training sees of a record: learned tokens coloured, picture sizes, and the reason if it is bad.

python scripts/inspect_sample.py pdf-ocr --index 3
python scripts/inspect_sample.py my-data.jsonl --model_name_or_path W --save views/
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run from any folder, without installation

from GOT.data.dataset import BadSample  # noqa: E402
from GOT.train.architecture import new_tokenizer  # noqa: E402
from GOT.train.command_line import parse  # noqa: E402
from GOT.train.run import open_datasets  # noqa: E402
from GOT.train.show import describe_sample  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Show one record; 1 if it is bad."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", help="as --datasets of training takes them")
    parser.add_argument("--index", type=int, default=0, help="which record (0)")
    parser.add_argument("--data_config", help="as training takes it")
    parser.add_argument(
        "--model_name_or_path",
        metavar="W",
        help="whose tokenizer and view size to use; default: the full ones",
    )
    parser.add_argument("--save", type=Path, metavar="DIR", help="write the views as pictures")
    arguments = parser.parse_args(argv)
    try:
        return show(arguments)
    except (ValueError, FileNotFoundError, ImportError) as error:
        print(f"inspect_sample.py: {error}", file=sys.stderr)
        return 2


def show(arguments: argparse.Namespace) -> int:
    """Open the data set as training does and print one of its records."""
    flags = ["--datasets", arguments.datasets, "--output_dir", "runs/inspect"]
    if arguments.data_config:
        flags += ["--data_config", arguments.data_config]
    dataset = open_datasets(parse(flags), arguments.datasets, load_processor(arguments.model_name_or_path))
    if not 0 <= arguments.index < len(dataset):
        raise ValueError(
            f"--index {arguments.index}: the data set has {len(dataset)} records, numbered from 0."
        )
    code = 0
    for entry in dataset[arguments.index]:
        if isinstance(entry, BadSample):
            print(f"record {arguments.index} of {len(dataset)} is bad: {entry.reason}")
            code = 1
            continue
        print(describe_sample(entry, dataset.processor, color=sys.stdout.isatty()))
        if arguments.save:
            save_views(entry.pixel_values, arguments.save)
    return code


def load_processor(name: str | None):
    """The processor of a checkpoint, or the full one."""
    from GOT.data.processor import GOTProcessor
    from GOT.model.checkpoint import load_config
    from GOT.utils.hub import resolve_folder

    if name is None:
        return GOTProcessor(new_tokenizer(None))
    folder = resolve_folder(name)
    vision = load_config(folder).vision
    return GOTProcessor.from_pretrained(
        folder, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens
    )


def save_views(pixel_values, folder: Path) -> None:
    """Write views as the encoder sees them."""
    from PIL import Image

    from GOT.data.image import CLIP_MEAN, CLIP_STD

    folder.mkdir(parents=True, exist_ok=True)
    for number, view in enumerate(pixel_values):
        channels = [view[i] * CLIP_STD[i] + CLIP_MEAN[i] for i in range(3)]
        pixels = [(channel.clamp(0, 1) * 255).round().byte() for channel in channels]
        planes = [Image.fromarray(channel.numpy()) for channel in pixels]
        Image.merge("RGB", planes).save(folder / f"view-{number}.png")
    print(f"wrote {len(pixel_values)} views to {folder}")


if __name__ == "__main__":
    sys.exit(main())
