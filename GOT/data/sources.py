"""Files of records to records: the published conversation JSON, ms-swift's and OpenAI-style JSONL, mixtures of them.

Knows nothing about pixels or tokens (``data.dataset``). Record files are converted once into a memory-mapped table
that all ranks and workers of a machine share, so that millions of records cost no memory.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from GOT.data.prompt import TASKS, Layout
from GOT.utils import io
from GOT.utils.constants import CONVERSATION_DATA, DEFAULT_IMAGE_TOKEN
from GOT.utils.lazy import require


@dataclasses.dataclass(frozen=True)
class Exchange:
    """One question and its answer; ``num_images`` pictures stand before the question."""

    question: str
    answer: str
    num_images: int = 0


@dataclasses.dataclass(frozen=True)
class Record:
    """One training sample as text, whatever file it came from.

    Attributes:
        exchanges: Turns in order.
        images: Paths (or folder prefixes, or PIL pictures of a sample made on the fly), in order.
        system: Words of the system turn; None: the published ones.
        glyphs: Where the only picture's characters stand, ``(character, x, y)`` in its pixels (see ``data.glyph_map``);
            None where that is not known.
    """

    exchanges: tuple[Exchange, ...]
    images: tuple[Any, ...] = ()
    system: str | None = None
    glyphs: Sequence[tuple[str, float, float]] | None = None


@dataclasses.dataclass(frozen=True)
class DataSource:
    """A named set of records.

    Attributes:
        name: What ``--datasets`` calls it.
        annotations: A ``.json`` or ``.jsonl`` file.
        images: Folder that relative image paths start from; the annotations' own folder by default.
        weight: How often each record comes in an epoch: 0.5 takes half of them, 2 takes all twice.
    """

    name: str
    annotations: Path
    images: Path
    weight: float = 1.0


class RecordTable(Protocol):
    """Records by number; ``synth:`` recipes are tables too."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mapping[str, Any]: ...


def find_sources(
    names: str, *, data_config: str | Path | None = None, root: Path | None = None
) -> list[DataSource]:
    """Resolve what ``--datasets a+b`` names.

    Args:
        names: Names joined by ``+``; a path to a ``.json`` or ``.jsonl`` file stands for itself.
        data_config: JSON file ``{"name": {"annotations": …, "images": …, "weight": …}}``, paths relative to it;
            ``CONVERSATION_DATA`` by default, paths relative to ``root``.
        root: The repository's root.

    Raises:
        ValueError: For an unknown name; the message lists the known ones.
        FileNotFoundError: If a file is missing.
    """
    base = Path(data_config).resolve().parent if data_config else (root or Path())
    known = _read_config(Path(data_config)) if data_config else CONVERSATION_DATA
    sources = []
    for name in filter(None, (part.strip() for part in names.split("+"))):
        if name in known:
            entry = known[name]
            if "annotations" not in entry:
                raise ValueError(
                    f"The data set {name} of {data_config} has no 'annotations' (a .json or .jsonl file)."
                )
            annotations = base / entry["annotations"]
            images = base / entry["images"] if entry.get("images") else annotations.parent
            sources.append(DataSource(name, annotations, images, float(entry.get("weight", 1.0))))
        elif name.endswith((".json", ".jsonl")):
            sources.append(DataSource(Path(name).stem, Path(name), Path(name).resolve().parent))
        else:
            where = str(data_config) if data_config else "CONVERSATION_DATA (give --data-config for your own)"
            raise ValueError(f"There is no data set {name!r} in {where}; it has {', '.join(sorted(known))}.")
    for source in sources:
        if not source.annotations.is_file():
            raise FileNotFoundError(
                f"The data set {source.name} wants {source.annotations}, which is not there."
            )
        if not source.weight > 0:
            raise ValueError(f"The data set {source.name} has weight {source.weight}; weights are positive.")
    if not sources:
        raise ValueError("--datasets names nothing; join names by +, such as pdf-ocr+scene-ocr.")
    return sources


