"""A new projector's first weights, from the features of the encoder in front of it.

An encoder of its own training hands over features of any size that share a strong common part; drawn at random, a
projector passes mostly that part on, and every step of the optimizer moves it far. Centred, and equally strong in every
direction, what tells one image token from another is what the decoder sees first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from GOT.model.got import GOTQwenForCausalLM

FEATURE_SCALE = 0.1  # root mean square of what the encoder hands over afterwards
TOKEN_SCALE = 0.3  # of image tokens; a new decoder's words have about 0.04
FLOOR = 1e-3  # of the strongest direction's variance: weaker ones are noise, and are not blown up


@torch.no_grad()
def calibrate_projector(model: GOTQwenForCausalLM, views: Iterable[Tensor], *, seed: int = 0) -> None:
    """Scale the encoder's last layer and start the projector as a whitening of its features, in place.

    Args:
        model: With an encoder that has learned and a projector that has not.
        views: Batches of (N, 3, S, S); some hundred views that training will see.
        seed: Of the rotation behind the whitening.

    Raises:
        ValueError: If the views have fewer image tokens than the features have directions.
    """
    tower, projector = model.model.vision_tower_high, model.model.mm_projector_vary
    features = torch.cat([tower(batch).flatten(2).transpose(1, 2).flatten(0, 1) for batch in views]).double()
    if len(features) < 2 * features.shape[1]:
        raise ValueError(
            f"Calibrating takes {2 * features.shape[1]} image tokens or more; these views have {len(features)}."
        )
    shrink = FEATURE_SCALE / features.square().mean().sqrt().item()
    tower.net_3.weight.mul_(shrink)
    features = features * shrink
    mean = features.mean(dim=0)
    variances, directions = torch.linalg.eigh(torch.cov(features.T))
    width = projector.out_features
    variances, directions = variances.flip(0)[:width], directions.flip(1)[:, :width]
    whitening = (directions / (variances + FLOOR * variances[0]).sqrt()).T
    generator = torch.Generator().manual_seed(seed)
    rotation, _ = torch.linalg.qr(torch.randn(width, len(whitening), generator=generator, dtype=torch.double))
    weight = TOKEN_SCALE * rotation @ whitening
    projector.weight.copy_(weight)
    projector.bias.copy_(-weight @ mean)


def first_views(dataset: Any, collator: Any, *, samples: int = 256, batch: int = 32) -> Iterable[Tensor]:
    """The views of a data set's first samples, in batches."""
    for start in range(0, min(samples, len(dataset)), batch):
        yield collator([dataset[i] for i in range(start, min(start + batch, len(dataset)))])["pixel_values"]
