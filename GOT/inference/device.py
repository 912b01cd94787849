"""Which device and which number type: asked for, or the best that the machine really has."""

from __future__ import annotations

import re

import torch

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def choose_device(name: str = "auto") -> torch.device:
    """Find a device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        ValueError: If the name is none of these, or the machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise ValueError(f"--device must be auto, cpu, cuda, cuda:N or mps; got {name!r}.")
    if name.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        number = int(name.partition(":")[2] or 0)
        if number >= count:
            raise ValueError(
                f"--device {name}: this machine has {count} CUDA devices; use --device cpu or auto."
            )
        return torch.device("cuda", number)
    if name == "mps" and not torch.backends.mps.is_available():
        raise ValueError("--device mps: this machine has no Metal device; use --device cpu or auto.")
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Find a number type: ``auto``, ``float32``, ``bfloat16`` or ``float16`` (or fp32, bf16, fp16).

    ``auto`` is bfloat16 on cards that compute in it, float16 on older cards, and float32 everywhere else: bfloat16 on
    a CPU is emulated and slower.

    Raises:
        ValueError: If the name is none of these, or the device cannot compute in it.
    """
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if supports_bfloat16(device) else torch.float16
    dtype = _DTYPES.get(_SHORT.get(name, name))
    if dtype is None:
        raise ValueError(f"--dtype must be auto, {', '.join(_DTYPES)}; got {name!r}.")
    if dtype is torch.bfloat16 and not supports_bfloat16(device):
        raise ValueError(f"--dtype bfloat16: {device} does not compute in it; use float16 or float32.")
    if dtype is torch.float16 and device.type == "cpu":
        raise ValueError("--dtype float16: CPUs do not compute in it; use float32.")
    return dtype


def supports_bfloat16(device: torch.device) -> bool:
    """Whether the hardware itself computes in bfloat16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Builds without oneDNN, such as Apple's, have no such operator.
    asks = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return device.type == "cpu" and asks is not None and bool(asks())
