"""Recipes to training records on the fly: nothing on disk, the same sample for the same number, anywhere.

``SynthTable`` is a table of records by number, as ``data.dataset`` mixes them; ``SynthFeed`` is an iterable that splits
over ranks and workers, and resumes at any number. Neither imports torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from GOT.data_engine.recipe import Recipe
from GOT.data_engine.sample import Rejected, Sample, random_generator
from GOT.data_engine.shards import draw_sample
from GOT.utils.log import get_logger

logger = get_logger(__name__)

Record = dict[str, Any]  # {"images": [PIL pictures], "conversations": [human turn, gpt turn]}
REPLACEMENTS = 8  # numbers tried in place of a rejected one
_BEYOND = 1 << 40  # replacements are drawn where no data set counts to


class SynthTable:
    """A recipe as a table: ``table[17]`` is record 17, drawn when asked for.

    Args:
        recipe: Kinds, weights, seed, settings; ``count`` is the length.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        names = [name for name, weight in recipe.kinds.items() if weight > 0]
        self._names = names
        self._weights = np.cumsum([recipe.kinds[name] for name in names])
        self._settings = {name: recipe.settings_of(name) for name in names}

    def __len__(self) -> int:
        return self.recipe.count

    def __getitem__(self, number: int) -> Record:
        """Record ``number``; a rejected sample is replaced by one of the same kind from beyond the data set.

        Raises:
            IndexError: If ``number`` is outside of the table.
            ValueError: If every replacement was rejected too.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"The recipe has {len(self)} records; there is no number {number}.")
        return to_record(self.sample(number))

    def try_kinds(self) -> None:
        """Draw one sample of each kind and forget it: a missing renderer or a wrong setting shows before training.

        Raises:
            ImportError, FileNotFoundError, ValueError, OSError, RuntimeError: As ``shards.draw_sample`` does.
        """
        for kind in self._names:
            with contextlib.suppress(Rejected):
                draw_sample(kind, 0, self.recipe.seed, self._settings[kind])

    @property
    def fingerprint(self) -> str:
        """Tells this recipe from another."""
        content = json.dumps(self.recipe.to_dict(), sort_keys=True)
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def kind_of(self, number: int) -> str:
        """The kind of a record, drawn by weight from its number."""
        share = random_generator("feed", number, self.recipe.seed).random() * self._weights[-1]
        return self._names[int(np.searchsorted(self._weights, share, side="right"))]

    def sample(self, number: int) -> Sample:
        """The sample behind a record.

        Raises:
            ValueError: If it and every replacement were rejected.
            RuntimeError: If the kind failed.
        """
        kind = self.kind_of(number)
        reason = ""
        for attempt in range(REPLACEMENTS):
            try:
                return draw_sample(kind, number + attempt * _BEYOND, self.recipe.seed, self._settings[kind])
            except Rejected as verdict:
                reason = str(verdict)
                logger.debug("Replacing a rejected sample: %s", reason)
        raise ValueError(f"{REPLACEMENTS} {kind} samples in a row were rejected; the last one: {reason}")


@dataclasses.dataclass(frozen=True)
class SynthFeed:
    """A recipe as a stream of records, one share of it.

    Global record numbers run from ``start``; this feed yields every ``ranks * workers``-th of them. The shares of all
    ranks and workers together are each number once; resuming is starting at the number that comes next.

    Attributes:
        recipe: What to draw.
        rank: Which of the training processes this is.
        ranks: How many there are.
        worker: Which of a process's loader workers this is.
        workers: How many it has.
        start: First global number.
        endless: Go on after ``recipe.count`` records with new ones instead of stopping.
    """

    recipe: Recipe
    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1
    start: int = 0
    endless: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.rank < self.ranks and 0 <= self.worker < self.workers and self.start >= 0):
            raise ValueError(
                f"rank {self.rank} of {self.ranks}, worker {self.worker} of {self.workers}, start {self.start}:"
                " rank and worker count from 0, and start is 0 or more."
            )

    def split(self, *, worker: int, workers: int) -> SynthFeed:
        """The share of one loader worker of this rank."""
        return dataclasses.replace(self, worker=worker, workers=workers)

    def numbers(self) -> Iterator[int]:
        """The global numbers of this share, in order."""
        share = self.rank * self.workers + self.worker
        number = self.start + share
        while self.endless or number < self.recipe.count:
            yield number
            number += self.ranks * self.workers

    def __iter__(self) -> Iterator[Record]:
        table = SynthTable(dataclasses.replace(self.recipe, count=_BEYOND) if self.endless else self.recipe)
        for number in self.numbers():
            yield table[number]


def to_record(sample: Sample) -> Record:
    """A sample as a training record: one ``<image>`` mark for every picture."""
    marks = "<image>\n" * len(sample.images)
    glyphs = {"glyphs": sample.meta["glyphs"]} if "glyphs" in sample.meta else {}
    return {
        **glyphs,
        "images": list(sample.images),
        "conversations": [
            {"from": "human", "value": marks + sample.prompt},
            {"from": "gpt", "value": sample.target},
        ],
    }
