"""Reading on a CPU with an exported engine, beside transformers' GotOcr2 in float32: each in a process of its own.

Rounds are interleaved, so that a machine's mood hits both alike; each part has its seconds, its processor seconds
(all threads; the better measure on a busy machine) and the ratio of every round. The peak of memory is the process's.
Weights are random unless a checkpoint is given; then nothing is said about text, only how often the engine chooses the
token that transformers chose before.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from GOT.model.checkpoint import load_config, load_model, save_model
from scripts.benchmarks.engine_child import ENGINES, MODEL, PROMPT, Child, timed

PARTS = ("encoder", "prefill", "decode")


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table on stderr, return the numbers."""
    arguments = _parser().parse_args(argv)
    threads = arguments.threads or torch.get_num_threads()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        prepare(folder, arguments.size, arguments.precision)
        floors = measure_floors(threads)
        children = {
            name: Child(name, folder, precision=arguments.precision, threads=threads, tokens=arguments.tokens)
            for name in ENGINES
        }
        spent: dict[str, dict[str, list[dict[str, float]]]] = {
            part: {name: [] for name in ENGINES} for part in arguments.parts
        }
        for _ in range(arguments.rounds):
            for part in arguments.parts:
                for name, child in children.items():
                    spent[part][name].append(child.ask(part))
                    print(f"{part} {name}: {spent[part][name][-1]}", file=sys.stderr)
        answer = children["transformers"].ask("answer")
        agreement = children["openvino"].ask("agree", answer["tokens"])
        peaks = {name: child.close() for name, child in children.items()}
        result = report(arguments, threads, spent, peaks, floors, agreement)
        if arguments.profile:
            from scripts.benchmarks.openvino_profile import profile_export

            config, inputs = load_config(folder / MODEL), load_file(folder / PROMPT)
            result["profile"] = profile_export(folder / arguments.precision, config, inputs, threads)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py read --backend openvino", description=__doc__)
    parser.add_argument("--backend", choices=("openvino",), default="openvino")
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument("--precision", default="int8-activations", help="see got-ocr read --help")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--tokens", type=int, default=32, help="tokens of the answer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--profile", action="store_true", help="where the engine's time goes, by operation")
    parser.add_argument("--folder", type=Path, help="keep checkpoint and export here, for the next run")
    return parser


def prepare(folder: Path, size: str, precision: str) -> None:
    """Random weights in transformers' layout, and their export: no gate, since there is no text to keep."""
    from GOT.inference.backends import openvino_graphs as graphs
    from GOT.inference.backends.openvino_export import PRECISIONS
    from scripts.benchmarks.read import build, prompt_of

    cpu = torch.device("cpu")
    checkpoint, export = folder / MODEL, folder / precision
    if not checkpoint.is_dir():
        processor, model = build(size, cpu, torch.float32)
        save_model(model, checkpoint, layout="transformers")
        save_file(vars(prompt_of(processor)), folder / PROMPT)
        del model
    if (export / "done").is_file():
        return
    export.mkdir(exist_ok=True)
    model = load_model(checkpoint, dtype=torch.float32)
    encoder, decoder = PRECISIONS[precision]
    size_of_view = model.config.vision.image_size
    view = torch.randn(1, 3, size_of_view, size_of_view, generator=torch.Generator().manual_seed(1))
    graphs.write_decoder(model, export, weights=decoder)
    graphs.write_embedding(model.model.embed_tokens.weight, export)
    graphs.write_encoder(model, export, weights=encoder, views=[view])
    (export / "done").touch()


def measure_floors(threads: int) -> dict[str, float]:
    """What the machine can do now: GB/s of copying (read and written), GFLOP/s of multiplying float32 matrices."""
    torch.set_num_threads(threads)
    source, target = torch.rand(64 * 1024**2), torch.empty(64 * 1024**2)
    left, right = torch.rand(1536, 1536), torch.rand(1536, 1536)
    copy = min(timed(lambda: target.copy_(source))["seconds"] for _ in range(20))
    multiply = min(timed(lambda: left @ right)["seconds"] for _ in range(20))
    return {"copy_gb_per_s": 2 * source.nbytes / copy / 1e9, "matmul_gflops": 2 * 1536**3 / multiply / 1e9}


def report(
    arguments: argparse.Namespace,
    threads: int,
    spent: dict[str, dict[str, list[dict[str, float]]]],
    peaks: dict[str, float],
    floors: dict[str, float],
    agreement: dict[str, Any],
) -> dict[str, Any]:
    """Table on stderr; numbers for the JSON line."""
    from importlib.metadata import version

    ours, peer = ENGINES[1], ENGINES[0]
    result: dict[str, Any] = {
        "size": arguments.size, "backend": ours, "precision": arguments.precision, "threads": threads,
        "rounds": arguments.rounds, "tokens": arguments.tokens, "versions": {
            name: version(name) for name in ("openvino", "nncf", "torch", "transformers")
        },
        **{name: round(value, 1) for name, value in floors.items()},
    }  # fmt: skip
    head = f"{'part':9s}{peer + ' s':>16s}{'cpu s':>9s}{ours + ' s':>13s}{'cpu s':>9s}{'ratio':>8s}{'of cpu':>8s}"
    print(head + "   (medians; ratio of each round)", file=sys.stderr)
    for part, by_engine in spent.items():
        row: dict[str, Any] = {}
        for name, key in ((peer, "transformers_"), (ours, "")):
            for unit in ("seconds", "cpu"):
                row[key + unit] = round(statistics.median(run[unit] for run in by_engine[name]), 4)
        for unit, key in (("seconds", "ratio"), ("cpu", "ratio_of_cpu")):
            pairs = zip(by_engine[peer], by_engine[ours], strict=True)
            row[key] = round(statistics.median(a[unit] / b[unit] for a, b in pairs), 2)
        if part == "decode":
            row["tokens_per_second"] = round(arguments.tokens / row["seconds"], 1)
            row["transformers_tokens_per_second"] = round(arguments.tokens / row["transformers_seconds"], 1)
        result[part] = row
        print(
            f"{part:9s}{row['transformers_seconds']:16.3f}{row['transformers_cpu']:9.2f}{row['seconds']:13.3f}"
            f"{row['cpu']:9.2f}{row['ratio']:8.2f}{row['ratio_of_cpu']:8.2f}",
            file=sys.stderr,
        )
    share = peaks[ours] / peaks[peer]
    print(
        f"peak memory {peaks[peer]:.2f} GB and {peaks[ours]:.2f} GB ({100 * share:.0f}%); "
        f"the same token at {agreement['same']} of {agreement['of']} steps; "
        f"copy {floors['copy_gb_per_s']:.1f} GB/s, matmul {floors['matmul_gflops']:.0f} GFLOP/s",
        file=sys.stderr,
    )
    result["peak_gb"], result["transformers_peak_gb"] = round(peaks[ours], 3), round(peaks[peer], 3)
    result["same_tokens"] = agreement["same"]
    return result
