"""One optimizer step of GOT and of transformers' GotOcr2 on the same batch, in turns: images/s, tokens/s, peak memory.

Weights are random, the same for every variant, and the losses of the first step are compared. ``tiny`` runs on a CPU
in seconds; ``full`` wants a card.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from GOT.inference.device import choose_device, choose_dtype
from GOT.model.config import GOTConfig, tiny_config
from GOT.model.got import GOTQwenForCausalLM, randomize_
from GOT.train.loss import supervised_loss
from GOT.utils.lazy import is_available

SMALL_IDS = {"vocab_size": 1012, "im_start_token": 1009, "im_end_token": 1010, "im_patch_token": 1011}


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table on stderr, return the numbers."""
    arguments = _parser().parse_args(argv)
    device = choose_device(arguments.device)
    dtype = choose_dtype(arguments.dtype, device)
    config = (
        GOTConfig()
        if arguments.size == "full"
        else tiny_config(**SMALL_IDS, bos_token_id=None, eos_token_id=2)
    )
    batch = make_batch(config, arguments.batch_size, arguments.answer_tokens, device)
    runs: dict[str, Callable[[], Any]] = {}
    losses: dict[str, float] = {}
    models: dict[str, Any] = {}
    for name, build in variants(config, device, arguments).items():
        models[name] = build()
        runs[name], losses[name] = stepper(models[name], batch, device, dtype)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    memory: dict[str, float] = {}
    for _ in range(arguments.rounds):  # interleaved: a machine's mood hits all alike
        for name, step in runs.items():
            spent, peak = timed(step, device)
            seconds[name].append(spent)
            memory[name] = max(memory.get(name, 0.0), peak)
    return report(arguments, seconds, memory, losses, batch)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py train", description=__doc__)
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto", help="of the autocast; weights are float32")
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--answer-tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too")
    return parser


def variants(
    config: GOTConfig, device: torch.device, arguments: argparse.Namespace
) -> dict[str, Callable[[], Any]]:
    """What is measured: the peer first."""

    def ours(attention: str = "sdpa", *, checkpointing: bool = False, compiled: bool = False) -> Any:
        own = GOTConfig(**{k: v for k, v in config.to_dict().items() if k in GOTConfig.__dataclass_fields__})
        own._attn_implementation = attention
        model: Any = randomize_(GOTQwenForCausalLM(own), 0).to(device).train()
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        return torch.compile(model) if compiled else model

    found: dict[str, Callable[[], Any]] = {
        "transformers": lambda: peer(config, device),
        "GOT": ours,
        "GOT, checkpointing": lambda: ours(checkpointing=True),
    }
    if device.type == "cuda" and is_available("flash_attn"):
        found["GOT, flash-attn"] = lambda: ours("flash_attention_2")
    if arguments.compile:
        found["GOT, compiled"] = lambda: ours(compiled=True)
    return found


def peer(config: GOTConfig, device: torch.device) -> Any:
    """transformers' GotOcr2 with the same weights."""
    from transformers import GotOcr2ForConditionalGeneration

    from GOT.model.checkpoint import save_model

    with tempfile.TemporaryDirectory() as folder:
        save_model(randomize_(GOTQwenForCausalLM(config), 0), f"{folder}/hf", layout="transformers")
        model = GotOcr2ForConditionalGeneration.from_pretrained(f"{folder}/hf", dtype=torch.float32)
    return model.to(device).train()


def make_batch(config: GOTConfig, size: int, answer: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Random pictures and answers behind a prompt of the usual length."""
    random = torch.Generator().manual_seed(0)
    views = config.vision.num_image_tokens
    head = torch.full((size, 30), 7)
    image = torch.full((size, views), config.image_token_id)
    text = torch.randint(3, 900, (size, answer), generator=random)
    input_ids = torch.cat([head, image, text], dim=1)
    labels = input_ids.clone()
    labels[:, : 30 + views] = -100
    side = config.vision.image_size
    pixels = torch.randn(size, 3, side, side, generator=random)
    batch = {
        "input_ids": input_ids,
        "labels": labels,
        "attention_mask": torch.ones_like(input_ids),
        "pixel_values": pixels,
    }
    return {name: value.to(device) for name, value in batch.items()}


def stepper(
    model: Any, batch: dict[str, torch.Tensor], device: torch.device, dtype: torch.dtype
) -> tuple[Callable[[], Any], float]:
    """A function that takes one AdamW step, after one to warm up; and the loss before any step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=device.type == "cuda")
    autocast = torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32)

    is_peer = type(model).__name__.startswith("GotOcr2")

    def step() -> torch.Tensor:
        with autocast:
            loss = model(**batch).loss if is_peer else supervised_loss(model, batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    return step, float(step())


def timed(step: Callable[[], Any], device: torch.device) -> tuple[float, float]:
    """Seconds of a step, and the GiB it took at its peak: of the card, or of resident memory above where it began."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        step()
        torch.cuda.synchronize()
        return time.perf_counter() - started, torch.cuda.max_memory_allocated() / 1024**3
    before = _resident(reset_peak=True)
    started = time.perf_counter()
    step()
    return time.perf_counter() - started, _resident(peak=True) - before


def _resident(*, peak: bool = False, reset_peak: bool = False) -> float:
    """GiB of resident memory, or their peak since the last reset (Linux; 0 elsewhere)."""
    try:
        if reset_peak:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    name = "VmHWM" if peak else "VmRSS"
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024**2


def report(
    arguments: argparse.Namespace,
    seconds: dict[str, list[float]],
    memory: dict[str, float],
    losses: dict[str, float],
    batch: dict[str, torch.Tensor],
) -> dict[str, Any]:
    """The table, and the same as values."""
    base = statistics.median(seconds["transformers"])
    tokens, images = batch["input_ids"].numel(), len(batch["pixel_values"])
    rows = {}
    print(
        f"{'':22} {'s/step':>8} {'images/s':>9} {'tokens/s':>9} {'GiB':>6} {'loss':>9} {'speed':>7}",
        file=sys.stderr,
    )
    for name, values in seconds.items():
        spent = statistics.median(values)
        rows[name] = {
            "seconds": round(spent, 5),
            "images_per_second": round(images / spent, 3),
            "tokens_per_second": round(tokens / spent, 1),
            "peak_gib": round(memory[name], 2),
            "first_loss": round(losses[name], 5),
            "speedup": round(base / spent, 3),
        }
        print(
            f"{name:22} {spent:8.4f} {images / spent:9.2f} {tokens / spent:9.0f} {memory[name]:6.2f} "
            f"{losses[name]:9.4f} {base / spent:6.2f}x",
            file=sys.stderr,
        )
    return {
        "size": arguments.size,
        "batch_size": arguments.batch_size,
        "rounds": arguments.rounds,
        "variants": rows,
    }
