"""Markdown's blocks: headings, lists, quotes, tables, rules; the rest is paragraphs.

``blocks`` gives it the text that is left between LaTeX's blocks, and says how quoted text is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from GOT.render import chart
from GOT.render.inline import parse_inline
from GOT.render.latex import MAX_DEPTH
from GOT.render.nodes import (
    Align,
    Block,
    Break,
    CodeBlock,
    Figure,
    Formula,
    FormulaBlock,
    Group,
    Heading,
    ListBlock,
    Molecule,
    Paragraph,
    Rule,
    Table,
    Text,
)
from GOT.render.tabular import make_grid

_HEADING = re.compile(r" {0,3}(#{1,6})(?=\s|\Z)")
_BULLET = re.compile(r"(\s*)([-*+•])\s+(?=\S)")
_NUMBER = re.compile(r"(\s*)(\d{1,6})[.)]\s+(?=\S)")
_RULE = re.compile(r" {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})\Z")
_PIPE_RULE_CELL = re.compile(r":?-+:?")

Parse = Callable[[str, int], tuple[Block, ...]]  # text and its depth


def parse_prose(text: str, depth: int, parse: Parse) -> Iterator[Block]:
    """Parse text that holds no block of LaTeX.

    Args:
        text: Whole lines.
        depth: How deep it stands in others.
        parse: Quoted text to blocks; in a quote may stand anything.
    """
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        line = lines[index]
        if not line.strip():
            index += 1
        elif heading := _HEADING.match(line):
            yield Heading(len(heading[1]), parse_inline(_title(line[heading.end() :]), depth=depth))
            index += 1
        elif _RULE.match(line):
            yield Rule()
            index += 1
        elif _starts_table(lines, index):
            index, table = _pipe_table(lines, index)
            yield table
        elif line.lstrip().startswith(">") and depth < MAX_DEPTH:
            quoted = []
            while index < len(lines) and lines[index].lstrip().startswith(">"):
                quoted.append(re.sub(r"\A\s*> ?", "", lines[index]))
                index += 1
            yield Group("quote", parse("\n".join(quoted), depth + 1))
        elif _BULLET.match(line) or _NUMBER.match(line):
            index, block = _list(lines, index, depth, parse)
            yield block
        else:
            begin = index
            while (
                index < len(lines)
                and lines[index].strip()
                and (index == begin or not _starts_block(lines, index))
            ):
                index += 1
            yield from _paragraph("\n".join(lines[begin:index]), depth)


def _starts_block(lines: list[str], index: int) -> bool:
    line = lines[index]
    marked = _HEADING.match(line) or _RULE.match(line) or _BULLET.match(line) or _NUMBER.match(line)
    return bool(marked) or _starts_table(lines, index)


def _starts_table(lines: list[str], index: int) -> bool:
    pair = lines[index : index + 2]
    return len(pair) == 2 and all("|" in line for line in pair) and _is_pipe_rule(pair[1])


def _is_pipe_rule(line: str) -> bool:
    """Whether a line is what stands under a table's header: ``|:---|--:|``."""
    cells = line.strip().removeprefix("|").removesuffix("|").split("|")
    return all(_PIPE_RULE_CELL.fullmatch(cell.strip()) for cell in cells)


def _title(text: str) -> str:
    """A heading without the hashes that may close it, behind a blank."""
    title = text.strip()
    words = title.rstrip("#")
    return words.rstrip() if not words or words[-1].isspace() else title


def _paragraph(text: str, depth: int) -> Iterator[Block]:
    if chart.matches(text):
        yield Figure("chart", text.strip())
        return
    children = parse_inline(text.strip(), depth=depth)
    if len(children) == 1 and isinstance(children[0], Molecule):
        yield Figure("smiles", children[0].smiles)
    elif (
        len(children) == 1
        and isinstance(children[0], Formula)
        and (children[0].display or "\\begin" in children[0].latex)
    ):
        yield FormulaBlock(children[0].latex)
    elif any(
        not (isinstance(node, Break) or (isinstance(node, Text) and not node.text.strip()))
        for node in children
    ):
        yield Paragraph(children)


def _list(lines: list[str], index: int, depth: int, parse: Parse) -> tuple[int, Block]:
    """A list and what is indented below its items."""
    first = _BULLET.match(lines[index]) or _NUMBER.match(lines[index])
    assert first is not None
    ordered = first[2].isdigit()
    pattern = _NUMBER if ordered else _BULLET
    indent = len(first[1].expandtabs(4))
    items: list[list[str]] = []
    while index < len(lines):
        line = lines[index]
        found = pattern.match(line)
        own = len(found[1].expandtabs(4)) if found else 0
        if found and own <= indent + 1:
            if own < indent - 1:
                break
            items.append([line[found.end() :]])
        elif not line.strip():
            following = lines[index + 1] if index + 1 < len(lines) else ""
            again = pattern.match(following)
            if not following.startswith(" " * (indent + 2)) and not (
                again and len(again[1].expandtabs(4)) == indent
            ):
                break
            items[-1].append("")
        elif len(line) - len(line.lstrip()) > indent or not _starts_block(lines, index):
            items[-1].append(re.sub(rf"\A\s{{0,{indent + 4}}}", "", line))
        else:
            break
        index += 1
    made = tuple(
        tuple(parse_prose("\n".join(item), depth + 1, parse))
        if depth < MAX_DEPTH
        else (CodeBlock("\n".join(item)),)
        for item in items
    )
    return index, ListBlock(made, start=int(first[2]) if ordered else None)


def _pipe_table(lines: list[str], index: int) -> tuple[int, Block]:
    begin = index
    rows = [_pipe_cells(lines[index])]
    aligns: list[Align] = [
        "center" if mark.startswith(":") and mark.endswith(":") else "right" if mark.endswith(":") else "left"
        for mark in _pipe_cells(lines[index + 1])
    ]
    index += 2
    while index < len(lines) and "|" in lines[index] and lines[index].strip():
        rows.append(_pipe_cells(lines[index]))
        index += 1
    return index, Table(make_grid(rows, aligns), "\n".join(lines[begin:index]))


def _pipe_cells(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)][:200]
