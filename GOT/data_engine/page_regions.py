"""Where typst set a page's blocks, to boxes of their ink: the regions that fine-grained questions choose from."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from GOT.data_engine.page_tree import Page

INK = 250  # grey levels below this are ink, its palest edge included
# Typst puts a block's mark where the next block's first capitals begin (after the last block: on the last baseline).
# The white gap between the two ends there, or a little higher where accents reach up; blocks stand further apart.
ABOVE, BELOW = 0.8, 0.5  # em

End = tuple[float, float]  # x and y of a block's mark, in pixels
Box = list[int]


def block_regions(
    page: Page, picture: Image.Image, ends: list[End], *, font_size: float, columns: int
) -> list[dict[str, Any]]:
    """The boxes of a page's blocks.

    Args:
        page: What is printed.
        picture: Its picture.
        ends: The marks that follow the blocks, in pixels of the picture.
        font_size: Pixels per em.
        columns: Of equal width.

    Returns:
        ``meta["regions"]`` of level ``block``: a box of pixels that holds the block's ink and no other, and the
        block's own markdown. A block that goes on in the next column lists its parts with an empty text: there is
        ink, and nothing to ask about.
    """
    ink = np.asarray(picture.convert("L")) < INK
    edges = [round(picture.width * place / columns) for place in range(columns + 1)]
    inked_rows: list[Any] = [ink[:, edges[place] : edges[place + 1]].any(axis=1) for place in range(columns)]
    regions: list[dict[str, Any]] = []
    column, top = 0, 0
    for number, (block, (x, y)) in enumerate(zip(page.blocks, ends, strict=True), 1):
        parts = []
        last = next(place for place in range(columns) if x < edges[place + 1])
        while column < last:
            parts.append(_ink_box(ink, edges[column], top, edges[column + 1], picture.height))
            column, top = column + 1, 0
        is_end = number == len(page.blocks)
        bottom = picture.height if is_end else _end_of_gap(inked_rows[column], y, font_size)
        parts.append(_ink_box(ink, edges[column], top, edges[column + 1], bottom))
        top = bottom
        boxes = [box for box in parts if box]
        text = block.to_markdown() if len(boxes) == 1 else ""
        regions += [{"level": "block", "box": box, "text": text} for box in boxes]
    return regions


def _end_of_gap(inked: np.ndarray, y: float, font_size: float) -> int:
    """The first row after the tallest white gap that a mark stands in or near."""
    start, end = max(0, round(y - ABOVE * font_size)), round(y + BELOW * font_size)
    best, best_height = len(inked), 0
    row = start
    while row < min(end + 1, len(inked)):
        if inked[row]:
            row += 1
            continue
        below = inked[row:]
        height = int(below.argmax()) if below.any() else len(below)
        if height > best_height:
            best, best_height = row + height, height
        row += height
    return best


def _ink_box(ink: np.ndarray, left: int, top: int, right: int, bottom: int) -> Box | None:
    """The smallest box around the ink of an area; ``None`` for an empty one."""
    area = ink[top:bottom, left:right]
    rows, columns = np.nonzero(area.any(axis=1))[0], np.nonzero(area.any(axis=0))[0]
    if not len(rows):
        return None
    return [
        left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1,
    ]  # fmt: skip
