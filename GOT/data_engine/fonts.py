"""Which fonts the machine (or the user) has, for which text, and on which side of the held-out split.

A font is used only for text that it has glyphs for. Drawing is in ``glyphs``.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
import io
import os
import re
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ImageFont

from GOT.data_engine.sfnt import FaceTables, has_glyphs, read_faces
from GOT.utils.lazy import is_available
from GOT.utils.log import get_logger

logger = get_logger(__name__)

Split = Literal["train", "heldout"]
FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
HELDOUT_SHARE = 0.2  # of the font families and of the texts; evaluation draws from these only
SPLIT_SALT = "got-ocr"  # changing it changes what was held out: never, once a model is trained

PRINTABLE_ASCII = "".join(map(chr, range(0x20, 0x7F)))
CHINESE_PUNCTUATION = "，。、；：？！“”‘’（）《》【】—…·￥％"

# Fonts whose letters are pictures, symbols or code points reused: their map says "A", their glyph is not one.
_NOT_TEXT = re.compile(
    r"symbol|dingbat|emoji|music|braille|barcode|lastresort|icons?\b|awesome|webding|wingding|opens___|d050000l"
    r"|^cm(ex|mi|r|ss|sy|tt|b)10|^stix|esint|redacted|notdef|femkeklaver|keyboard|initials|outline|shadow|hairline|humor",
    re.IGNORECASE,
)
_STYLES = (
    r"(?i)[-_]?(bold|oblique|italic|condensed|regular|light|medium|thin|black"
    r"|semi|extra|demi|book|roman|bd|bi|it)+$"
)
# Printed text: leave out what imitates handwriting (its own kind) or is drawn for a few large words.
_HAND = re.compile(
    r"hand|dkg|script|kristi|dancing|rufscript|breip|humor|xkcd|cursive|chancery|z003|ecolier|comic|caveat|italienne",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Font:
    """One face of a font file; ``path`` is empty for Pillow's built-in font."""

    path: str
    index: int
    name: str

    def __hash__(self) -> int:
        return hash(self.path) ^ self.index  # of a string it is kept: fonts are looked up for every sample

    @property
    def family(self) -> str:
        """The file's name without its style: ``FreeSans`` of ``FreeSansBold.ttf`` and ``FreeSans-Bold.ttf``."""
        stem = Path(self.path).stem or "builtin"
        return re.split(r"[-_]", re.sub(_STYLES, "", stem))[0] or stem

    @property
    def split(self) -> Split:
        """The side of the split: by family, so that a held-out bold has no regular sister in training."""
        return split_of("font/" + self.family.lower())

    def covers(self, text: str) -> bool:
        """Tell whether every character of a text has a glyph here (line ends aside)."""
        if text.isascii() and text.isprintable():
            return _covers_ascii(self.path, self.index) or not self.missing(text)
        return bool(has_glyphs(_coverage(self.path, self.index), text.replace("\n", "")).all())

    def missing(self, text: str) -> str:
        """The characters of a text without a glyph here, each once."""
        characters = "".join(sorted(set(text) - {"\n"}))
        found = has_glyphs(_coverage(self.path, self.index), characters)
        return "".join(char for char, there in zip(characters, found, strict=True) if not there)

    def open(self, size: int, *, shaping: bool = False) -> ImageFont.FreeTypeFont:
        """Open the font at a size in pixels per em, for single glyphs or (``shaping``) for lines that join letters."""
        # The basic layout is twice as fast for single glyphs and the same on every machine.
        engine = ImageFont.Layout.RAQM if shaping else ImageFont.Layout.BASIC
        file = self.path or io.BytesIO(_builtin_font())
        return ImageFont.truetype(file, size, index=self.index, layout_engine=engine)


def split_of(item: str) -> Split:
    """The side of an item (font family, paragraph, line) in the held-out split: a hash, so it never moves."""
    digest = hashlib.blake2b(f"{SPLIT_SALT}/{item}".encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return "heldout" if int.from_bytes(digest, "little") < HELDOUT_SHARE * 2**32 else "train"


def alphabet(language: str) -> str:
    """The characters that a font must have to print a language: ``en`` or ``zh``.

    Chinese means all of GB2312 level 1 with its punctuation; rarer characters are checked text by text.
    """
    return PRINTABLE_ASCII if language == "en" else gb2312()[0] + CHINESE_PUNCTUATION + PRINTABLE_ASCII


@functools.lru_cache(maxsize=1)
def gb2312() -> tuple[str, str]:
    """The 3755 common (level 1) and 3008 rarer (level 2) Chinese characters of GB2312."""
    cells = [bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)]
    characters = b"".join(cells).decode("gb2312", "ignore")
    return characters[:3755], characters[3755:]


@functools.lru_cache(maxsize=64)
def find_fonts(
    characters: str,
    *,
    folders: tuple[str, ...] = (),
    split: Split | None = None,
    limit: int | None = None,
    hand: bool = False,
) -> tuple[Font, ...]:
    """Find the fonts that have a glyph for every one of some characters.

    Args:
        characters: What must be there, e.g. ``alphabet("zh")``.
        folders: Font folders or files to use instead of the machine's own.
        split: Only the families on this side of the held-out split.
        limit: At most this many, spread over the families.
        hand: Handwriting-like fonts instead of printed ones (in a user's own folder: all).

    Raises:
        FileNotFoundError: If no font fits; the message says what is missing and what brings it.
    """
    listed = _list_fonts(folders)
    fonts = [font for font in listed if _prints(font, characters)]
    if not folders:
        fonts = [font for font in fonts if bool(_HAND.search(Path(font.path).name)) == hand]
    if not fonts:
        raise FileNotFoundError(_explain_missing(characters, listed, folders, hand))
    if split is not None:
        families = sorted({font.family for font in fonts})
        fonts = [font for font in fonts if font.split == split]
        if not fonts:
            raise FileNotFoundError(
                f"None of the {len(families)} font families that fit ({', '.join(families[:6])}) is on the"
                f" {split} side of the held-out split; add fonts (--fonts DIR)."
            )
    return tuple(_spread(fonts)[:limit])


