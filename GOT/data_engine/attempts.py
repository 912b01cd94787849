"""Draw a sample, and draw again when an attempt is rejected: what every kind shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from GOT.data_engine.fonts import Split, split_of
from GOT.data_engine.sample import Rejected, Sample, random_generator

MAX_ATTEMPTS = 20  # a kind that is rejected this often has settings that cannot be met

Item = TypeVar("Item")
Drawn = TypeVar("Drawn")


def first_accepted(
    kind: str,
    index: int,
    seed: int,
    draw: Callable[[np.random.Generator], Sample],
    *,
    attempts: int = MAX_ATTEMPTS,
) -> Sample:
    """The first attempt of one sample that is not rejected.

    Args:
        kind: Name of the kind; part of the random numbers.
        index: Number of the sample.
        seed: Seed of the whole run.
        draw: Makes one attempt from its own random numbers, or raises :class:`Rejected`.
        attempts: How often to try.

    Raises:
        Rejected: If every attempt was; the message names the last reason.
    """
    reason = ""
    for attempt in range(attempts):
        try:
            return with_origin(draw(random_generator(kind, index, seed, attempt)), kind, index, seed, attempt)
        except Rejected as error:
            reason = str(error)
    raise Rejected(
        f"{kind} sample {index} of seed {seed}: {attempts} attempts rejected, the last one: {reason}"
    )


def accepted_in_batches(
    kind: str,
    indices: Sequence[int],
    seed: int,
    draw_many: Callable[[list[np.random.Generator]], Sequence[Sample | Rejected]],
    *,
    attempts: int = MAX_ATTEMPTS,
) -> list[Sample | Rejected]:
    """The same for a renderer that is quick in batches only: one call draws an attempt of many samples.

    Sample by sample the result equals :func:`first_accepted`, whatever else was in the batch.

    Args:
        kind: Name of the kind.
        indices: Numbers of the samples.
        seed: Seed of the whole run.
        draw_many: Makes one attempt for each generator; a rejected one is returned, not raised.
        attempts: How often to try one sample.
    """
    results: list[Sample | Rejected] = [Rejected("never drawn")] * len(indices)
    waiting = list(range(len(indices)))
    for attempt in range(attempts):
        if not waiting:
            break
        drawn = draw_many([random_generator(kind, indices[place], seed, attempt) for place in waiting])
        rejected = []
        for place, result in zip(waiting, drawn, strict=True):
            if isinstance(result, Sample):
                results[place] = with_origin(result, kind, indices[place], seed, attempt)
                continue
            name = f"{kind} sample {indices[place]} of seed {seed}"
            results[place] = Rejected(f"{name}: {attempts} attempts rejected, the last one: {result}")
            rejected.append(place)
        waiting = rejected
    return results


def each(items: Iterable[Item], draw: Callable[[Item], Drawn]) -> list[Drawn | Rejected]:
    """Draw one by one, with a rejection in its place instead of raised."""
    results: list[Drawn | Rejected] = []
    for item in items:
        try:
            results.append(draw(item))
        except Rejected as rejected:
            results.append(rejected)
    return results


def with_origin(sample: Sample, kind: str, index: int, seed: int, attempt: int) -> Sample:
    """The sample with what it takes to draw it again written into its meta."""
    origin = {"kind": kind, "index": index, "seed": seed, "attempt": attempt}
    return Sample(sample.images, sample.prompt, sample.target, {**origin, **sample.meta})


def is_on_side(item: str, split: Split | None) -> bool:
    """Whether something generated may be drawn on a side of the held-out split; ``None`` is both sides."""
    return split is None or split_of(item) == split


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Check a setting that is one of a few words.

    Raises:
        ValueError: In one line, with the value and the choices.
    """
    if value not in choices:
        raise ValueError(f"There is no {name} {value!r}; choose from {', '.join(choices)}.")
