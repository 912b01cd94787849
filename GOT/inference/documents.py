"""What a user hands over to pages: files, folders, globs, PDFs, multi-frame pictures, stdin, URLs - one page at a time.

A page that cannot be had is yielded with its error, so that the others are still read.
"""

from __future__ import annotations

import dataclasses
import glob
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from GOT.data.image import IMAGE_SUFFIXES, MAX_PIXELS, check_size, count_frames, open_lazily, read_frame
from GOT.utils.remote import is_remote, list_files, read_bytes
from GOT.utils.sorting import natural_key

DEFAULT_DPI = 200  # A4 becomes 1654x2339: enough for six tiles, and the square view shrinks it anyway
MIN_DPI, MAX_DPI = 20, 1200
POINTS_PER_INCH = 72
MAX_NAME = 80  # characters; file systems take 255 bytes
MAX_STDIN_BYTES = 1024**3
STDIN = "-"
_PDFIUM = threading.Lock()  # the library takes one call at a time
_MULTI_FRAME = ("TIFF",)  # animated pictures are read as their first frame, TIFFs as pages


@dataclasses.dataclass(frozen=True)
class Page:
    """One page to read, or why it cannot be.

    Attributes:
        source: The file, URL or ``-`` as the user named it.
        name: Short name for output folders.
        number: Page number in its document, from 1; None for a picture of its own.
        image: The page, RGB; None if ``error`` is set.
        error: One line: what is wrong and what would work.
    """

    source: str
    name: str
    number: int | None = None
    image: Image.Image | None = None
    error: str | None = None


@dataclasses.dataclass(frozen=True)
class PageSource:
    """Where a page can be opened again.

    Attributes:
        source: As in :class:`Page`.
        number: As in :class:`Page`.
        dpi: Resolution at which a PDF page is drawn.
        allow_url: Whether a URL may be fetched.
    """

    source: str
    number: int | None = None
    dpi: int = 200
    allow_url: bool = False

    def open(self) -> Image.Image:
        """The page, RGB.

        Raises:
            ValueError: If it cannot be had any more.
        """
        page = self.page()
        if page.image is None:
            raise ValueError(page.error)
        return page.image

    def page(self) -> Page:
        """The same with its name, or why it cannot be had."""
        chosen = PageRange(((self.number, self.number),)) if self.number else None
        return next(open_source(self.source, pages=chosen, dpi=self.dpi, allow_url=self.allow_url))


@dataclasses.dataclass(frozen=True)
class PageRange:
    """Pages that a user chose, numbered from 1.

    Example:
        >>> PageRange.parse("1-3,7").select(5)
        ([1, 2, 3], ['7'])
    """

    spans: tuple[tuple[int, int | None], ...]  # inclusive; an open end means the last page

    @classmethod
    def parse(cls, text: str) -> PageRange:
        """Read ``1-5,7`` or ``3-`` (to the end).

        Raises:
            ValueError: If it is not of that form.
        """
        spans = []
        for part in text.split(","):
            first, dash, last = (piece.strip() for piece in part.partition("-"))
            if not first.isdecimal() or (last and not last.isdecimal()):
                raise ValueError(f"--pages takes page numbers from 1, such as 1-5,7 or 3-; got {text!r}.")
            end = int(last) if last else (None if dash else int(first))
            if int(first) < 1 or (end is not None and end < int(first)):
                raise ValueError(f"--pages counts from 1 upwards; {part.strip()!r} in {text!r} does not.")
            spans.append((int(first), end))
        return cls(tuple(spans))

    def select(self, count: int) -> tuple[list[int], list[str]]:
        """The chosen pages of a document, in order and once each, and the parts that lie outside it."""
        chosen: set[int] = set()
        outside = []
        for first, last in self.spans:
            end = count if last is None else last
            chosen.update(range(first, min(end, count) + 1))
            if max(first, end) > count:
                beyond = max(first, count + 1)
                outside.append(str(beyond) if end <= beyond else f"{beyond}-{end}")
        return sorted(chosen), outside

    def beyond(self, source: str, name: str, count: int) -> list[Page]:
        """A failed page that tells which of the chosen pages the document does not have; empty if it has all."""
        _, outside = self.select(count)
        if not outside:
            return []
        have = "1 page" if count == 1 else f"{count} pages"
        return [Page(source, name, error=f"{source} has {have}; --pages asks for {', '.join(outside)} too.")]


