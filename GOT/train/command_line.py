"""A command line and a YAML file to a run's settings: defaults < stage < ``--config run.yaml`` < flags."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from transformers import HfArgumentParser

from GOT.train.arguments import DataArguments, GOTTrainingArguments, ModelArguments, RunArguments
from GOT.train.machine import fit_to_machine
from GOT.train.old_flags import DROPPED, RENAMED, translate
from GOT.train.stages import STAGES
from GOT.utils.lazy import require


def parse(argv: Sequence[str] | None = None) -> RunArguments:
    """Read a command line.

    Raises:
        ValueError: For settings that do not exist, values of a wrong kind, or that do not go together.
        FileNotFoundError: If there is no such ``--config``.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _Parser(
        [ModelArguments, DataArguments, GOTTrainingArguments],  # type: ignore[list-item]
        prog="got-ocr train",
        allow_abbrev=False,
    )
    parser.add_argument("--config", help="YAML file of these settings; flags win over it")
    _leave_defaults_out(parser)
    flags = _typed(parser, arguments)
    file_values = _read_yaml(parser, flags.pop("config")) if "config" in flags else {}
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


class _Parser(HfArgumentParser):
    """Says what is wrong in one line, where argparse prints hundreds of flags first."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _leave_defaults_out(parser: argparse.ArgumentParser) -> None:
    """Let a parser find the settings that were given, and only those; old names are settings too."""
    for name in {**RENAMED, **DROPPED}:
        if f"--{name}" not in parser._option_string_actions:
            parser.add_argument(f"--{name}", help=argparse.SUPPRESS, nargs="?", const=True)
    for action in parser._actions:
        if action.dest != "help":
            action.default, action.required = argparse.SUPPRESS, False


def _typed(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> dict[str, Any]:
    typed = vars(parser.parse_args(arguments))
    typed.pop("local_rank", None)  # launchers also set LOCAL_RANK, which is what counts
    return typed


def _read_yaml(parser: argparse.ArgumentParser, path: str) -> dict[str, Any]:
    """The settings of a file, through the parser of the flags: one place for kinds, choices and unknown names."""
    yaml = require("yaml", extra="train")
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}; --config wants a YAML file of training settings.")
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        if not isinstance(values, dict):
            raise ValueError("it must hold settings as 'name: value' lines")
        return _typed(parser, [word for name, value in values.items() for word in _as_flag(name, value)])
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def _as_flag(name: str, value: Any) -> list[str]:
    """A setting as it would be typed; one without a value is as good as not there."""
    if value is None:
        return []
    if isinstance(value, list):
        return [f"--{name}", *map(str, value)]
    return [f"--{name}={json.dumps(value) if isinstance(value, dict) else value}"]
