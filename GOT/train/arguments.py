"""A training run's settings: three dataclasses, filled from defaults < stage < ``--config run.yaml`` < flags.

Flags of the published commands that today's transformers renamed or dropped are translated here.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import HfArgumentParser, TrainingArguments

from GOT.train.stages import STAGES
from GOT.utils.lazy import is_available, require
from GOT.utils.log import get_logger

logger = get_logger(__name__)


@dataclasses.dataclass
class ModelArguments:
    """Which model starts, and how it is made."""

    model_name_or_path: str | None = dataclasses.field(
        default=None, metadata={"help": "checkpoint to start from, in either layout; none: a new model"}
    )
    revision: str | None = dataclasses.field(default=None, metadata={"help": "its revision on the hub"})
    architecture: str = dataclasses.field(
        default="full", metadata={"help": "of a new model: full, tiny, or a JSON file of GOTConfig fields"}
    )
    vision_tower: str | None = dataclasses.field(
        default=None,
        metadata={"help": "checkpoint whose encoder is taken over, such as stage 1's output folder"},
    )
    decoder: str | None = dataclasses.field(
        default=None,
        metadata={"help": "pretrained decoder of a new model: a folder with OPT (stage 1) or Qwen2"},
    )
    tokenizer: str | None = dataclasses.field(
        default=None,
        metadata={
            "help": "published, small:N (Qwen's first N ranks), or a folder; default: the checkpoint's"
        },
    )
    image_size: int | None = dataclasses.field(
        default=None,
        metadata={"help": "pixels of a view; another size than the checkpoint's resamples its positions"},
    )
    glyph_weight: float | None = dataclasses.field(
        default=None,
        metadata={"help": "stage 1: weight of where each character stands, beside the text, in the loss"},
    )
    start_looking: bool = dataclasses.field(
        default=False,
        metadata={
            "help": "give a new decoder attention that copies, and letters that are stage 1's glyph codes"
        },
    )
    read_codes: bool = dataclasses.field(
        default=False,
        metadata={
            "help": "stage 2: the decoder reads glyph codes of the samples' characters in place of pictures"
        },
    )
    attn_implementation: str = dataclasses.field(
        default="auto",
        metadata={"help": "auto (flash_attention_2 where it is installed, else sdpa), eager, sdpa …"},
    )
    use_im_start_end: bool = dataclasses.field(
        default=True, metadata={"help": "as published; GOT knows no other way"}
    )
    train_encoder: bool | None = dataclasses.field(
        default=None, metadata={"help": "default: as the stage says"}
    )
    train_projector: bool | None = dataclasses.field(
        default=None, metadata={"help": "default: as the stage says"}
    )
    train_decoder: bool | None = dataclasses.field(
        default=None, metadata={"help": "default: as the stage says"}
    )
    lora_enable: bool = dataclasses.field(
        default=False, metadata={"help": "train low-rank adapters of the decoder"}
    )
    lora_r: int = dataclasses.field(default=16, metadata={"help": "rank of the adapters"})
    lora_alpha: int = dataclasses.field(
        default=32, metadata={"help": "scale of the adapters, times the rank"}
    )
    lora_dropout: float = dataclasses.field(
        default=0.05, metadata={"help": "dropout in front of the adapters"}
    )
    lora_target: str = dataclasses.field(
        default="q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj",
        metadata={"help": "which linear layers get adapters"},
    )


@dataclasses.dataclass
class DataArguments:
    """What is learned from."""

    datasets: str = dataclasses.field(
        default="pdf-ocr+scene-ocr", metadata={"help": "names joined by +, files, or synth:recipe.yaml"}
    )
    data_config: str | None = dataclasses.field(
        default=None, metadata={"help": "JSON file of data sets: name -> annotations, images, weight"}
    )
    eval_datasets: str | None = dataclasses.field(
        default=None, metadata={"help": "the same, for the validation loss"}
    )
    length_policy: str = dataclasses.field(
        default="error",
        metadata={
            "help": "of samples over --model_max_length: error, drop or split",
            "choices": ["error", "drop", "split"],
        },
    )
    max_tiles: int = dataclasses.field(
        default=6, metadata={"help": "most tiles where a question asks for tiles"}
    )
    allow_empty_answers: bool = dataclasses.field(
        default=False, metadata={"help": "take samples with an empty answer (blank pages)"}
    )
    max_bad_fraction: float = dataclasses.field(
        default=0.01, metadata={"help": "stop when more of the records are bad"}
    )
    max_bad_run: int = dataclasses.field(
        default=100, metadata={"help": "stop when this many in a row are bad"}
    )
    data_cache: str | None = dataclasses.field(
        default=None, metadata={"help": "folder of memory-mapped record tables"}
    )


@dataclasses.dataclass
class GOTTrainingArguments(TrainingArguments):
    """transformers' training arguments and ours."""

    stage: int = dataclasses.field(
        default=3, metadata={"help": "1, 2 or 3: sets what trains and the defaults"}
    )
    model_max_length: int = dataclasses.field(default=8192, metadata={"help": "most tokens of a sample"})
    encoder_learning_rate: float | None = dataclasses.field(
        default=None, metadata={"help": "default: learning_rate"}
    )
    projector_learning_rate: float | None = dataclasses.field(
        default=None, metadata={"help": "default: learning_rate"}
    )
    decoder_learning_rate: float | None = dataclasses.field(
        default=None, metadata={"help": "default: learning_rate"}
    )
    layer_decay: float = dataclasses.field(
        default=1.0, metadata={"help": "rate of an encoder block relative to the one behind it"}
    )
    group_by_length: bool = dataclasses.field(
        default=False, metadata={"help": "batch samples of similar length"}
    )
    save_layout: str = dataclasses.field(
        default="original",
        metadata={
            "help": "of checkpoints: original or transformers",
            "choices": ["original", "transformers"],
        },
    )
    decode_samples: int = dataclasses.field(
        default=0, metadata={"help": "samples of eval_datasets that are read aloud at every evaluation"}
    )
    dry_run: bool = dataclasses.field(
        default=False, metadata={"help": "show sample 0, groups and memory, take one step, stop"}
    )


