"""Pages to text: the one way in which demos, evaluation, export checks and servers read.

pipeline = GOTPipeline.from_pretrained("assets/got-tiny")
print(pipeline.read("page.png").text)
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from GOT.data.image import MAX_TILES
from GOT.data.processor import GOTProcessor
from GOT.data.tokenizer import StreamDecoder
from GOT.inference import preparation
from GOT.inference.answers import ngram_size, result_of, second_tries, stop_ids
from GOT.inference.backends import BACKENDS, Backend, check_options, choose_backend
from GOT.inference.device import choose_device, choose_dtype
from GOT.inference.documents import DEFAULT_DPI, Page, PageRange, PageSource, open_pages
from GOT.inference.generation import Answer, GenerationSettings, decode
from GOT.inference.memory import is_out_of_memory
from GOT.inference.preparation import (
    ImageLike,
    Prepared,
    ReadRequest,
    blank_result,
    failed_page,
    failed_result,
    question_of,
    reason_of,
)
from GOT.inference.results import Document, PageResult
from GOT.inference.views import BoxMode, PageViews, ViewSettings
from GOT.utils.hub import resolve_folder
from GOT.utils.lazy import load_entry
from GOT.utils.log import get_logger

logger = get_logger(__name__)


class GOTPipeline:
    """A loaded checkpoint that reads pages.

    Args:
        backend: The engine that runs the model.
        processor: The checkpoint's tokenizer and image transform.
        settings: How answers are decoded unless a call says otherwise.
    """

    def __init__(
        self, backend: Backend, processor: GOTProcessor, settings: GenerationSettings | None = None
    ) -> None:
        self.backend = backend
        self.processor = processor
        self.settings = settings or GenerationSettings()
        self.asked_device = "auto"
        self.origin: dict[str, Any] | None = (
            None  # what another process gives from_pretrained, with its device
        )

    @classmethod
    def from_pretrained(
        cls,
        model_name: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        backend: str = "torch",
        attn_implementation: str = "sdpa",
        engine_options: Mapping[str, object] | None = None,
        settings: GenerationSettings | None = None,
    ) -> GOTPipeline:
        """Load a checkpoint of either layout from a folder or the hub.

        Args:
            model_name: A folder, or a hub name, optionally ``name@revision``.
            revision: Hub revision.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
            backend: A name of ``backends.BACKENDS``, or ``auto`` (see ``backends.choose_backend``).
            attn_implementation: The encoder's attention in the torch backend: ``eager`` is the plain formula, anything
                else the fused way of the device.
            engine_options: What only some backends know (``backends.OPTIONS``), such as ``{"precision": "int8"}``.
            settings: How answers are decoded.

        Raises:
            FileNotFoundError: If the checkpoint is not there.
            ValueError: If it is damaged, or the device or type cannot be had.
        """
        # What is wrong with the command is said before gigabytes are fetched for it.
        name = choose_backend(backend, device=device, dtype=dtype)
        load = load_entry(BACKENDS, name, what="backend")
        options = check_options(name, engine_options or {})
        if name == "torch":
            choose_dtype(dtype, choose_device(device))
        folder = resolve_folder(model_name, revision=revision)
        how = {"device": device, "dtype": dtype, "attn_implementation": attn_implementation}
        try:
            engine: Backend = load(folder, **how, **options)
        except OSError as error:
            if backend != "auto" or name == "torch" or isinstance(error, FileNotFoundError):
                raise
            logger.warning("Reading with torch, since OpenVINO's export cannot be kept: %s.", error)
            name, options = "torch", {}
            engine = load_entry(BACKENDS, name, what="backend")(folder, **how)
        vision = engine.config.vision
        processor = GOTProcessor.from_pretrained(
            folder, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens
        )
        processor.check_fits(engine.config)
        pipeline = cls(engine, processor, settings)
        pipeline.asked_device = device
        pipeline.origin = {
            "model_name": str(folder), "dtype": dtype, "backend": name, "attn_implementation": attn_implementation,
            "engine_options": dict(options),
        }  # fmt: skip
        return pipeline

    def read(
        self,
        source: ImageLike | Sequence[ImageLike],
        *,
        task: str = "ocr",
        box: Sequence[float] | None = None,
        color: str | None = None,
        crop: bool = False,
        multi_page: bool = False,
        question: str | None = None,
        box_mode: BoxMode = "prompt",
        max_tiles: int = MAX_TILES,
        pages: str | None = None,
        dpi: int = DEFAULT_DPI,
        allow_url: bool = False,
        batch_size: int = 1,
        settings: GenerationSettings | None = None,
    ) -> Document:
        """Read a picture, a PDF, a folder, or several of them.

        Args:
            source: Path, URL, PIL picture (read as its file would be), ``PageSource``, or a sequence of them.
            pages: Pages of PDFs and TIFFs, such as ``"1-5,7"``.
            dpi: Resolution at which PDF pages are drawn.
            allow_url: Whether a URL may be fetched.
            batch_size: Pages decoded side by side.
            settings: How to decode, for this call.

        The other arguments are those of :class:`ReadRequest`.

        Returns:
            One result a page (a single one for ``multi_page``); ``.text`` joins them.
        """
        template = ReadRequest(
            images=(), task=task, box=box, color=color, crop=crop, multi_page=multi_page, question=question,
            box_mode=box_mode, max_tiles=max_tiles,
        )  # fmt: skip
        question_of(template)  # a wrong task or colour is an error of the call, not of each page
        sources = [source] if isinstance(source, ImageLike) else list(source)
        chosen = PageRange.parse(pages) if pages else None
        found = _pages_of(sources, chosen, dpi, allow_url)
        return Document(tuple(self.read_pages(found, template, batch_size=batch_size, settings=settings)))

    def read_pages(
        self,
        pages: Iterable[Page],
        template: ReadRequest,
        *,
        batch_size: int = 1,
        settings: GenerationSettings | None = None,
    ) -> Iterator[PageResult]:
        """Read opened pages, all asked the same; a page with an error becomes a failed result in its place.

        With ``multi_page`` the failed ones come first, then one answer for all the others.
        """
        task, _ = question_of(template)
        if task.layout == "multi_page":
            yield from self._read_together(list(pages), template, settings)
            return
        requests = (
            page if page.image is None else _request_for(page, page.image, template) for page in pages
        )
        yield from self._read(requests, batch_size, settings)

    def read_requests(
        self,
        requests: Iterable[ReadRequest],
        *,
        batch_size: int = 8,
        settings: GenerationSettings | None = None,
    ) -> Iterator[PageResult]:
        """Answer requests in their order, ``batch_size`` at a time; one that cannot be read gives a failed result."""
        yield from self._read(requests, batch_size, settings)

    def stream(
        self, request: ReadRequest, *, settings: GenerationSettings | None = None
    ) -> Generator[str, None, PageResult]:
        """Read one page, giving out the text piece by piece as it is decoded. No second tries.

        A loop is found only after some of it was given out; the result's text is cut where it begins.

        Returns:
            The result, as the generator's value (``result = yield from pipeline.stream(request)``).

        Raises:
            ValueError, FileNotFoundError: If the page cannot be read.
        """
        started = time.perf_counter()
        prepared = self.prepare(request)
        if prepared.inputs is None:
            return blank_result(prepared)
        pieces = StreamDecoder(self.processor.tokenizer)
        given = 0
        for answers in self._decode([prepared], settings or self.settings):
            for token in answers[0].token_ids[given:]:
                if piece := pieces.push(token):
                    yield piece
            given = max(given, len(answers[0].token_ids))
        if rest := pieces.finish():
            yield rest
        return dataclasses.replace(
            result_of(prepared, answers[0], self.processor.tokenizer), seconds=time.perf_counter() - started
        )

    def prepare(self, request: ReadRequest) -> Prepared:
        """Open a request's pictures and build its model inputs (see ``preparation``)."""
        return preparation.prepare(self.processor, request)

    def prepare_views(self, viewed: PageViews, request: ReadRequest) -> Prepared:
        """The same for a page that was cut elsewhere (see ``views``)."""
        return preparation.prepare_views(self.processor, viewed, request)

    def view_settings(self, template: ReadRequest, **how: Any) -> ViewSettings:
        """How pages must be cut for a request; ``how``: the other fields of ``ViewSettings``."""
        return preparation.view_settings(self.processor, template, **how)

    def _read_together(
        self, pages: list[Page], template: ReadRequest, settings: GenerationSettings | None
    ) -> Iterator[PageResult]:
        yield from (failed_page(page) for page in pages if page.image is None)
        good = [page for page in pages if page.image is not None]
        if good:
            images = tuple(page.image for page in good if page.image is not None)
            request = dataclasses.replace(template, images=images, name=good[0].source)
            yield from self._read([request], 1, settings)

    def _read(
        self, requests: Iterable[ReadRequest | Page], batch_size: int, settings: GenerationSettings | None
    ) -> Iterator[PageResult]:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size}.")
        chosen = settings or self.settings
        iterator = iter(requests)
        while batch := list(itertools.islice(iterator, batch_size)):
            yield from self._read_batch(batch, chosen)

    def _read_batch(
        self, batch: Sequence[ReadRequest | Page], settings: GenerationSettings
    ) -> list[PageResult]:
        started = time.perf_counter()
        results: dict[int, PageResult] = {}
        ready: dict[int, Prepared] = {}
        for index, request in enumerate(batch):
            if isinstance(request, Page):
                results[index] = failed_page(request)
                continue
            try:
                prepared = self.prepare(request)
            except (ValueError, OSError) as error:
                results[index] = failed_result(request, str(error))
                continue
            if prepared.blank:
                results[index] = blank_result(prepared)
            else:
                ready[index] = prepared
        results.update(self.answer(ready, settings))
        share = (time.perf_counter() - started) / len(batch)
        return [dataclasses.replace(results[index], seconds=share) for index in range(len(batch))]

    def answer(self, ready: dict[int, Prepared], settings: GenerationSettings) -> dict[int, PageResult]:
        """Read prepared pages side by side, with second tries; a page that cannot be read gives a failed result."""
        results: dict[int, PageResult] = {}
        # The n-gram rule differs between layouts, so rows of one decoding share one size.
        for size in sorted({ngram_size(prepared, settings) for prepared in ready.values()}):
            group = {i: p for i, p in ready.items() if ngram_size(p, settings) == size}
            try:
                answers = list(self._decode(list(group.values()), settings))[-1]
            except (ValueError, MemoryError, RuntimeError) as error:
                if not (isinstance(error, ValueError) or is_out_of_memory(error)):
                    raise
                if len(group) == 1:
                    results.update({i: failed_result(p.request, reason_of(error)) for i, p in group.items()})
                else:  # one prompt too long for context or memory must not take the others down
                    for index, prepared in group.items():
                        results.update(self.answer({index: prepared}, settings))
                continue
            for (index, prepared), answer in zip(group.items(), answers, strict=True):
                result = result_of(prepared, answer, self.processor.tokenizer)
                if result.status == "repeated" and settings.retry:
                    result = self._retry(prepared, result, settings)
                results[index] = result
        return results

    def _retry(self, prepared: Prepared, first: PageResult, settings: GenerationSettings) -> PageResult:
        for number, (request, how) in enumerate(second_tries(prepared, settings), start=2):
            result = self.answer({0: self.prepare(request)}, how)[0]
            if result.status == "ok":
                return dataclasses.replace(result, status="retried", attempts=number)
        return dataclasses.replace(first, attempts=number)

    def _decode(self, batch: Sequence[Prepared], settings: GenerationSettings) -> Iterator[list[Answer]]:
        inputs = [prepared.inputs for prepared in batch if prepared.inputs is not None]
        yield from decode(
            self.backend.start(inputs),
            [item.input_ids.tolist() for item in inputs],
            stop_ids=stop_ids(self.processor.tokenizer),
            max_new_tokens=settings.max_new_tokens,
            no_repeat_ngram_size=ngram_size(batch[0], settings),
            stop_on_loop=settings.stop_on_loop,
        )


def _pages_of(
    sources: Sequence[ImageLike], pages: PageRange | None, dpi: int, allow_url: bool
) -> Iterator[Page]:
    for number, source in enumerate(sources, start=1):
        if isinstance(source, Image.Image):
            yield Page(f"image {number}", f"image-{number}", image=source)
        elif isinstance(source, PageSource):
            yield source.page()
        else:
            yield from open_pages([str(source)], pages=pages, dpi=dpi, allow_url=allow_url)


def _request_for(page: Page, image: Image.Image, template: ReadRequest) -> ReadRequest:
    return dataclasses.replace(template, images=image, name=page.source, page=page.number)
