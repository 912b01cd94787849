"""A command line and a YAML file to a run's settings: defaults < stage < ``--config run.yaml`` < flags."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from GOT.train.arguments import DataArguments, GOTTrainingArguments, ModelArguments, RunArguments
from GOT.train.machine import fit_to_machine
from GOT.train.old_flags import DROPPED, RENAMED, translate
from GOT.train.stages import STAGES
from GOT.utils.lazy import require


def parse(argv: Sequence[str] | None = None) -> RunArguments:
    """Read a command line.

    Raises:
        ValueError: For values that do not go together.
        SystemExit: With code 2, for flags that do not exist.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = HfArgumentParser([ModelArguments, DataArguments, GOTTrainingArguments], prog="got-ocr train")  # type: ignore[list-item]
    parser.add_argument("--config", help="YAML file of these settings; flags win over it")
    flags = _typed_flags(parser, arguments)
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
    return RunArguments(model, data, training, origins, [*file_notes, *flag_notes, *machine_notes])


def _typed_flags(parser: HfArgumentParser, arguments: list[str]) -> dict[str, Any]:
    """The flags that were given, and only those."""
    for name in {**RENAMED, **DROPPED}:
        if f"--{name}" not in parser._option_string_actions:
            parser.add_argument(f"--{name}", help=argparse.SUPPRESS, nargs="?", const=True)
    for action in parser._actions:
        if action.dest != "help":
            action.default, action.required = argparse.SUPPRESS, False
    typed = vars(parser.parse_args(arguments))
    typed.pop("local_rank", None)  # launchers also set LOCAL_RANK, which is what counts
    return typed


def _read_yaml(path: str) -> dict[str, Any]:
    yaml = require("yaml", extra="train")
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}; --config wants a YAML file of training settings.")
    values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold settings as 'name: value' lines.")
    return values
