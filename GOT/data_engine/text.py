"""Text to print: the user's own folder first, else what Python and Debian hold, mixed with generated strings.

Every text has a side in the held-out split, so that evaluation text is never drawn in training.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import gzip
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from GOT.data_engine.fonts import Split, alphabet, gb2312, split_of
from GOT.data_engine.phrases import chinese_sentences, codes, random_chinese, random_strings
from GOT.data_engine.sample import Rejected
from GOT.utils.log import get_logger

logger = get_logger(__name__)

SOURCES = ("prose", "words", "random", "codes")
TEXT_SUFFIXES = (".txt", ".md", ".pdf")
MAX_CHARACTERS = 64_000_000  # read of a user's folder: what fits a worker's memory with room to spare
MAX_PARAGRAPH = 2_000  # characters; longer ones are cut between sentences
RARE_SHARE = 0.002  # of a user's text: characters rarer than this together need not be in every font

_TO_ASCII = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " ", "•": "*"}
)


@dataclasses.dataclass(frozen=True)
class TextPool:
    """The texts of one language, folder and side of the split.

    Attributes:
        language: ``en`` or ``zh``; with a folder it only chooses the generated strings.
        paragraphs: Prose, one paragraph an item, whitespace collapsed.
        words: Vocabulary of the prose, most frequent first.
        characters: What a font must have to print this pool.
        split: The side drawn from; ``None`` for both.
    """

    language: str
    paragraphs: tuple[str, ...]
    words: tuple[str, ...]
    characters: str
    split: Split | None

    def draw(self, rng: np.random.Generator, characters: int, source: str) -> str:
        """Draw a text about ``characters`` long (one line, single spaces; prose may be shorter).

        Raises:
            ValueError: If the source is not one of :data:`SOURCES`.
            Rejected: If no text on this side of the split turned up.
        """
        if source == "prose" and self.paragraphs:
            return self._slice(rng, characters)
        for _ in range(100):
            text = self._generate(rng, max(1, characters), source)
            if self.split is None or split_of("text/" + text) == self.split:
                return text
        raise Rejected(
            f"100 {source} texts of {characters} characters are all on the other side of the split"
        )

    def _slice(self, rng: np.random.Generator, characters: int) -> str:
        """A paragraph, or a part of it that starts and ends at a word."""
        text = self.paragraphs[int(rng.integers(len(self.paragraphs)))]
        if len(text) <= characters * 1.3:
            return text
        start = int(rng.integers(len(text) - characters + 1))
        while start > 0 and not _breaks(text[start - 1], text[start]):
            start -= 1
        end = start + characters
        while end < len(text) and not _breaks(text[end - 1], text[end]):
            end += 1
        return text[start:end].strip()

    def _generate(self, rng: np.random.Generator, characters: int, source: str) -> str:
        chinese = self.language == "zh"
        if source == "codes":
            return codes(rng, characters, chinese=chinese)
        if source == "random":
            if chinese:
                return random_chinese(rng, characters)
            own = "" if self.characters == alphabet("en") else self.characters.replace(" ", "")
            return random_strings(rng, characters, own)
        if source in ("words", "prose"):  # prose without any corpus
            return chinese_sentences(rng, characters) if chinese else self._word_salad(rng, characters)
        raise ValueError(f"There is no text source {source!r}; choose from {', '.join(SOURCES)}.")

    def _word_salad(self, rng: np.random.Generator, characters: int) -> str:
        """Words by Zipf's law (log-uniform rank), set like sentences."""
        vocabulary = self.words
        count = characters // 6 + 1
        ranks = (len(vocabulary) ** rng.random(count)).astype(int) - 1
        words = [vocabulary[rank] for rank in ranks.tolist()]
        styles = rng.random(count).tolist()
        opening = True
        for place, style in enumerate(styles):
            word = words[place]
            if opening or style < 0.06:
                word = word[:1].upper() + word[1:]
            elif style < 0.08:
                word = word.upper()
            opening = style > 0.92 or place == count - 1
            if opening:
                word += ".?!."[place % 4]
            elif style > 0.84:
                word += ",;:,"[place % 4]
            elif style > 0.82:
                word = f"({word})"
            words[place] = word
        return " ".join(words)


@functools.lru_cache(maxsize=16)
def load_pool(language: str, *, folder: str | None = None, split: Split | None = None) -> TextPool:
    """Load the texts of a language, or of a user's folder in any language.

    Raises:
        FileNotFoundError: If the folder does not exist or holds no readable text.
    """
    everything = _user_paragraphs(folder) if folder else _own_paragraphs(language)
    chosen = [text for text in everything if split is None or split_of("text/" + text) == split]
    if folder and not chosen:
        raise FileNotFoundError(
            f"None of the {len(everything)} paragraphs of {folder} is on the {split} side of the held-out split;"
            " add more text."
        )
    characters = _frequent_characters(everything) if folder else alphabet(language)
    return TextPool(language, tuple(chosen), _vocabulary(everything), characters, split)


