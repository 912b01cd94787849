"""What reading a page gives: the text and the truth about it. Plain values only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

from GOT.render.plain import PAGE_BREAK

# ok         read to its end
# blank      nothing on the page; the model was not asked
# repeated   the answer ran into a loop and was cut where the loop begins
# truncated  the token limit cut the answer
# retried    a loop was found, and a second try without one is the text
# failed     no text; `error` says why
Status = Literal["ok", "blank", "repeated", "truncated", "retried", "failed"]
FinishReason = Literal["stop", "length", "repetition", "blank", "error"]


@dataclasses.dataclass(frozen=True)
class PageResult:
    """One page as read.

    Attributes:
        text: The answer; empty for blank and failed pages.
        status: See :data:`Status`.
        finish_reason: Why decoding ended.
        name: The document, as the user named it.
        page: Page number in the document, from 1; None for a picture of its own.
        question: What the model was asked.
        confidence: Geometric mean of the answer's token probabilities, 0..1; None if there is no answer.
        line_confidences: The same for each line of the text.
        num_tokens: Tokens of the answer.
        num_views: Square views that the encoder saw.
        seconds: Wall time; of a batch, its share.
        attempts: Tries it took.
        error: Why there is no text.
    """

    text: str
    status: Status
    finish_reason: FinishReason
    name: str = ""
    page: int | None = None
    question: str = ""
    confidence: float | None = None
    line_confidences: tuple[float, ...] = ()
    num_tokens: int = 0
    num_views: int = 0
    seconds: float = 0.0
    attempts: int = 1
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = dataclasses.asdict(self)
        values["line_confidences"] = [round(value, 4) for value in self.line_confidences]
        values["confidence"] = None if self.confidence is None else round(self.confidence, 4)
        values["seconds"] = round(self.seconds, 3)
        return values


@dataclasses.dataclass(frozen=True)
class Document:
    """All pages that one source gave, in order."""

    pages: tuple[PageResult, ...]

    @property
    def text(self) -> str:
        """The text of all pages, with form feeds between them."""
        return PAGE_BREAK.join(page.text for page in self.pages)

    def __iter__(self) -> Iterator[PageResult]:
        return iter(self.pages)

    def __len__(self) -> int:
        return len(self.pages)
