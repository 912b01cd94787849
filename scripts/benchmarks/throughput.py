"""Pages/s of a PDF: the engine, reading page by page with the plain torch backend, transformers' batched generate.

Every reader opens the pages itself and gives the same text, or the run fails. Rounds are interleaved, so that a
machine's mood hits all alike. Random weights give noise, but the same noise to all; each answer ends at --tokens.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from GOT.data.tokenizer import GOTTokenizer
from GOT.inference.answers import stop_ids
from GOT.inference.collect import Collector
from GOT.inference.documents import open_pages
from GOT.inference.generation import GenerationSettings
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.preparation import ReadRequest
from GOT.inference.throughput import (
    Reading,
    choose_devices,
    choose_openers,
    read_units,
    read_with_processes,
    tasks_of,
)
from GOT.inference.units import plan_units
from GOT.model.checkpoint import load_model, save_model
from GOT.model.config import GOTConfig, tiny_config
from GOT.model.got import GOTQwenForCausalLM, randomize_

ROOT = Path(__file__).resolve().parents[2]
SMALL = {  # a network of the size that learns to read on two cores
    "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 6, "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "vision_config": {
        "image_size": 256, "hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 6, "mlp_dim": 768,
        "window_size": 7, "global_attn_indexes": (2, 5), "output_channels": 64, "feature_size": 256,
    },
}  # fmt: skip
Reader = Callable[[], list[str]]


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table on stderr, return the numbers."""
    arguments = _parser().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        pdf = draw_pdf(Path(folder) / "pages.pdf", arguments.pages)
        pipeline = load(arguments, Path(folder))
        readers: dict[str, Reader] = {
            "page by page": lambda: [page.text for page in pipeline.read(pdf)],
            "engine": lambda: read_by_engine(pipeline, pdf, arguments),
        }
        if arguments.peer:
            theirs = same_weights(pipeline, Path(folder))
            readers["transformers"] = lambda: read_by_transformers(
                theirs, pipeline, pdf, arguments.peer_batch
            )
        spent = measure(readers, arguments.rounds, expected=readers["page by page"]())
    return report(arguments, spent)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py throughput", description=__doc__)
    parser.add_argument("--model-name", help="a checkpoint; default: random weights of --size")
    parser.add_argument("--size", choices=("tiny", "small", "full"), default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--pages", type=int, default=30)
    parser.add_argument("--tokens", type=int, default=128, help="longest answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="torch's, of this process")
    parser.add_argument("--batch-size", type=int, help="slots of the engine")
    parser.add_argument("--workers", type=int, help="processes that open pages")
    parser.add_argument("--processes", type=int, default=1, help="processes that read")
    parser.add_argument("--peer", action="store_true", help="measure transformers too")
    parser.add_argument("--peer-batch", type=int, default=16)
    return parser


def draw_pdf(path: Path, pages: int) -> Path:
    """The sample page, as often as wanted, each a little smaller than the one before so that no two are equal."""
    with Image.open(ROOT / "assets" / "samples" / "page.png") as page:
        sheets = []
        for number in range(pages):
            sheet = Image.new("RGB", page.size, "white")
            shrunk = page.convert("RGB").resize((page.width - number % 7, page.height - number % 5))
            sheet.paste(shrunk, (0, 0))
            sheets.append(sheet)
    sheets[0].save(
        path, "PDF", save_all=True, append_images=sheets[1:], resolution=page.width / 8.27
    )  # A4's width
    return path


def load(arguments: argparse.Namespace, folder: Path) -> GOTPipeline:
    """The checkpoint, or random weights saved as one."""
    name = arguments.model_name
    if name is None:
        name = folder / "checkpoint"
        tokenizer = GOTTokenizer.published() if arguments.size == "full" else GOTTokenizer.small(2000)
        special = tokenizer.special
        ids = {
            "vocab_size": len(tokenizer), "bos_token_id": None, "eos_token_id": special.turn_end,
            "im_start_token": special.image_start, "im_end_token": special.image_end,
            "im_patch_token": special.image,
        }  # fmt: skip
        config = {
            "tiny": lambda: tiny_config(**ids), "small": lambda: tiny_config(**ids, **SMALL), "full": GOTConfig,
        }[arguments.size]()  # fmt: skip
        save_model(randomize_(GOTQwenForCausalLM(config), 0, std=0.05), name)
        tokenizer.save_pretrained(name)
    settings = GenerationSettings(max_new_tokens=arguments.tokens)
    return GOTPipeline.from_pretrained(
        name, device=arguments.device, dtype=arguments.dtype, settings=settings
    )


def read_by_engine(pipeline: GOTPipeline, pdf: Path, arguments: argparse.Namespace) -> list[str]:
    """As ``got-ocr read`` does on many pages, the start of its processes included."""
    template = ReadRequest(())
    views = pipeline.view_settings(template)
    job = Reading(pipeline.origin or {}, template, views, pipeline.settings, arguments.batch_size)
    collector = Collector()
    tasks = tasks_of(collector.watch(plan_units([pdf])))
    devices = choose_devices(pipeline, arguments.pages, arguments.processes)
    if len(devices) > 1:
        messages = read_with_processes(job, tasks, devices)
    else:
        workers = arguments.workers
        opened_by = choose_openers(arguments.pages) if workers is None else {"openers": workers}
        messages = read_units(pipeline, job, tasks, **opened_by)
    return [page.result.text for page in collector.in_order(messages)]


def same_weights(pipeline: GOTPipeline, folder: Path) -> Any:
    """transformers' model of the same weights."""
    from transformers import GotOcr2ForConditionalGeneration

    assert pipeline.origin is not None
    model = load_model(Path(pipeline.origin["model_name"]), dtype=pipeline.backend.model.dtype)  # type: ignore[attr-defined]
    try:
        save_model(model, folder / "theirs", layout="transformers")
    except ValueError as error:
        raise SystemExit(f"bench.py throughput: no --peer for this checkpoint: {error}") from error
    theirs = GotOcr2ForConditionalGeneration.from_pretrained(folder / "theirs", dtype=model.dtype)
    return theirs.to(pipeline.backend.device).eval()  # type: ignore[attr-defined]


@torch.inference_mode()
def read_by_transformers(model: Any, pipeline: GOTPipeline, pdf: Path, batch_size: int) -> list[str]:
    """Batched ``generate`` with the same n-gram rule; pages are opened by our code, one after the other."""
    texts: list[str] = []
    for batch in _batches(pipeline, pdf, batch_size):
        ids = torch.stack([inputs.input_ids for inputs in batch]).to(model.device)
        pixels = torch.cat([inputs.pixel_values for inputs in batch]).to(model.device, model.dtype)
        output = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels,
            max_new_tokens=pipeline.settings.max_new_tokens,
            no_repeat_ngram_size=20,
            do_sample=False,
            eos_token_id=sorted(stop_ids(pipeline.processor.tokenizer)),
            pad_token_id=pipeline.processor.tokenizer.special.end_of_text,
        )
        texts += [pipeline.processor.tokenizer.decode(row[ids.shape[1] :].tolist()) for row in output]
    return texts


def _batches(pipeline: GOTPipeline, pdf: Path, size: int) -> Iterator[list[Any]]:
    batch = []
    for page in open_pages([pdf]):
        assert page.image is not None, page.error
        batch.append(pipeline.prepare(ReadRequest(page.image)).inputs)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def measure(readers: dict[str, Reader], rounds: int, *, expected: list[str]) -> dict[str, list[float]]:
    """Seconds of each reader, in turns.

    Raises:
        RuntimeError: If a reader gives other text; a faster wrong answer is worth nothing.
    """
    spent: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, read in readers.items():
            started = time.perf_counter()
            texts = read()
            spent[name].append(time.perf_counter() - started)
            wrong = [i for i, pair in enumerate(zip(texts, expected, strict=True), 1) if pair[0] != pair[1]]
            if wrong:
                raise RuntimeError(f"{name} gives other text on {len(wrong)} pages, the first is {wrong[0]}")
    return spent


def report(arguments: argparse.Namespace, spent: dict[str, list[float]]) -> dict[str, Any]:
    """Table on stderr; numbers for the JSON line."""
    plain = spent["page by page"]
    result: dict[str, Any] = {
        "model": arguments.model_name or f"random weights, {arguments.size}", "pages": arguments.pages,
        "cores": os.cpu_count(), "threads": torch.get_num_threads(), "torch": torch.__version__,
        "rounds": arguments.rounds, "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    print(
        f"{'reader':16s}{'pages/s':>10s}{'ratio':>8s}   (best round; median ratio of rounds)", file=sys.stderr
    )
    for name, seconds in spent.items():
        ratio = statistics.median(a / b for a, b in zip(plain, seconds, strict=True))
        rate = arguments.pages / min(seconds)
        print(f"{name:16s}{rate:10.2f}{ratio:8.2f}", file=sys.stderr)
        result[name.replace(" ", "_")] = {"pages_per_second": round(rate, 3), "ratio": round(ratio, 2)}
    return result
