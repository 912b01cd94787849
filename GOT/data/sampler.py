"""Which rank trains on which sample, when: each once per epoch on any number of ranks, in an order set by the seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

GROUP_BATCHES = 50  # batches that are sorted by length together, when asked


class EpochBatchSampler:
    """Batches of sample numbers for one rank.

    All ranks walk one common order: micro-batch ``i`` of rank ``r`` is slice ``i * world_size + r``. So two ranks with
    one micro-batch train on the same samples in a step as one rank with two. Ranks have equally many batches; at the
    end of an epoch some may be smaller or empty, and none is repeated.

    Args:
        length: Number of samples.
        batch_size: Samples of a micro-batch.
        seed: Fixes the order, together with the epoch.
        rank: This process.
        world_size: Number of processes.
        lengths: Length of each sample, to batch similar ones together; None: pure chance.
        shuffle: Whether to shuffle at all.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        *,
        seed: int = 42,
        rank: int = 0,
        world_size: int = 1,
        lengths: Sequence[int] | None = None,
        shuffle: bool = True,
    ) -> None:
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.lengths = None if lengths is None else np.asarray(lengths)
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration walks."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.length // (self.batch_size * self.world_size))

    def __iter__(self) -> Iterator[list[int]]:
        order = self.order()
        for step in range(len(self)):
            start = (step * self.world_size + self.rank) * self.batch_size
            yield order[start : start + self.batch_size].tolist()

    def order(self) -> np.ndarray:
        """The common order of the epoch."""
        if not self.shuffle:
            return np.arange(self.length)
        random = np.random.default_rng([self.seed, self.epoch])
        order = random.permutation(self.length)
        if self.lengths is None:
            return order
        # Sort big chunks by length, then shuffle whole batches, so that short ones do not all come first.
        size = self.batch_size * self.world_size
        chunks = [order[i : i + GROUP_BATCHES * size] for i in range(0, self.length, GROUP_BATCHES * size)]
        ordered = np.concatenate([chunk[np.argsort(-self.lengths[chunk], kind="stable")] for chunk in chunks])
        whole = self.length // size * size
        batches = ordered[:whole].reshape(-1, size)
        return np.concatenate([batches[random.permutation(len(batches))].ravel(), ordered[whole:]])
