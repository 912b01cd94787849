"""Positions of an encoder for views of another size."""

from __future__ import annotations

import pytest
import torch

from GOT.model.config import VisionConfig
from GOT.model.positions import resize_positions
from GOT.model.vision import VisionEncoder


def small(image_size: int) -> VisionEncoder:
    return VisionEncoder(
        VisionConfig(
            image_size=image_size,
            patch_size=8,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            mlp_dim=16,
            window_size=4,
            global_attn_indexes=(1,),
            output_channels=8,
            feature_size=8,
        )
    )


def shapes(encoder: VisionEncoder) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in encoder.state_dict().items()}


def test_the_same_size_changes_nothing() -> None:
    weights = small(64).state_dict()
    resized = resize_positions(weights, shapes(small(64)))
    assert all(value is weights[name] for name, value in resized.items())


def test_an_encoder_takes_weights_of_another_size() -> None:
    theirs, ours = small(64), small(128)
    resized = resize_positions(theirs.state_dict(), shapes(ours))
    ours.load_state_dict(resized)
    kept = [name for name in resized if "pos" not in name or ".0.attn" in name]  # windows stay as they are
    assert all(torch.equal(resized[name], theirs.state_dict()[name]) for name in kept)


def test_a_constant_stays_one_and_a_slope_stays_a_slope() -> None:
    ramp = torch.linspace(0, 1, 8).view(1, 1, 8, 1).expand(1, 8, 8, 4).clone()
    weights = {"pos_embed": ramp, "blocks.1.attn.rel_pos_h": torch.full((15, 2), 0.5)}
    resized = resize_positions(weights, {"pos_embed": (1, 16, 16, 4), "blocks.1.attn.rel_pos_h": (31, 2)})
    torch.testing.assert_close(resized["blocks.1.attn.rel_pos_h"], torch.full((31, 2), 0.5))
    row = resized["pos_embed"][0, 3, :, 0]
    assert (
        (row.diff() > 0).all()
        and row[0] == pytest.approx(0, abs=0.05)
        and row[-1] == pytest.approx(1, abs=0.05)
    )
