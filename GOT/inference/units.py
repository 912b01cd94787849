"""What a user hands over to units of work: a picture, or a few pages of a PDF, small enough to share out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from GOT.data.image import IMAGE_SUFFIXES
from GOT.inference.documents import (
    STDIN,
    Page,
    PageRange,
    count_pdf_pages,
    expand_source,
    is_pdf,
    is_url,
    open_source,
    short_name,
)

PAGES_A_UNIT = 4  # of a PDF: opening it again costs milliseconds, drawing a page 20 to 100


@dataclasses.dataclass(frozen=True)
class Unit:
    """Some pages of one document.

    Attributes:
        source: The file or URL.
        name: The document's short name.
        document: Which document of the whole work, from 0.
        last: Whether it ends its document.
        numbers: Pages of a PDF, from 1; None: all that the file holds (or ``pages`` of it).
        pages: The user's choice of pages, where the file's kind is not known yet.
        error: Why there is nothing to read.
    """

    source: str
    name: str
    document: int
    last: bool
    numbers: tuple[int, ...] | None = None
    pages: PageRange | None = None
    error: str | None = None

    @property
    def size(self) -> int:
        """Pages, as far as that is known before it is opened."""
        return len(self.numbers) if self.numbers else 1

    def lost(self, seen: set[int], error: str) -> list[tuple[int, Page]]:
        """The failed pages that stand for those that never came."""
        if self.numbers is None:
            return [(len(seen), Page(self.source, self.name, error=error))]
        return [
            (k, Page(self.source, self.name, number, error=error))
            for k, number in enumerate(self.numbers)
            if k not in seen
        ]


def plan_units(sources: Sequence[str | Path], pages: PageRange | None = None) -> Iterator[Unit]:
    """Share out everything that was named, lazily and in order; files are only counted here, not read."""
    document = 0
    for source in sources:
        for item in expand_source(source):
            if isinstance(item, Page):
                yield Unit(item.source, item.name, document, True, error=item.error)
            else:
                yield from _units_of(item, document, pages)
            document += 1


def open_unit(unit: Unit, *, dpi: int, allow_url: bool) -> Iterator[Page]:
    """Open a unit's pages one by one."""
    if unit.error is not None:
        yield Page(unit.source, unit.name, error=unit.error)
        return
    chosen = unit.pages if unit.numbers is None else PageRange(tuple((n, n) for n in unit.numbers))
    yield from open_source(unit.source, pages=chosen, dpi=dpi, allow_url=allow_url)


def _units_of(source: str, document: int, pages: PageRange | None) -> Iterator[Unit]:
    name = short_name(source)
    count = _count_pdf_pages(source)
    if not count:
        yield Unit(source, name, document, True, pages=pages)
        return
    numbers, outside = pages.select(count) if pages else (list(range(1, count + 1)), [])
    starts = range(0, len(numbers), PAGES_A_UNIT)
    for start in starts:
        last = start == starts[-1] and not outside
        yield Unit(source, name, document, last, tuple(numbers[start : start + PAGES_A_UNIT]))
    if pages and outside:
        (error,) = pages.beyond(source, name, count)
        yield Unit(source, name, document, True, error=error.error)


def _count_pdf_pages(source: str) -> int:
    """Pages of a PDF on this machine; 0 for all else, and for one that cannot be opened (reading it says why)."""
    import pypdfium2

    if source == STDIN or is_url(source) or source.lower().endswith(IMAGE_SUFFIXES):
        return 0
    path = Path(source).expanduser()
    try:
        if not path.is_file() or not is_pdf(str(path)):
            return 0
        return count_pdf_pages(path)
    except (OSError, pypdfium2.PdfiumError):
        return 0
