"""Pages to text and JSON: the answers as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence

from GOT.render.page import RenderPage

PAGE_BREAK = "\n\f\n"  # as pdftotext does


def to_text(pages: Sequence[RenderPage]) -> bytes:
    """The answers, form feeds between them."""
    return (PAGE_BREAK.join(page.text for page in pages) + "\n").encode("utf-8", "replace")


def to_json(pages: Sequence[RenderPage]) -> bytes:
    """Everything that is known: the raw answers and how reading them went."""
    listed = []
    for page in pages:
        entry = {**page.meta, "page": page.number, "text": page.text if page.raw is None else page.raw}
        listed.append(entry if page.raw is None else {**entry, "clean_text": page.text})
    document = {"name": pages[0].name if pages else "", "pages": listed}
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")