def open_table(source: DataSource, *, cache_dir: str | Path | None = None) -> RecordTable:
    """Open a source as a memory-mapped table of JSON texts, converting it the first time.

    Args:
        source: What to open.
        cache_dir: Where converted tables are kept; the ``datasets`` library's cache by default.
    """
    datasets = require("datasets", extra="train")
    status = source.annotations.stat()
    datasets.disable_progress_bars()
    try:
        table = datasets.Dataset.from_generator(
            _json_texts,
            # The stamp is part of the cache's key: a changed file is converted anew.
            gen_kwargs={
                "path": str(source.annotations.resolve()),
                "stamp": (status.st_size, status.st_mtime_ns),
            },
            features=datasets.Features({"json": datasets.Value("large_string")}),
            cache_dir=str(cache_dir) if cache_dir else None,
        )
    except datasets.exceptions.DatasetGenerationError as error:
        raise ValueError(str(error.__cause__ or error)) from error
    return _JsonTable(table, _file_digest(source.annotations))


def parse_record(values: Mapping[str, Any]) -> Record:
    """Read one record of any known format.

    Raises:
        ValueError: If it is none of :data:`FORMATS`, or damaged; the message says where.
    """
    for key, parse in FORMATS.items():
        if key in values:
            return parse(values)
    raise ValueError(
        f"a record needs one of {', '.join(FORMATS)}; this one has {', '.join(map(str, values)) or 'nothing'}"
    )


def layout_of(question: str) -> Layout:
    """The layout that a question's words belong to: a crop question about one picture means tiles."""
    asked = question.rstrip()  # hand-written records often leave the space at the end out
    for task in TASKS.values():
        if task.layout == "crop" and asked.endswith(task.words.rstrip()):
            return task.layout
    return "single"


def iterate_json(path: str | Path) -> Iterator[Any]:
    """Yield the values of a ``.jsonl`` file, or of the array in a ``.json`` file, one at a time.

    Raises:
        ValueError: Naming the line or the record that is no JSON, or the file that is not UTF-8.
    """
    path = Path(path)
    with path.open(encoding="utf-8-sig") as file:  # some editors begin a file with a byte order mark
        try:
            yield from (_iterate_lines if path.suffix == ".jsonl" else _iterate_array)(file, path)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8: {error}.") from error


class _JsonTable:
    def __init__(self, table: Any, fingerprint: str) -> None:
        self._table = table
        self.fingerprint = fingerprint

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        values = json.loads(self._table[index]["json"])
        if not isinstance(values, dict):
            raise ValueError(f"a record is an object; this one is a {type(values).__name__}")
        return values


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json_texts(path: str, stamp: tuple[int, int]) -> Iterator[dict[str, str]]:
    for value in iterate_json(path):
        text = json.dumps(value, ensure_ascii=False)
        # Half a surrogate is no text that can be kept; escaped it gets as far as its record, which says so.
        yield {"json": text if text.isascii() or _is_unicode(text) else json.dumps(value)}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _iterate_lines(file: Any, path: Path) -> Iterator[Any]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                value = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}, line {number} is not JSON: {error}.") from error
            yield value


def _iterate_array(file: Any, path: Path, chunk: int = 1 << 20) -> Iterator[Any]:
    """Read a JSON array piece by piece, so that a file of gigabytes needs no gigabytes of memory."""
    decode = json.JSONDecoder().raw_decode
    buffer = file.read(chunk).lstrip(" \t\r\n")
    if not buffer.startswith("["):
        raise ValueError(f"{path} must hold a list of records: [ … ].")
    buffer, count = buffer[1:], 0
    while True:
        buffer = buffer.lstrip(" \t\r\n,")
        if buffer.startswith("]"):
            return
        try:
            value, end = decode(buffer)
            complete = end < len(buffer)  # a number at the very end might go on
        except ValueError as error:
            complete, failure = False, error
        else:
            failure = ValueError("the list is not closed")
        if complete:
            yield value
            buffer, count = buffer[end:], count + 1
            continue
        more = file.read(max(chunk, len(buffer)))
        if not more:
            raise ValueError(f"{path} is not JSON in or after record {count}: {failure}.")
        buffer += more


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; --data-config wants a JSON file of data sets.")
    values = io.read_json(path)
    if not isinstance(values, dict) or not all(isinstance(entry, dict) for entry in values.values()):
        raise ValueError(
            f'{path} must map names to data sets: {{"name": {{"annotations": …, "images": …}}}}.'
        )
    return values


