r"""Clean-up of answers as users ask for it: unbalanced LaTeX, open tables, page numbers, hyphens. Text in, text out.

Scores, drawings, molecules and charts are left alone: a number on a line of its own is no page number there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from GOT.render.figures import FIGURES
from GOT.render.latex import match_environments
from GOT.render.tabular import ENVIRONMENTS

MIN_LINES = 4  # a page of fewer lines has no room for a number at its edge
MAX_TABLES = 50  # left open in one answer

_FORMULA = re.compile(
    r"(?P<open>\\\[|\\\(|\$\$|(?<![\\$])\$(?![\s$]))(?P<body>(?:\\(?![\[\]()\\])|\\\\|[^\\$]|(?<=\\)\$)*?)(?P<close>\\\]|\\\)|\$\$|\$)"
)
_CLOSERS = {"\\[": "\\]", "\\(": "\\)", "$$": "$$", "$": "$"}
# A bracket or a command, but none that opens or closes something itself.
_DELIMITER = r"\\(?!(?:begin|end|left|right)(?![A-Za-z]))[A-Za-z]+|\\[^A-Za-z]|[^\\\s{}]"
_MARK = re.compile(
    r"\\begin\s*\{(?P<begin>[A-Za-z]+\*?)\}|\\end\s*\{(?P<end>[A-Za-z]+\*?)\}"
    rf"|\\left(?![A-Za-z])\s*(?P<left>{_DELIMITER})?|\\right(?![A-Za-z])\s*(?P<right>{_DELIMITER})?"
    r"|\\\\|\\.|[{}&]",
    re.DOTALL,
)
_PAGE_NUMBER = re.compile(
    r"\s*(?:[-–—·•|*]\s*)?(?:(?:page|seite|p\.)\s*)?\d{1,4}(?:\s*(?:/|of|von)\s*\d{1,4})?(?:\s*[-–—·•|*])?\s*\Z"
    r"|\s*第\s*\d{1,4}\s*页(?:\s*[,，/]?\s*共\s*\d{1,4}\s*页)?\s*\Z|\s*\\thispagestyle\{\w+\}\s*\Z",
    re.IGNORECASE,
)
_HYPHEN = re.compile(
    r"(?<=[^\W\d_])[-\u00ad\u2010][ \t]*\n[ \t]*(?P<rest>[^\W\d_A-Z]+(?:[.,;:!?)\]]+)?)(?P<behind>[ \t]+|(?=\n)|\Z)"
)


def clean(text: str, names: Iterable[str]) -> str:
    """Apply clean-ups by name, in the order of :data:`CLEANERS`.

    Raises:
        ValueError: For an unknown name; the message lists those there are.
    """
    names = list(names)
    for name in names:
        if name not in CLEANERS:
            raise ValueError(f"There is no clean-up {name!r}; choose from {', '.join(CLEANERS)}.")
    if any(module.matches(text) for module in FIGURES.values()):
        return text
    for name, cleaner in CLEANERS.items():
        if name in names:
            text = cleaner(text)
    return text


def balance_formulas(text: str) -> str:
    r"""Give every ``\left`` its ``\right``, every brace and environment of a formula its end."""

    def mend(found: re.Match[str]) -> str:
        if _CLOSERS[found["open"]] != found["close"]:
            return found[0]
        return found["open"] + balance(found["body"]) + found["close"]

    return _FORMULA.sub(mend, text)


def balance(latex: str) -> str:
    r"""Balance one formula.

    A surplus closer goes (of ``\right)`` the bracket stays); what is open is closed where its surroundings end.

    Example:
        >>> balance(r"\left( \frac{a}{b")
        '\\left( \\frac{a}{b}\\right.'
    """
    made: list[str] = []
    stack: list[str] = []  # "{", "\\left" or an environment's name
    position = 0

    def close(opened: str) -> None:
        made.append({"{": "}", "\\left": "\\right."}.get(opened, f"\\end{{{opened}}}"))

    def close_down_to(opened: str) -> bool:
        """Close what stands inside the last ``opened``; False where there is none."""
        if opened not in stack:
            return False
        while stack[-1] != opened:
            close(stack.pop())
        stack.pop()
        return True

    for found in _MARK.finditer(latex):
        made.append(latex[position : found.start()])
        position = found.end()
        mark = found[0]
        if mark == "{" or found["begin"]:
            stack.append(found["begin"] or mark)
            made.append(mark)
        elif mark.startswith("\\left"):
            stack.append("\\left")
            made.append(mark if found["left"] else "\\left.")
        elif mark.startswith("\\right"):
            if "\\left" in stack[_innermost(stack) :]:
                close_down_to("\\left")
                made.append(mark if found["right"] else "\\right.")
            elif (found["right"] or ".") != ".":
                made.append(found["right"])
        elif mark == "}":
            if close_down_to("{"):
                made.append(mark)
        elif found["end"]:
            if close_down_to(found["end"]):
                made.append(mark)
        elif mark in ("&", "\\\\"):
            while stack and stack[-1] == "\\left":  # a fence does not reach over cells and rows
                close(stack.pop())
            made.append(mark)
        else:
            made.append(mark)
    rest = latex[position:].rstrip() if stack else latex[position:]
    if len(rest) - len(rest.rstrip("\\")) == 1:
        rest += " "  # a lone backslash must not grow together with what comes behind it
    made.append(rest)
    while stack:
        close(stack.pop())
    return "".join(made)


def _innermost(stack: list[str]) -> int:
    r"""Where the innermost brace or environment begins: a ``\right`` closes nothing outside it."""
    return next((index + 1 for index in range(len(stack) - 1, -1, -1) if stack[index] != "\\left"), 0)


def close_tables(text: str) -> str:
    r"""End tables that a cut answer left open: behind their last row."""
    wanted = {*ENVIRONMENTS, "table", "table*"} - {"array"}
    for _ in range(MAX_TABLES):
        open_ones = [
            (start, name, end)
            for start, (name, _, end, behind) in match_environments(text).items()
            if name in wanted and behind == end
        ]
        if not open_ones:
            break
        start, name, end = max(open_ones)  # the innermost of nested ones
        rows, rest = _split_prose(text[start:end])
        text = f"{text[:start]}{rows.rstrip()}\n\\end{{{name}}}{rest or (chr(10) if text[end:] else '')}{text[end:]}"
    return text


def _split_prose(body: str) -> tuple[str, str]:
    """A table's rows, and the prose behind a blank line that follows them."""
    for blank in re.finditer(r"\n[ \t]*\n", body):
        if not re.search(r"&|\\", body[blank.end() :]):
            return body[: blank.start()], body[blank.start() :]
    return body, ""


