"""Reading on a CPU with an exported engine, beside transformers' GotOcr2 in float32: each in a process of its own.

Rounds are interleaved, so that a machine's mood hits both alike; each part has its seconds, its processor seconds
(all threads; the better measure on a busy machine) and the ratio of every round. The peak of memory is the process's.
Weights are random unless a checkpoint is given; then nothing is said about text, only how often the engine chooses the
token that transformers chose before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

PROMPT = "prompt.safetensors"
PARTS = ("encoder", "prefill", "decode")
ENGINES = ("transformers", "openvino")
ROOT = Path(__file__).resolve().parents[2]


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table on stderr, return the numbers."""
    arguments = _parser().parse_args(argv)
    if arguments.child:
        return serve(arguments)
    threads = arguments.threads or torch.get_num_threads()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        prepare(folder, arguments.size, arguments.precision)
        floors = measure_floors(threads)
        children = {name: Child(name, folder, arguments, threads) for name in ENGINES}
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
        profile = children["openvino"].ask("profile") if arguments.profile else None
        peaks = {name: child.close() for name, child in children.items()}
    result = report(arguments, threads, spent, peaks, floors, agreement)
    return result | ({"profile": profile} if profile else {})


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
    parser.add_argument("--child", choices=ENGINES, help=argparse.SUPPRESS)
    return parser


def prepare(folder: Path, size: str, precision: str) -> None:
    """Random weights in transformers' layout, and their export: no gate, since there is no text to keep."""
    from GOT.inference.backends import openvino_graphs as graphs
    from GOT.inference.backends.openvino_export import PRECISIONS
    from GOT.model.checkpoint import load_model, save_model
    from scripts.benchmarks.read import build, prompt_of

    cpu = torch.device("cpu")
    checkpoint, export = folder / "model", folder / precision
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


