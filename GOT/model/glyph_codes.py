"""Letters as vectors: what an image token is taught to say, and a new decoder is born to understand.

Every character has a fixed random code. An image token that holds characters is, ideally, the sum of their codes,
each marked by its place in the token. A decoder whose words are the same codes finds in the picture what it has just
written, and what comes next, long before one that has to invent such a language together with the encoder.

N views · P image tokens of a view · D hidden size · K classes of characters (see ``data.glyph_map``)
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from GOT.utils.constants import GLYPH_CLASSES, GLYPH_COLUMNS, GLYPH_ROWS

STRENGTH = 0.3  # of one character's code in an image token


class GlyphCodes(nn.Module):
    """The codes of all characters at all places; class 0 is a blank cell and adds nothing.

    Args:
        hidden_size: D.
    """

    letters: Tensor
    places: Tensor

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        letters = torch.randn(GLYPH_CLASSES, hidden_size, generator=generator)
        letters[0] = 0.0
        places = torch.randn(GLYPH_ROWS * GLYPH_COLUMNS, hidden_size, generator=generator).sign()
        self.register_buffer("letters", letters)
        self.register_buffer("places", places)

    def write(self, glyph_maps: Tensor) -> Tensor:
        """Image tokens as they should be: ``(N, rows, columns)`` classes to (N, P, D); unknown cells count as blank."""
        cells = rearrange(
            glyph_maps.clamp(min=0), "n (h r) (w c) -> n (h w) (r c)", r=GLYPH_ROWS, c=GLYPH_COLUMNS
        )
        tokens = self.letters.new_zeros(*cells.shape[:2], self.letters.shape[1])
        view, token, cell = cells.nonzero(as_tuple=True)
        codes = self.letters[cells[view, token, cell]] * (1 + self.places[cell])
        return tokens.index_put((view, token), STRENGTH * codes, accumulate=True)

    def read(self, tokens: Tensor) -> Tensor:
        """How much an image token looks like each character at each place: (N, P, D) to (N, K, rows, columns)."""
        codes = (1 + self.places)[:, None] * self.letters
        codes = codes.to(tokens.dtype) / codes.shape[-1] ** 0.5
        return rearrange(
            torch.einsum("npd,ckd->npkc", tokens, codes),
            "n (h w) k (r c) -> n k (h r) (w c)", h=round(tokens.shape[1] ** 0.5), r=GLYPH_ROWS,
        )  # fmt: skip
