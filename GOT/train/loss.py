"""The training loss: cross-entropy of the supervised tokens, with logits only where some row has a label.

B batch · T tokens · V vocabulary
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from GOT.utils.constants import IGNORE_INDEX


def supervised_loss(
    model: nn.Module, inputs: Mapping[str, Any], num_items: Tensor | int | None = None
) -> Tensor:
    """Mean cross-entropy over the tokens that have a label.

    With a vocabulary of 151,860 the logits are the largest tensor of a step, and the places of image tokens and
    prompts need none: they are computed at the union of the rows' supervised positions only.

    Args:
        model: Takes ``logits_to_keep`` as positions, as transformers' models do.
        inputs: ``input_ids``, ``labels`` (B, T) and what else the model takes.
        num_items: Divides the sum; the batch's own supervised tokens by default.

    Returns:
        A scalar, float32; 0 for a batch without labels, with the same graph.
    """
    targets = F.pad(inputs["labels"][:, 1:], (0, 1), value=IGNORE_INDEX)  # what each position predicts
    places = (targets != IGNORE_INDEX).any(dim=0).nonzero()[:, 0]
    if not len(places):
        places = places.new_zeros(1)
    outputs = model(
        **{name: value for name, value in inputs.items() if name != "labels"}, logits_to_keep=places
    )
    summed = F.cross_entropy(
        outputs.logits.flatten(0, 1).float(),
        targets[:, places].flatten(),
        ignore_index=IGNORE_INDEX,
        reduction="sum",
    )
    own = (targets != IGNORE_INDEX).sum()
    count = torch.as_tensor(own if num_items is None else num_items, device=summed.device).clamp(min=1)
    loss = summed / count
    auxiliary = getattr(outputs, "auxiliary_loss", None)
    # A mean of this batch, which is a part of the step: its share of the tokens, as the text's.
    return loss if auxiliary is None else loss + auxiliary * own / count
