r"""Pages to Markdown that any reader of it shows: ``$`` formulas, pipe tables, fenced figures; HTML only for spans.

What a page says is text: characters that Markdown or HTML would take for markup are escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from GOT.render import nodes
from GOT.render.inline import parse_inline
from GOT.render.nodes import Block, Grid, Inline
from GOT.render.page import RenderPage
from GOT.render.walk import blocks_of, is_address, shows_itself

_STYLES = {"strong": "**", "em": "*", "s": "~~"}
_SPECIAL = re.compile(r"[\\`*\[\]<>$~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_LINE_START = re.compile(
    r"^(\s{0,3})(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|(?:-+|=+)\s*$|\d{1,9}[.)](?=\s|$))", re.MULTILINE
)
_ALIGN = {"left": ":--", "center": ":-:", "right": "--:"}
MAX_NESTED = 4


def to_markdown(pages: Sequence[RenderPage]) -> bytes:
    """One document; an anchor before each page of several."""
    marks = [f'<a id="{page.anchor}"></a>\n\n' if len(pages) > 1 else "" for page in pages]
    parts = [mark + page_to_markdown(page) for mark, page in zip(marks, pages, strict=True)]
    return ("\n\n---\n\n".join(parts) + "\n").encode("utf-8", "replace")


def page_to_markdown(page: RenderPage) -> str:
    """One page's answer."""
    if not page.has_markup:
        return "  \n".join(map(_plain_line, page.text.strip().split("\n")))
    return blocks_to_markdown(blocks_of(page))


def blocks_to_markdown(blocks: Sequence[Block]) -> str:
    """Blocks, blank lines between them."""
    return "\n\n".join(text for block in blocks if (text := _block(block)))


def table(grid: Grid, depth: int = 0) -> str:
    """A pipe table; where cells span, the same table as HTML, which Markdown takes too."""
    if grid.has_spans or depth:
        return html_table(grid, depth)
    rows = [[_cell(cell.text) for cell in row] for row in grid.rows()]
    aligns = [_ALIGN[cell.align] for cell in grid.rows()[-1]] if rows else []
    lines = [rows[0], aligns, *rows[1:]] if rows else []
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def html_table(grid: Grid, depth: int = 0) -> str:
    """Rows and cells in HTML; formulas stay between dollar signs."""
    lines = ["<table>"]
    for row in grid.rows():
        cells = []
        for cell in row:
            tag = "th" if cell.row < grid.header_rows else "td"
            spans = (f' rowspan="{cell.rows}"' if cell.rows > 1 else "") + (
                f' colspan="{cell.columns}"' if cell.columns > 1 else ""
            )
            inside = "".join(_inline_html(node, depth) for node in parse_inline(cell.text, depth=2 * depth))
            cells.append(f"<{tag}{spans}>{inside}</{tag}>")
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return ("\n" if not depth else "").join([*lines, "</table>"])


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _LINE_START.sub(_escape_line, _SPECIAL.sub(r"\\\g<0>", text))


def _plain_line(line: str) -> str:
    """A line that becomes no table, and no code by being indented: blanks that do not break keep it where it was."""
    words = line.expandtabs(4).lstrip(" ")
    indent = "\u00a0" * (len(line.expandtabs(4)) - len(words)) if words else ""
    return indent + escape(words).replace("|", "\\|")


def _escape_line(found: re.Match[str]) -> str:
    mark = found[2]
    return found[1] + (mark[:-1] + "\\" + mark[-1] if mark[0].isdigit() else "\\" + mark)


def _block(block: Block) -> str:
    match block:
        case nodes.Heading(level, children):
            return "#" * max(level, 1) + " " + _line(children)
        case nodes.Paragraph(children, role):
            text = inlines(children)
            return f"*{text}*" if role == "caption" and "\n" not in text and "*" not in text else text
        case nodes.FormulaBlock(latex):
            return f"$$\n{_one_block(latex)}\n$$"
        case nodes.Table(grid, _):
            return table(grid)
        case nodes.Figure(kind, source):
            return _fenced(source, kind)
        case nodes.CodeBlock(text):
            return _fenced(text, "")
        case nodes.ListBlock(items, start):
            return _list(items, start)
        case nodes.Group(kind, children):
            inner = blocks_to_markdown(children)
            if kind in ("quote", "quotation"):
                return "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))
            return f"**Abstract**\n\n{inner}" if kind == "abstract" else inner
        case nodes.Rule():
            return "---"


