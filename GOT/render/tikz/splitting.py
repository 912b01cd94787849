r"""TikZ source to its parts: statements, options, brackets. A forgotten ``;`` or bracket costs one statement."""

from __future__ import annotations

import re
from collections.abc import Iterator

STATEMENT = re.compile(
    r"\\(draw|fill|filldraw|path|node|coordinate|clip|shade|shadedraw|foreach|def|pgfmathsetmacro|pgfmathtruncatemacro|begin|end|usetikzlibrary|tikzset|newcommand|tikzstyle|useasboundingbox|pic|matrix|pgfsetlinewidth|edef|let|definecolor|centering|tkz\w+)(?![A-Za-z])"
)
_PUNCTUATION = str.maketrans(
    {"，": ",", "。": ".", "；": ";", "（": "(", "）": ")", "：": ":", "【": "[", "】": "]"}
)


def mend(text: str) -> str:
    """Full-width punctuation to ASCII outside labels' words, comments out; no letter is lost."""
    text = re.sub(r"(?<!\\)%[^\n]*", "", text)
    parts = re.split(r"(\{[^{}]*\})", text)
    return "".join(
        part if index % 2 and not re.search(r"[(\d]", part) else part.translate(_PUNCTUATION)
        for index, part in enumerate(parts)
    )


def split_statements(text: str) -> Iterator[str]:
    r"""Statements: up to a ``;``, or to the next statement's command where the ``;`` was forgotten."""
    position = 0
    while position < len(text):
        found = STATEMENT.search(text, position)
        if not found:
            if rest := text[position:].strip(" \n\t;"):
                yield rest
            return
        if before := text[position : found.start()].strip(" \n\t;"):
            yield before
        name = found[1]
        if name == "begin":
            end = _end_of_environment(text, found.start())
        elif name == "foreach":
            end = _end_of_loop(text, found.end())
        elif name in (
            "def",
            "edef",
            "pgfmathsetmacro",
            "pgfmathtruncatemacro",
            "newcommand",
            "tikzset",
            "usetikzlibrary",
        ):
            end = _end_of_macro(text, found.end())
        else:
            end = _end_of_path(text, found.end())
        yield text[found.start() : end].strip(" \n\t;")
        position = max(end, found.end())


def _end_of_path(text: str, start: int) -> int:
    depth = 0
    for found in re.compile(r"[{}\[\]();]|\\[A-Za-z]+").finditer(text, start):
        mark = found[0]
        if mark in "{[(":
            depth += 1
        elif mark in "}])":
            depth -= 1
        elif mark == ";" and depth <= 0:
            return found.end()
        elif mark[0] == "\\" and depth <= 0 and STATEMENT.match(mark + " "):
            return found.start()
    # A bracket that never closes swallows no more than its own line.
    line = text.find("\n", start)
    return len(text) if depth <= 0 or line < 0 else line + 1


def _end_of_environment(text: str, start: int) -> int:
    depth = 0
    for found in re.compile(r"\\(begin|end)\s*\{[A-Za-z]*\}").finditer(text, start):
        depth += 1 if found[1] == "begin" else -1
        if depth == 0:
            return found.end()
    return len(text)


def _end_of_loop(text: str, start: int) -> int:
    brace = text.find("{", start)
    if brace < 0:
        return len(text)
    after = close(text, brace) + 1
    while after < len(text) and text[after].isspace():
        after += 1
    if text.startswith("{", after):
        return close(text, after) + 1
    if text.startswith("\\foreach", after):
        return _end_of_loop(text, after + len("\\foreach"))
    found = STATEMENT.match(text, after)
    return _end_of_path(text, found.end() if found else after)


def _end_of_macro(text: str, start: int) -> int:
    found = re.compile(r"\s*(?:\\[A-Za-z]+|\{\\?[A-Za-z]+\})?\s*(?:\[[^\]]*\])?\s*").match(text, start)
    position = found.end() if found else start
    return close(text, position) + 1 if text.startswith("{", position) else position


def close(text: str, start: int, pair: str = "{}") -> int:
    """Index of the bracket that closes the one at ``start``; the last index where none does."""
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == pair[0]) - (text[index] == pair[1])
        if depth == 0:
            return index
    return len(text) - 1


def bracket(text: str, start: int) -> tuple[str, int]:
    """An option list ``[...]`` at or after ``start`` and the index behind it."""
    begin = start
    while begin < len(text) and text[begin].isspace():
        begin += 1
    if not text.startswith("[", begin):
        return "", start
    depth = 0
    for index in range(begin, len(text)):
        depth += (text[index] in "[{") - (text[index] in "]}")
        if depth == 0:
            return text[begin + 1 : index], index + 1
    return text[begin + 1 :], len(text)


def split_options(text: str) -> list[str]:
    """Parts between commas that stand in no bracket."""
    parts, depth, begin = [], 0, 0
    for index, character in enumerate(text):
        depth += (character in "{([") - (character in "})]")
        if character == "," and depth == 0:
            parts.append(text[begin:index].strip())
            begin = index + 1
    parts.append(text[begin:].strip())
    return [part for part in parts if part]


def with_unit(text: str) -> str:
    return text if text[-1:].isalpha() else text + "pt"
