"""Charts: random series to a picture by matplotlib or ECharts; the answer is OneChart's dict.

Figures are cleared once they are read: a process held 117 MB after 100 charts and 125 MB after 2,000.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal

import numpy as np

from GOT.data.prompt import build_question
from GOT.data_engine import chart_painter, echarts
from GOT.data_engine.attempts import check_choice, first_accepted
from GOT.data_engine.chart_data import KINDS, Chart, random_chart
from GOT.data_engine.chart_painter import PALETTES, ChartStyle, palette
from GOT.data_engine.fonts import Font, Split, alphabet, draw_font, find_fonts
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.sfnt import has_bitmaps
from GOT.data_engine.wording import Wording
from GOT.utils.lazy import require

MOST_LABELS = 18  # values printed on one chart

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class ChartSettings:
    """What charts hold, and how they look.

    Attributes:
        kinds: Kinds to choose from.
        categories: Fewest and most categories.
        series: Fewest and most series of kinds that may hold several.
        labels: Chance that the values are printed.
        language: ``en`` or ``zh``.
        renderer: ``matplotlib``, or ``echarts`` (Node.js and ``npm install echarts@6``).
        node_modules: The folder that holds ``echarts``; by default ``$GOT_NODE_MODULES`` or ``./node_modules``.
        width: Inches, at 100 pixels per inch.
        height: Inches.
        fonts: Font folders or files; empty: the machine's own.
        text: A folder of the user's own text.
        split: Texts and fonts of this side of the held-out split only; ``None``: both.
    """

    kinds: tuple[str, ...] = KINDS
    categories: Range = (3, 9)
    series: Range = (2, 4)
    labels: float = 0.55
    language: str = "en"
    renderer: Literal["matplotlib", "echarts"] = "matplotlib"
    node_modules: str | None = None
    width: Range = (5.0, 9.0)
    height: Range = (4.0, 7.0)
    fonts: tuple[str, ...] = ()
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        for kind in self.kinds:
            check_choice("chart kind", kind, KINDS)
        check_choice("language", self.language, ("en", "zh"))
        check_choice("renderer", self.renderer, ("matplotlib", "echarts"))
        check_range("categories", self.categories, 2, 20)
        check_range("series", self.series, 1, 8)


def sample(index: int, seed: int, **changes: Any) -> Sample:
    """Draw one chart sample.

    Args:
        index: Number of the sample.
        seed: Seed of the run.
        changes: Fields of :class:`ChartSettings`.

    Raises:
        ValueError: For a setting that does not exist or cannot be met.
        ImportError, FileNotFoundError: If the renderer or a font is missing; the message says what brings it.
        Rejected: If no attempt became a sample.
    """
    settings = build_settings(ChartSettings(), changes, kind="chart")

    def draw(rng: np.random.Generator) -> Sample:
        wording = Wording(rng, settings.language, text=settings.text, split=settings.split)
        chart = random_chart(
            rng,
            wording,
            kinds=settings.kinds,
            categories=(int(settings.categories[0]), int(settings.categories[1])),
            series=(int(settings.series[0]), int(settings.series[1])),
        )
        style = choose_style(rng, chart, settings)
        if settings.renderer == "echarts":
            picture = echarts.paint(chart, style, settings.node_modules)
            version = echarts.renderer_version(settings.node_modules)
        else:
            picture = chart_painter.paint(chart, style)
            version = f"matplotlib {require('matplotlib', extra='synth').__version__}"
        meta = {"renderer": version, "chart": chart.kind, "font": style.font.name, "labelled": style.labelled}
        return Sample((picture,), build_question("format"), chart.to_target(), meta)

    return first_accepted(f"chart_{settings.language}", index, seed, draw)


def choose_style(rng: np.random.Generator, chart: Chart, settings: ChartSettings) -> ChartStyle:
    """Draw a chart's looks."""
    is_part = chart.kind in ("pie", "donut")
    count = len(chart.categories) if is_part else len(chart.series)
    values = len(chart.categories) * len(chart.series)
    outside = ("outside right upper", "outside lower center", "outside upper center")
    legend = "best" if rng.random() < 0.4 else str(rng.choice(outside))
    white = rng.random() < 0.75
    if settings.renderer == "echarts":
        colors = list(echarts.palette(str(rng.choice(list(echarts.PALETTES))), max(count, 8)))
    else:
        colors = list(palette(str(rng.choice(PALETTES)), max(count, 8)))
    first = int(rng.integers(len(colors)))
    return ChartStyle(
        font=_choose_font(rng, chart, settings),
        size=(round(float(rng.uniform(*settings.width)), 2), round(float(rng.uniform(*settings.height)), 2)),
        dpi=100,
        font_size=round(float(rng.uniform(9, 12)), 1),
        colors=tuple(colors[(first + place) % len(colors)] for place in range(count)),
        labelled=is_part or (values <= MOST_LABELS and bool(rng.random() < settings.labels)),
        grid=str(rng.choice(["", "y", "both"])),
        frame=bool(rng.random() < 0.6),
        paper=(1.0, 1.0, 1.0) if white else _paper(rng),
        marker=str(rng.choice(["", "o", "s", "^", "D"])),
        legend=legend,
        width=round(float(rng.uniform(0.5, 0.85)), 2),
    )


def _paper(rng: np.random.Generator) -> tuple[float, float, float]:
    red, green, blue = rng.uniform(0.92, 1.0, size=3).tolist()
    return red, green, blue


def _choose_font(rng: np.random.Generator, chart: Chart, settings: ChartSettings) -> Font:
    """A font with every letter of the chart, that matplotlib can draw."""
    fonts = find_fonts(alphabet(settings.language), folders=settings.fonts, split=settings.split)
    usable = tuple(font for font in fonts if _is_drawable(font))
    if not usable:
        raise FileNotFoundError(
            f"None of the {len(fonts)} {settings.language} fonts is the first face of its file and without bitmaps, as "
            "matplotlib wants; add one (Debian: fonts-wqy-microhei) or pass --fonts DIR."
        )
    font = draw_font(rng, usable)
    if not font.covers(chart.to_target()):
        raise Rejected(f"{font.name} lacks {font.missing(chart.to_target())[:8]!r}")
    return font


@functools.lru_cache(maxsize=4096)
def _is_drawable(font: Font) -> bool:
    """Matplotlib opens the first face of a file only, and shows nothing where a font has a bitmap of a letter."""
    if font.index or "keyboard" in font.name.lower():
        return False
    if not font.path:
        return True
    with open(font.path, "rb") as file:
        return not has_bitmaps(file)
