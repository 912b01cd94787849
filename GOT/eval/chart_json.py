"""A chart's answer as text to its data: the published brace repair, and a careful one of ours."""

from __future__ import annotations

import ast
import json
import math
import re
from typing import Any

_DECORATION = re.compile(r"[,%$€£¥\s]")  # thousands separators, units


def complete_braces(text: str) -> str:
    """Append the ``}`` that are missing by count; braces inside strings are counted too, as published."""
    return text + "}" * (text.count("{") - text.count("}"))


def published_repair(text: str) -> dict[str, Any]:
    """Read an answer as eval_ChartSE.py does.

    Raises:
        ValueError: If the text is no JSON even with braces appended.
    """
    return json.loads(complete_braces(text))


def read_answer(text: str) -> dict[str, Any] | None:
    """Read an answer as far as it can be read with certainty.

    Text around the object (a code fence, a sentence) is left out, Python's spelling of a dict is accepted, and an
    answer that was cut off is closed after its last complete entry.

    Returns:
        The object, its data under ``values``; ``None`` if there is no object or no data in it.
    """
    start = text.find("{")
    if start < 0:
        return None
    body = _outer_object(text[start:])
    for candidate in (body, *_closings(body)):
        value = _parse(candidate)
        if isinstance(value, dict):
            break
    else:
        return None
    data = value.get("values", value.get("data"))
    return {**value, "values": data} if isinstance(data, dict) else None


def number_rows(values: dict[str, Any]) -> list[tuple[str, str, float | str]]:
    """Data to rows ``(key, subkey, number)``, lower-cased; a cell that is no number stays text."""
    rows: list[tuple[str, str, float | str]] = []
    for key, value in values.items():
        cells = value.items() if isinstance(value, dict) else (("value", value),)
        rows += [(str(key).lower(), str(subkey).lower(), _number(cell)) for subkey, cell in cells]
    return rows


def _number(cell: Any) -> float | str:
    text = str(cell).strip().lower()
    try:
        number = float(_DECORATION.sub("", text))
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _outer_object(text: str) -> str:
    """From the first brace to its partner; all of the text if that never comes."""
    depth = 0
    for index, in_string, char in _walk(text):
        if not in_string and char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return text[: index + 1]
    return text


def _closings(text: str) -> list[str]:
    """Ways to close an answer that was cut off: as it stands, or after its last complete entry."""
    stack: list[str] = []
    cut: tuple[int, list[str]] | None = None
    quoted = False
    for index, in_string, char in _walk(text):
        quoted = in_string and char != '"'
        if in_string:
            continue
        if char in "{[":
            stack.append("}" if char == "{" else "]")
        elif char in "}]":
            if stack:
                stack.pop()
        elif char == ",":
            cut = (index, list(stack))
    closings = [text + "".join(reversed(stack)), text + ('"' if quoted else "") + "".join(reversed(stack))]
    if cut:
        closings.append(text[: cut[0]] + "".join(reversed(cut[1])))
    return closings


def _walk(text: str) -> list[tuple[int, bool, str]]:
    """Each character with whether it belongs to a quoted string."""
    marked, quote, escaped = [], "", False
    for index, char in enumerate(text):
        inside = bool(quote)
        if escaped:
            escaped = False
        elif quote:
            if char == "\\":
                escaped = True
            elif char == quote:
                quote = ""
        elif char == '"':
            quote, inside = char, True
        marked.append((index, inside, char))
    return marked


def _parse(text: str) -> Any:
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return None
