"""Pages to text, Markdown and JSON: the answers as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence

from GOT.render.page import RenderPage

PAGE_BREAK = "\n\f\n"  # as pdftotext does


def to_text(pages: Sequence[RenderPage]) -> bytes:
    """The answers, form feeds between them."""
    return (PAGE_BREAK.join(page.text for page in pages) + "\n").encode("utf-8", "replace")


def to_markdown(pages: Sequence[RenderPage]) -> bytes:
    """The answers as Mathpix Markdown; an anchor before each page of a document of several."""
    marks = [f'<a id="{page.anchor}"></a>\n\n' if len(pages) > 1 else "" for page in pages]
    parts = [mark + page.text for mark, page in zip(marks, pages, strict=True)]
    return ("\n\n---\n\n".join(parts) + "\n").encode("utf-8", "replace")


def to_json(pages: Sequence[RenderPage]) -> bytes:
    """Everything that is known: the raw answers and how reading them went."""
    listed = [{**page.meta, "page": page.number, "text": page.text} for page in pages]
    document = {"name": pages[0].name if pages else "", "pages": listed}
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")
