"""The three stages of the paper, as data: what trains, and with which numbers unless flags say otherwise."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

Component = Literal["encoder", "projector", "decoder"]
COMPONENTS: tuple[Component, ...] = ("encoder", "projector", "decoder")


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: What it is called in the paper.
        trains: The parts whose weights change.
        defaults: Training arguments that differ from the general defaults.
    """

    name: str
    trains: frozenset[Component]
    defaults: dict[str, Any]


_COMMON = {"lr_scheduler_type": "cosine", "weight_decay": 0.0, "optim": "adamw_torch"}

# Source: sections 3.2-4.1 of arXiv 2409.01704. Stage 1's length is 1,600 text tokens, not the paper's 4,096: OPT-125M
# has 2,048 positions and 256 of them are the picture's.
STAGES: dict[int, Stage] = {
    1: Stage(
        "encoder pre-training",
        frozenset(COMPONENTS),
        {**_COMMON, "learning_rate": 1e-4, "num_train_epochs": 3.0, "model_max_length": 1600 + 256},
    ),
    2: Stage(
        "joint training",
        frozenset(COMPONENTS),
        {**_COMMON, "learning_rate": 1e-4, "num_train_epochs": 1.0, "model_max_length": 6000},
    ),
    3: Stage(
        "post-training",
        frozenset({"projector", "decoder"}),
        {**_COMMON, "learning_rate": 2e-5, "num_train_epochs": 1.0, "model_max_length": 8192},
    ),
}


def component_of(name: str) -> Component:
    """The part that a weight belongs to, by its name (also under a LoRA wrapper)."""
    if "vision_tower_high." in name:
        return "encoder"
    if "mm_projector_vary." in name:
        return "projector"
    return "decoder"
