"""Which weights train, in which groups: a rate for each part, no decay on norms and biases, layer-wise decay."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from GOT.train.stages import COMPONENTS, Component, component_of

_BLOCK = re.compile(r"vision_tower_high\.blocks\.(\d+)\.")


@dataclasses.dataclass(frozen=True)
class Rates:
    """Learning rates of the parts, and how they fall towards the encoder's first layer.

    Attributes:
        by_component: Rate of each part.
        weight_decay: Of matrices; norms, biases and positions have none.
        layer_decay: Rate of each encoder block relative to the one behind it; 1: all alike.
    """

    by_component: Mapping[Component, float]
    weight_decay: float = 0.0
    layer_decay: float = 1.0


def freeze(model: nn.Module, trains: Iterable[Component]) -> None:
    """Let exactly these parts train."""
    wanted = set(trains)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(component_of(name) in wanted)


def build_groups(model: nn.Module, rates: Rates) -> list[dict[str, Any]]:
    """Put every trainable weight into one optimizer group.

    Returns:
        Groups with ``params``, ``lr``, ``weight_decay``, ``name`` and ``param_names``; none is empty.

    Raises:
        ValueError: If nothing trains.
    """
    num_blocks = 1 + max(
        (int(m[1]) for name, _ in model.named_parameters() if (m := _BLOCK.search(name))), default=-1
    )
    groups: dict[tuple[str, float, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        component = component_of(name)
        scale = layer_scale(name, num_blocks, rates.layer_decay)
        # deepspeed's ZeRO-3 hides shapes behind ds_shape
        dimensions = len(getattr(parameter, "ds_shape", parameter.shape))
        decays = dimensions > 1 and "pos" not in name
        key = (component, scale, decays)
        if key not in groups:
            groups[key] = {
                "name": f"{component}{'' if scale == 1 else f' x{scale:.3g}'}{'' if decays else ' (no decay)'}",
                "lr": rates.by_component[component] * scale,
                "weight_decay": rates.weight_decay if decays else 0.0,
                "params": [],
                "param_names": [],
            }
        groups[key]["params"].append(parameter)
        groups[key]["param_names"].append(name)
    if not groups:
        raise ValueError(
            "Nothing trains: every part is frozen; see --train_encoder, --train_projector, --train_decoder."
        )
    order = {component: index for index, component in enumerate(COMPONENTS)}
    return [groups[key] for key in sorted(groups, key=lambda key: (order[key[0]], key[1], not key[2]))]  # type: ignore[index]


def layer_scale(name: str, num_blocks: int, decay: float) -> float:
    """How much of the encoder's rate a weight gets: blocks nearer to the picture get less (Clark et al. 2020)."""
    if component_of(name) != "encoder" or decay == 1:
        return 1.0
    if match := _BLOCK.search(name):
        return decay ** (num_blocks - int(match[1]))
    behind = "neck" in name or "net_" in name
    return 1.0 if behind else decay ** (num_blocks + 1)