def open_pages(
    sources: Sequence[str | Path],
    *,
    pages: PageRange | None = None,
    dpi: int = DEFAULT_DPI,
    allow_url: bool = False,
) -> Iterator[Page]:
    """Open everything that was named, lazily and in order.

    Args:
        sources: Files, folders, globs, ``-`` for stdin, http(s) URLs.
        pages: Which pages of PDFs and TIFFs.
        dpi: Resolution at which PDF pages are drawn.
        allow_url: Whether URLs may be fetched.
    """
    if not MIN_DPI <= dpi <= MAX_DPI:
        raise ValueError(f"dpi must be {MIN_DPI}..{MAX_DPI}; got {dpi}.")
    for source in sources:
        for item in expand_source(source):
            if isinstance(item, Page):
                yield item
            else:
                yield from open_source(item, pages=pages, dpi=dpi, allow_url=allow_url)


def expand_source(source: str | Path) -> Sequence[str | Page]:
    """The files that a folder or glob stands for, in natural order; a failed page if there are none."""
    text = str(source)
    if text == STDIN or is_url(text):
        return [text]
    if is_remote(text):
        return _expand_remote(text)
    path = Path(text).expanduser()
    if path.is_dir():
        files = [
            str(p) for p in path.iterdir() if p.suffix.lower() in (*IMAGE_SUFFIXES, ".pdf") and p.is_file()
        ]
        if not files:
            return [_failed(text, f"The folder {text} holds no images or PDFs.")]
        return sorted(files, key=natural_key)
    if not path.exists() and glob.has_magic(text):
        files = [match for match in glob.glob(str(path), recursive=True) if Path(match).is_file()]
        if not files:
            return [_failed(text, f"No file matches {text}.")]
        return sorted(files, key=natural_key)
    return [text]


def _expand_remote(url: str) -> Sequence[str | Page]:
    try:
        files = list_files(url)
    except (OSError, ValueError) as error:
        return [_failed(url, str(error) or type(error).__name__)]
    if files is None:
        return [url]
    readable = [name for name in files if name.lower().endswith((*IMAGE_SUFFIXES, ".pdf"))]
    readable.sort(key=natural_key)
    return readable or [_failed(url, f"{url} holds no images or PDFs.")]


def is_url(text: str) -> bool:
    """Whether a source names something on a network."""
    return text.lower().startswith(("http://", "https://"))


def open_source(
    source: str, *, pages: PageRange | None = None, dpi: int = DEFAULT_DPI, allow_url: bool = False
) -> Iterator[Page]:
    """Open the pages of one file, URL or stdin; what cannot be had is yielded with its error."""
    name = short_name(source)
    try:
        content = _content_of(source, allow_url)
        if is_pdf(content):
            yield from _pdf_pages(source, name, content, pages, dpi)
        else:
            yield from _image_pages(source, name, content, pages)
    except (OSError, ValueError, ImportError) as error:
        yield Page(source, name, error=str(error) or type(error).__name__)


def _content_of(source: str, allow_url: bool) -> str | bytes:
    if source == STDIN:
        content = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
        if not content:
            raise ValueError("Nothing came on stdin; pipe an image or a PDF into it.")
        if len(content) > MAX_STDIN_BYTES:
            raise ValueError(
                f"More than {MAX_STDIN_BYTES // 1024**3} GiB came on stdin; give the file's name."
            )
        return content
    if is_url(source):
        from GOT.inference.fetch import fetch

        if not allow_url:
            raise ValueError(f"{source} is a URL; --allow-url lets this program fetch it.")
        return fetch(source)
    if is_remote(source):
        return read_bytes(source)
    if not Path(source).expanduser().exists():
        raise FileNotFoundError(f"There is no file {source}; give an image, a PDF, a folder or a glob.")
    return str(Path(source).expanduser())


