"""Fine-grained samples: read only what is inside a box given in the question, or inside a coloured frame.

Wraps any kind whose samples list their regions; the answer is the region's own text from the same tree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import ImageDraw

from GOT.data.prompt import COLORS, build_question, normalize_box
from GOT.data_engine.attempts import first_accepted
from GOT.data_engine.bases import Bases, check_bases, draw_base
from GOT.data_engine.fonts import Split
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range

# The printed colours vary around these: a frame in a scan is never the pure primary.
FRAME_COLORS = {"red": (225, 25, 25), "green": (20, 160, 45), "blue": (25, 55, 225)}
MAX_UNREST = 48  # grey levels between the lightest and darkest pixel that a frame may cover: paper, no ink
MIN_DISTANCE = 150  # between a frame's colour and the paper's, in RGB

Box = list[int]


@dataclasses.dataclass(frozen=True)
class FineSettings:
    """What is asked about.

    Attributes:
        bases: Kinds to ask about and their weights; each must list regions (plain_*, columns, scene, page_*).
        settings: Settings of those kinds.
        levels: Weights of region levels.
        pad: Pixels around a region, fewest and most.
        frames: Fewest and most coloured frames on a page; the question names one of them (colour only).
        fonts: Passed on.
        text: Passed on.
        split: Passed on.
    """

    bases: Bases = dataclasses.field(
        default_factory=lambda: {"plain_en": 0.4, "plain_zh": 0.35, "columns": 0.25}
    )
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    levels: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"line": 0.4, "paragraph": 0.5, "block": 0.5}
    )
    pad: tuple[float, float] = (1, 8)
    frames: tuple[float, float] = (1, 3)
    fonts: tuple[str, ...] = ()
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_bases(self.bases)
        check_range("pad", self.pad, 0, 100)
        check_range("frames", self.frames, 1, 3)


DEFAULTS = FineSettings()


def sample_box(index: int, seed: int, **settings: Any) -> Sample:
    """``[x1, y1, x2, y2] OCR: `` about one region. ``settings``: fields of :class:`FineSettings`."""
    chosen = build_settings(DEFAULTS, settings, kind="fine_box")
    return first_accepted("fine_box", index, seed, lambda rng: _draw_box(rng, chosen))


def sample_color(index: int, seed: int, **settings: Any) -> Sample:
    """``[red] OCR: `` about one framed region. ``settings``: fields of :class:`FineSettings`."""
    chosen = build_settings(DEFAULTS, settings, kind="fine_color")
    return first_accepted("fine_color", index, seed, lambda rng: _draw_color(rng, chosen))


def _draw_box(rng: np.random.Generator, settings: FineSettings) -> Sample:
    base, regions = _draw_page(rng, settings)
    image = base.images[0]
    region = _choose(rng, regions, settings.levels)
    box = _padded(rng, region, regions, image.size, settings.pad)
    question = build_question(_task_of(base), box=normalize_box(box, *image.size))
    return Sample((image,), question, region["text"], _meta(base, region, box))


def _draw_color(rng: np.random.Generator, settings: FineSettings) -> Sample:
    base, regions = _draw_page(rng, settings)
    image = base.images[0].convert("RGB")
    pen = ImageDraw.Draw(image)
    grey = np.asarray(base.images[0].convert("L"))
    framed: list[tuple[str, dict[str, Any], Box]] = []
    colors = [COLORS[place] for place in rng.permutation(3).tolist()]
    wanted = int(rng.integers(int(settings.frames[0]), int(settings.frames[1]) + 1))
    for _ in range(12):
        if len(framed) == wanted:
            break
        region = _choose(rng, regions, settings.levels)
        thickness = int(rng.integers(2, 5))
        box = _frame_box(grey, region["box"], thickness, [other for _, _, other in framed])
        if box is None:
            continue
        color = colors[len(framed)]
        tint = np.clip(np.array(FRAME_COLORS[color]) + rng.integers(-25, 26, size=3), 0, 255).tolist()
        if np.linalg.norm(np.array(image.getpixel((box[0], box[1]))) - tint) < MIN_DISTANCE:
            continue  # a blue frame on blue paper
        pen.rectangle(box, outline=tuple(tint), width=thickness)
        framed.append((color, region, box))
    if not framed:
        raise Rejected("no region has blank paper all around for a frame")
    color, region, box = framed[int(rng.integers(len(framed)))]
    question = build_question(_task_of(base), color=color)
    return Sample((image,), question, region["text"], {**_meta(base, region, box), "color": color})


def _draw_page(rng: np.random.Generator, settings: FineSettings) -> tuple[Sample, list[dict[str, Any]]]:
    common = {"fonts": settings.fonts, "text": settings.text, "split": settings.split}
    base = draw_base(rng, settings.bases, settings.settings, common)
    regions = base.meta.get("regions")
    if not regions:
        raise ValueError(
            f"{base.meta.get('kind')} samples list no regions, so nothing can be asked about a part of one."
        )
    return base, regions


def _choose(
    rng: np.random.Generator, regions: list[dict[str, Any]], levels: Mapping[str, float]
) -> dict[str, Any]:
    """A region of a drawn level; levels that the page lacks do not count."""
    there = [level for level in levels if any(region["level"] == level for region in regions)]
    if not there or sum(levels[level] for level in there) <= 0:
        raise Rejected(f"the page has no region of the levels {', '.join(levels)}")
    weights = np.cumsum([levels[level] for level in there])
    level = there[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))]
    chosen = [region for region in regions if region["level"] == level and region["text"].strip()]
    if not chosen:
        raise Rejected(f"every {level} of the page is empty")
    return chosen[int(rng.integers(len(chosen)))]


def _padded(
    rng: np.random.Generator,
    region: dict[str, Any],
    regions: list[dict[str, Any]],
    size: tuple[int, int],
    pad: tuple[float, float],
) -> Box:
    """The region's box with a little air, as long as no other text comes in.

    Raises:
        Rejected: If another region of the page reaches into the bare box.
    """
    x1, y1, x2, y2 = region["box"]
    others = [
        other["box"]
        for other in regions
        if other["level"] in ("line", "block") and not _within(other, region)
    ]
    for width in (*sorted(rng.uniform(pad[0], pad[1], size=2).tolist(), reverse=True), 0.0):
        air = round(width)
        box = [max(0, x1 - air), max(0, y1 - air), min(size[0], x2 + air), min(size[1], y2 + air)]
        if not any(_overlap(box, other) for other in others):
            return box
    raise Rejected("another text reaches into the box")


def _within(other: dict[str, Any], region: dict[str, Any]) -> bool:
    """Tell whether a region is the other one's own part (or itself)."""
    if other is region:
        return True
    inside = all(a >= b for a, b in zip(other["box"][:2], region["box"][:2], strict=True)) and all(
        a <= b for a, b in zip(other["box"][2:], region["box"][2:], strict=True)
    )
    return inside and other["text"].replace("\n", " ") in region["text"].replace("\n", " ")


