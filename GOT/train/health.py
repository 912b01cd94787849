"""Is the run well: bad samples within limits, numbers finite, and how fast it goes."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn

from GOT.data.collator import BAD, DROPPED, GOOD
from GOT.model.vision import VisionEncoder
from GOT.utils.log import get_logger

logger = get_logger(__name__)

MIN_BAD = 10  # a share of few records says little
FIRST = 100  # records of a run, one of which has to teach something


class DataHealth:
    """Counts good, bad and left-out records; too many bad ones end the run.

    Args:
        records: Records of an epoch on this rank.
        max_share: Largest share of bad ones (looked at from :data:`MIN_BAD` bad ones on).
        max_run: Most bad records in a row.
    """

    def __init__(self, *, records: int, max_share: float, max_run: int = 100) -> None:
        self.records = records
        self.max_share = max_share
        self.max_run = max_run
        self.counts = {GOOD: 0, BAD: 0, DROPPED: 0}
        self.run = 0
        self.taught = False

    def start_epoch(self) -> None:
        """Forget the last epoch's counts: the same bad record comes once in each."""
        self.counts = {GOOD: 0, BAD: 0, DROPPED: 0}

    def count(self, outcomes: Tensor, *, teaches: bool = True) -> None:
        """Take in the outcomes of a batch; ``teaches``: any token of it has a label.

        Raises:
            RuntimeError: If there are too many bad ones, or nothing to learn at all.
        """
        self.taught = self.taught or teaches
        for outcome in outcomes.tolist():
            self.counts[outcome] += 1
            self.run = self.run + 1 if outcome == BAD else 0
            if self.run >= self.max_run:
                raise RuntimeError(
                    f"{self.run} bad records in a row; quarantine.jsonl tells why (--max_bad_run allows more)."
                )
        bad, seen = self.counts[BAD], sum(self.counts.values())
        if bad >= MIN_BAD and bad > self._most_bad(seen):
            raise RuntimeError(
                f"{bad} of {seen} records are bad, and a share of {self.max_share:g} is allowed; quarantine.jsonl "
                "tells why (--max_bad_fraction allows more)."
            )
        if not self.taught and seen >= min(FIRST, self.records):
            raise RuntimeError(
                f"The first {seen} records teach nothing: {self.counts[DROPPED]} are over --model_max_length, "
                f"{bad} are bad."
            )

    def _most_bad(self, seen: int) -> float:
        """Never more than the share of the epoch; of a long one's beginning, what chance may bring."""
        expected = self.max_share * seen
        return min(self.max_share * self.records, expected + 3 * expected**0.5)  # three standard deviations

    def report(self) -> dict[str, float]:
        """For the log: only what happened."""
        names = {BAD: "bad_records", DROPPED: "dropped_records"}
        return {name: self.counts[kind] for kind, name in names.items() if self.counts[kind]}


class Throughput:
    """Tokens and pictures per second, and the share of the card's arithmetic that the model uses."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new interval."""
        self.tokens = self.images = 0
        self._started = time.perf_counter()

    def count(self, inputs: dict[str, Any]) -> None:
        """Take in a batch."""
        self.tokens += int(inputs["attention_mask"].sum())
        self.images += len(inputs["pixel_values"] if "pixel_values" in inputs else inputs["image_features"])

    def report(self, model: nn.Module, world_size: int) -> dict[str, float]:
        """Rates of all ranks since the last report (other ranks are taken to be as fast as this one)."""
        seconds = max(time.perf_counter() - self._started, 1e-9)
        rates = {
            "tokens_per_second": round(self.tokens * world_size / seconds, 1),
            "images_per_second": round(self.images * world_size / seconds, 2),
        }
        if peak := peak_flops():
            rates["mfu"] = round(training_flops(model, self.tokens, self.images) / seconds / peak, 4)
        self.reset()
        return rates


def training_flops(model: nn.Module, tokens: int, images: int) -> float:
    """Arithmetic of training on this much, an estimate: six operations a weight and token (PaLM, appendix B).

    Two of the six find the weight's own gradient, which a frozen one does without; a frozen encoder, with nothing that
    learns in front of it, passes no gradients on and keeps two. The encoder counts its patches as tokens; attention
    itself is left out.
    """
    total: float = 0.0
    for part in model.children():
        vision = [module for module in part.modules() if isinstance(module, VisionEncoder)]
        encoder = sum(p.numel() for module in vision for p in module.parameters())
        patches = vision[0].config.grid_size ** 2 if vision else 0
        trains = any(p.requires_grad for module in vision for p in module.parameters())
        total += (6 if trains else 2) * encoder * patches * images
        inside = {id(p) for module in vision for p in module.parameters()}
        total += tokens * sum(
            (6 if p.requires_grad else 4) * p.numel() for p in part.parameters() if id(p) not in inside
        )
    return total


def peak_flops() -> float | None:
    """Dense bf16 operations per second of this card, where its vendor's number is known."""
    if not torch.cuda.is_available():
        return None
    known = {
        "H200": 989e12,
        "H100": 989e12,
        "A100": 312e12,
        "L40S": 362e12,
        "L4": 121e12,
        "4090": 165e12,
        "3090": 71e12,
    }
    name = torch.cuda.get_device_name()
    return next((peak for card, peak in known.items() if card in name), None)


def check_finite(value: Tensor, step: int, *, what: str = "loss") -> None:
    """Stop before a weight is touched by a number that is none.

    Raises:
        FloatingPointError: In one line, with what helps.
    """
    if not torch.isfinite(value).all():
        raise FloatingPointError(
            f"The {what} is {value.item()} at step {step + 1}; nothing was updated. Try a lower --learning_rate, "
            "a --warmup_ratio, or bf16 instead of fp16."
        )