@dataclasses.dataclass
class RunArguments:
    """A whole run, and where each value came from."""

    model: ModelArguments
    data: DataArguments
    training: GOTTrainingArguments
    origins: dict[str, str]  # name -> "stage 2", "run.yaml" or "flag"; missing: default
    notes: list[str]


# Published or older flag -> today's. Their values pass through unchanged unless _CONVERTED says otherwise.
RENAMED = {
    "evaluation_strategy": "eval_strategy",
    "warmup_ratio": "warmup_steps",  # a number under 1 is a fraction of all steps
    "no_cuda": "use_cpu",
    "freeze_vision_tower": "train_encoder",
    "freeze_lm_model": "train_decoder",
    "config_name": "architecture",
    "conversation_file": "data_config",
}
# Flags of the released code, and of older transformers, that change nothing here.
DROPPED = {
    "overwrite_output_dir": "a folder with checkpoints is resumed or refused, never cleared",
    "save_safetensors": "checkpoints are always safetensors",
    "logging_dir": "TensorBoard writes to output_dir/runs",
    "conversation_version": "there is one template",
    "vision_select_layer": "the encoder has one output",
    "lazy_preprocess": "samples are always made when they are needed",
    "image_aspect_ratio": "views are square",
    "is_multimodal": "always",
    "cache_dir": "use HF_HOME",
}


def parse(argv: Sequence[str] | None = None) -> RunArguments:
    """Read a command line.

    Raises:
        ValueError: For values that do not go together.
        SystemExit: With code 2, for flags that do not exist.
    """
    import sys

    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = HfArgumentParser([ModelArguments, DataArguments, GOTTrainingArguments], prog="got-ocr train")  # type: ignore[list-item]
    parser.add_argument("--config", help="YAML file of these settings; flags win over it")
    flags, notes = _explicit_flags(parser, arguments)
    file_values = _read_yaml(flags.pop("config")) if "config" in flags else {}
    file_values, file_notes = translate(file_values)
    flags, flag_notes = translate(flags)
    stage = int(flags.get("stage", file_values.get("stage", 3)))
    if stage not in STAGES:
        raise ValueError(f"--stage must be one of {', '.join(map(str, STAGES))}; got {stage}.")
    values: dict[str, Any] = {
        "output_dir": f"runs/stage{stage}",
        "report_to": "none",
        "remove_unused_columns": False,
    }
    origins: dict[str, str] = {}
    for origin, layer in (
        (f"stage {stage}", STAGES[stage].defaults),
        ("config file", file_values),
        ("flag", flags),
    ):
        values.update(layer)
        origins.update(dict.fromkeys(layer, origin))
    machine_notes = fit_to_machine(values)
    model, data, training = parser.parse_dict(values, allow_extra_keys=False)
    if not model.use_im_start_end:
        raise ValueError(
            "--use_im_start_end False: GOT was trained with <img> and </img> around its image tokens."
        )
    if training.load_best_model_at_end:
        raise ValueError(
            "--load_best_model_at_end is not supported: every checkpoint-N reads as it is; choose by eval_loss."
        )
    if training.n_gpu > 1:
        training._n_gpu = 1  # one process drives one card; data parallelism is the launchers' work
        machine_notes.append("several cards are visible: start with deepspeed or torchrun to use them all")
    return RunArguments(model, data, training, origins, [*notes, *file_notes, *flag_notes, *machine_notes])


