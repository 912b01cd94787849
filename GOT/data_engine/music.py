"""Sheet music: a random system, engraved by Verovio on paper with a title; the answer is its **kern."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from GOT.data.prompt import build_question
from GOT.data_engine import svg, verovio_worker
from GOT.data_engine.attempts import first_accepted, is_on_side
from GOT.data_engine.fonts import Split, alphabet, draw_font, find_fonts
from GOT.data_engine.music_grammar import MusicSize, random_score
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.data_engine.wording import Wording

ENGRAVING_FONTS = (
    "Leipzig",
    "Bravura",
    "Gootville",
    "Leland",
)  # come with Verovio; Petaluma's metres run together
MAX_WIDTH = 2600  # pixels

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class MusicSettings:
    """How much music, and how it looks.

    Attributes:
        staves: Fewest and most staves of the system.
        measures: Fewest and most measures.
        chords: Chance that a note is a chord.
        accidentals: Chance that a note leaves the key.
        slurs: Chance of a slur in a measure.
        ties: Chance of a tie over a barline.
        title: Chance of a title, an author or both above the music (they are not part of the answer).
        paper: Chance of a paper texture instead of plain white.
        width: Narrowest and widest picture, in pixels.
        fonts: Font folders or files for titles; empty: the machine's own.
        text: A folder of the user's own text for titles.
        split: Music, texts and fonts of this side of the held-out split only; ``None``: both.
    """

    staves: Range = (1, 3)
    measures: Range = (2, 5)
    chords: float = 0.2
    accidentals: float = 0.08
    slurs: float = 0.25
    ties: float = 0.2
    title: float = 0.5
    paper: float = 0.7
    width: Range = (560, 1000)
    fonts: tuple[str, ...] = ()
    text: str | None = None
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_range("staves", self.staves, 1, 8)
        check_range("measures", self.measures, 1, 40)
        check_range("width", self.width, 200, MAX_WIDTH)

    def size(self) -> MusicSize:
        """The part of the settings that the grammar obeys."""
        staves, measures = ((int(low), int(high)) for low, high in (self.staves, self.measures))
        return MusicSize(staves, measures, self.chords, self.accidentals, self.slurs, self.ties)


def sample(index: int, seed: int, **changes: Any) -> Sample:
    """Draw one system of music.

    Args:
        index: Number of the sample.
        seed: Seed of the run.
        changes: Fields of :class:`MusicSettings`.

    Raises:
        ValueError: For a setting that does not exist or cannot be met.
        ImportError: If Verovio or resvg is missing; the message says what brings it.
        Rejected: If no attempt became a sample.
    """
    settings = build_settings(MusicSettings(), changes, kind="music")

    def draw(rng: np.random.Generator) -> Sample:
        kern = random_score(rng, settings.size()).to_kern()
        if not is_on_side("music/" + kern, settings.split):
            raise Rejected(f"music of the other side of the split than {settings.split}")
        options = _choose_options(rng)
        width = int(rng.integers(int(settings.width[0]), int(settings.width[1]) + 1))
        system = svg.render_svg(verovio_worker.engrave(kern, options), width=width)
        if system.height > 2 * system.width:
            raise Rejected(f"a system of {system.width}x{system.height} pixels")
        picture, title = _add_title(rng, system, settings)
        if rng.random() < settings.paper:
            picture = _on_paper(rng, picture)
        meta = {"renderer": f"{verovio_worker.renderer_version()}, {svg.renderer_version()}", "title": title}
        return Sample((picture,), build_question("format"), kern, {**meta, "options": options})

    return first_accepted("music", index, seed, draw)


def _choose_options(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "font": str(rng.choice(ENGRAVING_FONTS)),
        "spacingLinear": round(float(rng.uniform(0.2, 0.35)), 3),
        "spacingNonLinear": round(float(rng.uniform(0.5, 0.65)), 3),
        "spacingStaff": int(rng.integers(8, 16)),
        "barLineWidth": round(float(rng.uniform(0.25, 0.45)), 2),
        "staffLineWidth": round(float(rng.uniform(0.12, 0.2)), 2),
        "stemWidth": round(float(rng.uniform(0.15, 0.3)), 2),
    }


def _add_title(
    rng: np.random.Generator, system: Image.Image, settings: MusicSettings
) -> tuple[Image.Image, str]:
    """The system with a title and an author's name above, by Pillow: nothing can be cut off."""
    if rng.random() >= settings.title:
        return system, ""
    wording = Wording(rng, "en", text=settings.text, split=settings.split)
    fonts = find_fonts(alphabet("en"), folders=settings.fonts, split=settings.split)
    font = draw_font(rng, fonts)
    size = int(system.width * rng.uniform(0.025, 0.04))
    title, author = wording.words(1, 4).title(), wording.words(2, 2).title()
    if not font.covers(title + author):
        raise Rejected(f"{font.name} lacks a letter of the title")
    large, small = font.open(size), font.open(max(10, int(size * 0.6)))
    draw = ImageDraw.Draw(system)
    boxes = [draw.textbbox((0, 0), text, font=face) for text, face in ((title, large), (author, small))]
    if boxes[0][2] > system.width * 0.9 or boxes[1][2] > system.width * 0.9:
        raise Rejected("the title is wider than the music")
    head = int(boxes[0][3] + boxes[1][3] + size * 0.8)
    picture = Image.new("RGB", (system.width, system.height + head), "white")
    picture.paste(system, (0, head))
    draw = ImageDraw.Draw(picture)
    ink = (int(rng.integers(0, 50)),) * 3
    draw.text(((system.width - boxes[0][2]) / 2, size * 0.3), title, font=large, fill=ink)
    margin = int(system.width * 0.04)
    draw.text((system.width - boxes[1][2] - margin, boxes[0][3] + size * 0.5), author, font=small, fill=ink)
    return picture, f"{title} / {author}"


def _on_paper(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Print the picture on tinted paper with clouds and grain."""
    light = rng.uniform(222, 255)
    tint = light - np.array([0.0, 0.25, 1.0]) * rng.uniform(0, 38)  # from white to the yellow of old paper
    coarse = rng.normal(0, 1, size=(6, 9)).astype(np.float32)
    clouds = np.asarray(Image.fromarray(coarse).resize(picture.size, Image.Resampling.BICUBIC)) * rng.uniform(
        1, 7
    )
    grain = rng.standard_normal((picture.height, picture.width), dtype=np.float32) * rng.uniform(0.5, 3.5)
    paper = (clouds + grain)[:, :, None] + tint.astype(np.float32)
    printed = np.asarray(picture, dtype=np.float32) * (paper / 255.0)
    return Image.fromarray(np.clip(printed, 0, 255).astype(np.uint8))