def _prints(font: Font, characters: str) -> bool:
    # Collections hold the same characters once a country; Chinese text wants the mainland's shapes.
    if "国" in characters and re.search(r"\b(JP|KR|TC|HK|TW|MBE)\b", font.name):
        return False
    return font.covers(characters)


def draw_font(rng: np.random.Generator, fonts: tuple[Font, ...]) -> Font:
    """Draw a font, its family first: twenty styles make a family no likelier than one with a single file."""
    families = _by_family(fonts)
    faces = families[int(rng.integers(len(families)))]
    return faces[int(rng.integers(len(faces)))]


@functools.lru_cache(maxsize=64)
def _by_family(fonts: tuple[Font, ...]) -> tuple[tuple[Font, ...], ...]:
    families: dict[str, list[Font]] = {}
    for font in fonts:
        families.setdefault(font.family, []).append(font)
    return tuple(tuple(faces) for faces in families.values())


def _spread(fonts: list[Font]) -> list[Font]:
    """One face of every family first, then the second of each: a limit keeps variety."""
    rank: dict[str, int] = {}
    keyed = []
    for font in fonts:
        rank[font.family] = rank.get(font.family, -1) + 1
        keyed.append((rank[font.family], _shuffle_key(font.family), font.path, font.index, font))
    return [entry[-1] for entry in sorted(keyed, key=lambda entry: entry[:4])]


def _shuffle_key(item: str) -> str:
    """A stable shuffle key, so that a limit does not mean "the first letters of the alphabet"."""
    return hashlib.blake2b(item.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


@functools.lru_cache(maxsize=16)
def _list_fonts(folders: tuple[str, ...]) -> tuple[Font, ...]:
    paths = _user_paths(folders) if folders else _machine_paths()
    fonts: list[Font] = []
    names: set[str] = set()  # the same font in two formats must not be on both sides of the split
    for path in paths:
        if not folders and _NOT_TEXT.search(path.name):
            continue
        try:
            faces = _read_file(str(path))
        except (OSError, ValueError) as error:
            logger.debug("Skipping font %s: %s", path, error)
            continue
        found = [Font(str(path), face.index, face.name or path.stem) for face in faces]
        found = [font for font in found if folders or not (font.name in names or _NOT_TEXT.search(font.name))]
        names.update(font.name for font in found)
        fonts += found
    if not folders and not fonts:
        fonts = [Font("", 0, "Aileron")]  # Pillow's own, subset to Latin
    return tuple(fonts)


def _user_paths(folders: tuple[str, ...]) -> list[Path]:
    paths: list[Path] = []
    for folder in map(Path, folders):
        if folder.is_file():
            paths.append(folder)
        elif folder.is_dir():
            paths += _fonts_below(folder)
        else:
            raise FileNotFoundError(f"--fonts {folder} is neither a folder nor a font file.")
    return paths


def _machine_paths() -> list[Path]:
    home = Path.home()
    roots = [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".fonts",
        home / ".local/share/fonts",
        Path("/System/Library/Fonts"),
        Path("/Library/Fonts"),
        home / "Library/Fonts",
        Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts",
    ]
    paths = [path for root in roots if root.is_dir() for path in _fonts_below(root)]
    if not paths and is_available("matplotlib"):
        found = importlib.util.find_spec("matplotlib")
        if found is not None and found.origin:  # its DejaVu fonts, without importing it
            paths = _fonts_below(Path(found.origin).parent / "mpl-data" / "fonts" / "ttf")
    return paths


def _fonts_below(folder: Path) -> list[Path]:
    """Font files in an order that depends on their names only, each name once."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in FONT_SUFFIXES:
            found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


@functools.lru_cache(maxsize=2048)
def _read_file(path: str) -> tuple[FaceTables, ...]:
    if path:
        with open(path, "rb") as file:
            return tuple(read_faces(file))
    return tuple(read_faces(io.BytesIO(_builtin_font())))


@functools.lru_cache(maxsize=1)
def _builtin_font() -> bytes:
    """Pillow's own font file (Aileron, cut down to Latin)."""
    font = ImageFont.load_default(16)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font.font_bytes


def _coverage(path: str, index: int) -> np.ndarray:
    """Packed character bits of one face (24 KiB each, kept)."""
    return next(face.coverage for face in _read_file(path) if face.index == index)


@functools.lru_cache(maxsize=4096)
def _covers_ascii(path: str, index: int) -> bool:
    return bool(has_glyphs(_coverage(path, index), PRINTABLE_ASCII).all())


def _explain_missing(characters: str, listed: tuple[Font, ...], folders: tuple[str, ...], hand: bool) -> str:
    where = f"in {', '.join(folders)}" if folders else "on this machine"
    if hand and not folders:
        return (
            f"No handwriting-like font {where}; install some (Debian: fonts-dancingscript, fonts-breip,"
            " fonts-rufscript) or pass --fonts DIR."
        )
    if not listed:
        return f"No font file (.ttf .otf .ttc) {where}."
    best = min(listed, key=lambda font: len(font.missing(characters)))
    missing = best.missing(characters)
    return (
        f"No font {where} has all {len(set(characters))} characters needed: the best, {best.name}, lacks {len(missing)}"
        f" ({missing[:8]} …); install one that has them (Chinese on Debian: fonts-noto-cjk) or pass --fonts DIR."
    )
