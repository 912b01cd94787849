"""The encoder: equal to the plain formula, whatever is computed at a time, and small in memory."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from GOT.model import grid_attention
from GOT.model.config import VisionConfig
from GOT.model.vision import VisionEncoder, join_windows, split_windows
from tests.helpers import run_python

SMALL = {"image_size": 320, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "mlp_dim": 64,
         "window_size": 7, "global_attn_indexes": (1,), "output_channels": 16, "feature_size": 24}  # fmt: skip


def encoders(*implementations: str) -> list[VisionEncoder]:
    """The same random weights under several ways of computing attention."""
    made = [VisionEncoder(VisionConfig(**SMALL), name).eval() for name in implementations]
    for parameter in made[0].parameters():
        torch.nn.init.normal_(parameter, std=0.3 if parameter.dim() > 1 else 1)
    for other in made[1:]:
        other.load_state_dict(made[0].state_dict())
    return made


@pytest.mark.parametrize("budget", [1, 50_000, 200_000, 1_000_000, 10**9])
@pytest.mark.parametrize("views", [1, 3])
@torch.no_grad()
def test_attention_in_parts_equals_the_plain_formula(
    monkeypatch: pytest.MonkeyPatch, budget: int, views: int
) -> None:
    """Budgets of one row of patches, some rows, one head, several heads, everything."""
    monkeypatch.setattr(grid_attention, "BIAS_BYTES", budget)
    plain, parts = encoders("eager", "sdpa")
    pixels = torch.randn(views, 3, 320, 320)
    torch.testing.assert_close(parts(pixels), plain(pixels), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("views", [1, 3])
@torch.no_grad()
def test_attention_folded_into_the_heads_equals_the_plain_formula(
    monkeypatch: pytest.MonkeyPatch, views: int
) -> None:
    """What runs on cards; the same sums in another order, so float32's rounding is all that may differ."""
    plain, folded = encoders("eager", "sdpa")
    pixels = torch.randn(views, 3, 320, 320)
    wanted = plain(pixels)
    monkeypatch.setattr("GOT.model.vision.choose_attention", lambda *_: grid_attention.attend_folded)
    torch.testing.assert_close(folded(pixels), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("grid", [(5, 5), (3, 8), (1, 1), (18, 15)])
def test_every_way_to_attend_gives_the_plain_formula(grid: tuple[int, int]) -> None:
    height, width = grid
    tensors = [torch.randn(2, 3, height * width, 16) for _ in range(3)]
    tables = torch.randn(height, height, 16), torch.randn(width, width, 16)
    wanted = grid_attention.attend_plain(*tensors, *tables)
    ways = (grid_attention.attend_in_groups, grid_attention.attend_folded, grid_attention.attend_by_head)
    for attend in ways:
        torch.testing.assert_close(attend(*tensors, *tables), wanted, rtol=1e-5, atol=1e-5)


def test_each_device_attends_in_its_own_way() -> None:
    choose = grid_attention.choose_attention
    assert choose("eager", torch.device("cuda")) is grid_attention.attend_plain
    assert choose("by_head", torch.device("cpu")) is grid_attention.attend_by_head
    assert choose("sdpa", torch.device("cpu")) is grid_attention.attend_in_groups
    assert choose("sdpa", torch.device("cuda")) is grid_attention.attend_folded


class LargestTensor(TorchDispatchMode):
    """Remembers the most values that any operation put into one tensor."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        sizes = [t.numel() for t in torch.utils._pytree.tree_leaves(found) if isinstance(t, torch.Tensor)]
        self.count = max([self.count, *sizes])
        return found


def test_folded_attention_never_holds_a_bias_or_scores() -> None:
    """The largest tensor is the wide queries, linear in the tokens; written out, scores are 400 by 400 a head."""
    tensors = [torch.randn(1, 2, 400, 16) for _ in range(3)]
    tables = torch.randn(20, 20, 16), torch.randn(20, 20, 16)
    largest = {}
    for name in ("attend_plain", "attend_by_head", "attend_folded"):
        with LargestTensor() as seen:
            getattr(grid_attention, name)(*tensors, *tables)
        largest[name] = seen.count
    assert largest["attend_plain"] >= 2 * 400 * 400
    assert 400 * 400 <= largest["attend_by_head"] < 2 * 400 * 400
    assert largest["attend_folded"] == 2 * 400 * (16 + 20 + 20)


@pytest.mark.parametrize("way", ["attend_in_groups", "attend_folded"])
def test_gradients_equal_those_of_the_plain_formula(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(grid_attention, "BIAS_BYTES", 100_000)
    plain, parts = encoders("eager", "sdpa")
    pixels = torch.randn(2, 3, 320, 320)
    plain(pixels).square().mean().backward()
    monkeypatch.setattr("GOT.model.vision.choose_attention", lambda *_: getattr(grid_attention, way))
    parts(pixels).square().mean().backward()
    for (name, ours), (_, wanted) in zip(parts.named_parameters(), plain.named_parameters(), strict=True):
        assert ours.grad is not None and wanted.grad is not None, name
        scale = wanted.grad.abs().max().item()
        torch.testing.assert_close(ours.grad, wanted.grad, rtol=0, atol=1e-3 * scale + 1e-6, msg=name)


@pytest.mark.parametrize("size", [(8, 8), (7, 7), (9, 13), (64, 64), (1, 1)])
def test_windows_join_to_what_was_split(size: tuple[int, int]) -> None:
    hidden = torch.randn(2, *size, 5)
    windows, padded = split_windows(hidden, 7)
    assert windows.shape[1:] == (7, 7, 5) and all(side % 7 == 0 for side in padded)
    assert torch.equal(join_windows(windows, 7, padded, size), hidden)


@torch.no_grad()
def test_views_are_encoded_alone() -> None:
    (encoder,) = encoders("sdpa")
    pixels = torch.randn(3, 3, 320, 320)
    alone = torch.cat([encoder(view[None]) for view in pixels])
    torch.testing.assert_close(encoder(pixels), alone, rtol=1e-4, atol=1e-4)


def test_another_size_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"reads 320x320 views; got 64x64"):
        encoders("sdpa")[0](torch.zeros(1, 3, 64, 64))


def test_checkpointing_changes_nothing_but_memory(tiny_model: Any) -> None:
    tiny_model.train()
    pixels = torch.randn(1, 3, 128, 128)
    grads = []
    for switch in (False, True):
        if switch:
            tiny_model.gradient_checkpointing_enable()
        tiny_model.zero_grad()
        tiny_model.model.encode_images(pixels).square().sum().backward()
        grads.append(tiny_model.model.vision_tower_high.blocks[0].attn.qkv.weight.grad.clone())
    torch.testing.assert_close(grads[0], grads[1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is counted in KiB on Linux only")
def test_encoding_a_page_takes_little_memory() -> None:
    """Peak under 1.5 GB above the weights at 1024 pixels in float32 (as released: 0.8 GB of scores and 0.8 of bias)."""
    result = run_python("-c", textwrap.dedent("""
        import resource, torch
        from GOT.model.config import VisionConfig
        from GOT.model.vision import VisionEncoder
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        encoder, pixels = VisionEncoder(VisionConfig()).eval(), torch.randn(1, 3, 1024, 1024)
        before = peak()
        with torch.inference_mode():
            encoder(pixels)
        print(peak() - before)
    """), OMP_NUM_THREADS="2")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 1.5


def test_a_new_encoders_heads_look_at_neighbours() -> None:
    from GOT.model.grid_attention import relative_bias, relative_table
    from GOT.model.vision import NEIGHBOURS, Attention

    torch.manual_seed(0)
    config = VisionConfig(image_size=128, patch_size=8, hidden_size=192, num_attention_heads=6, window_size=8)
    attention = Attention(config, grid_size=8, attn_implementation="eager")
    attention.reset_to_neighbours()
    query = (
        attention.qkv.bias[:192].view(1, 6, 1, 32).expand(1, 6, 64, 32)
    )  # what a query is without its content
    bias = relative_bias(
        query, relative_table(attention.rel_pos_h, 8), relative_table(attention.rel_pos_w, 8)
    )
    middle = 3 * 8 + 3
    for head, (down, right) in enumerate(NEIGHBOURS[:6]):
        assert bias[0, head, middle].argmax() == middle + 8 * down + right
