"""got-ocr evaluate, and the published evaluate_GOT.py: read a benchmark, score it in both modes, report."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from GOT.cli import common, reading
from GOT.eval.benchmarks import BENCHMARKS

if TYPE_CHECKING:
    from GOT.eval.benchmarks.base import Benchmark
    from GOT.eval.records import Answer
    from GOT.eval.runner import RunPlan

PROGRAM = "got-ocr evaluate"
DATATYPES = "ocr, plain, scene, format, formula, table, chart, music, geometry, summary, vqa"


def build_parser() -> common.Parser:
    """All flags; those of the published command keep their spelling."""
    parser = common.Parser(
        prog=PROGRAM,
        description="Read a benchmark and score the answers, strictly and as the published tools do.",
        epilog=f"benchmarks: {', '.join(BENCHMARKS)}",
    )
    what = parser.add_argument_group("what to read")
    what.add_argument(
        "--benchmark", metavar="NAME", help="a published benchmark (listed below); --data is its folder"
    )
    what.add_argument("--data", type=Path, metavar="DIR", help="folder of the benchmark, as it is published")
    what.add_argument(
        "--gtfile_path", type=Path, metavar="JSON", help="ground truth: records of image and conversations"
    )
    what.add_argument(
        "--image_path", type=Path, metavar="DIR", help="folder of the pictures that --gtfile_path names"
    )
    what.add_argument("--datatype", metavar="TYPE", help=f"how --gtfile_path is scored (OCR): {DATATYPES}")
    what.add_argument(
        "--limit", type=int, metavar="N", help="the first N records only (of each kind of synth-heldout)"
    )
    what.add_argument(
        "--kinds",
        type=common.comma_list,
        default=[],
        metavar="A,B",
        help="kinds of synth-heldout or samples (all)",
    )
    what.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        help="kinds and settings of synth-heldout, as got-ocr synth reads",
    )
    what.add_argument(
        "--samples", type=int, default=500, metavar="N", help="samples of each kind of synth-heldout (500)"
    )
    what.add_argument("--seed", type=int, default=0, help="of synth-heldout (0)")
    what.add_argument("--prompt", help="ask every page exactly this, instead of its record's question")
    what.add_argument(
        "--crop", action="store_true", help="cut each page into tiles (the paper's multi-crop rows)"
    )
    what.add_argument(
        "--draw-formulas",
        action="store_true",
        help="compare formulas that are spelled differently as pictures too",
    )
    what.add_argument(
        "--from-predictions",
        type=Path,
        metavar="FILE",
        help="score these answers (JSON or JSON lines) instead of reading",
    )
    how = parser.add_argument_group("how to run")
    how.add_argument(
        "--out_path", "-o", type=Path, required=True, metavar="DIR", help="folder for answers and reports"
    )
    how.add_argument(
        "--num-chunks", type=int, default=1, metavar="N", help="processes that read, one GPU each (1)"
    )
    how.add_argument("--restart", action="store_true", help="forget the answers that --out_path holds")
    how.add_argument("--num-workers", type=int, metavar="N", help="processes that score and draw (all cores)")
    how.add_argument("--dpi", type=int, default=200, help="resolution at which PDF pages are drawn (200)")
    how.add_argument(
        "--temperature", type=float, default=0.0, help="accepted as published, and unused there too: greedy"
    )
    how.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    common.add_model_flags(parser)
    reading.add_decoding_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns 0, 1 when reading failed, 2 when the command was wrong."""
    arguments = build_parser().parse_args(argv)
    return common.run(PROGRAM, lambda: _evaluate(arguments))


def _evaluate(arguments: argparse.Namespace) -> int:
    from GOT.eval.evaluation import check_libraries, evaluate
    from GOT.eval.report import Report, failed_records, to_text, write_report
    from GOT.eval.runner import ShardError

    _check_numbers(arguments)
    workers = arguments.num_workers or os.cpu_count() or 1
    rank, world = _launched()
    benchmark = _adjusted(_load(arguments, workers, draw=rank == 0), arguments)
    check_libraries(benchmark.records)
    try:
        answers, model = _answers(arguments, benchmark, rank, world)
    except ShardError as error:
        common.note(f"{PROGRAM}: {common.one_line(error)}")
        return common.FAILED
    if rank:
        return common.OK  # the first process merges, scores and reports

    evaluation = evaluate(benchmark.records, answers, workers=workers)
    report = Report(benchmark.name, model, evaluation, benchmark.published, benchmark.notes)
    write_report(report, arguments.out_path)
    print(to_text(report), end="")
    for record in failed_records(evaluation):
        common.note(
            f"record {record['index']} (image {record['image']!r}) could not be read: {record['error']}"
        )
    if benchmark.write is not None:
        common.note(benchmark.write(benchmark.records, answers, arguments.out_path / "predictions"))
    common.note(f"Report: {arguments.out_path / 'report.html'}")
    return common.OK


def _check_numbers(arguments: argparse.Namespace) -> None:
    for name in ("limit", "samples", "num_workers", "max_new_tokens", "num_chunks", "batch_size"):
        number = getattr(arguments, name)
        if number is not None and number < 1:
            raise ValueError(f"--{name.replace('_', '-')} takes a number from 1; got {number}.")
    if arguments.out_path.exists() and not arguments.out_path.is_dir():
        raise ValueError(
            f"--out_path wants a folder for answers and reports; {arguments.out_path} is a file."
        )