def _from_conversations(values: Mapping[str, Any]) -> Record:
    turns = _list_of_dicts(values["conversations"], "conversations")
    roles = {
        "human": "user",
        "user": "user",
        "gpt": "assistant",
        "assistant": "assistant",
        "system": "system",
    }
    messages = [(roles.get(str(turn.get("from")), ""), _text(turn.get("value"))) for turn in turns]
    record = _from_turns(messages, _images(values))
    glyphs = values.get("glyphs")
    return dataclasses.replace(record, glyphs=glyphs) if glyphs and len(record.images) == 1 else record


def _from_messages(values: Mapping[str, Any]) -> Record:
    turns = _list_of_dicts(values["messages"], "messages")
    return _from_turns(
        [(str(turn.get("role")), _text(turn.get("content"))) for turn in turns], _images(values)
    )


def _from_query(values: Mapping[str, Any]) -> Record:
    messages = [("system", _text(values["system"]))] if values.get("system") else []
    for pair in values.get("history") or []:
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise ValueError("history must be a list of [query, response] pairs")
        messages += [("user", _text(pair[0])), ("assistant", _text(pair[1]))]
    messages += [("user", _text(values["query"])), ("assistant", _text(values.get("response")))]
    return _from_turns(messages, _images(values))


# What a record's key tells: {"conversations": …} as published, {"query": …} as ms-swift, {"messages": …} as chat APIs.
FORMATS: dict[str, Callable[[Mapping[str, Any]], Record]] = {
    "conversations": _from_conversations,
    "query": _from_query,
    "messages": _from_messages,
}


def _from_turns(messages: Sequence[tuple[str, str]], images: tuple[Any, ...]) -> Record:
    system = None
    if messages and messages[0][0] == "system":
        system, messages = messages[0][1], messages[1:]
    roles = [role for role, _ in messages]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise ValueError(f"turns must alternate between user and assistant; got {', '.join(roles) or 'none'}")
    exchanges, left = [], len(images)
    marked = any(DEFAULT_IMAGE_TOKEN in text for role, text in messages if role == "user")
    for index in range(0, len(messages), 2):
        question, answer = messages[index][1], messages[index + 1][1]
        if marked:
            question, count = _take_marks(question)
        else:
            count = left if index == 0 else 0
        left -= count
        exchanges.append(Exchange(question, answer, count))
    if left:
        raise ValueError(f"the record has {len(images)} images but its questions place {len(images) - left}")
    return Record(tuple(exchanges), images, system)


def _take_marks(question: str) -> tuple[str, int]:
    # "<image>\nOCR: ": the picture's end token and a line break follow anyway. Only line breaks go with a mark: the
    # space of "OCR: <image>" is part of the words. Marks count in questions only: the text of an answer is the page's,
    # whatever it holds.
    count = question.count(DEFAULT_IMAGE_TOKEN)
    return (
        (re.sub(rf"(?:\r?\n)?{DEFAULT_IMAGE_TOKEN}(?:\r?\n)?", "", question), count)
        if count
        else (question, 0)
    )


def _images(values: Mapping[str, Any]) -> tuple[Any, ...]:
    found = values.get("images", values.get("image"))
    if found is None:
        return ()
    entries = [entry for entry in (found if isinstance(found, list | tuple) else [found]) if entry != ""]
    return tuple(entry["path"] if isinstance(entry, dict) and "path" in entry else entry for entry in entries)


def _list_of_dicts(value: Any, name: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(turn, dict) for turn in value):
        raise ValueError(f"{name} must be a list of turns")
    return value


def _part_text(part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "image":
        return DEFAULT_IMAGE_TOKEN
    if kind == "text":
        return _text(part.get("text"))
    raise ValueError(f"a part of a message must be an image or text; got {kind!r}")


def _text(value: Any) -> str:
    if isinstance(value, list):  # chat APIs: [{"type": "image"}, {"type": "text", "text": …}]
        return "".join(_part_text(part) for part in value)
    if not isinstance(value, str):
        raise ValueError(f"a turn's text must be a string; got {type(value).__name__}")
    return value
