"""Another checkpoint's vision encoder to a model that starts: of any stage, any layout, any view size."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import PreTrainedModel

from GOT.model.checkpoint import load_weights
from GOT.model.positions import resize_positions
from GOT.utils.hub import resolve_folder
from GOT.utils.log import get_logger

logger = get_logger(__name__)

ENCODER, PROJECTOR = "vision_tower_high.", "mm_projector_vary."


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