def translate(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Today's names for published and older flags, and a note on each."""
    translated, notes = {}, []
    for name, value in values.items():
        if name in DROPPED:
            notes.append(f"--{name} is not needed: {DROPPED[name]}")
        elif name in RENAMED:
            if name == "warmup_ratio" and not float(value):
                continue  # 0 is the default, and must not hide --warmup_steps
            translated[RENAMED[name]] = _CONVERTED.get(name, lambda same: same)(value)
            notes.append(f"--{name} is now --{RENAMED[name]}")
        else:
            translated[name] = value
    return translated, notes


def fit_to_machine(values: dict[str, Any]) -> list[str]:
    """Leave out what the machine cannot do, in place; returns what was left out and why."""
    notes = []
    has_card = torch.cuda.is_available() and not _truth(values.get("use_cpu", False))
    capability = torch.cuda.get_device_capability() if has_card else (0, 0)
    if _truth(values.get("tf32", False)) and capability < (8, 0):
        values.pop("tf32")
        notes.append("tf32 needs an Ampere card or newer; training goes on without it")
    if _truth(values.get("bf16", False)) and capability < (8, 0):
        if has_card:
            values |= {"bf16": False, "fp16": True}
            notes.append("this card does not compute in bf16; training in fp16")
        elif not torch.cpu._is_avx512_bf16_supported():
            values["bf16"] = False
            notes.append("bf16 is emulated and slow on this CPU; training in float32")
    if not has_card:
        values.setdefault("use_cpu", True)  # under deepspeed too: without it accelerate sees one rank only
    if values.get("deepspeed"):
        require("deepspeed", extra="train")
        if not Path(values["deepspeed"]).is_file():
            raise ValueError(
                f"--deepspeed wants a JSON file such as zero_config/zero2.json; got {values['deepspeed']}."
            )
        if not has_card and os.environ.get("DS_ACCELERATOR") != "cpu":
            notes.append("no CUDA card was found; set DS_ACCELERATOR=cpu to train on CPU ranks")
    return notes


def attention_for(name: str) -> str:
    """``auto`` to flash_attention_2 where a card and the library are there, else sdpa."""
    if name != "auto":
        return name
    return "flash_attention_2" if torch.cuda.is_available() and is_available("flash_attn") else "sdpa"


def describe(run: RunArguments) -> str:
    """All settings that somebody chose, each with its origin, then the rest of ours."""
    values = {
        **dataclasses.asdict(run.model),
        **dataclasses.asdict(run.data),
        **{field.name: getattr(run.training, field.name) for field in dataclasses.fields(run.training)},
    }
    ours = {field.name for kind in (ModelArguments, DataArguments) for field in dataclasses.fields(kind)}
    ours |= set(GOTTrainingArguments.__annotations__)
    shown = [name for name in values if name in run.origins or name in ours]
    width = max(map(len, shown))
    return "\n".join(
        f"  {name:{width}}  {values[name]!s:28}  {run.origins.get(name, 'default')}" for name in shown
    )


def _explicit_flags(parser: HfArgumentParser, arguments: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The flags that were typed, and only those."""
    for name in {**RENAMED, **DROPPED}:
        if f"--{name}" not in parser._option_string_actions:
            parser.add_argument(f"--{name}", help=argparse.SUPPRESS, nargs="?", const=True)
    for action in parser._actions:
        if action.dest != "help":
            action.default, action.required = argparse.SUPPRESS, False
    typed = vars(parser.parse_args(arguments))
    typed.pop("local_rank", None)  # launchers also set LOCAL_RANK, which is what counts
    return typed, []


def _read_yaml(path: str) -> dict[str, Any]:
    yaml = require("yaml", extra="train")
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}; --config wants a YAML file of training settings.")
    values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold settings as 'name: value' lines.")
    return values


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes", "y", "t")


_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "warmup_ratio": float,
    "no_cuda": _truth,
    "freeze_vision_tower": lambda value: not _truth(value),
    "freeze_lm_model": lambda value: not _truth(value),
}
