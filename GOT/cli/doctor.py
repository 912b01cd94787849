"""``got-ocr doctor``: what is installed, what the machine has, is a checkpoint sound. Paste it in an issue."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from GOT import __version__
from GOT.cli import common
from GOT.utils.hub import bundled_checkpoint, resolve_folder
from GOT.utils.lazy import is_available

if TYPE_CHECKING:
    from GOT.inference.pipeline import GOTPipeline

PROGRAM = "got-ocr doctor"
PACKAGES = ("torch", "transformers", "safetensors", "tiktoken", "pillow", "numpy", "pypdfium2")

# extra -> modules that it brings
EXTRAS: dict[str, tuple[str, ...]] = {
    "train": ("deepspeed", "peft", "datasets", "yaml", "tensorboard"),
    "flash": ("flash_attn",),
    "eval": ("rapidfuzz", "nltk", "jieba"),
    "render": ("docx", "verovio", "rdkit", "resvg_py"),
    "openvino": ("openvino", "nncf"),
    "ray": ("ray",),
    "synth": ("typst", "rdkit", "indigo", "verovio", "resvg_py", "matplotlib", "yaml"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 1 if something is wrong."""
    parser = common.Parser(
        prog=PROGRAM, description="Versions, devices, extras, and whether a checkpoint is sound."
    )
    common.add_model_flags(parser)
    arguments = parser.parse_args(argv)
    return common.run(PROGRAM, lambda: examine(arguments))


def examine(arguments: argparse.Namespace) -> int:
    """Print what was found; a line that begins with "!!" is wrong."""
    common.quiet_libraries()
    _versions()
    _devices()
    _extras()
    if arguments.model_name is None and bundled_checkpoint() is None:
        print("checkpoint    none shipped with this copy; --model-name W examines one")
        return common.OK
    return _checkpoint(arguments)


def _versions() -> None:
    print(f"got-ocr       {__version__}")
    print(f"python        {platform.python_version()} on {platform.platform()}")
    for name in PACKAGES:
        print(f"{name:13s} {importlib.metadata.version(name)}")


def _devices() -> None:
    import torch

    from GOT.inference.device import choose_device, choose_dtype

    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    for name in names:
        device, supported = torch.device(name), []
        for dtype in ("float32", "bfloat16", "float16"):
            try:
                choose_dtype(dtype, device)
            except ValueError:
                continue
            supported.append(dtype)
        what = f"{torch.get_num_threads()} threads"
        if device.type == "cuda":
            card = torch.cuda.get_device_properties(device)
            what = f"{card.name}, {card.total_memory / 1024**3:.0f} GiB"
        chosen = " (auto)" if device == choose_device("auto") else ""
        print(f"device        {name}{chosen}: {what}; {', '.join(supported)}")


def _extras() -> None:
    for extra, modules in EXTRAS.items():
        absent = [module for module in modules if not is_available(module)]
        state = f'without {", ".join(absent)}: pip install "got-ocr[{extra}]"' if absent else "present"
        print(f"extra         {extra}: {state}")


def _checkpoint(arguments: argparse.Namespace) -> int:
    from GOT.data.processor import GOTProcessor
    from GOT.inference.backends import choose_backend
    from GOT.inference.backends.torch_backend import TorchBackend
    from GOT.inference.device import choose_device, choose_dtype
    from GOT.inference.pipeline import GOTPipeline
    from GOT.model.checkpoint import detect_layout, load_model
    from GOT.model.got import count_parameters

    folder = resolve_folder(arguments.model_name or bundled_checkpoint() or "", revision=arguments.revision)
    print(f"checkpoint    {folder}")
    print(f"layout        {detect_layout(folder)}")
    backend = choose_backend(arguments.backend, device=arguments.device, dtype=arguments.dtype)
    print(f"backend       {_engine(backend)}{' (auto)' if arguments.backend == 'auto' else ''}")
    if arguments.backend not in ("auto", "torch"):  # auto is not followed: an export takes minutes
        try:
            return _try_pipeline(common.load_pipeline(arguments))
        except (ValueError, FileNotFoundError) as error:
            return _wrong("backend", error)
    device = choose_device(arguments.device)
    try:
        model = load_model(
            folder,
            device=device,
            dtype=choose_dtype(arguments.dtype, device),
            attn_implementation=arguments.attn_implementation,
        )
    except (ValueError, FileNotFoundError) as error:
        return _wrong("weights", error)
    weights = f"{count_parameters(model):,}, none missing, none unexpected"
    print(f"weights       {weights}; {model.dtype} on {device}")
    vision = model.config.vision
    processor = GOTProcessor.from_pretrained(
        folder, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens
    )
    return _try_pipeline(GOTPipeline(TorchBackend(model), processor))


def _engine(backend: str) -> str:
    return f"{backend} {importlib.metadata.version(backend)}" if is_available(backend) else backend


def _try_pipeline(pipeline: GOTPipeline) -> int:
    from PIL import Image

    from GOT.inference.generation import GenerationSettings

    processor, vision = pipeline.processor, pipeline.backend.config.vision

    def token_ids() -> str:
        processor.check_fits(pipeline.backend.config)
        return f"tokenizer and config agree; {len(processor.tokenizer)} entries"

    def one_token() -> str:
        page = Image.new("RGB", (vision.image_size,) * 2, "white")
        page.paste("black", (0, 0, vision.image_size // 2, vision.image_size // 2))
        started = time.perf_counter()
        (result,) = pipeline.read(page, settings=GenerationSettings(max_new_tokens=1))
        if result.status == "failed":
            raise ValueError(result.error)
        return f"one view and one token in {time.perf_counter() - started:.2f} s"

    return _try("token ids", token_ids) or _try("forward", one_token)


def _try(what: str, check: Callable[[], str]) -> int:
    try:
        print(f"{what:13s} {check()}")
        return common.OK
    except (ValueError, RuntimeError) as error:
        return _wrong(what, error)


def _wrong(what: str, error: Exception) -> int:
    print(f"!! {what:10s} {common.one_line(error)}")
    return common.FAILED
