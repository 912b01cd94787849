"""Pages to one self-contained HTML file: each page's picture beside its rendered text. No script, no network.

A Content-Security-Policy forbids everything but inline style and embedded pictures, on top of markup that is built
element by element.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from GOT.render.elements import element
from GOT.render.elements import to_html as serialise
from GOT.render.html import answer_to_elements, plain_to_elements
from GOT.render.page import RenderPage
from GOT.render.style import STYLE

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
# Said beside a page only where a reader should know.
_STATUS = {
    "truncated": "the answer reached the token limit: the end is missing",
    "repeated": "the answer ran into a loop and was cut there",
    "failed": "not read",
    "blank": "blank page",
    "retried": "read in a second try",
}


def to_html(pages: Sequence[RenderPage]) -> bytes:
    """One file for a whole document, an anchor for each page."""
    return render_document(pages).encode("utf-8", "replace")


def render_document(pages: Sequence[RenderPage]) -> str:
    """The published demo's page: picture beside text; several pages below each other, with links to each.

    Args:
        pages: In order; the first one's name is the title.
    """
    title = pages[0].name if pages else "GOT"
    anchors = _anchors(pages)
    links = [
        element("a", {"href": f"#{anchor}"}, str(page.number or index))
        for index, (page, anchor) in enumerate(zip(pages, anchors, strict=True), start=1)
    ]
    head = element(
        "head",
        None,
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "referrer", "content": "no-referrer"}),
        element("title", None, title),
        element("style", None, STYLE),  # ours alone: no text of a page ever stands in it
    )
    navigation = element("nav", {"aria-label": "pages"}, *links) if len(pages) > 1 else None
    body = element("body", None, element("header", None, element("h1", None, title), navigation))
    body.extend(_section(page, anchor) for page, anchor in zip(pages, anchors, strict=True))
    return "<!DOCTYPE html>\n" + serialise(element("html", {"lang": "und"}, head, body)) + "\n"


def _anchors(pages: Sequence[RenderPage]) -> list[str]:
    """One id a page; pictures without numbers are counted."""
    made: list[str] = []
    for index, page in enumerate(pages, start=1):
        anchor = page.anchor if page.number else f"page-{index}"
        made.append(anchor if anchor not in made else f"{anchor}-{index}")
    return made


def _section(page: RenderPage, anchor: str) -> Element:
    picture = (
        element("div", {"class": "page"}, element("img", {"src": _data_url(page.picture), "alt": "the page"}))
        if page.picture
        else None
    )
    status = str(page.meta.get("status") or "")
    words = [f"Page {page.number}"] if page.number else []
    note = element("p", {"class": "status"}, *words) if words or status in _STATUS else None
    if note is not None and status in _STATUS:
        error = f": {page.meta['error']}" if status == "failed" and page.meta.get("error") else ""
        note.extend([element("b", None, (" · " if words else "") + _STATUS[status] + error)])
    body = answer_to_elements(page.text) if page.has_markup else plain_to_elements(page.text)
    attributes = {"id": anchor} | ({} if page.picture else {"class": "alone"})
    return element("section", attributes, picture, element("article", None, note, *body))


def _data_url(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
