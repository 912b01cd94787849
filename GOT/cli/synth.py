"""got-ocr synth: make training samples of every kind, with exact answers, from nothing."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from GOT.data_engine import KINDS
from GOT.utils import log


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="got-ocr synth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="kinds: " + ", ".join(KINDS) + "\n\nexamples:\n"
        "  got-ocr synth --kinds plain_en=0.5,formula=0.2,table=0.3 --count 10000 --out data --workers 8\n"
        "  got-ocr synth --kinds plain_en --text my_texts --fonts my_fonts --count 1000 --out data\n"
        "  got-ocr synth --recipe recipe.yaml --out data          (again, after a kill: it resumes)\n"
        "  got-ocr synth --kinds scene,handwriting --out look --preview",
    )
    what = parser.add_argument_group("what to make")
    what.add_argument("--kinds", metavar="NAME=WEIGHT,…", help="kinds and weights; without weights all equal")
    what.add_argument(
        "--recipe", metavar="FILE", help="YAML or JSON with kinds, count, seed, settings; flags win over it"
    )
    what.add_argument("--count", type=int, help="samples of the whole (1000)")
    what.add_argument("--seed", type=int, help="same seed, fonts and library versions: same bytes (42)")
    what.add_argument(
        "--fonts", action="append", metavar="DIR", help="fonts to use instead of the machine's own"
    )
    what.add_argument("--text", metavar="DIR", help="your own text, any language: .txt .md .pdf")
    what.add_argument(
        "--split", choices=("train", "heldout"), help="side of the held-out fonts and texts (train)"
    )
    what.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KIND.NAME=VALUE",
        help="one setting, e.g. plain_en.degrade=0.5",
    )
    where = parser.add_argument_group("where and how")
    where.add_argument(
        "--out", required=True, metavar="DIR", help="folder of the data set; an unfinished one is resumed"
    )
    where.add_argument(
        "--workers", type=int, default=max(1, (os.cpu_count() or 1)), help="processes (all cores)"
    )
    where.add_argument("--shard-size", type=int, default=256, help="samples committed at once (256)")
    where.add_argument(
        "--preview",
        nargs="?",
        type=int,
        const=6,
        metavar="N",
        help="write preview.html with N samples a kind, and stop (6)",
    )
    where.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; 0 done, 1 failed, 2 wrong command."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    log.configure(quiet=arguments.quiet)
    from GOT.data_engine.recipe import Recipe

    try:
        recipe = _recipe(arguments, Recipe)
        if arguments.workers < 0:
            raise ValueError(f"--workers takes 0 (this process) or more; got {arguments.workers}.")
        if arguments.shard_size < 1:
            raise ValueError(f"--shard-size takes 1 or more; got {arguments.shard_size}.")
        if arguments.preview is not None and arguments.preview < 1:
            raise ValueError(f"--preview takes 1 or more; got {arguments.preview}.")
        if Path(arguments.out).is_file() and arguments.preview is None:
            raise ValueError(f"--out wants a folder; {arguments.out} is a file.")
        return _preview(recipe, arguments) if arguments.preview is not None else _run(recipe, arguments)
    except (ValueError, FileNotFoundError, ImportError, TypeError) as error:
        print(f"got-ocr synth: {error}", file=sys.stderr)
        return 2
    except (OSError, RuntimeError) as error:
        print(f"got-ocr synth: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("got-ocr synth: stopped; run the same command again to go on.", file=sys.stderr)
        return 1


def _recipe(arguments: argparse.Namespace, recipe_class: Any) -> Any:
    from GOT.data_engine.recipe import parse_kinds

    if not arguments.kinds and not arguments.recipe:
        raise ValueError(f"Name --kinds (any of {', '.join(KINDS)}) or a --recipe.")
    changes: dict[str, Any] = {}
    if arguments.kinds:
        changes["kinds"] = parse_kinds(arguments.kinds)
    for name in ("count", "seed", "text", "split"):
        if getattr(arguments, name) is not None:
            changes[name] = getattr(arguments, name)
    if arguments.fonts:
        changes["fonts"] = tuple(arguments.fonts)
    recipe = (
        dataclasses.replace(recipe_class.load(arguments.recipe), **changes)
        if arguments.recipe
        else recipe_class(**changes)
    )
    if arguments.set:
        settings = {kind: dict(values) for kind, values in recipe.settings.items()}
        for assignment in arguments.set:
            kind, name, value = _parse_setting(assignment)
            settings.setdefault(kind, {})[name] = value
        recipe = dataclasses.replace(recipe, settings=settings)
    return recipe


def _parse_setting(text: str) -> tuple[str, str, Any]:
    """``plain_en.font_size=[16,24]``: JSON where it reads as JSON, else a string."""
    key, equals, value = text.partition("=")
    kind, dot, name = key.partition(".")
    if not (equals and dot and kind and name):
        raise ValueError(f"--set takes KIND.NAME=VALUE, e.g. plain_en.degrade=0.5; got {text!r}.")
    try:
        return kind, name, json.loads(value)
    except ValueError:
        return kind, name, value


def _run(recipe: Any, arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from GOT.data_engine.runner import run

    rejected = 0
    with tqdm(total=recipe.count, unit="sample", disable=arguments.quiet, delay=1) as bar:

        def progress(done: int, accepted: int) -> None:
            nonlocal rejected
            rejected += done - accepted
            bar.update(done)
            if rejected:
                bar.set_postfix(rejected=rejected, refresh=False)

        summary = run(
            recipe,
            arguments.out,
            workers=arguments.workers,
            shard_size=arguments.shard_size,
            progress=progress,
        )
    for kind, entry in summary["kinds"].items():
        tokens = entry["tokens"]
        spread = f"{tokens['median']} tokens (p95 {tokens['p95']}, max {tokens['max']})" if tokens else ""
        print(f"{kind:12s} {entry['made']:8d} of {entry['wanted']:8d}  {spread}")
        for reason, count in sorted(entry["reasons"].items(), key=lambda item: -item[1])[:3]:
            print(f"             rejected {count}: {reason}", file=sys.stderr)
    print(Path(arguments.out) / "conversations.json")
    return 0 if summary["samples"] else 1


def _preview(recipe: Any, arguments: argparse.Namespace) -> int:
    from GOT.data_engine.preview import preview_html, preview_samples
    from GOT.utils.io import write_text

    path = Path(arguments.out)
    path = path if path.suffix == ".html" else path / "preview.html"
    print(write_text(path, preview_html(preview_samples(recipe, each=arguments.preview))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
