"""Settings to what this machine can do: precision, devices, deepspeed, attention."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from GOT.train.arguments import is_true
from GOT.utils.lazy import is_available, require


def fit_to_machine(values: dict[str, Any]) -> list[str]:
    """Leave out what the machine cannot do, in place; returns what was left out and why."""
    notes = []
    has_card = torch.cuda.is_available() and not is_true(values.get("use_cpu", False))
    capability = torch.cuda.get_device_capability() if has_card else (0, 0)
    if is_true(values.get("tf32", False)) and capability < (8, 0):
        values.pop("tf32")
        notes.append("tf32 needs an Ampere card or newer; training goes on without it")
    if is_true(values.get("bf16", False)) and capability < (8, 0):
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
