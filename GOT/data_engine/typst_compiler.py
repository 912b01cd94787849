"""Typst source to pictures, by one compiler that is kept: 80 times quicker than one per picture."""

from __future__ import annotations

import functools
import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from GOT.utils.lazy import require

NOWHERE = "/nonexistent/typst-packages"  # no package folder: a sample must not depend on a download


def render_pages(source: str, *, ppi: float = 144.0, font_files: tuple[Path, ...] = ()) -> list[Image.Image]:
    """Compile a document and rasterise its pages.

    Only the fonts that typst itself carries (New Computer Modern with its mathematics, Libertinus Serif, DejaVu
    Sans Mono) and ``font_files`` can be used, so that a picture does not change with the machine's fonts.

    Args:
        source: Typst markup, complete with ``#set page(...)``.
        ppi: Pixels per inch.
        font_files: Further font files; the markup names their families.

    Returns:
        One RGB picture a page.

    Raises:
        ImportError: If typst is not installed.
        ValueError: If the markup does not compile, asks for a package from the internet, or names an unknown font.
    """
    typst = require("typst", extra="synth")
    if "@preview" in source or "@local" in source:
        raise ValueError(
            "The typst source imports a package; synthetic pages use none, so that no download decides."
        )
    compiler = _compiler(os.getpid(), tuple(sorted(str(path) for path in font_files)))
    try:
        result, warnings = compiler.compile_with_warnings(input=source.encode("utf-8"), format="png", ppi=ppi)
    except typst.TypstError as error:
        raise ValueError(f"typst does not compile this: {error.message}: {_shorten(source)}") from error
    for warning in warnings:
        if "unknown font" in warning.message:
            raise ValueError(f"typst: {warning.message}; give the font's file in font_files.")
    pages = result if isinstance(result, list) else [result]
    return [Image.open(io.BytesIO(page)).convert("RGB") for page in pages]


def renderer_version() -> str:
    """``"typst 0.15.2"``, for a sample's meta."""
    return f"typst {require('typst', extra='synth').__version__}"


@functools.lru_cache(maxsize=64)
def font_families(font_files: tuple[Path, ...]) -> tuple[str, ...]:
    """The family names by which a document can use these font files."""
    typst = require("typst", extra="synth")
    paths = [str(path) for path in font_files]
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=paths)
    return tuple(fonts.families())


def quote(text: str) -> str:
    """A typst string literal that shows exactly this text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


# A compiler starts threads of its own, which a forked child does not inherit: one per process.
@functools.lru_cache(maxsize=8)
def _compiler(process: int, font_files: tuple[str, ...]) -> Any:
    typst = require("typst", extra="synth")
    return typst.Compiler(
        ignore_system_fonts=True,
        font_paths=list(font_files),
        package_path=NOWHERE,
        package_cache_path=NOWHERE,
    )


def _shorten(source: str, limit: int = 200) -> str:
    line = " ".join(source.split())
    return line if len(line) <= limit else line[: limit // 2] + " … " + line[-limit // 2 :]
