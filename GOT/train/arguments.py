"""A training run's settings: three dataclasses, as flags and YAML files fill them (see ``command_line``)."""

from __future__ import annotations

import dataclasses
from typing import Any

from transformers import TrainingArguments


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


def is_true(value: Any) -> bool:
    """What a setting means that may be a word still."""
    return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes", "y", "t")
