"""Settings to what trains: the model of a stage, its processor, and how its checkpoints are written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import OPTConfig, PreTrainedModel, Qwen2Config

from GOT.data.pretrain_processor import OPTTokenizer, PretrainProcessor
from GOT.data.processor import GOTProcessor
from GOT.data.tokenizer import GOTTokenizer
from GOT.model.checkpoint import load_model, load_weights, write_model
from GOT.model.config import GOTConfig, tiny_config
from GOT.model.got import GOTQwenForCausalLM
from GOT.model.layouts import Layout
from GOT.model.positions import resize_positions
from GOT.model.pretrain import GOTPretrainConfig, GOTPretrainModel, load_pretrain_model, write_pretrain_model
from GOT.train.arguments import GOTTrainingArguments, ModelArguments
from GOT.train.decoder_start import start_looking
from GOT.train.machine import attention_for
from GOT.utils.hub import resolve_folder
from GOT.utils.log import get_logger

logger = get_logger(__name__)

ENCODER, PROJECTOR = "vision_tower_high.", "mm_projector_vary."
NEW_TOKENIZERS = ("published", "small:N")


@dataclasses.dataclass
class Built:
    """A model with its processor."""

    model: PreTrainedModel
    processor: GOTProcessor

    def write(self, weights: dict[str, Tensor], folder: Path, layout: Layout) -> None:
        """Write weights, config and tokenizer into a folder, as a checkpoint that loads like any other."""
        config = self.model.config
        if isinstance(config, GOTPretrainConfig):
            write_pretrain_model(config, weights, folder)
            self.processor.tokenizer.save_pretrained(folder)
            return
        assert isinstance(config, GOTConfig)
        write_model(config, weights, folder, layout=layout)
        self.processor.save_pretrained(folder, layout=layout)

    def read(self, folder: Path) -> dict[str, Tensor]:
        """Read the weights of a checkpoint that :meth:`write` wrote."""
        if isinstance(self.model, GOTPretrainModel):
            return load_pretrain_model(folder).state_dict()
        return load_weights(folder)


def build(arguments: ModelArguments, training: GOTTrainingArguments) -> Built:
    """Make or load the model that a stage starts from, in float32.

    Raises:
        ValueError, FileNotFoundError: If the settings do not lead to a model.
    """
    attention = attention_for(arguments.attn_implementation)
    if arguments.start_looking and (training.stage == 1 or arguments.model_name_or_path or arguments.decoder):
        raise ValueError("--start_looking is for stage 2 with a decoder that has learned nothing.")
    if training.stage == 1:
        built = _build_pretrain(arguments, attention)
    elif arguments.model_name_or_path:
        built = _load(arguments, attention)
    else:
        built = _build_new(arguments, attention)
    if arguments.vision_tower:
        load_encoder(built.model, arguments.vision_tower)
    return built


def _vision_fields(arguments: ModelArguments, values: dict[str, Any]) -> dict[str, Any]:
    """Fields of the vision part of a new model."""
    fields = dict(values.get("vision_config") or {})
    return fields | ({"image_size": arguments.image_size} if arguments.image_size else {})


def load_encoder(model: PreTrainedModel, name_or_path: str) -> None:
    """Copy the vision encoder of another checkpoint (of any stage) into a model.

    The projector of a stage 1 with glyph maps comes along, if the widths agree: it writes the codes that
    ``--start_looking`` reads.

    Raises:
        ValueError: If the encoders differ; the message names the weights.
    """
    folder = resolve_folder(name_or_path)
    theirs, projector, writes_codes = {}, {}, False
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(str(path), framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - not a dict
                writes_codes |= key.startswith("glyph_head.")
                if ENCODER in key:
                    theirs[key.partition(ENCODER)[2]] = file.get_tensor(key)
                elif PROJECTOR in key:
                    projector[key.partition(PROJECTOR)[2]] = file.get_tensor(key)
    if not theirs:  # transformers' layout calls it otherwise
        theirs = {k.partition(ENCODER)[2]: v for k, v in load_weights(folder).items() if ENCODER in k}
    ours = {name.partition(ENCODER)[2]: p for name, p in model.named_parameters() if ENCODER in name}
    theirs = resize_positions(theirs, {name: tuple(p.shape) for name, p in ours.items()})
    wrong = sorted(ours.keys() ^ theirs.keys()) or [
        f"{name} is {tuple(theirs[name].shape)}, here {tuple(parameter.shape)}"
        for name, parameter in ours.items()
        if theirs[name].shape != parameter.shape
    ]
    if wrong:
        raise ValueError(f"The encoder of {folder} does not fit this architecture: {', '.join(wrong[:3])}.")
    with torch.no_grad():
        for name, parameter in ours.items():
            parameter.copy_(theirs[name])
    logger.info("took the encoder over from %s", folder)
    if writes_codes:
        _load_projector(model, projector, folder)


@torch.no_grad()
def _load_projector(model: PreTrainedModel, theirs: dict[str, Tensor], folder: Path) -> None:
    for name, parameter in model.named_parameters():
        value = theirs.get(name.partition(PROJECTOR)[2])
        if value is None:
            continue
        if value.shape != parameter.shape:
            logger.warning(
                "the projector of %s writes glyph codes of width %d and is left there: this decoder's width is %d",
                folder, len(value), len(parameter),
            )  # fmt: skip
            return
        parameter.copy_(value)
    logger.info("took the projector over too: it writes glyph codes")


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
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold an object of GOTConfig fields.")
    return values


def new_tokenizer(name: str | None) -> GOTTokenizer:
    """``published`` (default), ``small:N`` or a folder."""
    if name is None or name == "published":
        return GOTTokenizer.published()
    if name.startswith("small:") and name.removeprefix("small:").isdecimal():
        return GOTTokenizer.small(int(name.removeprefix("small:")))
    if Path(name).is_dir():
        return GOTTokenizer.from_pretrained(name)
    raise ValueError(f"--tokenizer must be {', '.join(NEW_TOKENIZERS)} or a folder; got {name!r}.")


def _load(arguments: ModelArguments, attention: str) -> Built:
    folder = resolve_folder(str(arguments.model_name_or_path), revision=arguments.revision)
    model = load_model(folder, dtype=torch.float32, attn_implementation=attention)
    if arguments.image_size and arguments.image_size != model.config.vision.image_size:
        model = _resized(model, arguments.image_size)
    vision = model.config.vision
    processor = GOTProcessor.from_pretrained(
        arguments.tokenizer or folder, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens
    )
    return Built(model, processor)


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


def _build_new(arguments: ModelArguments, attention: str) -> Built:
    tokenizer = new_tokenizer(arguments.tokenizer or _own_tokenizer(arguments.vision_tower))
    values = read_architecture(arguments.architecture)
    values.pop("opt", None)
    values["vision_config"] = _vision_fields(arguments, values)
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
    return Built(model, _processor(GOTProcessor, tokenizer, config))


def _build_pretrain(arguments: ModelArguments, attention: str) -> Built:
    if arguments.model_name_or_path:
        folder = resolve_folder(arguments.model_name_or_path)
        model = load_pretrain_model(folder)
        size = model.config.vision.image_size
        if arguments.image_size not in (None, size):
            raise ValueError(
                f"Stage 1 goes on at {size} pixels; --image_size {arguments.image_size} is for stage 2 or 3."
            )
        tokenizer: Any = _pretrain_tokenizer(folder, model.config.vocab_size)
        return Built(model, _pretrain_processor(tokenizer, model.config))
    values = read_architecture(arguments.architecture)
    fields: dict[str, Any] = dict(values.get("opt") or _opt_like(values))
    if arguments.decoder:
        folder = resolve_folder(arguments.decoder)
        fields = OPTConfig.from_pretrained(folder).to_diff_dict()
        tokenizer = OPTTokenizer(folder, fields.get("vocab_size", OPTConfig().vocab_size))
    else:
        tokenizer = new_tokenizer(arguments.tokenizer)
        special = tokenizer.special
        fields |= {
            "vocab_size": len(tokenizer),
            "im_patch_token": special.image,
            "pad_token_id": special.end_of_text,
            "bos_token_id": None,
            "eos_token_id": special.turn_end,
        }
    for name in ("model_type", "architectures", "transformers_version", "_name_or_path"):
        fields.pop(name, None)
    config = GOTPretrainConfig(
        **fields,
        vision_config=_vision_fields(arguments, values),
        glyph_weight=arguments.glyph_weight or 0.0,
    )
    config._attn_implementation = attention
    model = GOTPretrainModel(config)
    if arguments.decoder:
        from transformers import OPTForCausalLM

        model.decoder.load_state_dict(
            OPTForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
        )
    return Built(model, _pretrain_processor(tokenizer, config))


def _pretrain_processor(tokenizer: Any, config: GOTPretrainConfig) -> GOTProcessor:
    processor = _processor(PretrainProcessor, tokenizer, config)
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


def _own_tokenizer(folder: str | None) -> str | None:
    """Stage 1's tokenizer goes on into stage 2 when it is one of ours."""
    if folder and (Path(folder) / "qwen.tiktoken").is_file():
        return folder
    return None


