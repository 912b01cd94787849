"""A formatted page as a tree that prints itself as Mathpix markdown (the answer) and as typst (the picture)."""

from __future__ import annotations

import dataclasses

from GOT.data_engine import inline
from GOT.data_engine.formula_tree import Node
from GOT.data_engine.inline import Inline
from GOT.data_engine.table_tree import Table
from GOT.data_engine.typst_compiler import quote

END = "end-of-block"  # name of the marks' label and of the typst function that sets one
END_MARK = (
    f"#let {END}() = context {{ let place = here().position();"
    f" [#metadata((place.x.pt(), place.y.pt())) <{END}>] }}\n"
)


class Block:
    """One part of a page, with white above and below."""

    def to_markdown(self) -> str:
        """The part's Mathpix markdown."""
        raise NotImplementedError

    def to_typst(self) -> str:
        """The part's typst markup."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Heading(Block):
    """A heading; level 1 is the page's title."""

    level: int
    words: str

    def to_markdown(self) -> str:
        return f"{'#' * self.level} {self.words}"

    def to_typst(self) -> str:
        return f"#heading(level: {self.level}, {quote(self.words)})"


@dataclasses.dataclass(frozen=True)
class Paragraph(Block):
    """Words and inline formulas."""

    content: Inline

    def to_markdown(self) -> str:
        return inline.to_markdown(self.content)

    def to_typst(self) -> str:
        return inline.to_typst(self.content)


@dataclasses.dataclass(frozen=True)
class Listing(Block):
    """A list, numbered or with points."""

    items: tuple[Inline, ...]
    is_numbered: bool = False

    def to_markdown(self) -> str:
        marks = [f"{number}." if self.is_numbered else "-" for number in range(1, len(self.items) + 1)]
        return "\n".join(
            f"{mark} {inline.to_markdown(item)}" for mark, item in zip(marks, self.items, strict=True)
        )

    def to_typst(self) -> str:
        items = ", ".join(f"[{inline.to_typst(item)}]" for item in self.items)
        return f"#{'enum' if self.is_numbered else 'list'}({items})"


@dataclasses.dataclass(frozen=True)
class Display(Block):
    """A formula on a line of its own."""

    formula: Node

    def to_markdown(self) -> str:
        # On one line, so that scorers whose patterns stop at a line end see it.
        return f"\\[ {self.formula.to_latex()} \\]"

    def to_typst(self) -> str:
        return f"$ {self.formula.to_typst()} $"


@dataclasses.dataclass(frozen=True)
class TableBlock(Block):
    """A table, centred."""

    table: Table

    def to_markdown(self) -> str:
        return self.table.to_latex()

    def to_typst(self) -> str:
        return f"#align(center)[{self.table.to_typst()}]"


@dataclasses.dataclass(frozen=True)
class Page:
    """Blocks from top to bottom (column by column, where there are several)."""

    blocks: tuple[Block, ...]

    def to_markdown(self) -> str:
        """The answer: blocks with an empty line between them."""
        return "\n\n".join(block.to_markdown() for block in self.blocks)

    def to_typst(self) -> str:
        """The picture's markup, without page set-up; :data:`END_MARK` must have been defined.

        Every block is followed by an invisible mark, by which its place on the page is found.
        """
        return "\n\n".join(f"{block.to_typst()}\n\n#{END}()" for block in self.blocks)
