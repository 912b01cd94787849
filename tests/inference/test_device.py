"""Devices and number types that the machine really has."""

from __future__ import annotations

import types

import pytest
import torch

from GOT.inference.device import choose_device, choose_dtype, supports_bfloat16

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")


def pretend(
    monkeypatch: pytest.MonkeyPatch,
    *,
    cards: int = 0,
    capability: tuple[int, int] = (8, 0),
    mps: bool = False,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


def test_auto_takes_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    assert choose_device("auto") == CPU
    pretend(monkeypatch, mps=True)
    assert choose_device("auto") == torch.device("mps")
    pretend(monkeypatch, cards=2, mps=True)
    assert choose_device("auto") == CUDA
    assert choose_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gpu", "must be auto, cpu"), ("cuda:x", "must be auto"), ("cuda:7", "has 1 CUDA devices"),
        ("mps", "no Metal device"), ("", "must be auto"), ("cuda:-1", "must be auto"),
    ],
)  # fmt: skip
def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    pretend(monkeypatch, cards=1)
    with pytest.raises(ValueError, match=said):
        choose_device(name)


def test_no_bfloat16_on_cards_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cards=1, capability=(7, 5))
    assert choose_dtype("auto", CUDA) == torch.float16
    with pytest.raises(ValueError, match="does not compute in it; use float16 or float32"):
        choose_dtype("bf16", CUDA)
    pretend(monkeypatch, cards=1, capability=(9, 0))
    assert choose_dtype("auto", CUDA) == torch.bfloat16


def test_cpus_compute_in_float32() -> None:
    assert choose_dtype("auto", CPU) == torch.float32
    with pytest.raises(ValueError, match="CPUs do not compute in it"):
        choose_dtype("float16", CPU)
    if not supports_bfloat16(CPU):
        with pytest.raises(ValueError, match="does not compute in it"):
            choose_dtype("bfloat16", CPU)
    with pytest.raises(ValueError, match="must be auto, float32, bfloat16, float16; got 'int8'"):
        choose_dtype("int8", CPU)


def test_a_build_without_onednn_has_no_bfloat16_on_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", types.SimpleNamespace())
    assert not supports_bfloat16(CPU)
    assert choose_dtype("auto", CPU) is torch.float32
