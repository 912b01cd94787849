"""Text to lines on a page: where lines break, where each stands, and the answer that the page's reader owes.

The answer and the boxes come from the same placed lines that are painted.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Literal

import numpy as np

from GOT.data_engine.glyphs import Face, paint_text

Align = Literal["left", "justify", "center", "right"]

_CHINESE = re.compile(r"[\u2e80-\uffef]")
# In Chinese text: a character with the punctuation that must not leave it, or a word or number in between.
_CLOSING = "，。、；：？！”’）》】…·％"
_TOKENS = re.compile(rf"[“‘（《【]*[\u2e80-\uffef][{_CLOSING}]*|[^\s\u2e80-\uffef“”‘’…·]+[{_CLOSING}]*|\S")


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A line of text and what the text has between it and the next: a space, nothing, or a paragraph's end."""

    text: str
    end: str


@dataclasses.dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line on the page.

    Attributes:
        line: Its text and end.
        face: Font and size.
        x: Left end, in pixels.
        baseline: Row of the baseline.
        paragraph: Number of its paragraph on the page.
        word_space: Pixels added to each space (justified English).
        letter_space: Pixels added after each character (justified Chinese).
    """

    line: Line
    face: Face
    x: float
    baseline: int
    paragraph: int
    word_space: float = 0.0
    letter_space: float = 0.0

    @property
    def right(self) -> float:
        """Where the line ends, in pixels."""
        stretched = self.word_space * self.line.text.count(" ") + self.letter_space * len(self.line.text)
        return self.x + self.face.width(self.line.text) + stretched

    def glyph_centers(self) -> list[tuple[str, float, float]]:
        """Every visible character with the middle of its advance and of small letters' height, in pixels."""
        centers, x, y = [], self.x, self.baseline - 0.25 * self.face.size
        for char in self.line.text:
            advance = self.face.width(char)
            if char.isspace():
                x += self.word_space
            else:
                centers.append((char, x + advance / 2, y))
            x += advance + self.letter_space
        return centers

    def paint(self, ink: np.ndarray) -> dict[str, Any]:
        """Paint the line; returns its region (see ``GOT.data_engine``)."""
        first, last = paint_text(
            ink,
            self.x,
            self.baseline,
            self.line.text,
            self.face,
            word_space=self.word_space,
            letter_space=self.letter_space,
        )
        top, bottom = self.baseline - self.face.ascent, self.baseline + self.face.descent
        box = [first, max(0, top), last, min(ink.shape[0], bottom)]
        return {"level": "line", "box": box, "text": self.line.text, "paragraph": self.paragraph}


def wrap(text: str, width: float, face: Face, *, indent: float = 0.0) -> list[Line]:
    """Break a paragraph into lines that fit a width.

    English breaks at spaces, Chinese between characters (never before closing punctuation); a single word wider than
    the line is cut.

    Args:
        text: One paragraph, single spaces.
        width: Room for a line, in pixels.
        face: The font at its size.
        indent: Room that the first line lacks, in pixels.
    """
    lines: list[Line] = []
    current = ""
    room = width - indent
    used = 0.0
    space = face.width(" ")
    spaced = " " in text
    position = 0
    for token in _TOKENS.findall(text) if _CHINESE.search(text) else text.split(" "):
        joiner = ""
        if spaced and position and text[position] == " ":
            joiner = " "
            position += 1
        position += len(token)
        token_width = face.width(token)
        extra = token_width + (space if joiner else 0.0)
        if current and used + extra <= room:
            current += joiner + token
            used += extra
            continue
        if current:
            lines.append(Line(current, joiner))
            room = width
        while token_width > room and len(token) > 1:  # wider than a whole line
            cut = _fitting(token, room, face)
            lines.append(Line(token[:cut], ""))
            token = token[cut:]
            token_width = face.width(token)
            room = width
        current, used = token, token_width
    lines.append(Line(current, "\n"))
    return lines


def place(
    lines: list[Line],
    face: Face,
    *,
    left: float,
    top: float,
    width: float,
    pitch: float,
    align: Align = "left",
    indent: float = 0.0,
    paragraph: int = 0,
) -> list[PlacedLine]:
    """Give every line of a paragraph its place.

    Args:
        lines: From :func:`wrap`.
        face: The same font.
        left: Left edge of the column, in pixels.
        top: Top of the first line's ink.
        width: Width of the column.
        pitch: Pixels from baseline to baseline.
        align: How lines stand in the column; a paragraph's last line is never stretched.
        indent: Indent of the first line, in pixels.
        paragraph: Number of the paragraph.
    """
    placed = []
    for number, line in enumerate(lines):
        first_indent = indent if number == 0 and align in ("left", "justify") else 0.0
        spare = width - first_indent - face.width(line.text)
        x = left + first_indent
        word_space = letter_space = 0.0
        if align == "center":
            x += spare / 2
        elif align == "right":
            x += spare
        elif align == "justify" and line.end != "\n" and spare > 0:
            gaps = line.text.count(" ")
            if gaps and spare / gaps < face.size:
                word_space = spare / gaps
            elif not gaps and len(line.text) > 1 and spare / (len(line.text) - 1) < face.size / 2:
                letter_space = spare / (len(line.text) - 1)
        baseline = round(top + number * pitch) + face.ascent
        placed.append(PlacedLine(line, face, x, baseline, paragraph, word_space, letter_space))
    return placed


def answer(placed: list[PlacedLine], *, breaks: Literal["lines", "paragraphs"] = "paragraphs") -> str:
    """The text of placed lines in order: a line end after every line, or after every paragraph only."""
    if breaks == "lines":
        return "\n".join(entry.line.text for entry in placed)
    pieces = []
    for entry, following in zip(placed, [*placed[1:], None], strict=True):
        same = following is not None and following.paragraph == entry.paragraph
        pieces.append(entry.line.text + (entry.line.end if same else "\n"))
    return "".join(pieces).rstrip("\n")


def paragraph_regions(placed: list[PlacedLine], regions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One region a paragraph, around the regions of its lines."""
    found: dict[int, list[int]] = {}
    for number, entry in enumerate(placed):
        found.setdefault(entry.paragraph, []).append(number)
    result = []
    for paragraph, members in found.items():
        boxes = np.array([regions[number]["box"] for number in members])
        box = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
        text = answer([placed[number] for number in members])
        result.append({"level": "paragraph", "box": box, "text": text, "paragraph": paragraph})
    return result


def _fitting(word: str, room: float, face: Face) -> int:
    """How many characters of a word fit, at least one."""
    used = 0.0
    for count, char in enumerate(word):
        used += face.width(char)
        if used > room:
            return max(1, count)
    return len(word)
