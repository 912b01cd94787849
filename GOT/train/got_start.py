"""Settings to the GOT that stage 2 or 3 starts from: a checkpoint, or a new one, with a pretrained Qwen2 or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config

from GOT.data.processor import GOTProcessor
from GOT.data.tokenizer import GOTTokenizer
from GOT.model.checkpoint import load_model
from GOT.model.config import GOTConfig
from GOT.model.got import GOTQwenForCausalLM
from GOT.model.positions import resize_positions
from GOT.train.architecture import (
    decoder_weights,
    make_processor,
    new_tokenizer,
    read_architecture,
    vision_fields,
)
from GOT.train.arguments import ModelArguments
from GOT.train.decoder_start import start_looking
from GOT.train.stages import component_of
from GOT.utils.hub import resolve_folder


def load_got(arguments: ModelArguments, attention: str) -> tuple[GOTQwenForCausalLM, GOTProcessor]:
    """Go on with a checkpoint, at another view size if one is asked for."""
    folder = resolve_folder(str(arguments.model_name_or_path), revision=arguments.revision)
    model = load_model(folder, dtype=torch.float32, attn_implementation=attention)
    if arguments.image_size and arguments.image_size != model.config.vision.image_size:
        model = _resized(model, arguments.image_size)
    tokenizer = (
        new_tokenizer(arguments.tokenizer) if arguments.tokenizer else GOTTokenizer.from_pretrained(folder)
    )
    processor = make_processor(GOTProcessor, tokenizer, model.config)
    processor.check_fits(model.config)
    return model, processor


def new_got(arguments: ModelArguments, attention: str) -> tuple[GOTQwenForCausalLM, GOTProcessor]:
    """Make a new one."""
    tokenizer = new_tokenizer(arguments.tokenizer or _own_tokenizer(arguments.vision_tower))
    values = read_architecture(arguments.architecture)
    values.pop("opt", None)
    values["vision_config"] = vision_fields(arguments, values)
    decoder = resolve_folder(arguments.decoder) if arguments.decoder else None
    if decoder is not None:
        values |= _qwen_fields(decoder)
    config = GOTConfig(**(values | _ids(tokenizer)))
    config._attn_implementation = attention
    model = GOTQwenForCausalLM(config)
    if decoder is not None:
        _load_qwen(model, decoder)
    elif arguments.start_looking:
        start_looking(model, tokenizer)
    return model, make_processor(GOTProcessor, tokenizer, config)


def _resized(model: GOTQwenForCausalLM, image_size: int) -> GOTQwenForCausalLM:
    """The same model for views of another size."""
    values = model.config.to_dict()
    values["vision_config"] = values["vision_config"] | {"image_size": image_size}
    config = GOTConfig(**values)
    config._attn_implementation = model.config._attn_implementation
    resized = GOTQwenForCausalLM(config)
    shapes = {name: tuple(value.shape) for name, value in resized.state_dict().items()}
    resized.load_state_dict(resize_positions(model.state_dict(), shapes))
    return resized


def _own_tokenizer(folder: str | None) -> str | None:
    """Stage 1's tokenizer goes on into stage 2 when it is one of ours."""
    if folder and (Path(folder) / "qwen.tiktoken").is_file():
        return folder
    return None


def _ids(tokenizer: GOTTokenizer) -> dict[str, Any]:
    special = tokenizer.special
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": special.end_of_text,
        "eos_token_id": special.turn_end,
        "im_start_token": special.image_start,
        "im_end_token": special.image_end,
        "im_patch_token": special.image,
    }


def _qwen_fields(folder: Path) -> dict[str, Any]:
    config = Qwen2Config.from_pretrained(folder)
    names = [name for name in Qwen2Config.__annotations__ if name in GOTConfig.__dataclass_fields__]
    skipped = {"layer_types", "vocab_size", "model_type", "pad_token_id", "bos_token_id", "eos_token_id"}
    return {name: getattr(config, name) for name in names if name not in skipped}


@torch.no_grad()
def _load_qwen(model: GOTQwenForCausalLM, folder: Path) -> None:
    """Copy a Qwen2 decoder in; of its embedding the rows that both vocabularies have (Qwen's ids come first)."""
    from transformers import Qwen2ForCausalLM

    theirs = decoder_weights(Qwen2ForCausalLM, folder)
    for name, parameter in model.named_parameters():
        if component_of(name) != "decoder":
            continue
        rows = (
            min(len(parameter), len(theirs[name]))
            if name.endswith(("embed_tokens.weight", "lm_head.weight"))
            else None
        )
        parameter[:rows].copy_(theirs[name][:rows])
