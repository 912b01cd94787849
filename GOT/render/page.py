"""A page as renderers see it: plain values, whatever read it."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class RenderPage:
    """One read page.

    Attributes:
        name: The document's name.
        number: Page number in the document, from 1; None for a picture of its own.
        text: The answer to show: raw, or after clean-up.
        picture: The page as JPEG or PNG, for formats that show it.
        meta: What is known about the reading: status, question, seconds …; goes into JSON as it is.
        raw: The model's answer, where clean-up changed it; None where ``text`` is the raw answer.
        has_markup: Whether the text is Mathpix Markdown; the published plain question asks for characters only.
    """

    name: str
    number: int | None
    text: str
    picture: bytes | None = None
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)
    raw: str | None = None
    has_markup: bool = True

    @property
    def anchor(self) -> str:
        """Id of the page inside one document."""
        return f"page-{self.number or 1}"
