"""Settings to the model that stage 1 starts from: the encoder with a small OPT, going on, pretrained or new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import OPTConfig

from GOT.data.pretrain_processor import OPTTokenizer, PretrainProcessor
from GOT.data.processor import GOTProcessor
from GOT.data.tokenizer import GOTTokenizer
from GOT.model.pretrain import MODEL_TYPE, GOTPretrainConfig, GOTPretrainModel, load_pretrain_model
from GOT.train.architecture import (
    decoder_weights,
    make_processor,
    new_tokenizer,
    read_architecture,
    vision_fields,
)
from GOT.train.arguments import ModelArguments
from GOT.utils.hub import resolve_folder


def load_pretrain(arguments: ModelArguments) -> tuple[GOTPretrainModel, GOTProcessor]:
    """Go on with a checkpoint of stage 1."""
    folder = resolve_folder(str(arguments.model_name_or_path))
    _check_is_pretrained(folder)
    model = load_pretrain_model(folder)
    if arguments.glyph_weight is not None:
        if bool(arguments.glyph_weight) != bool(model.config.glyph_weight):
            raise ValueError(
                f"--glyph_weight {arguments.glyph_weight:g}: {folder} began with {model.config.glyph_weight:g}, and a "
                "model gains or loses its glyph head only when it is new."
            )
        model.config.glyph_weight = arguments.glyph_weight
    size = model.config.vision.image_size
    if arguments.image_size not in (None, size):
        raise ValueError(
            f"Stage 1 goes on at {size} pixels; --image_size {arguments.image_size} is for stage 2 or 3."
        )
    return model, _processor(_tokenizer(folder, model.config.vocab_size), model.config)


def new_pretrain(arguments: ModelArguments, attention: str) -> tuple[GOTPretrainModel, GOTProcessor]:
    """Make a new one, around a pretrained OPT if ``--decoder`` names one."""
    tokenizer: GOTTokenizer | OPTTokenizer
    values = read_architecture(arguments.architecture)
    fields: dict[str, Any] = dict(values.get("opt") or _opt_like(values))
    if arguments.decoder:
        folder = resolve_folder(arguments.decoder)
        fields = OPTConfig.from_pretrained(folder).to_diff_dict()
        tokenizer = OPTTokenizer(folder, fields.get("vocab_size", OPTConfig().vocab_size))
    else:
        tokenizer = new_tokenizer(arguments.tokenizer)
        fields |= _ids(tokenizer)
    for name in ("model_type", "architectures", "transformers_version", "_name_or_path"):
        fields.pop(name, None)
    config = GOTPretrainConfig(
        **fields,
        vision_config=vision_fields(arguments, values),
        glyph_weight=arguments.glyph_weight or 0.0,
    )
    config._attn_implementation = attention
    model = GOTPretrainModel(config)
    if arguments.decoder:
        from transformers import OPTForCausalLM

        model.decoder.load_state_dict(decoder_weights(OPTForCausalLM, folder))
    return model, _processor(tokenizer, config)


def _check_is_pretrained(folder: Path) -> None:
    path = folder / "config.json"
    kind = json.loads(path.read_text(encoding="utf-8")).get("model_type") if path.is_file() else None
    if kind != MODEL_TYPE:
        raise ValueError(
            f"{folder} is no checkpoint of stage 1 (model_type {kind}): --stage 2 or 3 goes on with a GOT, "
            "--vision_tower takes its encoder over."
        )


def _tokenizer(folder: Path, vocab_size: int) -> GOTTokenizer | OPTTokenizer:
    if (folder / "qwen.tiktoken").is_file():
        return GOTTokenizer.from_pretrained(folder)
    return OPTTokenizer(folder, vocab_size)


def _processor(tokenizer: Any, config: GOTPretrainConfig) -> GOTProcessor:
    processor = make_processor(PretrainProcessor, tokenizer, config)
    assert isinstance(processor, PretrainProcessor)
    processor.with_glyph_maps = bool(config.glyph_weight)
    return processor


def _opt_like(values: dict[str, Any]) -> dict[str, Any]:
    """OPT-125M for the full size, else an OPT as small as the Qwen2 decoder."""
    if not values:
        return {}  # OPTConfig's own defaults
    return {
        "hidden_size": values["hidden_size"],
        "word_embed_proj_dim": values["hidden_size"],
        "ffn_dim": 4 * values["hidden_size"],
        "num_hidden_layers": values["num_hidden_layers"],
        "num_attention_heads": values["num_attention_heads"],
        "max_position_embeddings": values.get("max_position_embeddings", 2048),
        "dropout": 0.0,
    }


def _ids(tokenizer: GOTTokenizer) -> dict[str, Any]:
    special = tokenizer.special
    return {
        "vocab_size": len(tokenizer),
        "im_patch_token": special.image,
        "pad_token_id": special.end_of_text,
        "bos_token_id": None,
        "eos_token_id": special.turn_end,
    }
