"""Pages to one self-contained HTML file: each page's picture beside its text. No script, no network.

The model's text is data: it is escaped, never pasted, and a Content-Security-Policy forbids everything but inline style
and embedded pictures.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

from GOT.render.page import RenderPage

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = """
:root { color-scheme: light dark; --line: #8883; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; }
header { padding: 1rem 2rem; border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.1rem; }
nav { font-size: .9rem; }
section { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 2rem; padding: 2rem; }
section + section { border-top: 1px solid var(--line); }
img { width: 100%; border: 1px solid var(--line); background: #fff; }
pre { margin: 0; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
small { display: block; margin-bottom: .75rem; opacity: .7; }
@media (max-width: 60rem) { section { grid-template-columns: minmax(0, 1fr); } }
"""


def to_html(pages: Sequence[RenderPage]) -> bytes:
    """One file for a whole document."""
    title = html.escape(pages[0].name if pages else "GOT")
    links = (
        " · ".join(f'<a href="#{page.anchor}">{page.number}</a>' for page in pages) if len(pages) > 1 else ""
    )
    body = "\n".join(_section(page) for page in pages)
    return f"""<!DOCTYPE html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header><h1>{title}</h1>{f"<nav>{links}</nav>" if links else ""}</header>
{body}
</body>
</html>
""".encode("utf-8", "replace")


def _section(page: RenderPage) -> str:
    status = str(page.meta.get("status", ""))
    note = f"page {page.number} · {status}" if page.number else status
    picture = f'<img alt="the page" src="{_data_url(page.picture)}">' if page.picture else ""
    return (
        f'<section id="{page.anchor}"><div>{picture}</div>'
        f"<div><small>{html.escape(note)}</small><pre>{html.escape(page.text)}</pre></div></section>"
    )


def _data_url(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
