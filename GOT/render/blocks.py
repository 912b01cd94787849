r"""A whole answer to blocks: headings, paragraphs, lists, tables, displayed formulas, figures.

Reads Mathpix Markdown as GOT writes it: Markdown with LaTeX environments in it. Nothing is dropped: what fits no rule
is a paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from GOT.render.inline import parse_inline
from GOT.render.latex import MAX_DEPTH, match_braces, match_environments, read_argument, read_option
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
    Inline,
    ListBlock,
    Molecule,
    Paragraph,
    Rule,
    Styled,
    Table,
    Text,
)
from GOT.render.tabular import ENVIRONMENTS, make_grid, parse_tabular

MAX_INLINE = 2000  # characters of a formula within a line

MATH_ENVIRONMENTS = {
    "equation", "align", "aligned", "gather", "gathered", "multline", "eqnarray", "alignat", "flalign",
    "split", "cases", "displaymath", "math", "pmatrix", "bmatrix", "vmatrix", "matrix", "Bmatrix", "Vmatrix",
    "subequations", "dcases"
}  # fmt: skip
_LISTS = {"itemize", "enumerate", "description", "thebibliography"}
_VERBATIM = {"verbatim", "lstlisting", "minted", "Verbatim"}
_GROUPS = {
    "table", "figure", "center", "abstract", "quote", "quotation", "flushleft", "flushright", "minipage",
    "document", "sidewaystable", "threeparttable", "adjustbox", "wraptable", "wrapfigure", "landscape",
    "tablenotes", "subfigure", "subtable", "titlepage", "multicols", "small", "footnotesize", "keywords"
}  # fmt: skip
_THEOREMS = {
    "theorem", "lemma", "proof", "definition", "corollary", "proposition", "remark", "example", "claim",
    "conjecture", "assumption", "algorithm", "algorithmic", "problem", "solution", "exercise", "note",
    "property", "fact", "observation", "case", "question", "answer", "notation", "axiom"
}  # fmt: skip
_ALIASES = {
    "thm": "theorem",
    "lem": "lemma",
    "defn": "definition",
    "cor": "corollary",
    "prop": "proposition",
    "rem": "remark",
}

_OPENER = re.compile(
    r"(?P<fence>^[ ]{0,3}```[^\n`]*\n)|(?P<dollars>\$\$)|(?P<display>\\\[)|(?P<inline>\\\(|(?<!\\)\$)"
    r"|(?P<begin>\\begin\s*\{(?P<name>[A-Za-z]+\*?)\})"
    r"|(?P<kern>^\*\*kern\b)|(?P<section>\\(?:title|author|date|(?:sub){0,2}section|chapter|part|(?:sub)?paragraph|caption|footnotetext)"
    r"\*?(?=\s*[\[{]))",
    re.MULTILINE,
)
_SECTION_LEVELS = {
    "title": 0,
    "part": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
    "subparagraph": 6,
}
_HEADING = re.compile(r" {0,3}(#{1,6})(?:\s+(.*?))?\s*#*\s*\Z")
_BULLET = re.compile(r"(\s*)([-*+•])\s+(?=\S)")
_NUMBER = re.compile(r"(\s*)(\d{1,6})[.)]\s+(?=\S)")
_RULE = re.compile(r" {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})\Z")
_PIPE_RULE = re.compile(r"\s*\|?\s*:?-{1,}:?\s*(?:\|\s*:?-{1,}:?\s*)*\|?\s*\Z")


def parse_blocks(text: str, *, depth: int = 0) -> tuple[Block, ...]:
    """Parse an answer, or a part of one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if depth > MAX_DEPTH:
        return (CodeBlock(text),)
    return tuple(_split(text, depth))


def _split(text: str, depth: int) -> Iterator[Block]:
    """Cut out what LaTeX and fences delimit; what is left between is prose."""
    environments, braces = match_environments(text), match_braces(text)
    position = done = 0
    missing: set[str] = set()  # closers that do not come any more
    while found := _OPENER.search(text, position):
        block: Block | None = None
        end = found.end()
        if found["fence"]:
            close = (
                re.compile(r"^[ ]{0,3}```[ \t]*$", re.MULTILINE).search(text, end)
                if "```" not in missing
                else None
            )
            if close:
                block, end = CodeBlock(text[found.end() : close.start()].rstrip("\n")), close.end()
            else:
                missing.add("```")
        elif found["dollars"] or found["display"]:
            closer = "$$" if found["dollars"] else "\\]"
            at = text.find(closer, end) if closer not in missing else -1
            if at < 0:
                missing.add(closer)
                if found[
                    "display"
                ]:  # cut off by the length limit: the formula reaches to the paragraph's end
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
            block = _environment(name, text[start:stop], text[found.start() : end], depth)
            end = max(end, found.end())
        elif found["kern"]:
            end = _end_of_kern(text, found.start())
            block = Figure("kern", text[found.start() : end].strip())
        elif found["section"]:
            name = found["section"].lstrip("\\").rstrip("*")
            argument = read_argument(text, read_option(text, found.end())[1], braces)
            if argument:
                block, end = _section(name, argument[0], depth), argument[1]
        if block is None:
            position = found.end()
            continue
        yield from _prose(text[done : found.start()], depth)
        yield block
        position = done = end
    yield from _prose(text[done:], depth)


