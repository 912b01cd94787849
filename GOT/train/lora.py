"""Low-rank adapters of the decoder through peft: put on, written, and merged back into plain weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from GOT.model.checkpoint import load_model, write_model
from GOT.model.layouts import Layout
from GOT.train.arguments import ModelArguments
from GOT.train.stages import component_of
from GOT.utils import io
from GOT.utils.hub import resolve_folder
from GOT.utils.lazy import require

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def add_adapters(model: nn.Module, arguments: ModelArguments, *, train_projector: bool) -> Any:
    """Freeze a model and put adapters on its decoder's linear layers.

    Args:
        model: The base model.
        arguments: Rank, scale, dropout, and which layers.
        train_projector: Whether the projector trains along, whole.
    """
    peft = require("peft", extra="train")
    wanted = {name.strip() for name in arguments.lora_target.split(",") if name.strip()}
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and component_of(name + ".") == "decoder"
        and name.rpartition(".")[2] in wanted
    ]
    if not layers:
        raise ValueError(f"--lora_target {arguments.lora_target}: the decoder has no such linear layers.")
    base = str(arguments.model_name_or_path or "")
    if Path(base).is_dir():  # a name of the hub stays one
        base = str(Path(base).resolve())
    config = peft.LoraConfig(
        r=arguments.lora_r,
        lora_alpha=arguments.lora_alpha,
        lora_dropout=arguments.lora_dropout,
        target_modules=layers,
        modules_to_save=["mm_projector_vary"] if train_projector else None,
        task_type="CAUSAL_LM",
    )
    adapted = peft.get_peft_model(model, config)
    adapted.peft_config["default"].base_model_name_or_path = base  # peft overwrites it with the model's name
    return adapted


def write_adapters(model: Any, weights: dict[str, Tensor] | None, folder: Path) -> None:
    """Write the adapters of a peft model into a folder that exists."""
    peft = require("peft", extra="train")
    from safetensors.torch import save_file

    found = peft.get_peft_model_state_dict(model, state_dict=weights)
    save_file(
        {name: value.detach().cpu().contiguous() for name, value in found.items()},
        folder / ADAPTER_WEIGHTS,
    )
    model.peft_config["default"].save_pretrained(str(folder))


def read_adapters(model: Any, folder: Path) -> None:
    """Read what :func:`write_adapters` wrote into a peft model."""
    peft = require("peft", extra="train")
    from safetensors.torch import load_file

    peft.set_peft_model_state_dict(model, load_file(folder / ADAPTER_WEIGHTS))


def merge(
    adapter: str | Path, output: str | Path, *, base: str | Path | None = None, layout: Layout = "original"
) -> Path:
    """Fold adapters into the weights of their base model and write a plain checkpoint.

    Args:
        adapter: Folder with ``adapter_config.json`` and ``adapter_model.safetensors``.
        output: Where the merged checkpoint goes.
        base: The base model, if it is not where it was.
        layout: ``original`` or ``transformers``.

    Raises:
        FileNotFoundError: If there are no adapters.
        ValueError: Before any work, if ``output`` holds anything.
    """
    from GOT.data.processor import GOTProcessor

    io.check_vacant(output)
    peft = require("peft", extra="train")
    folder = Path(adapter)
    if not (folder / ADAPTER_CONFIG).is_file():
        raise FileNotFoundError(
            f"No {ADAPTER_CONFIG} in {folder}; give a folder that --lora_enable True wrote."
        )
    base = (
        base or json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))["base_model_name_or_path"]
    )
    source = resolve_folder(base)
    model = load_model(source)
    vision = model.config.vision
    processor = GOTProcessor.from_pretrained(
        source, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens
    )
    merged = peft.PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    return write_merged(merged, processor, Path(output), layout)


def write_merged(model: Any, processor: Any, output: Path, layout: Layout) -> Path:
    """Write a merged model and its tokenizer as a plain checkpoint."""
    with io.atomic_folder(output) as temporary:
        write_model(model.config, model.state_dict(), temporary, layout=layout)
        processor.save_pretrained(temporary, layout=layout)
    return output


@torch.no_grad()
def merged_weights(model: Any) -> dict[str, Tensor]:
    """The plain weights that a peft model stands for, without changing it."""
    model.merge_adapter()
    try:
        prefix = "base_model.model."
        weights = {}
        for name, value in model.state_dict().items():
            name = (
                name.removeprefix(prefix)
                .replace(".base_layer.", ".")
                .replace(".modules_to_save.default.", ".")
            )
            if "lora_" not in name and ".original_module." not in name:
                weights[name] = value.clone()
        return weights
    finally:
        model.unmerge_adapter()
