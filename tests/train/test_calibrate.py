"""A new projector starts from what the encoder in front of it sees."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from GOT.train.calibrate import FEATURE_SCALE, TOKEN_SCALE, calibrate_projector
from tests.helpers import make_model


@pytest.fixture
def views() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(64, 3, 128, 128, generator=generator) * 2 + 1


@torch.no_grad()
def test_image_tokens_come_centred_and_spread_in_every_direction(
    tiny_tokenizer: Any, views: torch.Tensor
) -> None:
    model = make_model(tiny_tokenizer)
    before = model.model.encode_images(views).flatten(0, 1)
    calibrate_projector(model, [views[:32], views[32:]])
    features = model.model.vision_tower_high(views)
    assert features.square().mean().sqrt() == pytest.approx(FEATURE_SCALE, rel=1e-3)
    after = model.model.encode_images(views).flatten(0, 1)
    assert after.mean(dim=0).abs().max() < 1e-3
    assert after.std() < 1.01 * TOKEN_SCALE

    def evenness(tokens: torch.Tensor) -> float:
        """Share of the strongest direction in the whole variance."""
        variances = torch.linalg.eigvalsh(torch.cov(tokens.T))
        return float(variances[-1] / variances.sum())

    assert evenness(after) < evenness(before)


def test_too_few_views_are_refused(tiny_tokenizer: Any, views: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="image tokens or more; these views have 4"):
        calibrate_projector(make_model(tiny_tokenizer), [views[:1]])
