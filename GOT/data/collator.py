"""Training samples to one batch of tensors; bad ones are counted and left out.

B batch · T tokens · N views of the whole batch · S side of a view, in pixels
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from GOT.data.dataset import BadSample, Quarantine, TrainingSample
from GOT.data.processor import GOTProcessor
from GOT.utils.constants import IGNORE_INDEX

GOOD, BAD, DROPPED = 0, 1, 2  # what became of a record


class Collator:
    """Pads on the right and stacks.

    Args:
        processor: For token ids and the size of views.
        quarantine: Where bad samples are reported.

    Example:
        Two samples of 3 and 2 tokens give ``input_ids`` (2, 3), ``labels`` (2, 3) with -100 in the padding,
        ``attention_mask`` [[1, 1, 1], [1, 1, 0]] and ``pixel_values`` with the views of both.
    """

    def __init__(self, processor: GOTProcessor, quarantine: Quarantine | None = None) -> None:
        self.processor = processor
        self.quarantine = quarantine or Quarantine(None)

    def __call__(self, items: Sequence[Sequence[TrainingSample | BadSample]]) -> dict[str, Any]:
        """Batch what the dataset gave.

        Returns:
            ``input_ids``, ``labels``, ``attention_mask`` (B, T), ``pixel_values`` (N, 3, S, S), ``glyph_maps``
            (N, rows, columns) where the samples have them, and ``outcomes``: one number a record, in order:
            :data:`GOOD`, :data:`BAD`, or :data:`DROPPED` by the length policy. A batch without a single good sample
            holds one row without labels, so that every rank still takes its step.
        """
        samples = [entry for item in items for entry in item if isinstance(entry, TrainingSample)]
        outcomes = []
        for item in items:
            bad = [entry for entry in item if isinstance(entry, BadSample)]
            for entry in bad:
                if not entry.dropped:
                    self.quarantine.report(entry)
            outcomes.append((DROPPED if bad[0].dropped else BAD) if bad else GOOD)
        rows = [(sample.input_ids, sample.labels) for sample in samples]
        views = [sample.pixel_values for sample in samples if len(sample.pixel_values)]
        maps = [sample.glyph_maps for sample in samples]
        if not views:
            rows, views = self._with_blank_view(rows)
            maps = [self.processor.unknown_glyphs(1)]
        batch = self._pad(rows)
        known = [entry for entry in maps if entry is not None]
        if len(known) == len(maps):
            batch["glyph_maps"] = torch.cat(known)
        return {
            **batch,
            "pixel_values": torch.cat(views),
            "outcomes": torch.tensor(outcomes, dtype=torch.long),
        }

    def _pad(self, rows: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        longest = max(len(ids) for ids, _ in rows)
        input_ids = torch.full((len(rows), longest), self.processor.pad_id)
        labels = torch.full((len(rows), longest), IGNORE_INDEX)
        # Built from lengths: the padding token may also stand in a document.
        attention_mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for row, (ids, targets) in enumerate(rows):
            input_ids[row, : len(ids)] = ids
            labels[row, : len(targets)] = targets
            attention_mask[row, : len(ids)] = 1
        return {"input_ids": input_ids, "labels": labels, "attention_mask": attention_mask}

    def _with_blank_view(
        self, rows: Sequence[tuple[Tensor, Tensor]]
    ) -> tuple[list[tuple[Tensor, Tensor]], list[Tensor]]:
        """Let a batch without pictures pass the encoder too, so that every rank holds the same graph.

        A blank view stands after the first row's last token: attention is causal, so nothing that is learned sees
        it, and the encoder's gradients are zero.
        """
        views = self.processor.encode_views([Image.new("RGB", (8, 8), "white")])
        tail = torch.tensor(self.processor.view_tokens(1))
        ids, labels = rows[0] if rows else (torch.empty(0, dtype=torch.long),) * 2
        first = (torch.cat([ids, tail]), torch.cat([labels, torch.full_like(tail, IGNORE_INDEX)]))
        return [first, *rows[1:]], [views]
