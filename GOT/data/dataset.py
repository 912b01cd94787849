"""Records to training samples: pictures opened, ids and labels built; a bad record is reported, never replaced.

T tokens · N views · S side of a view, in pixels
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from GOT.data.image import IMAGE_SUFFIXES, MAX_TILES, open_image
from GOT.data.processor import EncodedConversation, GOTProcessor, Turn
from GOT.data.sources import Exchange, Record, RecordTable, layout_of, parse_record
from GOT.utils.constants import IGNORE_INDEX
from GOT.utils.sorting import natural_key

LengthPolicy = Literal["error", "drop", "split"]


@dataclasses.dataclass(frozen=True)
class TrainingSample:
    """One sample, ready to be batched.

    Attributes:
        input_ids: (T,), int64.
        labels: (T,), int64.
        pixel_values: (N, 3, S, S), float32; N is 0 for text alone.
        glyph_maps: (N, rows, columns), int64, where the processor makes them (stage 1).
    """

    input_ids: Tensor
    labels: Tensor
    pixel_values: Tensor
    glyph_maps: Tensor | None = None


@dataclasses.dataclass(frozen=True)
class BadSample:
    """A record that could not become a sample, and why."""

    source: str
    index: int
    reason: str
    dropped: bool = False  # left out by the length policy, not a fault of the data


class SampleTooLongError(ValueError):
    """A sample over the token limit, under the policies ``drop`` and ``split``."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One source inside a mixture: its records, where its pictures are, how often each comes."""

    name: str
    table: RecordTable
    images: Path
    weight: float = 1.0