def drop_page_numbers(text: str) -> str:
    """Leave out lines at the page's edges that are only its number."""
    lines = text.split("\n")
    filled = [index for index, line in enumerate(lines) if line.strip()]
    edges = {*filled[:1], *filled[-1:]} if len(filled) >= MIN_LINES else set()
    if any(behind == len(text.rstrip()) for _, _, _, behind in match_environments(text.rstrip()).values()):
        edges -= set(filled[-1:])  # the last line of a table that was cut
    kept = [line for index, line in enumerate(lines) if index not in edges or not _PAGE_NUMBER.match(line)]
    return text if len(kept) == len(lines) else "\n".join(kept).strip("\n")


def join_hyphens(text: str) -> str:
    """Put words together that were hyphenated across lines; the line ends behind the word."""
    protected = [(start, behind) for start, (_, _, _, behind) in match_environments(text).items()]
    protected += [found.span() for found in _FORMULA.finditer(text)]
    protected += [
        found.span() for found in re.finditer(r"^```.*?(?:^```|\Z)", text, re.MULTILINE | re.DOTALL)
    ]
    protected.sort()

    def join(found: re.Match[str]) -> str:
        if any(start <= found.start() < end for start, end in protected):
            return found[0]
        return found["rest"] + ("\n" if found["behind"] else "")

    return _HYPHEN.sub(join, text)


CLEANERS: dict[str, Callable[[str], str]] = {
    "formulas": balance_formulas,
    "tables": close_tables,
    "page-numbers": drop_page_numbers,
    "hyphens": join_hyphens,
}
