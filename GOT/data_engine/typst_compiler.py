"""Typst source to pictures, by one compiler that is kept: 80 times quicker than one per picture."""

from __future__ import annotations

import functools
import io
import json
import os
from pathlib import Path
from typing import Any

import pypdfium2
from PIL import Image

from GOT.data_engine.fonts import Font
from GOT.utils.lazy import require

POINTS_PER_INCH = 72.0  # of PDF pages
NOWHERE = "/nonexistent/typst-packages"  # no package folder: a sample must not depend on a download


def render_pages(source: str, *, ppi: float = 144.0, fonts: tuple[Font, ...] = ()) -> list[Image.Image]:
    """Compile a document and rasterise its pages.

    Only the fonts that typst itself carries (New Computer Modern with its mathematics, Libertinus Serif, DejaVu
    Sans Mono) and ``fonts`` are looked at.

    Args:
        source: Typst markup, complete with ``#set page(...)``.
        ppi: Pixels per inch.
        fonts: Further fonts; the markup names them by :func:`text_style`.

    Returns:
        One RGB picture a page.

    Raises:
        ImportError: If typst is not installed.
        ValueError: If the markup does not compile, asks for a package from the internet, or names an unknown font.
    """
    result = _compile(source, fonts, format="png", ppi=ppi)
    pages = result if isinstance(result, list) else [result]
    return [Image.open(io.BytesIO(page)).convert("RGB") for page in pages]


def render_grey_page(
    source: str, *, ppi: float = 144.0, fonts: tuple[Font, ...] = ()
) -> tuple[Image.Image | None, int]:
    """As :func:`render_pages`, for documents of one page: no time goes into drawing one that did not fit.

    By way of PDF and pdfium, which takes a third of the time of a large page's PNG; small pictures are as quick there.

    Returns:
        The page, mode L, or ``None`` if there are several; and how many there are.
    """
    document = pypdfium2.PdfDocument(_compile(source, fonts, format="pdf"))
    try:
        if len(document) != 1:
            return None, len(document)
        return document[0].render(scale=ppi / POINTS_PER_INCH, grayscale=True).to_pil(), 1
    finally:
        document.close()


def _compile(source: str, fonts: tuple[Font, ...], **output: Any) -> Any:
    typst = require("typst", extra="synth")
    if "@preview" in source or "@local" in source:
        raise ValueError(
            "The typst source imports a package; synthetic pages use none, so that no download decides."
        )
    try:
        result, warnings = _compiler(os.getpid(), _folders(fonts)).compile_with_warnings(
            input=source.encode("utf-8"), **output
        )
    except typst.TypstError as error:
        raise ValueError(f"typst does not compile this: {error.message}: {_shorten(source)}") from error
    for warning in warnings:
        if "unknown font" in warning.message:
            raise ValueError(f"typst: {warning.message}; its file must be among the fonts given.")
    return result


def query_values(source: str, label: str, *, fonts: tuple[Font, ...] = ()) -> list[Any]:
    """The values of a document's ``#metadata(…) <label>``, in the order of the document.

    Quick after :func:`render_pages` of the same document, because typst remembers the layout.

    Args:
        source: Typst markup that compiles.
        label: Name of the label, without brackets.
        fonts: As for :func:`render_pages`.
    """
    typst = require("typst", extra="synth")
    compiler = typst.Compiler(
        input=source.encode("utf-8"),
        font_paths=_opened(os.getpid(), _folders(fonts)),
        package_path=NOWHERE,
        package_cache_path=NOWHERE,
    )
    values: list[Any] = json.loads(compiler.query(f"<{label}>", field="value"))
    return values


def renderer_version() -> str:
    """``"typst 0.15.2"``, for a sample's meta."""
    return f"typst {require('typst', extra='synth').__version__}"


def text_style(font: Font, fonts: tuple[Font, ...]) -> str | None:
    """The arguments of ``#set text(...)`` that choose one of ``fonts``; ``None`` if typst cannot read its file."""
    for path, index, family, weight, style, stretch in _faces(_folders(fonts)):
        if (path, index) == (font.path, font.index):
            variant = f'weight: {weight}, style: "{style}", stretch: {stretch * 100:g}%'
            return f"font: {quote(family)}, {variant}, fallback: false"
    return None


@functools.lru_cache(maxsize=8)
def _faces(folders: tuple[str, ...]) -> tuple[tuple[str, int, str, int, str, float], ...]:
    typst = require("typst", extra="synth")
    found = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=list(folders)
    ).fonts()
    return tuple((str(f.path), f.index, f.family, f.weight, f.style, f.stretch) for f in found)


@functools.lru_cache(maxsize=8)
def _folders(fonts: tuple[Font, ...]) -> tuple[str, ...]:
    """Typst takes folders of fonts, not files."""
    return tuple(sorted({str(Path(font.path).parent) for font in fonts if font.path}))


def quote(text: str) -> str:
    """A typst string literal that shows exactly this text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


# A compiler starts threads of its own, which a forked child does not inherit: one per process.
@functools.lru_cache(maxsize=8)
def _compiler(process: int, folders: tuple[str, ...]) -> Any:
    typst = require("typst", extra="synth")
    return typst.Compiler(
        font_paths=_opened(process, folders),
        package_path=NOWHERE,
        package_cache_path=NOWHERE,
    )


# Shared by the kept compiler and by those of queries, which are made anew for each document: one copy in memory.
@functools.lru_cache(maxsize=8)
def _opened(process: int, folders: tuple[str, ...]) -> Any:
    typst = require("typst", extra="synth")
    return typst.Fonts(include_system_fonts=False, font_paths=list(folders))


def _shorten(source: str, limit: int = 200) -> str:
    line = " ".join(source.split())
    return line if len(line) <= limit else line[: limit // 2] + " … " + line[-limit // 2 :]