def _environment(name: str, body: str, source: str, depth: int) -> Block | None:
    base = name.rstrip("*")
    base = _ALIASES.get(base, base)
    if name in ENVIRONMENTS:
        try:
            grid = parse_tabular(source)
        except ValueError:
            return CodeBlock(source)
        return Table(grid, source) if grid.num_rows else Paragraph((Text(source),))
    if base in MATH_ENVIRONMENTS or base == "array":
        return FormulaBlock(source)
    if base == "tikzpicture":
        return Figure("tikz", source)
    if base in _VERBATIM:
        return CodeBlock(body.strip("\n"))
    if base in _LISTS:
        return _latex_list(base, body, depth)
    if base in _GROUPS:
        body = re.sub(r"\A\s*(?:\[[^\]\n]{0,40}\]|\{[^{}\n]{0,40}\})+", "", body)
        return Group(base, parse_blocks(body, depth=depth + 1))
    if base in _THEOREMS:
        option, start = read_option(body, 0)
        title = base.capitalize() + (f" ({option})" if option else "")
        label = Paragraph((Styled("strong", (Text(f"{title}."),)),))
        return Group("theorem", (label, *parse_blocks(body[start:], depth=depth + 1)))
    return None  # unknown: its begin and end stay visible


def _latex_list(name: str, body: str, depth: int) -> Block:
    environments = match_environments(body)
    items: list[str] = []
    position = begin = 0
    started = False
    for found in re.finditer(r"\\begin\s*\{|\\(?:bib)?item(?![A-Za-z])", body):
        if found.start() < position:
            continue
        if found[0].startswith("\\begin"):
            if found.start() in environments:
                position = environments[found.start()][3]
            continue
        if started or body[begin : found.start()].strip():
            items.append(body[begin : found.start()])
        started, begin = True, found.end()
    items.append(body[begin:])
    made = []
    for item in items:
        label, start = read_option(item, 0)
        blocks = parse_blocks(item[start:].strip(), depth=depth + 1)
        if label:
            words: tuple[Inline, ...] = (Styled("strong", parse_inline(label)), Text(" "))
            first = blocks[0] if blocks else None
            rest = blocks[1:] if isinstance(first, Paragraph) else blocks
            words += first.children if isinstance(first, Paragraph) else ()
            blocks = (Paragraph(words), *rest)
        made.append(blocks)
    return ListBlock(tuple(made), start=1 if name in ("enumerate", "thebibliography") else None)


def _section(name: str, argument: str, depth: int) -> Block:
    children = parse_inline(argument.strip(), depth=depth + 1)
    if name in ("author", "date"):
        return Paragraph(children, role=name)
    if name == "caption":
        return Paragraph(children, role="caption")
    if name == "footnotetext":
        return Paragraph(children, role="footnote")
    return Heading(_SECTION_LEVELS[name], children)


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


def _prose(text: str, depth: int) -> Iterator[Block]:
    """Text without LaTeX blocks: Markdown's headings, lists, quotes, tables, rules; the rest is paragraphs."""
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        line = lines[index]
        if not line.strip():
            index += 1
        elif heading := _HEADING.match(line):
            yield Heading(len(heading[1]), parse_inline((heading[2] or "").strip(), depth=depth))
            index += 1
        elif _RULE.match(line):
            yield Rule()
            index += 1
        elif (
            "|" in line
            and index + 1 < len(lines)
            and "|" in lines[index + 1]
            and _PIPE_RULE.match(lines[index + 1])
        ):
            index, table = _pipe_table(lines, index)
            yield table
        elif line.lstrip().startswith(">") and depth < MAX_DEPTH:
            quoted = []
            while index < len(lines) and lines[index].lstrip().startswith(">"):
                quoted.append(re.sub(r"\A\s*> ?", "", lines[index]))
                index += 1
            yield Group("quote", parse_blocks("\n".join(quoted), depth=depth + 1))
        elif _BULLET.match(line) or _NUMBER.match(line):
            index, block = _markdown_list(lines, index, depth)
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
    piped = (
        "|" in line
        and index + 1 < len(lines)
        and "|" in lines[index + 1]
        and _PIPE_RULE.match(lines[index + 1])
    )
    return bool(
        _HEADING.match(line) or _RULE.match(line) or _BULLET.match(line) or _NUMBER.match(line) or piped
    )


def _paragraph(text: str, depth: int) -> Iterator[Block]:
    from GOT.render import chart

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


def _markdown_list(lines: list[str], index: int, depth: int) -> tuple[int, Block]:
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
        tuple(_prose("\n".join(item), depth + 1)) if depth < MAX_DEPTH else (CodeBlock("\n".join(item)),)
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