def _overlap(first: Box, second: Box) -> bool:
    return (
        min(first[2], second[2]) - max(first[0], second[0]) > 0
        and min(first[3], second[3]) - max(first[1], second[1]) > 0
    )


def _frame_box(grey: np.ndarray, box: Box, thickness: int, framed: list[Box]) -> Box | None:
    """The smallest frame around a box whose own pixels cover blank paper only; ``None`` if there is none."""
    height, width = grey.shape
    for gap in (2, 3, 4, 6, 8):
        out = gap + thickness
        x1, y1, x2, y2 = box[0] - out, box[1] - out, box[2] + out, box[3] + out
        if x1 < 0 or y1 < 0 or x2 >= width or y2 >= height:
            return None
        if any(_overlap([x1, y1, x2, y2], other) for other in framed):
            return None
        ring = np.concatenate(
            [
                grey[y1 : y1 + thickness, x1 : x2 + 1].ravel(),
                grey[y2 - thickness + 1 : y2 + 1, x1 : x2 + 1].ravel(),
                grey[y1 : y2 + 1, x1 : x1 + thickness].ravel(),
                grey[y1 : y2 + 1, x2 - thickness + 1 : x2 + 1].ravel(),
            ]
        )
        if int(ring.max()) - int(ring.min()) <= MAX_UNREST:
            return [x1, y1, x2, y2]
    return None


def _task_of(base: Sample) -> str:
    return "format" if "format" in base.prompt else "ocr"


def _meta(base: Sample, region: dict[str, Any], box: Box) -> dict[str, Any]:
    return {
        "base": base.meta.get("kind"),
        "level": region["level"],
        "box": box,
        "size": list(base.images[0].size),
    }
