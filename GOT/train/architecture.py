"""What a new model of any stage is made of: the fields of its config, its tokenizer, processor, decoder's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, Qwen2Config

from GOT.data.processor import GOTProcessor
from GOT.data.tokenizer import GOTTokenizer
from GOT.model.config import GOTConfig, tiny_config
from GOT.model.pretrain import GOTPretrainConfig
from GOT.train.arguments import ModelArguments
from GOT.utils import io

NEW_TOKENIZERS = ("published", "small:N")


def read_architecture(name: str) -> dict[str, Any]:
    """Fields of ``GOTConfig`` for ``full``, ``tiny`` or a JSON file (``opt``: fields of stage 1's decoder)."""
    if name == "full":
        return {}
    if name == "tiny":
        config = tiny_config()
        return {
            key: getattr(config, key)
            for key in ("vision_config", *Qwen2Config.__annotations__)
            if key != "layer_types"
        }
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"--architecture must be full, tiny or a JSON file; there is no {name}.")
    values = io.read_json(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold an object of GOTConfig fields.")
    return values


def vision_fields(arguments: ModelArguments, values: dict[str, Any]) -> dict[str, Any]:
    """Fields of the vision part of a new model."""
    fields = dict(values.get("vision_config") or {})
    return fields | ({"image_size": arguments.image_size} if arguments.image_size else {})


def new_tokenizer(name: str | None) -> GOTTokenizer:
    """``published`` (default), ``small:N`` or a folder."""
    if name is None or name == "published":
        return GOTTokenizer.published()
    if name.startswith("small:") and name.removeprefix("small:").isdecimal():
        return GOTTokenizer.small(int(name.removeprefix("small:")))
    if Path(name).is_dir():
        return GOTTokenizer.from_pretrained(name)
    raise ValueError(f"--tokenizer must be {', '.join(NEW_TOKENIZERS)} or a folder; got {name!r}.")


def decoder_weights(kind: type[PreTrainedModel], folder: Path) -> dict[str, Tensor]:
    """Weights of a pretrained decoder, in float32.

    Raises:
        FileNotFoundError: If the folder holds none that are read.
    """
    if not any(folder.glob("*.safetensors")):
        raise FileNotFoundError(
            f"{folder} holds no safetensors, and pickled weights are not read; --decoder wants a folder or a hub "
            "revision (owner/model@revision) that has them."
        )
    return kind.from_pretrained(folder, dtype=torch.float32, use_safetensors=True).state_dict()


def make_processor(
    kind: type[GOTProcessor], tokenizer: Any, config: GOTConfig | GOTPretrainConfig
) -> GOTProcessor:
    """The processor that fits a new model's views."""
    vision = config.vision
    return kind(tokenizer, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens)
