"""Splicing, caching and training of the whole model."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from GOT.model.config import GOTConfig, VisionConfig
from GOT.model.got import GOTQwenForCausalLM
from tests.helpers import make_model


def prompt(model: Any, views: int = 1) -> torch.Tensor:
    return torch.tensor([[3, 4, *[model.config.image_token_id] * (4 * views), 5, 6, 7]])


@torch.no_grad()
def test_features_stand_where_the_placeholders_are(tiny_model: Any) -> None:
    ids = prompt(tiny_model, 2)
    features = torch.randn(2, 4, 64)
    spliced = tiny_model.model.splice(ids, features)
    assert torch.equal(spliced[0, 2:10], features.flatten(0, 1))
    assert torch.equal(spliced[0, 10:], tiny_model.model.embed_tokens(ids[0, 10:]))


@pytest.mark.parametrize("views", [0, 1, 3])
def test_a_wrong_number_of_placeholders_is_an_error(tiny_model: Any, views: int) -> None:
    with pytest.raises(ValueError, match=rf"2 views give 8 image tokens; the prompt has {4 * views}"):
        tiny_model(prompt(tiny_model, views), torch.zeros(2, 3, 128, 128))


def test_pictures_need_ids_to_stand_in(tiny_model: Any) -> None:
    with pytest.raises(ValueError, match="pixel_values need input_ids"):
        tiny_model(inputs_embeds=torch.zeros(1, 3, 64), pixel_values=torch.zeros(1, 3, 128, 128))


@torch.no_grad()
@pytest.mark.filterwarnings(
    "error::FutureWarning"
)  # transformers renamed the argument; a user must not see that
def test_cached_steps_equal_one_long_pass(tiny_model: Any) -> None:
    ids, views = prompt(tiny_model), torch.randn(1, 3, 128, 128)
    answer = torch.tensor([[11, 12, 13, 14]])
    whole = tiny_model(torch.cat([ids, answer], dim=1), views).logits[:, -4:]
    output = tiny_model(ids, views, use_cache=True)
    steps = []
    for token in answer.T:
        output = tiny_model(token[None], past_key_values=output.past_key_values, use_cache=True)
        steps.append(output.logits)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_attention_implementations_agree(tiny_tokenizer: Any, implementation: str) -> None:
    model = make_model(tiny_tokenizer)
    other = GOTQwenForCausalLM._from_config(model.config, attn_implementation=implementation).eval()
    other.load_state_dict(model.state_dict())
    assert other.model.vision_tower_high.blocks[0].attn.attn_implementation == implementation
    ids, views = prompt(model), torch.randn(1, 3, 128, 128)
    torch.testing.assert_close(other(ids, views).logits, model(ids, views).logits, rtol=1e-4, atol=1e-4)


def test_loss_is_the_shifted_cross_entropy(tiny_model: Any) -> None:
    ids = prompt(tiny_model)
    labels = torch.full_like(ids, -100)
    labels[0, -2:] = ids[0, -2:]
    output = tiny_model(ids, torch.randn(1, 3, 128, 128), labels=labels)
    wanted = torch.nn.functional.cross_entropy(output.logits[0, -3:-1], ids[0, -2:])
    torch.testing.assert_close(output.loss, wanted)


def test_the_encoder_learns(tiny_model: Any) -> None:
    """The released model runs its tower without gradients, whatever the flags say."""
    ids = prompt(tiny_model)
    tiny_model(ids, torch.randn(1, 3, 128, 128), labels=ids).loss.backward()
    silent = [
        name
        for name, parameter in tiny_model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    # A key's bias shifts all scores of a query alike, which softmax does not see.
    assert [name for name in silent if "k_proj.bias" not in name] == []


def test_building_a_model_leaves_torch_alone() -> None:
    """The released code replaces initialisers of torch for the whole process (fault I9)."""
    import GOT.inference.pipeline  # noqa: F401

    assert torch.nn.Linear.reset_parameters.__module__ == "torch.nn.modules.linear"
    assert torch.nn.LayerNorm.reset_parameters.__module__ == "torch.nn.modules.normalization"
    weight = torch.nn.Linear(4, 4).weight
    assert 0 < weight.std() < 1


@torch.no_grad()
@pytest.mark.filterwarnings("error::FutureWarning")
def test_transformers_generate_runs_with_pictures(tiny_model: Any) -> None:
    ids, views = prompt(tiny_model), torch.randn(1, 3, 128, 128)
    with_views = tiny_model.generate(
        ids, pixel_values=views, max_new_tokens=8, do_sample=False, eos_token_id=None
    )
    blank = tiny_model.generate(
        ids, pixel_values=views * 0, max_new_tokens=8, do_sample=False, eos_token_id=None
    )
    assert with_views.shape == (1, ids.shape[1] + 8)
    assert not torch.equal(with_views, blank)


def test_config_knows_its_sizes() -> None:
    config = GOTConfig()
    assert config.vision.num_image_tokens == config.image_token_len == 256
    assert config.image_token_id == 151859
    assert GOTConfig(vision_config={"image_size": 512}).image_token_len == 64
    again = GOTConfig(
        **{k: v for k, v in config.to_dict().items() if k not in ("model_type", "architectures")}
    )
    assert again.vision == config.vision


@pytest.mark.parametrize(
    "wrong", [{"image_size": 1000}, {"image_size": 0}, {"hidden_size": 7, "num_attention_heads": 2}]
)
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"got|heads"):
        VisionConfig(**wrong)
