"""Records to page results: what a shard process reads with. The only part of evaluation that loads a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from GOT.eval.records import Record
from GOT.inference.documents import PageRange, open_pages
from GOT.inference.generation import GenerationSettings
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.preparation import ReadRequest
from GOT.inference.results import PageResult


class PipelineReader:
    """Reads records through a pipeline.

    Args:
        pipeline: The loaded checkpoint.
        settings: How answers are decoded.
        dpi: Resolution at which pages of PDFs are drawn.
    """

    def __init__(self, pipeline: GOTPipeline, settings: GenerationSettings, dpi: int) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.dpi = dpi

    def read(self, records: Sequence[Record]) -> Iterator[PageResult]:
        """Results in the order of the records, read side by side; what cannot be read is a failed result."""
        requests: list[ReadRequest] = []
        failed: dict[int, str] = {}
        for place, record in enumerate(records):
            try:
                requests.append(self._request(record))
            except (ValueError, OSError) as error:
                failed[place] = str(error)
        results = self.pipeline.read_requests(
            requests, batch_size=max(1, len(records)), settings=self.settings
        )
        for place in range(len(records)):
            if place in failed:
                yield PageResult("", "failed", "error", error=failed[place])
            else:
                yield next(results)

    def _request(self, record: Record) -> ReadRequest:
        if not record.images:
            raise ValueError(f"There is no picture {record.image}.")
        images: str | Image.Image | tuple[str, ...] = record.images
        if len(record.images) == 1:
            images = (
                record.images[0] if record.page is None else self._pdf_page(record.images[0], record.page)
            )
        return ReadRequest(
            images=images,
            crop=record.crop,
            multi_page=len(record.images) > 1,
            question=record.asked,
            name=record.image,
        )

    def _pdf_page(self, path: str, number: int) -> Image.Image:
        if not Path(path).is_file():
            raise FileNotFoundError(f"There is no file {path}.")
        page = next(iter(open_pages([path], pages=PageRange.parse(str(number)), dpi=self.dpi)))
        if page.image is None:
            raise ValueError(page.error)
        return page.image


def open_pipeline(
    *,
    shard: int,
    model_name: str,
    settings: Mapping[str, Any],
    dpi: int,
    device: str = "auto",
    **options: Any,
) -> PipelineReader:
    """The reader of one shard; with several GPUs each shard takes the next one."""
    cards = torch.cuda.device_count()
    if device == "auto" and cards:
        device = f"cuda:{shard % cards}"
    pipeline = GOTPipeline.from_pretrained(model_name, device=device, **options)
    return PipelineReader(pipeline, GenerationSettings(**settings), dpi)
