"""Find what belongs together in LaTeX that a model wrote: braces, environments, arguments. Nothing is executed.

Unmatched braces and environments are expected: they stay text and hide nothing behind them.
"""

from __future__ import annotations

import re

MAX_DEPTH = 24  # nested lists, tables, styles; a printed page has three or four

_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_PAIRS = re.compile(
    r"\\begin\s*\{(?P<begin>[A-Za-z]+\*?)\}|\\end\s*\{(?P<end>[A-Za-z]+\*?)\}|\\left(?![A-Za-z])|\\right(?![A-Za-z])|\\.|[{}]",
    re.DOTALL,
)
_ENVIRONMENTS = re.compile(r"\\(begin|end)\s*\{([A-Za-z]+\*?)\}")


def match_braces(text: str) -> dict[int, int]:
    """Map the index of each ``{`` that is closed to the index of its ``}``; escaped braces are text."""
    pairs: dict[int, int] = {}
    open_braces: list[int] = []
    for found in _BRACES.finditer(text):
        if found[0] == "{":
            open_braces.append(found.start())
        elif found[0] == "}" and open_braces:
            pairs[open_braces.pop()] = found.start()
    return pairs


def match_environments(text: str) -> dict[int, tuple[str, int, int, int]]:
    r"""Map the index of each ``\begin{name}`` to ``(name, start of its body, its end, index behind \end{name})``.

    An environment that is never closed reaches to the end of the text; a surplus ``\end`` closes nothing.
    """
    found_environments: dict[int, tuple[str, int, int, int]] = {}
    open_ones: list[tuple[str, int, int]] = []
    open_counts: dict[str, int] = {}
    for found in _ENVIRONMENTS.finditer(text):
        name = found[2]
        if found[1] == "begin":
            open_ones.append((name, found.start(), found.end()))
            open_counts[name] = open_counts.get(name, 0) + 1
        elif open_counts.get(name):
            while True:  # whatever was opened inside and not closed ends here too
                inner, start, body = open_ones.pop()
                open_counts[inner] -= 1
                end = found.end() if inner == name else found.start()
                found_environments[start] = (inner, body, found.start(), end)
                if inner == name:
                    break
    for name, start, body in open_ones:
        found_environments[start] = (name, body, len(text), len(text))
    return found_environments


def is_balanced(text: str) -> bool:
    r"""Whether every brace, environment and ``\left`` of a piece of LaTeX is closed, in order, by its own."""
    stack: list[str] = []
    for found in _PAIRS.finditer(text):
        mark = found[0]
        if mark == "{" or found["begin"] or mark == "\\left":
            stack.append(found["begin"] or mark)
        elif mark == "}" or found["end"] or mark == "\\right":
            opened = {"}": "{", "\\right": "\\left"}.get(mark, found["end"])
            if not stack or stack.pop() != opened:
                return False
    return not stack


def read_argument(text: str, start: int, braces: dict[int, int]) -> tuple[str, int] | None:
    """Read ``{argument}`` at or after ``start`` (blanks skipped).

    Returns:
        The argument without braces and the index behind it; ``None`` if no closed brace stands there.
    """
    start = skip_blanks(text, start)
    end = braces.get(start)
    return None if end is None else (text[start + 1 : end], end + 1)


def read_option(text: str, start: int) -> tuple[str, int]:
    """Read an optional ``[argument]`` at or after ``start``; ``("", start)`` where there is none."""
    begin = skip_blanks(text, start)
    if text.startswith("[", begin):
        end = text.find("]", begin, begin + 200)
        if end > 0:
            return text[begin + 1 : end], end + 1
    return "", start


def skip_blanks(text: str, start: int) -> int:
    """The index of the first character at or after ``start`` that is no blank."""
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    return start
