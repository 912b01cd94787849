"""Text to token ids and back: Qwen's byte-pair encoding with GOT's special tokens, full or cut to a small vocabulary.

A user's text is always ordinary text: the strings ``<|im_end|>`` or ``<imgpad>`` in it never become control tokens.
"""

from __future__ import annotations

import base64
import codecs
import dataclasses
import functools
import importlib.resources
import json
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import tiktoken

from GOT.data import transformers_layout
from GOT.utils import io
from GOT.utils.constants import (
    DEFAULT_IM_END_TOKEN,
    DEFAULT_IM_START_TOKEN,
    DEFAULT_IMAGE_PATCH_TOKEN,
    END_OF_TEXT,
    TURN_END,
    TURN_START,
)

RANKS_FILE = "qwen.tiktoken"
SETTINGS_FILE = "tokenizer_config.json"

# How text is cut before pairs are merged. Source: Qwen's tokenizer (cl100k's pattern, but one digit at a time).
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CORE_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)
IMAGE_TOKENS = (
    "<ref>",
    "</ref>",
    "<box>",
    "</box>",
    "<quad>",
    "</quad>",
    DEFAULT_IM_START_TOKEN,
    DEFAULT_IM_END_TOKEN,
    DEFAULT_IMAGE_PATCH_TOKEN,
)
# 3 + 205 + 9 special tokens after 151,643 ranks: 151,860 entries, <img> at 151857, as published.
FULL_SPECIAL_TOKENS = (*CORE_TOKENS, *(f"<|extra_{i}|>" for i in range(205)), *IMAGE_TOKENS)
SMALL_SPECIAL_TOKENS = CORE_TOKENS + IMAGE_TOKENS  # for a cut vocabulary


@dataclasses.dataclass(frozen=True)
class SpecialTokens:
    """Ids of the control tokens that prompts and decoding need."""

    end_of_text: int  # also pads
    turn_start: int
    turn_end: int  # stops an answer
    image_start: int
    image_end: int
    image: int  # the placeholder that image features replace


