"""Results to files: ``DIR/name/name.txt`` and its siblings, each whole or not there."""

from __future__ import annotations

import dataclasses
import functools
import io as bytes_io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from PIL import Image

from GOT.data.prompt import asks_for_markup
from GOT.inference.documents import STDIN, Page, short_name
from GOT.inference.results import PageResult
from GOT.utils.remote import Target, is_file, join, list_names, read_bytes, write_bytes

PICTURE_SIDE = 1400  # pixels; a page beside its text needs no more
PICTURE_QUALITY = 82
SOURCE_RECORD = ".source"  # beside files that do not name their document


@dataclasses.dataclass(frozen=True)
class ReadPage:
    """A result, and what goes with it into files.

    Attributes:
        result: The answer and how reading went.
        name: The document's name.
        picture: The page as JPEG, where an output format shows it.
        clean_text: The answer after clean-up; None where none was asked for, or nothing changed.
    """

    result: PageResult
    name: str
    picture: bytes | None = None
    clean_text: str | None = None

    @property
    def text(self) -> str:
        """The answer to show."""
        return self.result.text if self.clean_text is None else self.clean_text


class PictureKeeper:
    """Lets pages through to the pipeline and keeps small pictures of them, if wanted, for the results."""

    def __init__(self, *, pictures: bool) -> None:
        self._pictures = pictures
        self._kept: dict[tuple[str, int | None], list[bytes]] = {}

    def watch(self, pages: Iterable[Page]) -> Iterator[Page]:
        """Pass pages on."""
        for page in pages:
            if self._pictures and page.image is not None:
                self._kept.setdefault((page.source, page.number), []).append(to_jpeg(page.image))
            yield page

    def join(self, results: Iterable[PageResult]) -> Iterator[ReadPage]:
        """Put results back together with what was kept; one answer for many pages gets the first one's picture."""
        for result in results:
            pictures = self._kept.get((result.name, result.page)) or self._first_of(result)
            picture = pictures.pop(0) if pictures and result.status != "failed" else None
            yield ReadPage(result, short_name(result.name), picture)

    def _first_of(self, result: PageResult) -> list[bytes]:
        if result.page is not None:
            return []
        return next((kept for (source, _), kept in self._kept.items() if source == result.name and kept), [])


def cleaned(pages: Iterable[ReadPage], names: Sequence[str]) -> Iterator[ReadPage]:
    """Pages with clean-ups of ``render.clean.CLEANERS`` applied; the raw answers stay in the results."""
    from GOT.render.clean import clean

    for page in pages:
        text = clean(page.result.text, names) if names else page.result.text
        yield page if text == page.result.text else dataclasses.replace(page, clean_text=text)


class NotRendered(ValueError):
    """A document whose answer a writer could not put into its format: a fault of ours, and of this file only."""


class FolderNames:
    """One folder name a document, also when two documents share a stem, in one run or in several.

    Args:
        folder: The output folder, where documents of earlier runs keep their names.
    """

    def __init__(self, folder: Target | None = None) -> None:
        self._folder = folder
        self._by_source: dict[str, str] = {}
        self._taken: set[str] = set()  # in small letters: some file systems do not tell a from A

    def __call__(self, source: str, stem: str) -> str:
        if source not in self._by_source:
            name, number = stem, 1
            while name.casefold() in self._taken or self._is_anothers(name, source):
                number += 1
                name = f"{stem}-{number}"
            self._taken.add(name.casefold())
            self._by_source[source] = name
        return self._by_source[source]

    @functools.cached_property
    def _there(self) -> set[str]:
        # Listed once: a look at each document's record costs a request where the folder is a URL.
        return set() if self._folder is None else {name.casefold() for name in list_names(self._folder)}

    def _is_anothers(self, name: str, source: str) -> bool:
        if self._folder is None or name.casefold() not in self._there:
            return False
        recorded = recorded_source(self._folder, name)
        return recorded is not None and not is_same_source(recorded, source)


def write_document(pages: Sequence[ReadPage], folder: Target, name: str, kind: str) -> Target:
    """Write one document in one format; returns where.

    Args:
        pages: All pages of the document, in order.
        folder: The output folder, or its URL; the file goes to ``folder/name/name.<kind>``.
        name: The document's name.
        kind: A name of ``render.FORMATS``.

    Raises:
        NotRendered: If the writer failed at what a page says.
    """
    return write_bytes(join(folder, name, f"{name}.{kind}"), to_bytes(pages, kind))


def to_bytes(pages: Sequence[ReadPage], kind: str) -> bytes:
    """One document in one format of ``render.FORMATS``.

    Raises:
        NotRendered: If the writer failed at what a page says.
        ImportError: If the format needs a library that is missing.
    """
    from GOT.render import RenderPage, convert

    rendered = [
        RenderPage(
            name=page.name,
            number=page.result.page,
            text=page.text,
            picture=page.picture,
            meta=page.result.to_dict(),
            raw=None if page.clean_text is None else page.result.text,
            has_markup=asks_for_markup(page.result.question),
        )
        for page in pages
    ]
    try:
        return convert(rendered, kind)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # whatever it is, a batch of documents goes on without this file
        raise NotRendered(f"{pages[0].result.name}: not written as {kind}: {error!r}") from error


def is_done(folder: Target, name: str, formats: Sequence[str], source: str) -> bool:
    """Whether this very document was written before in all these formats, without a failed page."""
    if source == STDIN or not all(is_file(join(folder, name, f"{name}.{kind}")) for kind in formats):
        return False
    recorded = recorded_source(folder, name)
    if recorded is None or not is_same_source(recorded, source):
        return False
    return all(page.get("status") != "failed" for page in _recorded_pages(folder, name))


def record_source(folder: Target, name: str, source: str) -> None:
    """Keep which document a folder holds, where no JSON says it."""
    write_bytes(join(folder, name, SOURCE_RECORD), f"{source}\n".encode("utf-8", "replace"))


def recorded_source(folder: Target, name: str) -> str | None:
    """The document that a folder below the output folder holds; None if nothing says it."""
    for page in _recorded_pages(folder, name):
        if page.get("name"):
            return str(page["name"])
    record = join(folder, name, SOURCE_RECORD)
    if not is_file(record):
        return None
    return read_bytes(record).decode("utf-8", "replace").removesuffix("\n")


def is_same_source(one: str, other: str) -> bool:
    """Whether two names mean one document, as ``a.png`` and ``./a.png`` do."""
    # Records are UTF-8, names on a disk need not be.
    one, other = (text.encode("utf-8", "replace").decode("utf-8") for text in (one, other))
    if "://" in one or "://" in other:
        return one == other
    return os.path.abspath(os.path.expanduser(one)) == os.path.abspath(os.path.expanduser(other))


def _recorded_pages(folder: Target, name: str) -> list[dict[str, Any]]:
    record = join(folder, name, f"{name}.json")
    if not is_file(record):
        return []
    try:
        return [page for page in json.loads(read_bytes(record))["pages"] if isinstance(page, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def to_jpeg(image: Image.Image, side: int = PICTURE_SIDE) -> bytes:
    """A small picture of a page."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    buffer = bytes_io.BytesIO()
    small.save(buffer, "JPEG", quality=PICTURE_QUALITY)
    return buffer.getvalue()
