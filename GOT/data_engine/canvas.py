"""A tight drawing put on white paper: seeded margins, and never a strip so long that a square view cannot read it."""

from __future__ import annotations

import numpy as np
from PIL import Image

WHITE = (255, 255, 255)


def put_on_paper(
    drawing: Image.Image,
    rng: np.random.Generator,
    *,
    max_aspect: float = 8.0,
    margin: tuple[int, int] = (6, 40),
    color: tuple[int, int, int] = WHITE,
) -> Image.Image:
    """Surround a drawing with margins.

    A model sees every picture as a square of 1024 pixels; a strip of aspect 20 would be stretched twentyfold, so it is
    given paper above and below until its aspect is ``max_aspect`` at most.

    Args:
        drawing: RGB, cut tightly.
        rng: Chooses the margins.
        max_aspect: Longest side by shortest side of the paper.
        margin: Least and most pixels at each side.
        color: The paper.

    Raises:
        ValueError: If ``max_aspect`` is below 1.
    """
    if max_aspect < 1:
        raise ValueError(f"max_aspect is the longer side by the shorter one, 1 or more; got {max_aspect}.")
    left, top, right, bottom = (int(value) for value in rng.integers(margin[0], margin[1] + 1, size=4))
    width, height = drawing.width + left + right, drawing.height + top + bottom
    missing_height = max(0, -(-width // max_aspect) - height)
    missing_width = max(0, -(-height // max_aspect) - width)
    share_x, share_y = rng.random(2)
    paper = Image.new("RGB", (int(width + missing_width), int(height + missing_height)), color)
    paper.paste(drawing, (left + int(missing_width * share_x), top + int(missing_height * share_y)))
    return paper


def ink_share(picture: Image.Image, *, threshold: int = 160) -> float:
    """Share of dark pixels: 0 for an empty page."""
    return float((np.asarray(picture.convert("L")) < threshold).mean())
