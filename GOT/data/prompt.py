"""Tasks to questions: the exact words GOT was trained on, with a box or a colour in front.

Knows nothing about tokens (``data.tokenizer``) or pixels (``data.image``).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Literal

Layout = Literal["single", "crop", "multi_page"]
Color = Literal["red", "green", "blue"]
COLORS: tuple[Color, ...] = ("red", "green", "blue")
BOX_SCALE = 1000  # box coordinates in a prompt run from 0 to 1000, whatever the page's size


@dataclasses.dataclass(frozen=True)
class Task:
    """What is asked and how the picture is handed over.

    Attributes:
        words: The question. The published weights were trained on these exact words, trailing space included.
        layout: ``single``: one square view; ``crop``: tiles and a thumbnail; ``multi_page``: one view a page.
        formatted: Whether the answer is Mathpix Markdown, and not the page's characters alone.
    """

    words: str
    layout: Layout = "single"
    formatted: bool = True


TASKS: dict[str, Task] = {
    "ocr": Task("OCR: ", formatted=False),
    "format": Task("OCR with format: "),
    "crop-ocr": Task("OCR upon the patch reference: ", layout="crop", formatted=False),
    "crop-format": Task("OCR with format upon the patch reference: ", layout="crop"),
    "multi-page": Task("OCR with format across multi pages: ", layout="multi_page"),
}


def choose_task(task: str = "ocr", *, crop: bool = False, multi_page: bool = False) -> Task:
    """Find the task that a user's three switches mean.

    Args:
        task: A name of :data:`TASKS`; ``ocr`` and ``format`` combine with the switches.
        crop: Cut the page into tiles.
        multi_page: Read all pages in one answer (published for formatted text only).

    Raises:
        ValueError: For an unknown task, or switches that exclude each other.
    """
    if task not in TASKS:
        raise ValueError(f"There is no task {task!r}; choose from {', '.join(TASKS)}.")
    cropped = crop or TASKS[task].layout == "crop"
    if cropped and (multi_page or TASKS[task].layout == "multi_page"):
        raise ValueError(
            "crop and multi_page exclude each other: tiles of one page, or one view for each of several."
        )
    if multi_page:
        return TASKS["multi-page"]
    return TASKS[f"crop-{task}"] if crop and f"crop-{task}" in TASKS else TASKS[task]


def build_question(
    task: str | Task = "ocr", *, box: Sequence[int] | None = None, color: str | None = None
) -> str:
    """The question of a task, with the region it is about in front.

    Args:
        task: A name of :data:`TASKS`, or the task itself.
        box: Two or four integers from 0 to 1000 (see :func:`normalize_box`).
        color: The colour of the frame drawn on the page: red, green or blue.

    Raises:
        ValueError: For an unknown task or colour, a box of the wrong length, or a box and a colour at once.

    Example:
        >>> build_question("format", box=[60, 85, 483, 384])
        '[60, 85, 483, 384] OCR with format: '
    """
    words = (task if isinstance(task, Task) else choose_task(task)).words
    if box is not None and color is not None:
        raise ValueError(
            "Give a box or a color, not both: the model was trained on one region mark a question."
        )
    if color is not None:
        if color not in COLORS:
            raise ValueError(f"color must be one of {', '.join(COLORS)}; got {color!r}.")
        return f"[{color}] {words}"
    if box is not None:
        if len(box) not in (2, 4):
            raise ValueError(f"A box has four numbers (or two, for a point); got {len(box)}: {list(box)}.")
        return f"{[int(value) for value in box]} {words}"
    return words


def asks_for_markup(question: str) -> bool:
    """Whether the answer to a question may be Markdown: to every one but those of the tasks that ask for plain text."""
    plain = tuple(task.words.strip() for task in TASKS.values() if not task.formatted)
    return not question.strip().endswith(plain)


def normalize_box(box: Sequence[float], width: int, height: int) -> list[int]:
    """Turn a box in pixels of the page into the 0..1000 integers of a prompt.

    Args:
        box: ``x1, y1, x2, y2`` (or ``x, y``), in pixels of the page.
        width: Page width, in pixels.
        height: Page height, in pixels.

    Raises:
        ValueError: If the box is not finite, is reversed or empty, or reaches out of the page.

    Source:
        ``int(value / side * 1000)`` in GOT/demo/run_ocr_2.0.py of Ucas-HaoranWei/GOT-OCR2.0, which checks nothing.
    """
    shown = ",".join(f"{value:g}" for value in box)
    if len(box) not in (2, 4):
        raise ValueError(
            f"--box takes x1,y1,x2,y2 in pixels of the {width}x{height} page; got {len(box)} numbers: {shown}."
        )
    if not all(math.isfinite(value) for value in box):
        raise ValueError(f"--box takes finite numbers; got {shown}.")
    sides = (width, height) * (len(box) // 2)
    if any(not 0 <= value <= side for value, side in zip(box, sides, strict=True)):
        raise ValueError(
            f"--box {shown} reaches out of the {width}x{height} page; x is 0..{width}, y is 0..{height}."
        )
    if len(box) == 4 and (box[0] >= box[2] or box[1] >= box[3]):
        raise ValueError(
            f"--box {shown} is reversed or empty; it takes x1,y1,x2,y2 with x1 < x2 and y1 < y2."
        )
    return [int(value / side * BOX_SCALE) for value, side in zip(box, sides, strict=True)]


def parse_box(text: str) -> list[float]:
    """Read ``[x1,y1,x2,y2]`` or ``x1,y1,x2,y2`` as typed on a command line; nothing is evaluated.

    Raises:
        ValueError: If the text is not two or four numbers.
    """
    parts = re.split(r"\s*,\s*|\s+", text.strip().removeprefix("[").removesuffix("]").strip())
    try:
        values = [float(part) for part in parts]
    except ValueError:
        raise ValueError(f"--box takes numbers x1,y1,x2,y2 in pixels; got {text!r}.") from None
    if len(values) not in (2, 4):
        raise ValueError(
            f"--box takes four numbers x1,y1,x2,y2 in pixels (or two: a point); got {len(values)}: {text!r}."
        )
    return values
