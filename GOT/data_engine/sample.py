"""What every synthetic kind returns, and the random numbers it may use."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
from PIL import Image


@dataclasses.dataclass(frozen=True)
class Sample:
    """One training sample: pictures, the question about them, and the exact answer.

    Attributes:
        images: One picture, or the pages of a multi-page sample in reading order.
        prompt: The question as published, e.g. ``"OCR: "`` or ``"[71, 401, 924, 512] OCR: "`` (from ``data.prompt``).
        target: The answer, taken from the same tree as the picture, never from rendered text.
        meta: What only tools need: kind, seed, boxes, fonts, renderer versions.
    """

    images: tuple[Image.Image, ...]
    prompt: str
    target: str
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)


class Rejected(Exception):
    """An attempt that must not become a sample (overlap, clipped label, too long); the next attempt is drawn."""


def random_generator(kind: str, index: int, seed: int, attempt: int = 0) -> np.random.Generator:
    """The random numbers of one sample: the same on every machine, process and worker count."""
    digest = hashlib.blake2b(f"{seed}/{kind}/{index}/{attempt}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
