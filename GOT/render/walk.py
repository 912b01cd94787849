"""What the writers of text formats share: which blocks an answer has, and how links and pictures are named."""

from __future__ import annotations

import re

from GOT.render.blocks import parse_blocks
from GOT.render.nodes import Block, CodeBlock, Link, Text
from GOT.render.page import RenderPage

_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>\"'\\{}|^`\x00-\x20]+\Z", re.IGNORECASE)


def blocks_of(page: RenderPage) -> tuple[Block, ...]:
    """A page's answer in parts; one verbatim part where it is nested too deep to be parsed."""
    try:
        return parse_blocks(page.text)
    except RecursionError:
        return (CodeBlock(page.text),)


def is_address(url: str) -> bool:
    """Whether a document may point there: web and mail addresses, nothing that runs."""
    return bool(_ADDRESS.match(url))


def shows_itself(link: Link) -> bool:
    """Whether a link's words are its address."""
    return [child.text for child in link.children if isinstance(child, Text)] == [link.url]
