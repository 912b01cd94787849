"""Pages to square views of 8-bit pixels: the part of reading that needs no model, for light processes of its own.

N views of a page · S side of a view, in pixels
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from PIL import Image

from GOT.data.image import MAX_TILES, resize, tile_image
from GOT.data.prompt import Layout, normalize_box
from GOT.inference.documents import DEFAULT_DPI, Page
from GOT.inference.guards import is_blank
from GOT.inference.outputs import to_jpeg
from GOT.inference.units import Unit, open_unit
from GOT.inference.workers import DONE, END, NOTHING, Message, Take

BoxMode = Literal["prompt", "crop"]


@dataclasses.dataclass(frozen=True)
class ViewSettings:
    """How pages are opened and cut; the same for all pages of one reading.

    Attributes:
        layout: How a page becomes views; never ``multi_page``.
        image_size: Side of a view, in pixels.
        max_tiles: Most tiles under ``crop``.
        box: ``x1, y1, x2, y2`` in pixels of the page.
        box_mode: Whether the box is cut out here.
        dpi: Resolution at which PDF pages are drawn.
        allow_url: Whether URLs may be fetched.
        pictures: Whether an output format shows the pages.
    """

    layout: Layout
    image_size: int
    max_tiles: int = MAX_TILES
    box: tuple[float, ...] | None = None
    box_mode: BoxMode = "prompt"
    dpi: int = DEFAULT_DPI
    allow_url: bool = False
    pictures: bool = False


@dataclasses.dataclass(frozen=True)
class PageViews:
    """A page as the encoder will see it, or why there is none.

    Attributes:
        source, name, number, error: As of ``documents.Page``.
        size: Width and height of the page, in pixels.
        pixels: (N, S, S, 3), uint8; None if the page is blank or has an error.
        picture: A small JPEG of the page, if wanted.
        seconds: Time that it took.
    """

    source: str
    name: str
    number: int | None = None
    error: str | None = None
    size: tuple[int, int] = (0, 0)
    pixels: np.ndarray | None = None
    picture: bytes | None = None
    seconds: float = 0.0


def view_unit(unit: Unit, settings: ViewSettings) -> Iterator[PageViews]:
    """Open a unit's pages and cut each into views."""
    started = time.perf_counter()
    for page in open_unit(unit, dpi=settings.dpi, allow_url=settings.allow_url):
        viewed = view_page(page, settings)
        yield dataclasses.replace(viewed, seconds=time.perf_counter() - started)
        started = time.perf_counter()


def view_page(page: Page, settings: ViewSettings) -> PageViews:
    """Judge a page and cut it into views."""
    viewed = PageViews(page.source, page.name, page.number, page.error)
    if page.image is None:
        return viewed
    size = page.image.size
    try:
        image = cut_box(page.image, settings.box, settings.box_mode)
    except ValueError as error:
        return dataclasses.replace(viewed, error=str(error))
    pixels = None
    if not is_blank(image):
        side = settings.image_size
        views = (
            tile_image(image, tile_size=side, max_tiles=settings.max_tiles)
            if settings.layout == "crop"
            else [image]
        )
        pixels = np.stack([resize(view, side) for view in views])
    picture = to_jpeg(page.image) if settings.pictures else None
    return dataclasses.replace(viewed, size=size, pixels=pixels, picture=picture)


def cut_box(image: Image.Image, box: Sequence[float] | None, box_mode: BoxMode) -> Image.Image:
    """What of a page is shown to the model.

    Raises:
        ValueError: If the box does not fit the page, in either mode.
    """
    if box is None:
        return image
    normalize_box(box, *image.size)
    if box_mode == "prompt" or len(box) != 4:
        return image
    left, top, right, bottom = box
    return image.crop((math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)))


def serve_views(settings: ViewSettings) -> Callable[[Take], Iterator[Message]]:
    """The work of a process that opens and cuts pages (see ``workers``)."""

    def work(take: Take) -> Iterator[Message]:
        while (task := take(True)) is not END:
            yield from _messages_of(task, settings)

    return work


def _messages_of(task: tuple[int, Unit, set[int]], settings: ViewSettings) -> Iterator[Message]:
    uid, unit, seen = task
    for k, viewed in enumerate(view_unit(unit, settings)):
        if k not in seen:
            yield uid, k, viewed
    yield uid, DONE, None


class Inline:
    """The same in this process: a ``Take`` that opens the next page when it is asked for one."""

    def __init__(self, tasks: Take, settings: ViewSettings) -> None:
        self._tasks, self._settings = tasks, settings
        self._open: Iterator[Message] = iter(())

    def __call__(self, wait: bool) -> Message | object:
        """The next page's views, or the end of its unit."""
        while (message := next(self._open, None)) is None:
            task = self._tasks(wait)
            if task is END or task is NOTHING:
                return task
            self._open = _messages_of(task, self._settings)
        return message


class Threads:
    """The same by threads of this process: drawing and resizing let others run meanwhile, and nothing must start."""

    def __init__(self, tasks: Take, settings: ViewSettings, count: int) -> None:
        self._tasks, self._settings = tasks, settings
        self._pool = ThreadPoolExecutor(count)
        self._most = 2 * count  # units that are opened or wait
        # Pages, not units, so that memory stays bounded: a TIFF of a thousand pages is one unit.
        self._pages: queue.Queue[Message | BaseException] = queue.Queue(maxsize=2 * count)
        self._units = 0  # whose end has not come yet
        self._ended = False
        self._left = threading.Event()

    def __call__(self, wait_for_it: bool) -> Message | object:
        """The next page's views; see ``workers.Take``."""
        while not self._ended and self._units < self._most:
            task = self._tasks(wait_for_it and not self._units)
            if task is NOTHING:
                break
            if task is END:
                self._ended = True
            else:
                self._units += 1
                self._pool.submit(self._open, task)
        if not self._units:
            return END if self._ended else NOTHING
        try:
            message = self._pages.get(block=wait_for_it)
        except queue.Empty:
            return NOTHING
        if isinstance(message, BaseException):
            raise message
        if message[1] is DONE:
            self._units -= 1
        return message

    def _open(self, task: tuple[int, Unit, set[int]]) -> None:
        try:
            for message in _messages_of(task, self._settings):
                if not self._put(message):
                    return
        except BaseException as error:
            self._put(error)

    def _put(self, message: Message | BaseException) -> bool:
        """Wait for a free place; False if nobody reads any more."""
        while not self._left.is_set():
            with contextlib.suppress(queue.Full):
                self._pages.put(message, timeout=0.1)
                return True
        return False

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._pool.shutdown(cancel_futures=True)