class ConversationDataset(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """A mixture of record tables as a list of samples.

    The order is fixed by ``seed``; every record of weight 1 is there exactly once. An item is a list: one sample,
    one :class:`BadSample`, or the pieces of a long conversation under the policy ``split``.

    Args:
        parts: The sources.
        processor: Makes ids, labels and views.
        max_length: Most tokens of a sample.
        length_policy: What happens to a longer one: ``error`` reports it as bad, ``drop`` leaves it out with a count,
            ``split`` makes a sample of each exchange that fits.
        max_tiles: Most tiles where a question asks for tiles.
        allow_empty_answers: Take samples whose answer is empty: blank pages, which teach to stop at once.
        seed: For sources of a weight that is no whole number.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        processor: GOTProcessor,
        *,
        max_length: int = 8192,
        length_policy: LengthPolicy = "error",
        max_tiles: int = MAX_TILES,
        allow_empty_answers: bool = False,
        seed: int = 42,
    ) -> None:
        self.parts = list(parts)
        self.processor = processor
        self.max_length = max_length
        self.length_policy = length_policy
        self.max_tiles = max_tiles
        self.allow_empty_answers = allow_empty_answers
        self._shares = [_Share(part, seed, index) for index, part in enumerate(self.parts)]
        self._ends = np.cumsum([len(share) for share in self._shares])
        if not len(self):
            raise ValueError(f"The data sets {', '.join(part.name for part in self.parts)} hold no records.")

    def __len__(self) -> int:
        return int(self._ends[-1])

    def entry(self, index: int) -> tuple[Part, int]:
        """The part that a sample is from, and its record there."""
        where = int(np.searchsorted(self._ends, index, side="right"))
        if not 0 <= index < len(self):
            raise IndexError(f"The data sets hold {len(self)} records; there is no number {index}.")
        before = int(self._ends[where - 1]) if where else 0
        return self.parts[where], self._shares[where].record(index - before)

    def __getitem__(self, index: int) -> list[TrainingSample | BadSample]:
        part, number = self.entry(index)
        try:
            record = parse_record(part.table[number])
            left_out = BadSample(part.name, number, "an exchange over --model_max_length", dropped=True)
            return [left_out if sample is None else sample for sample in self._samples(record, part.images)]
        except SampleTooLongError as error:
            return [BadSample(part.name, number, str(error), dropped=True)]
        except (ValueError, OSError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            return [BadSample(part.name, number, reason)]

    def fingerprint(self) -> str:
        """Tells this mixture from another: sizes, weights and records, wherever the files are and however typed."""
        digest = hashlib.blake2b(digest_size=16)
        for part in self.parts:
            digest.update(f"{len(part.table)}\0{part.weight}\0".encode())
            state = getattr(part.table, "fingerprint", None)
            for number in np.linspace(0, len(part.table) - 1, num=min(64, len(part.table)), dtype=int):
                content = state if state is not None else _canonical(part.table, int(number))
                digest.update(str(content).encode(errors="surrogatepass"))
        return digest.hexdigest()

    def lengths(self) -> list[int]:
        """A cheap measure of every sample's length, for grouping.

        Raises:
            ValueError: For samples that are drawn when they are asked for.
        """
        if any(hasattr(part.table, "recipe") for part in self.parts):
            raise ValueError("--group_by_length would draw every synthetic sample first; leave it out.")
        return [self.length_of(index) for index in range(len(self))]

    def length_of(self, index: int) -> int:
        """Characters of a sample's answers."""
        part, number = self.entry(index)
        try:
            return sum(len(turn.answer) for turn in parse_record(part.table[number]).exchanges)
        except (ValueError, KeyError, TypeError, AttributeError):
            return 0

    def _samples(self, record: Record, root: Path) -> Sequence[TrainingSample | None]:
        """The record's samples; None for each exchange that ``split`` leaves out."""
        if not self.allow_empty_answers and not all(turn.answer.strip() for turn in record.exchanges):
            raise ValueError("an answer is empty; --allow_empty_answers True teaches blank pages")
        views, counts = self._views(record, root)
        turns = [Turn(t.question, t.answer, n) for t, n in zip(record.exchanges, counts, strict=True)]
        encoded = self.processor.encode_conversation(turns, system=record.system)
        # A batch of text alone still sends one blank view through the encoder (see the collator).
        room = 0 if views else len(self.processor.view_tokens(1))
        if len(encoded.input_ids) + room <= self.max_length:
            maps = self.processor.encode_glyphs(views, record.glyphs)
            return [dataclasses.replace(self._sample(encoded, views), glyph_maps=maps)]
        if self.length_policy == "split" and len(turns) > 1:
            return self._split(turns, views, record.system)
        message = f"{len(encoded.input_ids)} tokens, more than the {self.max_length} of --model_max_length"
        raise (ValueError if self.length_policy == "error" else SampleTooLongError)(message)

    def _split(
        self, turns: Sequence[Turn], views: list[Image.Image], system: str | None
    ) -> list[TrainingSample | None]:
        """Each exchange that fits as a sample of its own, with all views that came up to it."""
        samples: list[TrainingSample | None] = []
        seen = 0
        for turn in turns:
            seen += turn.num_views
            alone = dataclasses.replace(turn, num_views=seen)
            encoded = self.processor.encode_conversation([alone], system=system)
            if len(encoded.input_ids) <= self.max_length:
                samples.append(self._sample(encoded, views[:seen]))
            else:
                samples.append(None)
        if not any(samples):
            raise SampleTooLongError(
                f"no exchange fits into the {self.max_length} tokens of --model_max_length"
            )
        return samples

    def _sample(self, encoded: EncodedConversation, views: Sequence[Image.Image]) -> TrainingSample:
        if all(label == IGNORE_INDEX for label in encoded.labels):
            raise ValueError("nothing to learn: no token has a label")
        return TrainingSample(
            torch.tensor(encoded.input_ids), torch.tensor(encoded.labels), self.processor.encode_views(views)
        )

    def _views(self, record: Record, root: Path) -> tuple[list[Image.Image], list[int]]:
        """Square views of all pictures, and how many stand before each exchange."""
        views: list[Image.Image] = []
        counts, position = [], 0
        for exchange in record.exchanges:
            mine = record.images[position : position + exchange.num_images]
            position += exchange.num_images
            if len(mine) != exchange.num_images:
                raise ValueError(f"its questions place more images than the {len(record.images)} it has")
            found = [view for image in mine for view in self._views_of(image, root, exchange)]
            views += found
            counts.append(len(found))
        return views, counts

    def _views_of(self, image: Any, root: Path, exchange: Exchange) -> list[Image.Image]:
        if isinstance(image, Image.Image):
            pages = [image]
        elif isinstance(image, str):
            pages = [open_image(path) for path in image_files(root, image)]
        else:
            raise ValueError(f"an image must be a path; got {type(image).__name__}")
        # Several pictures are pages, or tiles that are cut already.
        if exchange.num_images == len(pages) == 1 and layout_of(exchange.question) == "crop":
            return self.processor.views_of(pages, "crop", max_tiles=self.max_tiles)
        return pages


def image_files(root: Path, entry: str) -> list[Path]:
    """The files that a record's image entry names: one file, or all pictures under a folder or prefix.

    Natural order, so page_10.png follows page_9.png: the model reads pages in sequence. A prefix that ends in a number
    means that number: ``q1`` takes q1_a.png and not q10_a.png, unless there is nothing else.

    Raises:
        FileNotFoundError: If nothing is there.
    """
    path = root / entry
    if path.is_file() or path.suffix.lower() in IMAGE_SUFFIXES:
        return [path]
    folder, prefix = (path, "") if entry.endswith("/") or path.is_dir() else (path.parent, path.name)
    found = (
        [p for p in folder.iterdir() if p.name.startswith(prefix) and p.suffix.lower() in IMAGE_SUFFIXES]
        if folder.is_dir()
        else []
    )
    if not found:
        raise FileNotFoundError(f"{entry} is no image file, and no folder or prefix of images")
    if prefix[-1:].isdecimal():
        found = [p for p in found if not p.name[len(prefix)].isdecimal()] or found
    return sorted(found, key=lambda p: natural_key(p.name))


class Quarantine:
    """Writes each bad record once to ``quarantine.jsonl``, from any number of processes.

    Args:
        path: The file; None keeps nothing.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path = Path(path) if path else None
        self._known: set[tuple[str, int]] = set()
        self._read_to = 0  # bytes of the file that are known

    def report(self, bad: BadSample) -> bool:
        """Write a bad record down; False if it was written before (an earlier epoch, another process)."""
        if self.path is None:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(self._read_to)
            for line in file:  # what others wrote since the last look
                with contextlib.suppress(ValueError, KeyError):
                    entry = json.loads(line)
                    self._known.add((entry["source"], entry["index"]))
            known = (bad.source, bad.index) in self._known
            if not known:
                entry = {"source": bad.source, "index": bad.index, "reason": bad.reason}
                file.write(json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
                file.flush()
                self._known.add((bad.source, bad.index))
            self._read_to = file.seek(0, 2)
        return not known


class _Share:
    """Which records of a part come in an epoch: all of them so many times, then a chosen fraction.

    Counted, not listed: a recipe may promise a hundred million records.
    """

    def __init__(self, part: Part, seed: int, index: int) -> None:
        self.count = len(part.table)
        whole, fraction = divmod(part.weight, 1)
        self.repeated = int(whole) * self.count
        self.chosen = np.empty(0, dtype=np.int64)
        if fraction:
            order = np.random.default_rng([seed, index]).permutation(self.count)
            self.chosen = np.sort(order[: round(fraction * self.count)])

    def __len__(self) -> int:
        return self.repeated + len(self.chosen)

    def record(self, position: int) -> int:
        """The record at a place of the share."""
        if position < self.repeated:
            return position % self.count
        return int(self.chosen[position - self.repeated])


def _canonical(table: RecordTable, number: int) -> str:
    try:
        values: Mapping[str, Any] = table[number]
        return json.dumps(values, sort_keys=True, default=str)
    except ValueError as error:
        return str(error)