class Child:
    """An engine in a process of its own that does one thing when it is asked."""

    def __init__(self, name: str, folder: Path, arguments: argparse.Namespace, threads: int) -> None:
        command = [sys.executable, "-m", "scripts.benchmarks.read_engines", "--child", name]
        command += ["--folder", str(folder), "--precision", arguments.precision, "--threads", str(threads)]
        command += ["--tokens", str(arguments.tokens), *(["--profile"] if arguments.profile else [])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def ask(self, what: str, *values: Any) -> dict[str, Any]:
        """Have one part done."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([what, *values]), file=self._process.stdin, flush=True)
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the measuring process ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> float:
        """End it; gives the peak of its resident memory in GB."""
        peak: float = self.ask("peak")["gb"]
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        return peak


def serve(arguments: argparse.Namespace) -> dict[str, Any]:
    """The child's loop: a JSON line in, a JSON line out."""
    torch.set_num_threads(arguments.threads)
    inputs = load_file(arguments.folder / PROMPT)
    build = {"transformers": TransformersEngine, "openvino": OpenVINOEngine}[arguments.child]
    engine: Any = build(arguments, inputs)
    seen: list[Tensor] = []  # the view's features, encoded when they are first wanted

    def features() -> Tensor:
        if not seen:
            seen.append(engine.encode())
        return seen[0]

    for line in sys.stdin:
        what, *values = json.loads(line)
        if what == "encoder":
            answer: dict[str, Any] = timed(lambda: seen.insert(0, engine.encode()))
        elif what == "prefill":
            known = features()
            answer = timed(lambda known=known: engine.prefill(known))  # type: ignore[misc]
        elif what == "decode":
            first = engine.prefill(features())
            answer = timed(lambda first=first: engine.decode(first, arguments.tokens))  # type: ignore[misc]
        elif what == "answer":
            answer = {"tokens": engine.decode(engine.prefill(features()), arguments.tokens)}
        elif what == "profile":
            answer = engine.profile(features())
        elif what == "agree":
            answer = engine.agree(engine.prefill(features()), values[0])
        else:
            answer = {"gb": peak_memory()}
        print(json.dumps(answer), flush=True)
    sys.exit(0)


def peak_memory() -> float:
    """Most resident memory of this process so far, in GB (Linux: ``ru_maxrss`` would count the parent's)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e9
    raise OSError("/proc/self/status tells no peak of memory")


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds on the wall and of the processor."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - used}


class TransformersEngine:
    """The peer, without the overhead of its ``generate``."""

    def __init__(self, arguments: argparse.Namespace, inputs: dict[str, Tensor]) -> None:
        from transformers import GotOcr2ForConditionalGeneration

        self.model: Any = GotOcr2ForConditionalGeneration.from_pretrained(
            arguments.folder / "model", dtype=torch.float32
        ).eval()
        self.inputs = inputs

    @torch.inference_mode()
    def encode(self) -> Tensor:
        found = self.model.model.get_image_features(self.inputs["pixel_values"])
        found = getattr(found, "pooler_output", found)
        return torch.as_tensor(found).flatten(0, -2)

    @torch.inference_mode()
    def prefill(self, features: Tensor) -> Any:
        from transformers import DynamicCache

        ids = self.inputs["input_ids"][None]
        embeds = self.model.get_input_embeddings()(ids)
        embeds[ids == self.model.config.image_token_id] = features
        return self._forward(embeds, DynamicCache(config=self.model.config.text_config))

    @torch.inference_mode()
    def decode(self, first: Any, count: int) -> list[int]:
        (logits, cache), tokens = first, []
        for _ in range(count):
            token = logits.argmax(-1)
            tokens.append(int(token))
            logits, _ = self._forward(self.model.get_input_embeddings()(token[None]), cache)
        return tokens

    def _forward(self, embeds: Tensor, cache: Any) -> tuple[Tensor, Any]:
        hidden = self.model.model.language_model(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
        return self.model.lm_head(hidden.last_hidden_state[:, -1]), cache


class OpenVINOEngine:
    """Ours: the backend as the pipeline uses it."""

    def __init__(self, arguments: argparse.Namespace, inputs: dict[str, Tensor]) -> None:
        from GOT.data.processor import ModelInputs
        from GOT.inference.backends.openvino_backend import OpenVINOBackend
        from GOT.model.checkpoint import load_config

        folder, options = arguments.folder, {"PERF_COUNT": True} if arguments.profile else {}
        self.backend = OpenVINOBackend(folder / arguments.precision, load_config(folder / "model"), options)
        self.inputs = ModelInputs(**inputs)

    def encode(self) -> Tensor:
        return self.backend.encode([self.inputs.pixel_values])

    def prefill(self, features: Tensor) -> Any:
        from GOT.inference.backends import Prompt

        session = self.backend.open_slots(1)
        session.join([Prompt(self.inputs.input_ids, features)])
        return session

    def decode(self, first: Any, count: int) -> list[int]:
        from GOT.inference.generation import choose_greedily

        tokens = []
        for _ in range(count):
            token, _ = choose_greedily(first.logits, [()])
            tokens.append(int(token[0]))
            first.step(token)
        return tokens

    def agree(self, first: Any, wanted: list[int]) -> dict[str, Any]:
        same = 0
        for token in wanted:
            same += int(first.logits.argmax(-1)[0]) == token
            first.step(torch.tensor([token]))
        return {"same": same, "of": len(wanted)}

    def profile(self, features: Tensor) -> dict[str, dict[str, float]]:
        """Share of each kind of operation in one view's encoding and in one token's step."""
        encoder = self.backend._encoder.create_infer_request()
        encoder.infer({0: self.inputs.pixel_values.numpy()})
        session = self.prefill(features)
        session.step(torch.tensor([5]))
        session.step(torch.tensor([6]))
        return {"encoder": _shares(encoder), "decode": _shares(session._request)}


def _shares(request: Any) -> dict[str, float]:
    """Operations of at least 1% of the time of the last run, most costly first."""
    spent: dict[str, float] = {}
    for node in request.profiling_info:
        spent[node.node_type] = spent.get(node.node_type, 0.0) + node.real_time.total_seconds()
    total = sum(spent.values())
    ranked = sorted(spent.items(), key=lambda item: -item[1])
    return {name: round(seconds / total, 3) for name, seconds in ranked if seconds >= 0.01 * total}


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


if __name__ == "__main__":
    main(sys.argv[1:])
