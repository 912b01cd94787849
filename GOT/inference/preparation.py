"""What is asked about a page, made ready for the model; and the result of a page that the model does not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from GOT.data.image import MAX_TILES, TILES_LIMIT, normalize, open_image, to_page
from GOT.data.processor import GOTProcessor, ModelInputs
from GOT.data.prompt import Task, build_question, choose_task, normalize_box
from GOT.inference.documents import Page, PageSource
from GOT.inference.guards import is_blank
from GOT.inference.results import PageResult
from GOT.inference.views import BoxMode, PageViews, ViewSettings, cut_box

ImageLike = str | Path | Image.Image | PageSource


@dataclasses.dataclass(frozen=True)
class ReadRequest:
    """One question about one page (or about several, for multi-page).

    Attributes:
        images: A path or picture, or several for ``multi_page``.
        task: ``ocr`` or ``format`` (or another name of ``data.prompt.TASKS``).
        box: ``x1, y1, x2, y2`` in pixels of the page: read only what is inside.
        color: Read only what is inside the frame of this colour: red, green or blue.
        crop: Cut the page into tiles: for small print.
        multi_page: Read all images in one answer.
        question: The whole question, instead of the task's.
        box_mode: ``prompt`` tells the model the box, as published; ``crop`` shows it nothing else.
        max_tiles: Most tiles under ``crop``.
        name: What to call the page in results.
        page: Its number in its document.
    """

    images: ImageLike | Sequence[ImageLike]
    task: str = "ocr"
    box: Sequence[float] | None = None
    color: str | None = None
    crop: bool = False
    multi_page: bool = False
    question: str | None = None
    box_mode: BoxMode = "prompt"
    max_tiles: int = MAX_TILES
    name: str = ""
    page: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.max_tiles <= TILES_LIMIT:
            raise ValueError(f"max_tiles must be 1..{TILES_LIMIT}; got {self.max_tiles}.")
        if self.box is not None and self.color is not None:
            raise ValueError(
                "Give a box or a color, not both: the model was trained on one region mark a question."
            )
        if self.box is not None and self.box_mode == "crop" and len(self.box) != 4:
            raise ValueError(
                f"box_mode crop cuts out a box of four numbers x1,y1,x2,y2; got {len(self.box)}."
            )
        if self.question is not None and (
            self.color is not None or (self.box is not None and self.box_mode == "prompt")
        ):
            raise ValueError(
                "A question of your own replaces all words: write the box or color into it, or cut the box out (crop)."
            )


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A request made ready for the model; ``--explain`` prints it."""

    request: ReadRequest
    task: Task
    question: str
    page_sizes: tuple[tuple[int, int], ...]
    num_views: int
    blank: bool
    inputs: ModelInputs | None  # None for a blank page


def question_of(request: ReadRequest, size: tuple[int, int] | None = None) -> tuple[Task, str]:
    """The task and the exact question of a request.

    Args:
        request: What is asked.
        size: Width and height of the page, which a box needs.
    """
    task = choose_task(request.task, crop=request.crop, multi_page=request.multi_page)
    if request.question is not None:
        return task, request.question
    if task.layout == "multi_page" and (request.box is not None or request.color is not None):
        raise ValueError("A box or a color is about one page; multi_page reads several.")
    box = None
    if request.box is not None and size is not None and request.box_mode == "prompt":
        box = normalize_box(request.box, *size)
    return task, build_question(task, box=box, color=request.color)


def prepare(processor: GOTProcessor, request: ReadRequest) -> Prepared:
    """Open a request's pictures and build its model inputs.

    Raises:
        ValueError, FileNotFoundError: If a picture or the box is not readable.
    """
    listed = [request.images] if isinstance(request.images, ImageLike) else list(request.images)
    pages = [_open(image) for image in listed]
    if not pages:
        raise ValueError("There is no page to read.")
    sizes = tuple(page.size for page in pages)
    if request.box is not None:
        pages[0] = cut_box(pages[0], request.box, request.box_mode)
    task, question = question_of(request, sizes[0])
    if all(is_blank(page) for page in pages):
        return Prepared(request, task, question, sizes, 0, True, None)
    views = processor.views_of(pages, task.layout, max_tiles=request.max_tiles)
    inputs = processor.encode_request(views, question)
    return Prepared(request, task, question, sizes, len(views), False, inputs)


def view_settings(processor: GOTProcessor, template: ReadRequest, **how: Any) -> ViewSettings:
    """How pages must be cut for a request; ``how``: the other fields of ``ViewSettings``."""
    task, _ = question_of(template)
    assert task.layout != "multi_page", "views are those of single pages"
    box = None if template.box is None else tuple(template.box)
    size = processor.transform.image_size
    return ViewSettings(task.layout, size, template.max_tiles, box=box, box_mode=template.box_mode, **how)


def prepare_views(processor: GOTProcessor, viewed: PageViews, request: ReadRequest) -> Prepared:
    """The same as :func:`prepare` for a page that was cut elsewhere (see ``views``)."""
    task, question = question_of(request, viewed.size)
    if viewed.pixels is None:
        return Prepared(request, task, question, (viewed.size,), 0, True, None)
    inputs = processor.encode_pixels(normalize(viewed.pixels), question)
    return Prepared(request, task, question, (viewed.size,), len(viewed.pixels), False, inputs)


def blank_result(prepared: Prepared) -> PageResult:
    """The result of a page with nothing on it."""
    request = prepared.request
    return PageResult("", "blank", "blank", request.name, request.page, question=prepared.question)


def failed_page(page: Page) -> PageResult:
    """The result of a page that could not be opened."""
    return PageResult("", "failed", "error", page.source, page.number, error=page.error)


def reason_of(error: BaseException) -> str:
    """An error of reading in a user's words."""
    if isinstance(error, ValueError):
        return str(error)
    return "The page does not fit into memory; use a smaller --batch-size, fewer --max-tiles, or a larger device."


def failed_result(request: ReadRequest, error: str) -> PageResult:
    """The result of a page that could not be read."""
    name = request.name or (str(request.images) if isinstance(request.images, str | Path) else "")
    return PageResult("", "failed", "error", name, request.page, error=error)


def _open(image: ImageLike) -> Image.Image:
    if isinstance(image, PageSource):
        return image.open()
    return to_page(image) if isinstance(image, Image.Image) else open_image(image)