class GOTTokenizer:
    """Qwen's byte-pair encoding plus special tokens.

    Args:
        ranks: Token bytes to id, a whole prefix ``0 .. len - 1`` of Qwen's ranks; holds all 256 bytes.
        special_tokens: Control strings; their ids follow the ranks in this order.
        pattern: The expression that cuts text into words before merging.

    Example:
        >>> tokenizer = GOTTokenizer.published()
        >>> tokenizer.decode(tokenizer.encode("E = mc²"))
        'E = mc²'
    """

    def __init__(
        self,
        ranks: dict[bytes, int],
        special_tokens: Sequence[str] = FULL_SPECIAL_TOKENS,
        pattern: str = SPLIT_PATTERN,
    ) -> None:
        missing = sum(bytes([value]) not in ranks for value in range(256))
        if missing or sorted(ranks.values()) != list(range(len(ranks))):
            raise ValueError(
                f"The byte-pair ranks are not a whole prefix: {len(ranks)} entries, {missing} of 256 bytes missing."
            )
        self.ranks = ranks
        self.pattern = pattern
        self.special_tokens = {token: len(ranks) + index for index, token in enumerate(special_tokens)}
        self._encoding = tiktoken.Encoding(
            "GOT", pat_str=pattern, mergeable_ranks=ranks, special_tokens=self.special_tokens
        )
        absent = [token for token in SMALL_SPECIAL_TOKENS if token not in self.special_tokens]
        if absent:
            raise ValueError(f"The tokenizer lacks the special tokens {', '.join(absent)}.")
        self.special = SpecialTokens(
            end_of_text=self.special_tokens[END_OF_TEXT],
            turn_start=self.special_tokens[TURN_START],
            turn_end=self.special_tokens[TURN_END],
            image_start=self.special_tokens[DEFAULT_IM_START_TOKEN],
            image_end=self.special_tokens[DEFAULT_IM_END_TOKEN],
            image=self.special_tokens[DEFAULT_IMAGE_PATCH_TOKEN],
        )

    @classmethod
    def published(cls) -> GOTTokenizer:
        """The full tokenizer, from the ranks shipped with this package."""
        return cls(published_ranks())

    @classmethod
    def small(cls, num_ranks: int) -> GOTTokenizer:
        """The first ``num_ranks`` merges of Qwen's ranks: a valid encoding of any text with a small vocabulary."""
        ranks = published_ranks()
        if not 256 <= num_ranks <= len(ranks):
            raise ValueError(f"num_ranks must be 256..{len(ranks)}; got {num_ranks}.")
        return cls({token: rank for token, rank in ranks.items() if rank < num_ranks}, SMALL_SPECIAL_TOKENS)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> GOTTokenizer:
        """Load a checkpoint's own tokenizer, or the published one if the folder holds none.

        Looks for ``qwen.tiktoken`` (original layout), then ``tokenizer.json`` (transformers layout).

        Raises:
            FileNotFoundError: If there is no such folder.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise FileNotFoundError(f"There is no folder {folder} to take a tokenizer from.")
        if (folder / RANKS_FILE).is_file():
            return cls(
                parse_ranks((folder / RANKS_FILE).read_bytes(), where=folder / RANKS_FILE),
                _specials_in(folder),
            )
        if (folder / transformers_layout.TOKENIZER_FILE).is_file():
            ranks, special_tokens, pattern = transformers_layout.read_tokenizer_json(
                folder / transformers_layout.TOKENIZER_FILE
            )
            return cls(ranks, special_tokens, pattern or SPLIT_PATTERN)
        return cls.published()

    def save_pretrained(
        self, folder: str | Path, layout: Literal["original", "transformers"] = "original"
    ) -> None:
        """Write ``qwen.tiktoken`` and the list of special tokens, or the files that transformers reads."""
        folder = Path(folder)
        if layout == "transformers":
            io.write_text(folder / transformers_layout.TOKENIZER_FILE, self._tokenizer_json)
            settings = transformers_layout.tokenizer_settings(
                list(self.special_tokens), end_of_text=END_OF_TEXT
            )
            io.write_json(folder / SETTINGS_FILE, settings)
            return
        lines = (base64.b64encode(token) + b" %d\n" % rank for token, rank in self.ranks.items())
        io.write_bytes(folder / RANKS_FILE, b"".join(lines))
        settings = {
            "model_max_length": 8000,
            "tokenizer_class": "QWenTokenizer",
            "special_tokens": list(self.special_tokens),
        }
        io.write_json(folder / SETTINGS_FILE, settings)

    @functools.cached_property
    def _tokenizer_json(self) -> str:  # takes seconds, and every checkpoint of a training run wants it
        content = transformers_layout.tokenizer_json(self.ranks, self.special_tokens, self.pattern)
        return json.dumps(content, ensure_ascii=False)

    def __len__(self) -> int:
        return len(self.ranks) + len(self.special_tokens)

    def encode(self, text: str) -> list[int]:
        """Encode ordinary text; control strings in it stay text.

        The text is composed first (NFC), as in Qwen's own tokenizer, so "é" has one encoding however it was typed.
        """
        return self._encoding.encode_ordinary(unicodedata.normalize("NFC", text))

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """Decode ids; bytes that are no UTF-8 become U+FFFD."""
        first_special, last = len(self.ranks), len(self)
        ids = [i for i in ids if i < (first_special if skip_special_tokens else last)]
        return self._encoding.decode(ids, errors="replace")

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of one token; empty for special tokens."""
        return self._encoding.decode_single_token_bytes(token_id) if token_id < len(self.ranks) else b""


class StreamDecoder:
    """Decode ids one by one; a character is given out when its last byte has come."""

    def __init__(self, tokenizer: GOTTokenizer) -> None:
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        """Text that this token completes; may be empty."""
        return self._utf8.decode(self._tokenizer.token_bytes(token_id))

    def finish(self) -> str:
        """What is left when no more tokens come."""
        return self._utf8.decode(b"", final=True)


def count_tokens(text: str) -> int:
    """Tokens of a text in the published vocabulary."""
    return len(_published().encode(text))


@functools.lru_cache(maxsize=1)
def _published() -> GOTTokenizer:
    return GOTTokenizer.published()


@functools.lru_cache(maxsize=1)
def published_ranks() -> dict[bytes, int]:
    """Qwen's 151,643 ranks as shipped (package data; origin and checksum in ``GOT/data/NOTICE``)."""
    file = importlib.resources.files("GOT.data") / RANKS_FILE
    return parse_ranks(file.read_bytes(), where=RANKS_FILE)


def parse_ranks(content: bytes, *, where: str | Path) -> dict[bytes, int]:
    """Read a ``.tiktoken`` file: a base64 token and its rank on each line."""
    try:
        return {
            base64.b64decode(token): int(rank)
            for token, rank in (line.split() for line in content.splitlines() if line)
        }
    except ValueError as error:
        raise ValueError(
            f"{where} is not a tiktoken file ({error}); each line holds a base64 token and its rank."
        ) from error


def _specials_in(folder: Path) -> Sequence[str]:
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return FULL_SPECIAL_TOKENS
    try:
        listed = json.loads(path.read_text(encoding="utf-8")).get("special_tokens") or FULL_SPECIAL_TOKENS
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is not a JSON object ({error}).") from error
    if not all(isinstance(token, str) for token in listed) or len(set(listed)) != len(listed):
        raise ValueError(f"special_tokens in {path} must be different strings.")
    return listed
