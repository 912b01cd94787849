"""Answers to documents: text, Markdown, JSON, self-contained HTML, Word and LaTeX."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from GOT.render.page import RenderPage
from GOT.utils.lazy import load_entry, require

__all__ = ["FORMATS", "RENDERERS", "RenderPage", "check_formats", "convert", "render"]

# What `--to` chooses from; each entry turns the pages of one document into a file's bytes.
FORMATS: dict[str, str] = {
    "txt": "GOT.render.plain:to_text",
    "md": "GOT.render.markdown_writer:to_markdown",
    "json": "GOT.render.plain:to_json",
    "html": "GOT.render.document:to_html",
    "docx": "GOT.render.word:to_docx",
    "tex": "GOT.render.latex_writer:to_latex",
}
# Formats that need an optional library.
NEEDS = {"docx": "docx"}

# One module for each kind of answer, with `matches(text)` and `to_html(text)`; the first that matches renders.
RENDERERS: dict[str, str] = {
    "kern": "GOT.render.kern",
    "tikz": "GOT.render.tikz",
    "smiles": "GOT.render.smiles",
    "chart": "GOT.render.chart",
    "table": "GOT.render.latex_table",
    "markdown": "GOT.render.markdown",
}


def convert(pages: Sequence[RenderPage], kind: str) -> bytes:
    """Turn the pages of one document into a file.

    Args:
        pages: In order.
        kind: A name of :data:`FORMATS`.

    Raises:
        ValueError: For an unknown format; the message lists those there are.
        ImportError: If the format needs a library that is missing; the message names the command that installs it.
    """
    content: bytes = load_entry(FORMATS, kind, what="format")(pages)
    return content


def check_formats(kinds: Sequence[str]) -> None:
    """Find out that a format cannot be written before pages are read for it.

    Raises:
        ValueError: For an unknown format.
        ImportError: If a library is missing.
    """
    for kind in kinds:
        load_entry(FORMATS, kind, what="format")
        if kind in NEEDS:
            require(NEEDS[kind], extra="render")


def render(text: str) -> str:
    """One answer to an HTML fragment that holds no script and loads nothing, by the first renderer that claims it."""
    for name in RENDERERS.values():
        module = importlib.import_module(name)
        if module.matches(text):
            fragment: str = module.to_html(text)
            return fragment
    raise AssertionError("every text is Markdown")
