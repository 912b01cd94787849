"""Reading with random weights, ours beside transformers' GotOcr2: encoder, prefill, tokens/s, memory.

Rounds are interleaved, so that a machine's mood hits both alike, and the ratio of each round is kept. Outputs are
compared in every part before anything is timed; the decoders must give the same tokens.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, GotOcr2ForConditionalGeneration

from GOT.data.processor import GOTProcessor, ModelInputs, Turn
from GOT.data.tokenizer import GOTTokenizer
from GOT.inference.backends.torch_backend import TorchBackend
from GOT.inference.device import choose_device, choose_dtype
from GOT.inference.generation import decode
from GOT.model.checkpoint import save_model
from GOT.model.config import GOTConfig, tiny_config
from GOT.model.got import GOTQwenForCausalLM, randomize_

TOLERANCES = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 2e-1}  # of features of size 1
PARTS = ("encoder", "prefill", "decode")


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table on stderr, return the numbers."""
    if engine_of(argv) == "openvino":  # in processes of its own, so that each engine's memory can be told
        from scripts.benchmarks import read_engines

        return read_engines.main(argv)
    arguments = _parser().parse_args(argv)
    device = choose_device(arguments.device)
    dtype = choose_dtype(arguments.dtype, device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    processor, model = build(arguments.size, device, dtype)
    theirs = same_weights(model, device, dtype)
    ours = TorchBackend(
        model.requires_grad_(False)
    )  # once, as for reading; weights that train would be held twice
    inputs = prompt_of(processor)
    compare(ours, theirs, inputs, arguments.tokens, dtype)
    runs = {
        "encoder": (lambda: encode_ours(ours, inputs), lambda: encode_theirs(theirs, inputs)),
        "prefill": (lambda: ours.start([inputs]), lambda: prefill_theirs(theirs, inputs)),
        "decode": (
            lambda: decode_ours(ours, inputs, arguments.tokens),
            lambda: decode_theirs(theirs, inputs, arguments.tokens),
        ),
    }
    parts = {
        name: measure(*pair, arguments.rounds, device)
        for name, pair in runs.items()
        if name in arguments.parts
    }
    return report(arguments, parts, model, device, dtype)


def engine_of(argv: list[str]) -> str:
    """What ``--backend`` names, whichever way it is written."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--backend", default="torch")
    return parser.parse_known_args(argv)[0].backend


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py read", description=__doc__)
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument(
        "--backend", choices=("torch", "openvino"), default="torch", help="openvino has options of its own"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: torch's own choice")
    parser.add_argument("--tokens", type=int, default=32, help="tokens of the answer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    return parser


def build(size: str, device: torch.device, dtype: torch.dtype) -> tuple[GOTProcessor, GOTQwenForCausalLM]:
    """A model of random weights and the processor that fits it."""
    if size == "full":
        tokenizer, config = GOTTokenizer.published(), GOTConfig()
    else:
        tokenizer = GOTTokenizer.small(1000)
        special = tokenizer.special
        config = tiny_config(
            vocab_size=len(tokenizer), bos_token_id=None, eos_token_id=special.turn_end,
            im_start_token=special.image_start, im_end_token=special.image_end, im_patch_token=special.image,
        )  # fmt: skip
    model = randomize_(GOTQwenForCausalLM(config), 0, std=0.05).to(device, dtype).eval()  # type: ignore[arg-type]
    vision = config.vision
    return GOTProcessor(
        tokenizer, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens
    ), model


def same_weights(model: GOTQwenForCausalLM, device: torch.device, dtype: torch.dtype) -> Any:
    """transformers' model of the same weights, through a checkpoint in its layout."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, folder + "/model", layout="transformers")
        theirs = GotOcr2ForConditionalGeneration.from_pretrained(folder + "/model", dtype=dtype)
    theirs = theirs.to(device).eval()
    theirs.generation_config.eos_token_id = None
    return theirs


def prompt_of(processor: GOTProcessor) -> ModelInputs:
    """The published question about one view of noise."""
    size = processor.transform.image_size
    pixels = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    ids = processor.encode_conversation([Turn("OCR: ", None, 1)]).input_ids
    return ModelInputs(torch.tensor(ids), pixels)


@torch.inference_mode()
def compare(ours: TorchBackend, theirs: Any, inputs: ModelInputs, tokens: int, dtype: torch.dtype) -> None:
    """Insist on equal image features and, in float32, on equal answers.

    Raises:
        RuntimeError: If they differ; a faster wrong answer is worth nothing.
    """
    mine, other = encode_ours(ours, inputs).float(), encode_theirs(theirs, inputs).float()
    difference = float((mine - other).abs().max() / other.std())
    if not difference < TOLERANCES[dtype]:
        raise RuntimeError(f"image features differ by {difference:.2g} of their size")
    if dtype is torch.float32:
        answers = decode_ours(ours, inputs, tokens), decode_theirs(theirs, inputs, tokens)
        if answers[0] != answers[1]:
            raise RuntimeError(f"answers differ: {answers[0][:8]} … and {answers[1][:8]} …")


@torch.inference_mode()
def encode_ours(backend: TorchBackend, inputs: ModelInputs) -> Tensor:
    """One view to image tokens, (1, P, D)."""
    return backend.encode([inputs.pixel_values])


@torch.inference_mode()
def encode_theirs(model: Any, inputs: ModelInputs) -> Tensor:
    """The same by transformers."""
    pixels = inputs.pixel_values.to(model.device, model.dtype)
    features = model.model.get_image_features(pixels)
    features = getattr(features, "pooler_output", features)
    return torch.as_tensor(features).reshape(1, -1, features.shape[-1])


@torch.inference_mode()
def prefill_theirs(model: Any, inputs: ModelInputs) -> Tensor:
    """View and prompt in, first logits out."""
    output = model(
        input_ids=inputs.input_ids[None].to(model.device),
        pixel_values=inputs.pixel_values.to(model.device, model.dtype),
        past_key_values=DynamicCache(config=model.config.text_config),
        use_cache=True,
        logits_to_keep=1,
    )
    return output.logits


def decode_ours(backend: TorchBackend, inputs: ModelInputs, tokens: int) -> list[int]:
    """View to answer with our decoding loop, n-gram rule and guards on."""
    session = backend.start([inputs])
    prompt = inputs.input_ids.tolist()
    *_, answers = decode(
        session, [prompt], stop_ids=frozenset(), max_new_tokens=tokens, no_repeat_ngram_size=20
    )
    return answers[0].token_ids


@torch.inference_mode()
def decode_theirs(model: Any, inputs: ModelInputs, tokens: int) -> list[int]:
    """View to answer with transformers' ``generate``, the same n-gram rule."""
    ids = inputs.input_ids[None].to(model.device)
    output = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        pixel_values=inputs.pixel_values.to(model.device, model.dtype),
        max_new_tokens=tokens,
        no_repeat_ngram_size=20,
        do_sample=False,
        pad_token_id=0,
    )
    return output[0, ids.shape[1] :].tolist()


