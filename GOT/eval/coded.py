"""Two token lists to two integer arrays, so that counting and pairing tokens is numpy's work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.intp]


def encode_tokens(first: Sequence[Hashable], second: Sequence[Hashable]) -> tuple[Codes, Codes, int]:
    """Number the tokens of two lists: equal tokens, equal numbers, from 0 without gaps.

    Returns:
        The codes of both lists, (len(first),) and (len(second),), and how many different tokens there are.
    """
    codes: defaultdict[Hashable, int] = defaultdict()
    codes.default_factory = codes.__len__  # a token seen for the first time gets the next number
    code = codes.__getitem__
    return (
        np.fromiter(map(code, first), np.intp, len(first)),
        np.fromiter(map(code, second), np.intp, len(second)),
        len(codes),
    )


def count_shared(first: Codes, second: Codes, size: int) -> int:
    """How many codes below ``size`` both arrays hold, each as often as it stands in both."""
    counts = np.bincount(first, minlength=size), np.bincount(second, minlength=size)
    return int(np.minimum(*counts).sum())


def pair_from_end(ours: Codes, theirs: Codes, size: int) -> Codes:
    """Pair equal codes from the end: our last with their last, the one before with the one before, and so on.

    Returns:
        For each place of ``ours`` its partner's place in ``theirs``, or -1, (len(ours),).
    """
    our_counts, their_counts = np.bincount(ours, minlength=size), np.bincount(theirs, minlength=size)
    our_order, their_order = np.argsort(ours, kind="stable"), np.argsort(theirs, kind="stable")
    codes = ours[our_order]
    # Sorted, equal codes stand together in the order of the text: how far from the last of its kind is each?
    from_end = np.cumsum(our_counts)[codes] - np.arange(len(ours)) - 1
    paired = from_end < their_counts[codes]
    partners = np.full(len(ours), -1)
    last_of_theirs = np.cumsum(their_counts)[codes[paired]] - 1
    partners[our_order[paired]] = their_order[last_of_theirs - from_end[paired]]
    return partners
