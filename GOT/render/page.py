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
        text: The model's answer, raw.
        picture: The page as JPEG or PNG, for formats that show it.
        meta: What is known about the reading: status, confidence, seconds …; goes into JSON as it is.
    """

    name: str
    number: int | None
    text: str
    picture: bytes | None = None
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Id of the page inside one document."""
        return f"page-{self.number or 1}"
