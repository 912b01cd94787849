"""The truth about a page: is it blank, has the answer run into a loop, where must it be cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from PIL import Image

# Blankness is judged on a picture of this size: a page's smallest print still darkens its block.
_BLANK_SIDE, _BLOCK = 768, 12  # pixels
_FLAT = 14  # grey levels; JPEG and paper texture stay under it
_CLEAR = 72  # grey levels; ink on any paper goes over it
_STEP = 0.1  # of the contrast, from one row's mean to the next: lines of print make more, noise makes less

MAX_PERIOD = 400  # tokens; a loop of more is a paragraph that a page may really repeat
MIN_LOOP = 96  # tokens that must be periodic before it counts as a loop
MIN_REPEATS = 4


def is_blank(image: Image.Image) -> bool:
    """Tell whether a page has nothing to read: flat, shaded or merely noisy.

    Compares the contrast inside small blocks. Text makes some blocks far more contrasty than most; light and
    shadow make none so; noise makes all alike. So does a page full of faint print, but its lines show in the means
    of rows or columns, where noise averages out. In doubt a page is not blank: reading nothing costs less than losing
    a page.
    """
    gray = image.convert("L")
    scale = min(1.0, _BLANK_SIDE / max(gray.size))
    if scale < 1:
        size = (max(1, round(gray.width * scale)), max(1, round(gray.height * scale)))
        gray = gray.resize(
            size, Image.Resampling.BOX
        )  # averages, so that single noisy pixels fade and strokes stay
    pixels = np.asarray(gray, dtype=np.int16)
    rows, columns = (max(1, side // _BLOCK) for side in pixels.shape)
    blocks = pixels[: rows * _BLOCK, : columns * _BLOCK]
    if min(pixels.shape) < _BLOCK:
        return int(pixels.max() - pixels.min()) <= _FLAT
    blocks = blocks.reshape(rows, _BLOCK, columns, _BLOCK)
    contrast = (blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3))).ravel()
    top = int(contrast.max())
    if top <= _FLAT:
        return True
    if top >= _CLEAR:
        return False
    alike = top <= 2.5 * float(np.median(contrast)) + _FLAT
    steps = max(float(np.abs(np.diff(pixels.mean(axis=axis))).max()) for axis in (0, 1))
    return alike and steps < _STEP * top


class LoopDetector:
    """Finds a repetition while it is being decoded.

    Keeps, for every period up to :data:`MAX_PERIOD`, how many tokens in a row equalled the one a period before. Only
    periods at which the last token stood before are looked at: a handful in ordinary text.
    """

    def __init__(self) -> None:
        self._places: dict[int, deque[int]] = {}  # where each token stood, oldest first
        self._runs: dict[int, int] = {}  # by period, shortest first
        self.count = 0

    def push(self, token_id: int) -> bool:
        """Take the next token; True as soon as the end of the answer is a loop."""
        places = self._places.setdefault(token_id, deque())
        while places and self.count - places[0] > MAX_PERIOD:
            places.popleft()
        before = self._runs
        self._runs = {
            period: before.get(period, 0) + 1 for period in (self.count - place for place in reversed(places))
        }
        places.append(self.count)
        self.count += 1
        return any(_is_loop(period, run) for period, run in self._runs.items())

    @property
    def loop_start(self) -> int:
        """How many tokens come before the first repeat: one period of the loop is kept."""
        runs = [run for period, run in self._runs.items() if _is_loop(period, run)]
        return self.count - runs[0] if runs else self.count


def _is_loop(period: int, run: int) -> bool:
    return run >= MIN_LOOP and run >= MIN_REPEATS * period


def lines_confidence(pieces: Sequence[str], logprobs: Sequence[float]) -> tuple[float, ...]:
    """Mean probability of each line's tokens.

    Args:
        pieces: Text that each token completes; joined they are the answer.
        logprobs: Log-probability of each token.

    Returns:
        One value for each line of the answer (as ``str.split("\\n")`` counts them); 1.0 for a line without tokens.
    """
    sums, counts = [0.0], [0]
    for piece, logprob in zip(pieces, logprobs, strict=True):
        sums[-1] += logprob
        counts[-1] += 1
        for _ in range(piece.count("\n")):
            sums.append(0.0)
            counts.append(0)
    return tuple(float(np.exp(s / c)) if c else 1.0 for s, c in zip(sums, counts, strict=True))
