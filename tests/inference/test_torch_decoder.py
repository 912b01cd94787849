"""The lean decoder: transformers' logits, token by token; rows of any length; no weight held twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from GOT.inference.backends import torch_decoder
from GOT.inference.backends.torch_decoder import Decoder, KeyValueCache, join_linears, mask_later
from GOT.model.checkpoint import load_model, save_model
from tests.helpers import make_model

LENGTHS = (5, 9, 1)


def decode_lean(model: Any, prompts: list[Tensor], answers: Tensor) -> Tensor:
    """Logits behind the prompts and behind every token of given answers, (T, R, V)."""
    decoder = Decoder(model)
    embeds = [model.model.embed_tokens(prompt) for prompt in prompts]
    padded = nn.utils.rnn.pad_sequence(embeds, batch_first=True, padding_value=9.0)
    lengths = [len(prompt) for prompt in prompts]
    cache = KeyValueCache(decoder, len(prompts))
    cache.grow(max(lengths), len(prompts))
    found = [decoder.prefill(padded, lengths, cache)]
    for at, tokens in enumerate(answers.T):
        positions = torch.tensor(lengths) + at
        seen = int(positions.max()) + 1
        cache.grow(seen, len(prompts))
        found.append(decoder.step(tokens, positions, cache, seen, mask_later(positions, seen, decoder.dtype)))
    return torch.stack(found)


def decode_with_transformers(model: Any, prompt: Tensor, answer: Tensor) -> Tensor:
    """The same for one row, with transformers' own forward and its DynamicCache, (T, V)."""
    output = model(prompt[None], use_cache=True)
    found = [output.logits[0, -1]]
    for token in answer:
        name = "cache" if "cache" in output else "past_key_values"  # renamed in 5.24
        output = model(token[None, None], use_cache=True, **{name: output[name]})
        found.append(output.logits[0, -1])
    return torch.stack(found)


@pytest.mark.parametrize("overrides", [{}, {"num_key_value_heads": 2}, {"tie_word_embeddings": False}])
@torch.no_grad()
def test_logits_are_those_of_transformers(
    tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch, overrides: dict[str, Any]
) -> None:
    monkeypatch.setattr(torch_decoder, "LEAST_ROOM", 4)  # so that the cache grows twice on the way
    model = make_model(tiny_tokenizer, **overrides)
    random = torch.Generator().manual_seed(0)
    prompts = [torch.randint(0, 1000, (length,), generator=random) for length in LENGTHS]
    answers = torch.randint(0, 1000, (len(LENGTHS), 24), generator=random)
    wanted = [decode_with_transformers(model, *row) for row in zip(prompts, answers, strict=True)]
    for frozen in (False, True):
        model.requires_grad_(not frozen)
        found = decode_lean(model, prompts, answers)
        # float32 sums in another order; logits are of size 1
        torch.testing.assert_close(found, torch.stack(wanted, dim=1), rtol=0, atol=1e-4)


@torch.no_grad()
def test_layers_with_adapters_are_called(tiny_model: Any) -> None:
    class Adapted(nn.Module):
        def __init__(self, base: nn.Linear) -> None:
            super().__init__()
            self.base, self.extra = base, nn.Linear(base.in_features, base.out_features)

        def forward(self, hidden: Tensor) -> Tensor:
            return self.base(hidden) + self.extra(hidden)

    for layer in tiny_model.model.layers:
        layer.self_attn.v_proj, layer.mlp.down_proj = (
            Adapted(layer.self_attn.v_proj),
            Adapted(layer.mlp.down_proj),
        )
    prompt, answer = torch.arange(7), torch.arange(3, 9)
    wanted = decode_with_transformers(tiny_model, prompt, answer)
    torch.testing.assert_close(
        decode_lean(tiny_model, [prompt], answer[None])[:, 0], wanted, rtol=0, atol=1e-4
    )


def test_frozen_weights_are_held_once_and_trained_ones_left_alone() -> None:
    hidden = torch.randn(2, 8)
    for trains in (False, True):
        linears = [nn.Linear(8, width) for width in (3, 5)]
        kept = [(linear.weight.clone(), linear.weight.data_ptr()) for linear in linears]
        for linear in linears:
            linear.requires_grad_(trains)
        project = join_linears(*linears)
        torch.testing.assert_close(project(hidden), torch.cat([linear(hidden) for linear in linears], dim=-1))
        joined = project.keywords["weight"].untyped_storage().data_ptr()  # type: ignore[attr-defined]
        for linear, (weight, place) in zip(linears, kept, strict=True):
            assert torch.equal(linear.weight, weight)
            assert linear.weight.data_ptr() == place if trains else True
            assert (linear.weight.untyped_storage().data_ptr() == joined) is not trains


def test_a_model_of_sliding_windows_is_refused(tiny_tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="use_sliding_window is true"):
        Decoder(make_model(tiny_tokenizer, use_sliding_window=True, sliding_window=8))


def test_a_model_is_saved_as_it_was_after_its_weights_were_joined(tiny_model: Any, tmp_path: Path) -> None:
    kept = {name: tensor.clone() for name, tensor in tiny_model.state_dict().items()}
    Decoder(tiny_model.requires_grad_(False))
    saved = load_model(save_model(tiny_model, tmp_path / "model")).state_dict()
    assert saved.keys() == kept.keys()
    assert all(torch.equal(saved[name], tensor) for name, tensor in kept.items())
