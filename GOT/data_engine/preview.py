"""Samples to something to look at: one self-contained HTML page, or one picture of thumbnails.

Always look before training: clipped labels, boxes for missing glyphs, empty pages and covered text show at a glance.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable

from PIL import Image, ImageDraw

from GOT.data_engine.recipe import Recipe
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.shards import Shard, draw_shard

PICTURE_SIDE = 720  # pixels; enough to read a page's text in the browser
_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 24px; background: #f4f4f2; color: #222 }
h2 { margin: 28px 0 8px; font-size: 17px } h2 small { color: #777; font-weight: normal }
.row { display: flex; gap: 16px; background: #fff; border: 1px solid #ddd; padding: 12px; margin: 0 0 12px }
.row img { max-width: 560px; height: auto; border: 1px solid #eee; display: block; margin-bottom: 6px }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 6px 0; max-height: 560px; overflow: auto }
code { background: #eef; padding: 1px 5px } .rejected { color: #a33 } .text { flex: 1; min-width: 0 }
"""


def preview_samples(recipe: Recipe, *, each: int = 6) -> dict[str, list[Sample | Rejected]]:
    """The first samples of every kind of a recipe, as a run would make them."""
    shards = [Shard(kind, 0, 0, each) for kind, weight in recipe.kinds.items() if weight > 0]
    return {shard.kind: [result for _, result in draw_shard(recipe, shard)] for shard in shards}


def preview_html(samples: dict[str, list[Sample | Rejected]]) -> str:
    """One HTML page with every picture (inside the file), its question and its answer."""
    parts = [
        "<!doctype html><meta charset='utf-8'><title>Synthetic samples</title>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; style-src"
        f" 'unsafe-inline'\"><style>{_STYLE}</style><h1>Synthetic samples</h1>"
    ]
    for kind, results in samples.items():
        parts.append(f"<h2>{html.escape(kind)} <small>{len(results)} samples</small></h2>")
        for number, result in enumerate(results):
            if isinstance(result, Rejected):
                parts.append(
                    f"<div class='row rejected'>{number}: rejected: {html.escape(str(result))}</div>"
                )
                continue
            pictures = "".join(
                _picture(image, number, page) for page, image in enumerate(result.images, start=1)
            )
            parts.append(
                f"<div class='row'><div>{pictures}</div><div class='text'><code>{html.escape(result.prompt)}</code>"
                f"<pre>{html.escape(result.target)}</pre></div></div>"
            )
    return "\n".join(parts) + "\n"


def contact_sheet(
    samples: dict[str, list[Sample | Rejected]], *, thumbnails: int = 3, across: int = 2, side: int = 200
) -> Image.Image:
    """One picture of thumbnails: a block for every kind, its name above them.

    Args:
        samples: Kind to samples, e.g. from :func:`preview_samples`.
        thumbnails: Samples shown of each kind.
        across: Kinds beside each other.
        side: Room for one thumbnail, in pixels.
    """
    gap, caption = 6, 22
    block = (thumbnails * (side + gap) + 2 * gap, caption + side + gap)
    rows = -(-len(samples) // across)
    sheet = Image.new("RGB", (across * block[0], max(1, rows) * block[1]), (110, 110, 110))
    pen = ImageDraw.Draw(sheet)
    for number, (kind, results) in enumerate(samples.items()):
        left, top = number % across * block[0] + gap, number // across * block[1]
        pen.text((left, top + 3), kind, fill=(255, 255, 255), font_size=14)
        shown = [result for result in results if isinstance(result, Sample)][:thumbnails]
        for place, sample in enumerate(shown):
            picture = _side_by_side(sample.images[:3]).convert("RGB")
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            sheet.paste(picture, (left + place * (side + gap), top + caption))
    return sheet


def _side_by_side(pages: Iterable[Image.Image]) -> Image.Image:
    pages = list(pages)
    if len(pages) == 1:
        return pages[0]
    size = (sum(page.width for page in pages) + 8 * (len(pages) - 1), max(page.height for page in pages))
    joined = Image.new("RGB", size, (110, 110, 110))
    left = 0
    for page in pages:
        joined.paste(page, (left, 0))
        left += page.width + 8
    return joined


def _picture(image: Image.Image, number: int, page: int) -> str:
    picture = image.convert("RGB")
    picture.thumbnail((PICTURE_SIDE * 2, PICTURE_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    size = f"{image.width}x{image.height}"
    return (
        f"<img alt='sample {number}, page {page}, {size}' title='{size}' src='data:image/jpeg;base64,{data}'>"
    )
