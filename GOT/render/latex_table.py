r"""A LaTeX table as a whole answer, to HTML and Markdown. The reading itself is in ``tabular``."""

from __future__ import annotations

from GOT.render import markdown_writer
from GOT.render.drawing import source_with_note
from GOT.render.elements import to_html as serialise
from GOT.render.html import table
from GOT.render.tabular import ENVIRONMENTS, parse_tabular


def matches(text: str) -> bool:
    """Whether the whole answer is one table."""
    head = text.strip()
    if not any(head.startswith(f"\\begin{{{name}}}") for name in ENVIRONMENTS if name != "array"):
        return False
    name = head[len("\\begin{") : head.index("}")]
    return head.count("\\begin{" + name) - head.count("\\end{" + name) in (0, 1) and (
        head.endswith(f"\\end{{{name}}}") or f"\\end{{{name}}}" not in head
    )


def to_html(text: str) -> str:
    """The table, spans and formulas included; the source with a note if it is none."""
    try:
        return serialise(table(parse_tabular(text)))
    except ValueError as error:
        return serialise(source_with_note(text, str(error)))


def to_markdown(text: str) -> str:
    """A pipe table; HTML inside Markdown where cells span.

    Raises:
        ValueError: If the text is no table.
    """
    return markdown_writer.table(parse_tabular(text))
