"""Answers to documents: text, Markdown, JSON and self-contained HTML."""

from __future__ import annotations

from collections.abc import Sequence

from GOT.render.page import RenderPage
from GOT.utils.lazy import load_entry

__all__ = ["FORMATS", "RenderPage", "convert"]

# What `--to` chooses from; each entry turns the pages of one document into a file's bytes.
FORMATS: dict[str, str] = {
    "txt": "GOT.render.plain:to_text",
    "md": "GOT.render.plain:to_markdown",
    "json": "GOT.render.plain:to_json",
    "html": "GOT.render.html:to_html",
}


def convert(pages: Sequence[RenderPage], kind: str) -> bytes:
    """Turn the pages of one document into a file.

    Args:
        pages: In order.
        kind: A name of :data:`FORMATS`.

    Raises:
        ValueError: For an unknown format; the message lists those there are.
    """
    content: bytes = load_entry(FORMATS, kind, what="format")(pages)
    return content
