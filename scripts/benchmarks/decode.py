"""Tokens a second of one page and of batches: ours, transformers' ``generate``, and what the machine would allow.

Rounds are interleaved, and outputs are compared before anything is timed: in float32 they must be the same tokens, in
shorter types the share of equal ones is told. An answer's time less that of its first token is decoding alone. The
roofline is computed from bandwidth and multiplication rate measured in the same run: a step reads every weight of the
decoder once and the cache of every row, and multiplies each row by each weight.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from GOT.data.processor import GOTProcessor, ModelInputs
from GOT.inference.backends.torch_backend import TorchBackend
from GOT.inference.device import choose_device, choose_dtype
from GOT.inference.generation import decode
from GOT.model.got import GOTQwenForCausalLM
from scripts.benchmarks.read import build, prompt_of, same_weights, synchronize

NGRAM = 20


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table on stderr, return the numbers."""
    arguments = _parser().parse_args(argv)
    device = choose_device(arguments.device)
    dtype = choose_dtype(arguments.dtype, device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    processor, model = build(arguments.size, device, dtype)
    backend = TorchBackend(model.requires_grad_(False))
    runs: dict[str, Callable[[list[ModelInputs], int], list[list[int]]]] = {
        "ours": partial(answer_ours, backend),
        "transformers": partial(answer_theirs, same_weights(model, device, dtype)),
    }
    floors = measure_floors(device, dtype)
    result: dict[str, Any] = {
        "size": arguments.size, "device": device_name(device), "dtype": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(), "torch": torch.__version__, "rounds": arguments.rounds,
        "answer_tokens": arguments.tokens, "floors": {name: round(rate, 1) for name, rate in floors.items()},
        "batches": {},
    }  # fmt: skip
    print(
        f"copy {floors['copy_gb_per_s']:.1f} GB/s, multiply {floors['matmul_gflops']:.0f} GFLOP/s\n"
        f"{'batch':>5s}{'ours':>10s}{'theirs':>10s}{'ratio':>8s}{'roofline':>10s}{'of it':>7s}{'equal':>7s}{'GiB':>14s}"
        "   (tokens/s, best of the rounds; median ratio)",
        file=sys.stderr,
    )
    for size in arguments.batch_sizes:
        batch = pages(processor, size)
        equal = compare(runs, batch, arguments.tokens, dtype)
        spent, memory = measure(runs, batch, arguments.tokens, arguments.rounds, device)
        length = len(batch[0].input_ids) + arguments.tokens / 2
        allowed = size / floor_seconds(model, size, length, floors)
        row = summarize(spent, size * (arguments.tokens - 1), allowed) | {"equal_tokens": equal} | memory
        result["batches"][str(size)] = row
        print(
            f"{size:5d}{row['tokens_per_second']:10.1f}{row['transformers_tokens_per_second']:10.1f}{row['ratio']:8.2f}"
            f"{allowed:10.1f}{row['share_of_roofline']:7.0%}{equal:7.0%}"
            f"{memory.get('peak_gib', 0):7.2f}{memory.get('transformers_peak_gib', 0):7.2f}",
            file=sys.stderr,
        )
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py decode", description=__doc__)
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: torch's own choice")
    parser.add_argument("--tokens", type=int, default=128, help="tokens of every answer")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def pages(processor: GOTProcessor, count: int) -> list[ModelInputs]:
    """Prompts of one length with different pictures, so that ``generate`` needs no padding."""
    one = prompt_of(processor)
    random = torch.Generator().manual_seed(0)
    return [
        ModelInputs(one.input_ids, torch.randn(one.pixel_values.shape, generator=random))
        for _ in range(count)
    ]


def answer_ours(backend: TorchBackend, batch: list[ModelInputs], tokens: int) -> list[list[int]]:
    """Our decoding loop with n-gram rule and loop guard."""
    prompts = [inputs.input_ids.tolist() for inputs in batch]
    *_, answers = decode(
        backend.start(batch), prompts, stop_ids=frozenset(), max_new_tokens=tokens, no_repeat_ngram_size=NGRAM
    )
    return [answer.token_ids for answer in answers]


@torch.inference_mode()
def answer_theirs(model: Any, batch: list[ModelInputs], tokens: int) -> list[list[int]]:
    """transformers' ``generate`` with the same n-gram rule."""
    input_ids = torch.stack([inputs.input_ids for inputs in batch]).to(model.device)
    output = model.generate(
        input_ids=input_ids,
        attention_mask=torch.ones_like(input_ids),
        pixel_values=torch.cat([inputs.pixel_values for inputs in batch]).to(model.device, model.dtype),
        max_new_tokens=tokens,
        no_repeat_ngram_size=NGRAM,
        do_sample=False,
        pad_token_id=0,
    )
    return output[:, input_ids.shape[1] :].tolist()


def compare(runs: dict[str, Any], batch: list[ModelInputs], tokens: int, dtype: torch.dtype) -> float:
    """Share of equal tokens; everything is warm afterwards.

    Raises:
        RuntimeError: If any differs in float32; a faster wrong answer is worth nothing.
    """
    ours, theirs = (torch.tensor(run(batch, tokens)) for run in runs.values())
    equal = float((ours == theirs).float().mean())
    if dtype is torch.float32 and equal < 1:
        raise RuntimeError(f"only {equal:.1%} of the tokens are equal in float32")
    return round(equal, 4)


def measure(
    runs: dict[str, Any], batch: list[ModelInputs], tokens: int, rounds: int, device: torch.device
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of decoding of each, in turns; and on a card the most memory that each took, in GiB."""
    spent: dict[str, list[float]] = {name: [] for name in runs}
    memory: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            seconds = []
            for count in (1, tokens):
                synchronize(device)
                started = time.perf_counter()
                run(batch, count)
                synchronize(device)
                seconds.append(time.perf_counter() - started)
            spent[name].append(seconds[1] - seconds[0])
            if device.type == "cuda":
                key = "peak_gib" if name == "ours" else "transformers_peak_gib"
                memory[key] = round(
                    torch.cuda.max_memory_allocated(device) / 1024**3, 3
                )  # both models' weights
    return spent, memory


def summarize(spent: dict[str, list[float]], tokens: int, allowed: float) -> dict[str, float]:
    """Rates from seconds."""
    ours, theirs = spent["ours"], spent["transformers"]
    rate = tokens / min(ours)
    return {
        "tokens_per_second": round(rate, 2),
        "transformers_tokens_per_second": round(tokens / min(theirs), 2),
        "ratio": round(statistics.median(b / a for a, b in zip(ours, theirs, strict=True)), 3),
        "roofline_tokens_per_second": round(allowed, 2),
        "share_of_roofline": round(rate / allowed, 3),
    }


def measure_floors(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """What the machine can do: GB/s read and written by a copy, GFLOP/s of multiplying square matrices."""
    on_card = device.type == "cuda"
    source = torch.rand((1024 if on_card else 256) * 1024**2 // dtype.itemsize, device=device).to(dtype)
    target = torch.empty_like(source)
    side = 8192 if on_card else 1536
    left, right = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))

    def least(work: Callable[[], Any]) -> float:
        spent = []
        for _ in range(10):
            synchronize(device)
            started = time.perf_counter()
            work()
            synchronize(device)
            spent.append(time.perf_counter() - started)
        return min(spent)

    copied = 2 * source.nbytes / least(lambda: target.copy_(source))
    multiplied = 2 * side**3 / least(lambda: left @ right)
    return {"copy_gb_per_s": copied / 1e9, "matmul_gflops": multiplied / 1e9}


def floor_seconds(model: GOTQwenForCausalLM, rows: int, length: float, floors: dict[str, float]) -> float:
    """Least seconds of a step: reading what it must read, or multiplying what it must multiply."""
    config = model.config
    weights = sum(p.numel() for layer in model.model.layers for p in layer.parameters())
    weights += model.lm_head.weight.numel()
    kv_heads = config.num_key_value_heads or config.num_attention_heads
    head_size = config.hidden_size // config.num_attention_heads
    cached = 2 * config.num_hidden_layers * kv_heads * head_size * length
    read = (weights + rows * cached) * model.dtype.itemsize / (floors["copy_gb_per_s"] * 1e9)
    multiplied = 2 * rows * weights / (floors["matmul_gflops"] * 1e9)
    return max(read, multiplied)


def device_name(device: torch.device) -> str:
    """The card's name, or ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
