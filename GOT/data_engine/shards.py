"""A recipe to shards, and a shard to its samples, in memory.

A shard is consecutive samples of one kind: large enough for one batch of TeX, small enough that little is lost by a
kill. What it holds depends on nothing but the recipe and its number.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from GOT.data_engine import KINDS
from GOT.data_engine.recipe import Recipe
from GOT.data_engine.sample import Rejected, Sample
from GOT.utils.lazy import load_entry

SHARD_SIZE = 256  # samples


@dataclasses.dataclass(frozen=True)
class Shard:
    """Consecutive samples of one kind: ``first`` to ``first + count - 1``."""

    kind: str
    number: int
    first: int
    count: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number:05d}"


def plan(recipe: Recipe, shard_size: int = SHARD_SIZE) -> list[Shard]:
    """All shards of a recipe, kinds in turn, so that a missing renderer shows at the start.

    Raises:
        ValueError: If the shard size is below 1.
    """
    if shard_size < 1:
        raise ValueError(f"shard_size takes 1 or more; got {shard_size}.")
    shards = [
        Shard(kind, first // shard_size, first, min(shard_size, count - first))
        for kind, count in recipe.counts().items()
        for first in range(0, count, shard_size)
    ]
    # Stable: within a round, the recipe's order of kinds.
    return sorted(shards, key=lambda shard: shard.number)


def draw_shard(recipe: Recipe, shard: Shard) -> Iterator[tuple[int, Sample | Rejected]]:
    """Every sample of a shard with its index, or the verdict on it; batched where the kind can.

    Raises:
        ImportError, FileNotFoundError, ValueError, OSError: As the kind does: something a user can mend.
        RuntimeError: For any other failure, naming the sample.
    """
    settings = recipe.settings_of(shard.kind)
    indices = range(shard.first, shard.first + shard.count)
    batched = _batched(shard.kind)
    if batched is not None:
        yield from zip(indices, batched(list(indices), recipe.seed, **settings), strict=True)
        return
    for index in indices:
        try:
            yield index, draw_sample(shard.kind, index, recipe.seed, settings)
        except Rejected as verdict:
            yield index, verdict


def draw_sample(kind: str, index: int, seed: int, settings: Mapping[str, Any]) -> Sample:
    """One sample of a kind.

    Raises:
        Rejected: If this index gives none.
        ImportError, FileNotFoundError, ValueError, OSError: As the kind does: something a user can mend.
        RuntimeError: For any other failure, naming the sample.
    """
    make = load_entry(KINDS, kind, what="kind")
    try:
        return make(index, seed, **settings)
    except (Rejected, ImportError, ValueError, OSError, MemoryError):
        raise  # what a user can mend says so itself
    except Exception as error:
        raise RuntimeError(f"{kind} sample {index} of seed {seed} failed: {error!r}") from error


def _batched(kind: str) -> Callable[..., list[Sample | Rejected]] | None:
    """The function beside a kind's that makes many samples at once, if its module has one."""
    make = load_entry(KINDS, kind, what="kind")
    module = sys.modules[make.__module__]
    return getattr(module, make.__name__.replace("sample", "samples", 1), None)