def measure(
    ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of each, in turns."""
    spent: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for name, work in (("theirs", theirs), ("ours", ours)):
            synchronize(device)
            started = time.perf_counter()
            work()
            synchronize(device)
            spent[name].append(time.perf_counter() - started)
    return spent


def synchronize(device: torch.device) -> None:
    """Wait for a card to finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def report(
    arguments: argparse.Namespace,
    parts: dict[str, dict[str, list[float]]],
    model: GOTQwenForCausalLM,
    device: torch.device,
    dtype: torch.dtype,
) -> dict[str, Any]:
    """Table on stderr; numbers for the JSON line."""
    result: dict[str, Any] = {
        "size": arguments.size, "device": str(device), "dtype": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(), "torch": torch.__version__, "rounds": arguments.rounds,
        "answer_tokens": arguments.tokens,
    }  # fmt: skip
    print(
        f"{'part':10s}{'ours':>10s}{'theirs':>10s}{'ratio':>8s}   (least seconds; median ratio of rounds)",
        file=sys.stderr,
    )
    for name, spent in parts.items():
        ratio = statistics.median(b / a for a, b in zip(spent["ours"], spent["theirs"], strict=True))
        ours, theirs = min(spent["ours"]), min(spent["theirs"])
        print(f"{name:10s}{ours:10.3f}{theirs:10.3f}{ratio:8.2f}", file=sys.stderr)
        result[name] = {
            "seconds": round(ours, 4), "transformers_seconds": round(theirs, 4), "ratio": round(ratio, 3),
            "ratio_of_least": round(theirs / ours, 3),
        }  # fmt: skip
    if {"prefill", "decode"} <= parts.keys():
        # An answer's time less the prefill that it holds.
        for key, name in (("ours", "tokens_per_second"), ("theirs", "transformers_tokens_per_second")):
            steps = min(parts["decode"][key]) - min(parts["prefill"][key])
            result[name] = round((arguments.tokens - 1) / steps, 2) if steps > 0 else None
    if device.type == "cuda":
        result["peak_gpu_gb"] = round(torch.cuda.max_memory_allocated(device) / 1e9, 3)
    result["peak_memory_gb"] = round(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 3
    )  # both models
    return result
