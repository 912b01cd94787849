"""What a resumed run may change beside the run it goes on with, and what it may not; the trainer looks at the data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from GOT.train.arguments import RunArguments

RECORD = "run.json"  # a run's settings, in its folder
FREE = ("attn_implementation",)  # computes the same
PATHS = ("model_name_or_path", "vision_tower", "decoder", "tokenizer", "architecture")
# A checkpoint holds the optimizer and its schedule, and these with them.
KEPT = (
    "learning_rate",
    "encoder_learning_rate",
    "projector_learning_rate",
    "decoder_learning_rate",
    "weight_decay",
    "layer_decay",
)


def check_same_run(checkpoint: str | Path, arguments: RunArguments) -> None:
    """Compare a run's settings with those that the checkpoint's run was started with.

    Rates are the optimizer's, which the checkpoint holds: others are noted and set back, in place.

    Raises:
        ValueError: If the model or the stage is another; the message names what changed.
    """
    path = Path(checkpoint).parent / RECORD
    if not path.is_file():
        return
    then = json.loads(path.read_text(encoding="utf-8"))
    before, training = then.get("training", {}), arguments.training
    model = {k: v for k, v in dataclasses.asdict(arguments.model).items() if k not in FREE}
    changed = _changed(then.get("model", {}), model)
    changed += _changed(before, {"stage": training.stage})
    if changed:
        raise ValueError(
            f"{checkpoint} belongs to another run ({'; '.join(changed)}): resume with the same, or start anew in "
            "another --output_dir."
        )
    for name in KEPT:
        for change in _changed(before, {name: getattr(training, name)}):
            arguments.notes.append(
                f"{change}, and a resumed run keeps what it had; start anew from {checkpoint} in another --output_dir "
                "to change it"
            )
            setattr(training, name, None if before[name] == "None" else before[name])


class StepsAsAsked(TrainerCallback):
    """Lets a resumed run log, evaluate and save when its own settings say, not when the checkpoint's did."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The checkpoint's state has been read by now."""
        state.compute_steps(args, state.max_steps)


def _changed(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [
        f"--{name} was {then[name]}, now {value}"
        for name, value in now.items()
        if name in then and _meaning(name, then[name]) != _meaning(name, value)
    ]


def _meaning(name: str, value: Any) -> str:
    """A folder is the same however its path is typed; transformers writes None as a word."""
    return str(Path(value).resolve()) if name in PATHS and value and Path(value).exists() else str(value)