def _list(items: Sequence[Sequence[Block]], start: int | None) -> str:
    lines = []
    for number, item in enumerate(items, start=start or 0):
        mark = "- " if start is None else f"{number}. "
        inner = blocks_to_markdown(item) or ""
        lines.append(mark + inner.replace("\n", "\n" + " " * len(mark)))
    return "\n".join(lines)


def inlines(children: Sequence[Inline]) -> str:
    """A paragraph's text."""
    return escape_starts("".join(_inline(node) for node in children))


def escape_starts(text: str) -> str:
    """Keep a line's beginning from becoming a heading or a list."""
    return _LINE_START.sub(_escape_line, text)


def _line(children: Sequence[Inline]) -> str:
    return re.sub(r"\s*\n\s*", " ", "".join(_inline(node) for node in children)).strip()


def _cell(text: str) -> str:
    made = "".join(_inline(node) for node in parse_inline(text))
    made = re.sub(r"\s*\n\s*", "<br>", made.strip())
    return made.replace("|", "\\|")  # a bar ends a cell wherever it stands, in formulas too


def _inline(node: Inline) -> str:
    match node:
        case nodes.Text(text):
            return _SPECIAL.sub(r"\\\g<0>", text)
        case nodes.Styled(style, children):
            inner = "".join(_inline(child) for child in children)
            mark = _STYLES.get(style)
            if mark and inner.strip():
                return _around(inner, mark)
            return f"<{style}>{inner}</{style}>" if style in ("u", "sub", "sup", "small") else inner
        case nodes.Code(text):
            ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
            return f"{ticks}{' ' if text[:1] == '`' else ''}{text}{' ' if text[-1:] == '`' else ''}{ticks}"
        case nodes.Formula(latex, display):
            return f"$${_one_line(latex)}$$" if display else f"${_one_line(latex)}$"
        case nodes.Molecule(smiles):
            return f"`{smiles}`"
        case nodes.Link(url, children):
            words = "".join(_inline(child) for child in children)
            if is_address(url):
                return f"<{url}>" if shows_itself(node) else f"[{words}](<{url}>)"
            return words if shows_itself(node) else f"{words} ({escape(url)})"
        case nodes.Picture(url, alt):
            return escape(f"[Picture: {alt or url}]")
        case nodes.Break():
            return "  \n"
        case nodes.Nested(grid):
            return _nested(grid, 1)


def _around(inner: str, mark: str) -> str:
    """Emphasis marks hug their words; the blanks around stay outside."""
    core = inner.strip()
    start = inner.index(core)
    return inner[:start] + mark + core + mark + inner[start + len(core) :]


def _nested(grid: Grid, depth: int) -> str:
    if grid.num_columns == 1 and not grid.has_spans:  # a cell of several lines
        return "<br>".join(
            "".join(_inline_html(n, depth) for n in parse_inline(c.text, depth=2 * depth)) for c in grid.cells
        )
    if depth > MAX_NESTED:
        return html.escape(" ".join(cell.text for cell in grid.cells))
    return html_table(grid, depth)


def _inline_html(node: Inline, depth: int) -> str:
    match node:
        case nodes.Text(text):
            return html.escape(text, quote=False)
        case nodes.Styled(style, children):
            inner = "".join(_inline_html(child, depth) for child in children)
            return f"<{style}>{inner}</{style}>"
        case nodes.Code(text) | nodes.Molecule(text):
            return f"<code>{html.escape(text, quote=False)}</code>"
        case nodes.Formula(latex, _):
            return f"${html.escape(_one_line(latex), quote=False)}$"
        case nodes.Break():
            return "<br>"
        case nodes.Nested(grid):
            return _nested(grid, depth + 1)
        case nodes.Link(url, children):
            words = "".join(_inline_html(child, depth) for child in children)
            return words if shows_itself(node) else f"{words} ({html.escape(url)})"
        case nodes.Picture(url, alt):
            return html.escape(f"[Picture: {alt or url}]")


def _one_line(latex: str) -> str:
    bare = re.sub(r"(\\.)|\$", lambda found: found[1] or "", " ".join(latex.split()))
    return _no_tags(bare)


def _one_block(latex: str) -> str:
    """A formula without blank lines and dollars, which would end it."""
    return _no_tags(re.sub(r"\n\s*\n", "\n", latex.strip()).replace("$$", ""))


def _no_tags(latex: str) -> str:
    """Blanks, which formulas do not show, behind what a reader without formulas would take for HTML."""
    return re.sub(r"<(?=[A-Za-z/!?])", "< ", latex)


def _fenced(text: str, kind: str) -> str:
    ticks = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{ticks}{kind}\n{text.strip(chr(10))}\n{ticks}"
