"""Natural order: page_10 follows page_9."""

from __future__ import annotations

import re


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that compares runs of digits as numbers and the rest without case.

    Example:
        >>> sorted(["p10", "p9", "P1"], key=natural_key)
        ['P1', 'p9', 'p10']
    """
    parts = re.findall(r"\d+|\D+", str(text))
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part.casefold()) for part in parts)
