"""SVG to pixels by resvg, with the fonts that are named and no others."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from GOT.utils.lazy import require


def render_svg(
    svg: str, *, width: int | None = None, background: str = "#ffffff", font_files: Sequence[Path] = ()
) -> Image.Image:
    """Rasterise one SVG.

    Args:
        svg: The markup.
        width: Width of the picture, in pixels; the height follows. By default the SVG's own size.
        background: CSS colour under the drawing.
        font_files: Fonts for ``<text>``; the system's fonts are not looked at, so text without one of these vanishes.

    Returns:
        RGB.

    Raises:
        ImportError: If resvg_py is not installed.
        ValueError: If the markup is not SVG.
    """
    resvg = require("resvg_py", extra="synth")
    files = [str(path) for path in font_files]
    png = resvg.svg_to_bytes(
        svg_string=svg, width=width, background=background, skip_system_fonts=True, font_files=files or None
    )
    return Image.open(io.BytesIO(bytes(png))).convert("RGB")


def renderer_version() -> str:
    """``"resvg_py 0.5.0"``, for a sample's meta."""
    require("resvg_py", extra="synth")
    return f"resvg_py {version('resvg_py')}"
