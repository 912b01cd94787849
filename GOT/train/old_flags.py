"""Flags of the published commands, and of older transformers, to today's: renamed ones and those that do nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from GOT.train.arguments import is_true

# Published or older flag -> today's. Their values pass through unchanged unless CONVERTED says otherwise.
RENAMED = {
    "evaluation_strategy": "eval_strategy",
    "warmup_ratio": "warmup_steps",  # a number under 1 is a fraction of all steps
    "no_cuda": "use_cpu",
    "freeze_vision_tower": "train_encoder",
    "freeze_lm_model": "train_decoder",
    "config_name": "architecture",
    "conversation_file": "data_config",
}
CONVERTED: dict[str, Callable[[Any], Any]] = {
    "warmup_ratio": float,
    "no_cuda": is_true,
    "freeze_vision_tower": lambda value: not is_true(value),
    "freeze_lm_model": lambda value: not is_true(value),
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


def translate(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Today's names for published and older flags, and a note on each."""
    translated, notes = {}, []
    for name, value in values.items():
        if name in DROPPED:
            notes.append(f"--{name} is not needed: {DROPPED[name]}")
        elif name in RENAMED:
            if name == "warmup_ratio" and not float(value):
                continue  # 0 is the default, and must not hide --warmup_steps
            translated[RENAMED[name]] = CONVERTED[name](value) if name in CONVERTED else value
            notes.append(f"--{name} is now --{RENAMED[name]}")
        else:
            translated[name] = value
    return translated, notes