def clean_text(text: str) -> str:
    """One line of printable text: composed, single spaces, no control, private or zero-width characters."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(
        char
        for char in text
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs", "Cn")
    )
    return " ".join(text.split())


def _own_paragraphs(language: str) -> list[str]:
    if language == "zh":
        files = sorted(Path("/usr/share/debian-reference").glob("debian-reference.zh-cn.txt.gz"))
        texts = [gzip.decompress(path.read_bytes()).decode("utf-8", "replace") for path in files]
        han = re.compile(r"[\u4e00-\u9fff]")
        known = set(alphabet("zh")) | set(gb2312()[1])
        return [
            text
            for text in _paragraphs(texts)
            if len(han.findall(text)) > 0.5 * len(text) and len(text) >= 12 and known.issuperset(text)
        ]
    from pydoc_data.topics import topics  # 465 000 characters of English that come with every Python

    licences = sorted(Path("/usr/share/common-licenses").glob("*"))
    texts = [topics[key] for key in sorted(topics)]
    texts += [
        path.read_text("utf-8", "replace") for path in licences if path.is_file() and not path.is_symlink()
    ]
    paragraphs = (text.translate(_TO_ASCII) for text in _paragraphs(texts))
    return [text for text in paragraphs if text.isascii() and len(text) >= 40 and _letter_share(text) > 0.72]


def _user_paragraphs(folder: str) -> list[str]:
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"--text {folder} does not exist.")
    paths = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    paths = [path for path in paths if path.suffix.lower() in TEXT_SUFFIXES]
    texts: list[str] = []
    total = 0
    for path in paths:
        try:
            text = (
                "\n\n".join(_read_pdf(path)) if path.suffix.lower() == ".pdf" else path.read_text("utf-8-sig")
            )
        except (OSError, UnicodeDecodeError, RuntimeError) as error:
            logger.warning("Leaving out %s: %s", path, error)
            continue
        texts.append(text)
        total += len(text)
        if total > MAX_CHARACTERS:
            logger.warning("Read the first %d characters of %s only.", total, folder)
            break
    paragraphs = _paragraphs(texts)
    if not paragraphs:
        raise FileNotFoundError(
            f"No text in {folder}: {len(paths)} of its files end in {' '.join(TEXT_SUFFIXES)}, and none holds a"
            " readable paragraph."
        )
    return paragraphs


def _read_pdf(path: Path) -> Iterator[str]:
    """The text of a PDF's pages; pdfium writes a word cut at a line's end with U+0002."""
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        for page in document:
            text = page.get_textpage().get_text_bounded()
            yield re.sub(r"[\x02\ufffe]\s*", "", text)
    finally:
        document.close()


def _paragraphs(texts: list[str]) -> list[str]:
    """Paragraphs (divided by blank lines), cleaned, long ones cut between sentences, each once, order kept."""
    found: dict[str, None] = {}
    for text in texts:
        for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
            cleaned = clean_text(block)
            while cleaned:
                piece, cleaned = _cut(cleaned)
                found.setdefault(piece)
    return list(found)


def _cut(text: str) -> tuple[str, str]:
    """The first part of a long text, up to the end of a sentence (else of a word), and the rest."""
    if len(text) <= MAX_PARAGRAPH:
        return text, ""
    ends = [match.end() for match in re.finditer(r"[.!?]\s|[。！？]|\s", text[:MAX_PARAGRAPH])]
    sentences = [end for end in ends if text[end - 1] in "。！？" or text[max(0, end - 2)] in ".!?"]
    end = (sentences or ends or [MAX_PARAGRAPH])[-1]
    return text[:end].strip(), text[end:].strip()


def _vocabulary(paragraphs: list[str]) -> tuple[str, ...]:
    counts: collections.Counter[str] = collections.Counter()
    for text in paragraphs:
        counts.update(re.findall(r"[^\W\d_]+", text.lower()))
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(word for word, _ in common if len(word) < 24)[:20_000] or ("text",)


def _frequent_characters(paragraphs: list[str]) -> str:
    counts = collections.Counter("".join(paragraphs))
    left = sum(counts.values()) * (1 - RARE_SHARE)
    kept = []
    for char, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if left <= 0:
            break
        kept.append(char)
        left -= count
    return "".join(sorted({*kept, " "}))


def _letter_share(text: str) -> float:
    return sum(char.isalpha() or char == " " for char in text) / len(text)


def _breaks(before: str, after: str) -> bool:
    """Tell whether a text may be cut between two characters."""
    return before == " " or after == " " or (ord(before) > 0x2E7F and ord(after) > 0x2E7F)