def _pretrain_tokenizer(folder: Path, vocab_size: int) -> GOTTokenizer | OPTTokenizer:
    if (folder / "qwen.tiktoken").is_file():
        return GOTTokenizer.from_pretrained(folder)
    return OPTTokenizer(folder, vocab_size)


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


def _processor(
    kind: type[GOTProcessor], tokenizer: Any, config: GOTConfig | GOTPretrainConfig
) -> GOTProcessor:
    vision = config.vision
    return kind(tokenizer, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens)


def _qwen_fields(folder: Path) -> dict[str, Any]:
    config = Qwen2Config.from_pretrained(folder)
    names = [name for name in Qwen2Config.__annotations__ if name in GOTConfig.__dataclass_fields__]
    skipped = {"layer_types", "vocab_size", "model_type", "pad_token_id", "bos_token_id", "eos_token_id"}
    return {name: getattr(config, name) for name in names if name not in skipped}


@torch.no_grad()
def _load_qwen(model: GOTQwenForCausalLM, folder: Path) -> None:
    """Copy a Qwen2 decoder in; of its embedding the rows that both vocabularies have (Qwen's ids come first)."""
    from transformers import Qwen2ForCausalLM

    theirs = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
    for name, parameter in model.named_parameters():
        if ENCODER in name or "mm_projector_vary" in name:
            continue
        rows = (
            min(len(parameter), len(theirs[name]))
            if name.endswith(("embed_tokens.weight", "lm_head.weight"))
            else None
        )
        parameter[:rows].copy_(theirs[name][:rows])
