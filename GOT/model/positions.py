"""A vision encoder's positions for views of another size, so that training can begin on small pictures.

Source: as segment-anything and ViTDet do, absolute positions by bicubic, relative ones by linear interpolation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor


def resize_positions(
    weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """Resample the positions whose shape differs; everything else passes through as it is.

    Args:
        weights: Weights of an encoder, or of a model with one.
        shapes: Shapes wanted, by the same names.
    """
    return {
        name: _resample(value, shapes[name])
        if "pos" in name and name in shapes and tuple(value.shape) != shapes[name]
        else value
        for name, value in weights.items()
    }


def _resample(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    if value.dim() == 4:  # pos_embed: (1, H, W, C)
        grid = value.permute(0, 3, 1, 2).float()
        grid = F.interpolate(grid, size=shape[1:3], mode="bicubic", align_corners=False)
        return grid.permute(0, 2, 3, 1).to(value.dtype)
    line = value.T[None].float()  # rel_pos: (distances, d)
    return F.interpolate(line, size=shape[0], mode="linear", align_corners=False)[0].T.to(value.dtype)
