"""The released code's own numbers, with its 12 encoder blocks and two decoder layers (see tests/golden/README.md)."""

from __future__ import annotations

import os
import zlib
from typing import Any

import pytest
import torch

from GOT.model.config import GOTConfig
from GOT.model.got import GOTQwenForCausalLM

TOLERANCE = 1e-4  # float32, as recorded


@pytest.fixture(scope="module")
def recorded(golden: Any) -> Any:
    return golden("golden-forward.json")


@pytest.fixture(scope="module")
def model(recorded: Any) -> GOTQwenForCausalLM:
    values = dict(recorded["how"]["config"])
    with torch.device("meta"):
        model = GOTQwenForCausalLM(GOTConfig(**values))
    model = model.to_empty(device="cpu")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(seeded(name, parameter.shape))
    model.model.rotary_emb = type(model.model.rotary_emb)(model.config)
    model.tie_weights()
    return model.eval()


def seeded(name: str, shape: torch.Size) -> torch.Tensor:
    """The recorded recipe of a weight."""
    generator = torch.Generator().manual_seed(zlib.crc32(("got:" + name).encode()))
    noise = torch.randn(shape, generator=generator)
    if name.endswith("weight") and ("norm" in name or "neck.1" in name or "neck.3" in name):
        return 1 + 0.1 * noise
    return (0.02 if noise.dim() > 1 and "embed" not in name else 0.05) * noise


@pytest.fixture(scope="module")
def views() -> torch.Tensor:
    return torch.randn(2, 3, 1024, 1024, generator=torch.Generator().manual_seed(11))


@pytest.fixture(scope="module")
def first_grid(model: GOTQwenForCausalLM, views: torch.Tensor) -> torch.Tensor:
    torch.set_num_threads(os.cpu_count() or 1)
    with torch.no_grad():
        return model.model.vision_tower_high(views[:1])


@pytest.mark.timeout(300)
def test_vision_tower_gives_the_recorded_features(recorded: Any, first_grid: torch.Tensor) -> None:
    wanted = recorded["vision"]
    assert list(first_grid.shape) == wanted["shape"]
    torch.testing.assert_close(first_grid[0, :16, 3, 5], torch.tensor(wanted["head"]), rtol=0, atol=TOLERANCE)
    assert first_grid.mean().item() == pytest.approx(wanted["mean"], abs=1e-5)
    assert first_grid.std().item() == pytest.approx(wanted["std"], abs=1e-5)


@pytest.mark.timeout(300)
def test_one_view_gives_the_recorded_logits_and_tokens(
    recorded: Any, model: GOTQwenForCausalLM, first_grid: torch.Tensor
) -> None:
    with torch.no_grad():
        features = model.model.mm_projector_vary(first_grid.flatten(2).transpose(1, 2))
    check_case(recorded["single"], model, features)


@pytest.mark.slow
def test_two_views_give_the_recorded_logits_and_tokens(
    recorded: Any, model: GOTQwenForCausalLM, views: torch.Tensor
) -> None:
    with torch.no_grad():
        features = model.model.encode_images(views)
    check_case(recorded["crop"], model, features)


@torch.no_grad()
def check_case(case: Any, model: GOTQwenForCausalLM, features: torch.Tensor) -> None:
    ids = torch.tensor([case["ids"]])
    output = model(inputs_embeds=model.model.splice(ids, features), use_cache=True)
    logits = output.logits[0]
    torch.testing.assert_close(logits[case["pos"], :48], torch.tensor(case["logits"]), rtol=0, atol=TOLERANCE)
    assert logits[-20:].argmax(-1).tolist() == case["argmax"]
    torch.testing.assert_close(logits[-20:].logsumexp(-1), torch.tensor(case["lse"]), rtol=0, atol=TOLERANCE)
    assert logits.std().item() == pytest.approx(case["std"], abs=1e-4)
    tokens = [int(logits[-1].argmax())]
    while len(tokens) < len(case["greedy"]):
        output = model(torch.tensor([[tokens[-1]]]), past_key_values=output.past_key_values, use_cache=True)
        tokens.append(int(output.logits[0, -1].argmax()))
    assert tokens == case["greedy"]
