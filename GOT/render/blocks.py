r"""A whole answer to blocks: headings, paragraphs, lists, tables, displayed formulas, figures.

Reads Mathpix Markdown as GOT writes it: Markdown with LaTeX environments in it. Here it is cut into what LaTeX, fences
and scores delimit, and the prose between them. Nothing is dropped: what fits no rule is a paragraph.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from GOT.render.latex import MAX_DEPTH, match_braces, match_environments, read_argument, read_option
from GOT.render.latex_blocks import environment_block, section_block
from GOT.render.markdown_blocks import parse_prose
from GOT.render.nodes import Block, CodeBlock, Figure, FormulaBlock

MAX_INLINE = 2000  # characters of a formula within a line

_OPENER = re.compile(
    r"(?P<fence>^[ ]{0,3}```[^\n`]*\n)|(?P<dollars>\$\$)|(?P<display>\\\[)|(?P<inline>\\\(|(?<!\\)\$)"
    r"|(?P<begin>\\begin\s*\{(?P<name>[A-Za-z]+\*?)\})"
    r"|(?P<kern>^\*\*kern\b)|(?P<section>\\(?:title|author|date|(?:sub){0,2}section|chapter|part|(?:sub)?paragraph|caption|footnotetext)"
    r"\*?(?=\s*[\[{]))",
    re.MULTILINE,
)
_FENCE_END = re.compile(r"^[ ]{0,3}```[ \t]*$", re.MULTILINE)


def parse_blocks(text: str, depth: int = 0) -> tuple[Block, ...]:
    """Parse an answer, or a part of one that stands ``depth`` deep in others."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if depth > MAX_DEPTH:
        return (CodeBlock(text),)
    return tuple(_split(text, depth))


def _split(text: str, depth: int) -> Iterator[Block]:
    """Cut out what LaTeX and fences delimit; what is left between is prose."""
    inner = functools.partial(parse_blocks, depth=depth + 1)
    environments, braces = match_environments(text), match_braces(text)
    position = done = 0
    missing: set[str] = set()  # closers that do not come any more
    while found := _OPENER.search(text, position):
        block: Block | None = None
        end = found.end()
        if found["fence"]:
            close = _FENCE_END.search(text, end) if "```" not in missing else None
            if close:
                block, end = CodeBlock(text[found.end() : close.start()].rstrip("\n")), close.end()
            else:
                missing.add("```")
        elif found["dollars"] or found["display"]:
            closer = "$$" if found["dollars"] else "\\]"
            at = text.find(closer, end) if closer not in missing else -1
            if at < 0:
                missing.add(closer)
                if found["display"]:  # cut off by the length limit: reaches to the paragraph's end
                    at = text.find("\n\n", end)
                    at = len(text) if at < 0 else at
                    block, end = FormulaBlock(text[end:at].strip()), at
            elif text[end:at].strip():
                block, end = FormulaBlock(text[end:at].strip()), at + len(closer)
        elif found["inline"]:  # not cut out, but what stands in it is no block
            closer = "\\)" if found[0] == "\\(" else "$"
            at = text.find(closer, end, end + MAX_INLINE)
            position = at + len(closer) if at >= 0 and "\n\n" not in text[end:at] else end
            continue
        elif found["begin"] and found.start() in environments:
            name, start, stop, end = environments[found.start()]
            block = environment_block(name, text[start:stop], text[found.start() : end], inner)
            end = max(end, found.end())
        elif found["kern"]:
            end = _end_of_kern(text, found.start())
            block = Figure("kern", text[found.start() : end].strip())
        elif found["section"]:
            name = found["section"].lstrip("\\").rstrip("*")
            argument = read_argument(text, read_option(text, found.end())[1], braces)
            if argument:
                block, end = section_block(name, argument[0], depth=depth + 1), argument[1]
        if block is None:
            position = found.end()
            continue
        yield from parse_prose(text[done : found.start()], depth, parse_blocks)
        yield block
        position = done = end
    yield from parse_prose(text[done:], depth, parse_blocks)


def _end_of_kern(text: str, start: int) -> int:
    """A score ends at its ``*-`` line, or at a blank line."""
    position = start
    while position < len(text):
        behind = text.find("\n", position) + 1 or len(text)
        if not text[position:behind].strip():
            return position
        if text.startswith("*-", position):
            return behind
        position = behind
    return len(text)
