"""Where characters stand on a page, as a grid of labels: a cheap target that teaches an encoder its first letters.

Every image token is asked which characters have their middle in it, and where; nothing has to be decoded in order, so
every character teaches the encoder something from the first step on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from GOT.utils.constants import GLYPH_CLASSES, GLYPH_COLUMNS, GLYPH_ROWS, IGNORE_INDEX

# No character · code point of "!", class 1 · class of what is not printable ASCII
BLANK, FIRST, OTHER = 0, 33, GLYPH_CLASSES - 1


def draw_glyph_map(
    glyphs: Sequence[tuple[str, float, float]], size: tuple[int, int], num_image_tokens: int
) -> Tensor:
    """Mark the cell of every character's middle.

    Args:
        glyphs: Characters with the middle of each, in pixels of the picture.
        size: Width and height of the picture, in pixels.
        num_image_tokens: Image tokens of the one view that the picture becomes.

    Returns:
        (rows, columns), int64: a class a cell; where two middles share a cell, the later one's.
    """
    side = round(num_image_tokens**0.5)
    rows, columns = GLYPH_ROWS * side, GLYPH_COLUMNS * side
    labels = torch.full((rows, columns), BLANK)
    for char, x, y in glyphs:
        row, column = math.floor(y / size[1] * rows), math.floor(x / size[0] * columns)
        if 0 <= row < rows and 0 <= column < columns:
            labels[row, column] = glyph_class(char)
    return labels


def unknown_glyph_maps(num_views: int, num_image_tokens: int) -> Tensor:
    """(N, rows, columns) without a label: views whose characters are not known."""
    side = round(num_image_tokens**0.5)
    return torch.full((num_views, GLYPH_ROWS * side, GLYPH_COLUMNS * side), IGNORE_INDEX)


def glyph_class(char: str) -> int:
    """The class of a character: printable ASCII each its own, everything else one."""
    number = ord(char) - FIRST + 1
    return number if 1 <= number < OTHER else OTHER