def is_pdf(content: str | bytes) -> bool:
    """Whether a file, by its path, or its bytes are a PDF."""
    if isinstance(content, bytes):
        head = content[:1024]
    else:
        with open(content, "rb") as file:
            head = file.read(1024)
    return b"%PDF-" in head  # the format allows some bytes before it


def count_pdf_pages(path: Path) -> int:
    """How many pages a PDF has.

    Raises:
        pypdfium2.PdfiumError: If it cannot be opened.
    """
    import pypdfium2

    with _PDFIUM, pypdfium2.PdfDocument(path) as document:
        return len(document)


def _image_pages(source: str, name: str, content: str | bytes, pages: PageRange | None) -> Iterator[Page]:
    with open_lazily(content, name=source) as picture:
        if picture.format not in _MULTI_FRAME:
            yield Page(source, name, image=read_frame(picture, 1, name=source))
            return
        count, damage = count_frames(picture, name=source)
        for number in pages.select(count)[0] if pages else range(1, count + 1):
            shown = number if count > 1 or damage else None
            try:
                yield Page(source, name, shown, read_frame(picture, number, name=source))
            except ValueError as error:  # the pages after it may be whole
                yield Page(source, name, shown, error=str(error))
        if damage and (pages is None or pages.select(count + 1)[0][-1:] == [count + 1]):
            yield Page(source, name, count + 1, error=f"{damage} Pages from {count + 1} on are lost.")
        elif pages:
            yield from pages.beyond(source, name, count)


def _pdf_pages(
    source: str, name: str, content: str | bytes, pages: PageRange | None, dpi: int
) -> Iterator[Page]:
    import pypdfium2

    try:
        with _PDFIUM:
            document = pypdfium2.PdfDocument(content)
            document.init_forms()  # or what somebody typed into a form is not drawn
            count = len(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise ValueError(f"{source} is protected by a password; save a copy without one.") from error
        raise ValueError(f"{source} is no readable PDF ({error}); it may be cut off.") from error
    try:
        if not count:
            raise ValueError(f"{source} has no pages.")
        numbers = pages.select(count)[0] if pages else range(1, count + 1)
        for number in numbers:
            try:
                with _PDFIUM:
                    image = _draw(document, number - 1, dpi, f"{source}, page {number}")
            except (pypdfium2.PdfiumError, ValueError) as error:
                yield Page(source, name, number, error=str(error))
            else:
                yield Page(source, name, number, image)
        if pages:
            yield from pages.beyond(source, name, count)
    finally:
        with _PDFIUM:
            document.close()


def _draw(document: Any, index: int, dpi: int, label: str) -> Image.Image:
    page = document[index]
    try:
        width, height = (side * dpi / POINTS_PER_INCH for side in page.get_size())
        # A poster is drawn coarser, not refused.
        shrink = min(1.0, (MAX_PIXELS / max(1.0, width * height)) ** 0.5)
        check_size(int(width * shrink), int(height * shrink), name=label)
        bitmap = page.render(scale=dpi / POINTS_PER_INCH * shrink, rev_byteorder=True)
        image = bitmap.to_pil()  # RGB already, over the bitmap's own memory
        return image if image.mode == "RGB" else image.convert("RGB")
    finally:
        page.close()


def _failed(source: str, error: str) -> Page:
    return Page(source, short_name(source), error=error)


def short_name(source: str) -> str:
    """The name of a document without folder and ending, fit for a file name: it cannot leave its folder."""
    if source == STDIN:
        return "stdin"
    path = source.partition("?")[0].partition("#")[0] if is_url(source) else source
    stem = Path(path.rstrip("/\\").replace("\\", "/")).stem
    return re.sub(r"[\x00-\x1f\x7f<>:\"|?*/]", "_", stem)[:MAX_NAME].strip(". ") or "page"
