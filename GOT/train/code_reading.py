"""Reading without an encoder: image tokens written from glyph maps, for a decoder that learns beside its encoder.

Stage 1 teaches an encoder to write image tokens in the language of ``model.glyph_codes``; meanwhile a decoder may
learn to read that language, at the speed of text. It gets the codes of every sample's characters in place of the
picture, some of them wrong or missing and all of them noisy, as an encoder's are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from GOT.data.collator import Collator
from GOT.data.dataset import BadSample, Quarantine, TrainingSample
from GOT.data.glyph_map import OTHER, unknown_glyph_maps
from GOT.data.processor import GOTProcessor
from GOT.model.glyph_codes import GlyphCodes
from GOT.utils.constants import IGNORE_INDEX

MISREAD = 0.06  # of the characters: another one, or none
NOISE = 0.15  # standard deviation; one character's code has 0.3 to a direction, at its mean


class CodeCollator(Collator):
    """Batches with ``image_features`` in place of ``pixel_values``.

    Args:
        processor: Makes glyph maps.
        hidden_size: Of the decoder.
        quarantine: As in ``Collator``.
    """

    def __init__(
        self, processor: GOTProcessor, hidden_size: int, quarantine: Quarantine | None = None
    ) -> None:
        super().__init__(processor, quarantine)
        processor.with_glyph_maps = True
        self._codes = GlyphCodes(hidden_size)

    def __call__(self, items: Sequence[Sequence[TrainingSample | BadSample]]) -> dict[str, Any]:
        """Batch samples that say where their characters stand.

        Raises:
            ValueError: If one does not.
        """
        batch = super().__call__(items)
        maps = batch.pop("glyph_maps", None)
        if not (batch["labels"] != IGNORE_INDEX).any():  # no good sample: the blank view of the base class
            maps = torch.zeros_like(
                unknown_glyph_maps(len(batch["pixel_values"]), self.processor.num_image_tokens)
            )
        if maps is None or bool((maps < 0).all(dim=(1, 2)).any()):
            raise ValueError(
                "--read_codes takes one-view samples that say where their characters stand (glyphs: true)."
            )
        del batch["pixel_values"]
        # Of the batch itself, so that a resumed run draws the same.
        generator = torch.Generator().manual_seed(int(batch["input_ids"].sum()))
        tokens = self._codes.write(_misread(maps, generator))
        return batch | {"image_features": tokens + NOISE * torch.randn(tokens.shape, generator=generator)}


def _misread(maps: Tensor, generator: torch.Generator) -> Tensor:
    wrong = (torch.rand(maps.shape, generator=generator) < MISREAD) & (maps > 0)
    others = torch.randint(1, OTHER, maps.shape, generator=generator)
    others[torch.rand(maps.shape, generator=generator) < 0.3] = 0
    return torch.where(wrong, others, maps)