def _load(arguments: argparse.Namespace, workers: int, *, draw: bool) -> Benchmark:
    from GOT.eval.benchmarks import folders
    from GOT.eval.benchmarks.base import LoadOptions
    from GOT.utils.lazy import load_entry

    recipe = None
    if arguments.recipe:
        from GOT.data_engine.recipe import Recipe

        recipe = Recipe.load(arguments.recipe)
    options = LoadOptions(
        data=arguments.data or arguments.out_path / "data",
        crop=arguments.crop,
        limit=arguments.limit,
        kinds=tuple(arguments.kinds) or (tuple(recipe.kinds) if recipe else ()),
        settings=recipe.settings if recipe else {},
        samples=arguments.samples,
        seed=arguments.seed,
        workers=workers,
        draw=draw,
    )
    if arguments.benchmark and arguments.gtfile_path:
        raise ValueError("Give --benchmark with --data, or --gtfile_path with --image_path; not both.")
    if arguments.benchmark:
        load = load_entry(BENCHMARKS, arguments.benchmark, what="benchmark")
        if arguments.data is None and arguments.benchmark != "synth-heldout":
            raise ValueError(f"--benchmark {arguments.benchmark} wants --data: the folder of the benchmark.")
        return load(arguments.benchmark, options)
    if not arguments.gtfile_path or not arguments.image_path:
        raise ValueError(
            "Say what to read: --benchmark NAME --data DIR, or --gtfile_path JSON --image_path DIR."
        )
    datatype = (arguments.datatype or "OCR").lower()
    if datatype not in folders.DATATYPES:
        raise ValueError(f"--datatype takes {DATATYPES}; got {arguments.datatype!r}.")
    folder = folders.DATATYPES[datatype]
    return folders.load_files(
        arguments.gtfile_path.stem, arguments.gtfile_path, arguments.image_path, folder, options
    )


def _adjusted(benchmark: Benchmark, arguments: argparse.Namespace) -> Benchmark:
    records = benchmark.records
    if arguments.prompt is not None:
        records = [dataclasses.replace(record, asked=arguments.prompt) for record in records]
    if arguments.draw_formulas:
        records = [
            dataclasses.replace(record, metric="formula_picture") if record.metric == "formula" else record
            for record in records
        ]
    return dataclasses.replace(benchmark, records=records)


def _answers(
    arguments: argparse.Namespace, benchmark: Benchmark, rank: int, world: int
) -> tuple[list[Answer], str]:
    from GOT.eval import runner
    from GOT.eval.records import answers_from_predictions

    if arguments.from_predictions:
        return answers_from_predictions(arguments.from_predictions, benchmark.records), str(
            arguments.from_predictions
        )
    model = _model_name(arguments)
    plan = runner.RunPlan(
        records=benchmark.records,
        out=arguments.out_path,
        reader_options={
            "model_name": model,
            "revision": arguments.revision,
            "device": arguments.device,
            "dtype": arguments.dtype,
            "backend": arguments.backend,
            "attn_implementation": arguments.attn_implementation,
            "engine_options": common.engine_options(arguments),
            "dpi": arguments.dpi,
            "settings": {
                "max_new_tokens": arguments.max_new_tokens,
                "no_repeat_ngram_size": arguments.no_repeat_ngram_size,
                "retry": not arguments.no_retry,
            },
        },
        num_chunks=world if world > 1 else arguments.num_chunks,
        batch_size=arguments.batch_size or 1,
        weights=_digest(Path(model)),
    )
    if arguments.restart and world > 1:
        raise ValueError(
            f"--restart cannot be used under torchrun, where others may be reading already; remove {plan.out} first."
        )
    if arguments.restart:
        shutil.rmtree(plan.answers, ignore_errors=True)
        (plan.out / "run.json").unlink(missing_ok=True)
    with reading.progress_bar(quiet=arguments.quiet) as bar:
        progress = _progress(bar)
        if world > 1:
            return _read_launched(plan, rank, progress), model
        return runner.run(plan, progress=progress), model


def _read_launched(plan: RunPlan, rank: int, progress: Callable[[int, int], None]) -> list[Answer]:
    """One process of ``torchrun`` or ``accelerate launch``: its own shard, and the first waits for all."""
    from GOT.eval import runner

    common.quiet_libraries()
    runner.prepare_folder(plan)
    runner.read_shard(plan, rank)
    return [] if rank else runner.wait_for_shards(plan, progress)


def _launched() -> tuple[int, int]:
    """This process's number and how many there are, as torchrun and accelerate say it."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def _model_name(arguments: argparse.Namespace) -> str:
    from GOT.utils.hub import bundled_checkpoint

    if arguments.model_name:
        return str(arguments.model_name)
    bundled = bundled_checkpoint()
    if bundled is None:
        raise FileNotFoundError(
            "No checkpoint is shipped with this copy; give --model-name: a folder, or a hub name."
        )
    return str(bundled)


def _digest(folder: Path) -> str:
    """What tells one checkpoint from another under the same name; a hub's name has its revision instead."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.json")) + sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest() if folder.is_dir() else ""


def _progress(bar: Any) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return show


if __name__ == "__main__":
    sys.exit(main())
