"""Ground truth and predictions, from files to records: read, checked, and every fault named by its record."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from GOT.utils.constants import DEFAULT_IMAGE_TOKEN

_NUMBERS = re.compile(r"(\d+)")


@dataclasses.dataclass(frozen=True)
class Record:
    """One question about one picture, and its answer.

    Attributes:
        index: Place in the ground truth, from 0.
        image: The picture (or pictures) as the ground truth names it.
        question: The question as the ground truth has it; with ``image`` it identifies the record.
        asked: What the model is asked, word for word.
        reference: The right answer.
        images: Paths of the picture, or of the pages of a multi-page record.
        page: Page of a PDF, from 1.
        crop: Cut the page into tiles.
        metric: A name of ``eval.METRICS``, or ``""`` where an official scorer takes over.
        group: The row of the report that this record belongs to.
    """

    index: int
    image: str
    question: str
    asked: str
    reference: str
    images: tuple[str, ...]
    page: int | None = None
    crop: bool = False
    metric: str = "plain"
    group: str = ""

    @property
    def name(self) -> str:
        """How messages call this record."""
        return f"record {self.index} (image {self.image!r})"


@dataclasses.dataclass(frozen=True)
class RawRecord:
    """A ground-truth entry in the published form, checked."""

    index: int
    images: tuple[str, ...]
    question: str
    answer: str

    @property
    def image(self) -> str:
        """The picture's name; several are joined by ``|``."""
        return "|".join(self.images)


def load_ground_truth(path: str | Path) -> list[RawRecord]:
    """Read ``[{"image": "a.png", "conversations": [{"value": question}, {"value": answer}]}]``, or JSON lines of it.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it is not JSON, a record lacks something, or two records ask the same of the same picture.
    """
    records = [_raw_record(path, index, value) for index, value in enumerate(load_json_list(path))]
    if not records:
        raise ValueError(f"{path} holds no records.")
    seen: dict[tuple[str, str], int] = {}
    for record in records:
        first = seen.setdefault((record.image, record.question), record.index)
        if first != record.index:
            raise ValueError(
                f"{path}: record {record.index} asks the same question about image {record.image!r} as record {first}; "
                "each may be there once."
            )
    return records


def load_json_list(path: str | Path) -> list[Any]:
    """Read a JSON list, or JSON lines.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it is neither.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; a JSON list of records is wanted.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text, so it is not JSON ({error}).") from error
    try:
        value = json.loads(text)
    except ValueError as whole:
        lines = text.split("\n")
        values: list[Any] = []
        for number, line in enumerate(lines, start=1):
            try:
                values += [json.loads(line)] if line.strip() else []
            except ValueError as error:
                if not values:
                    raise ValueError(f"{path} is not JSON: {whole}.") from whole
                raise ValueError(f"{path}: line {number} of {len(lines)} is not JSON: {error}.") from error
        return values
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and "\n" not in text.strip():
        return [value]  # JSON lines with a single line
    raise ValueError(f"{path} must hold a JSON list of records; it holds one {type(value).__name__}.")


def question_of(text: str) -> str:
    """A record's question without the marks that stand for the picture; the trailing space of a prompt stays."""
    return re.sub(rf"\s*{re.escape(DEFAULT_IMAGE_TOKEN)}\s*", "", text)


def resolve_images(folder: str | Path, names: Iterable[str]) -> tuple[str, ...]:
    """Paths of a record's pictures below ``folder``; a folder stands for the pages in it, in natural order."""
    paths: list[str] = []
    for name in names:
        path = Path(folder) / name
        if path.is_dir():
            pages = [page for page in path.iterdir() if is_picture(page)]
            paths += map(str, sorted(pages, key=lambda page: natural_key(page.name)))
        else:
            paths.append(str(path))
    return tuple(paths)


def is_picture(path: Path) -> bool:
    """Tell by a file's name whether it is a picture that we read."""
    from GOT.data.image import IMAGE_SUFFIXES  # brings torch, which scoring does without

    return path.suffix.lower() in IMAGE_SUFFIXES


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Sort key that puts page 10 after page 9."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in _NUMBERS.split(name)]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What was read for one record.

    Attributes:
        index: The record's place in the ground truth.
        image: The picture as the ground truth names it.
        question: The question as the ground truth has it.
        asked: What the model was asked; empty for predictions from a file.
        label: The right answer.
        answer: The text that was read.
        status: ``ok``, ``blank``, ``repeated``, ``truncated``, ``retried``, ``failed`` (see ``inference.results``),
            or ``given`` for predictions from a file.
        finish_reason: Why decoding ended.
        error: Why there is no text.
        confidence: Geometric mean of the answer's token probabilities.
        num_tokens: Tokens of the answer.
        seconds: Reading time.
    """

    index: int
    image: str
    question: str
    asked: str
    label: str
    answer: str
    status: str
    finish_reason: str = ""
    error: str | None = None
    confidence: float | None = None
    num_tokens: int = 0
    seconds: float = 0.0

    def to_line(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    @classmethod
    def from_line(cls, line: str) -> Answer:
        """The inverse of :meth:`to_line`.

        Raises:
            ValueError: If the line is not whole.
        """
        try:
            return cls(**json.loads(line))
        except TypeError as error:
            raise ValueError(f"not an answer of this program: {error}") from error


def answers_from_predictions(path: str | Path, records: Sequence[Record]) -> list[Answer]:
    """Any model's answers as a JSON list or JSON lines, matched to the records.

    An entry names its ``image`` (or ``imagename``; without its folder, if no other picture has that name) and has its
    text under ``answer`` (or ``prediction``, ``text``); where a picture is asked about more than once, its
    ``question`` too.

    Raises:
        ValueError: If an entry lacks something or is there twice, or a record has no entry.
    """
    exact: dict[tuple[str, str], tuple[int, str]] = {}
    by_image: dict[str, list[tuple[int, str]]] = {}
    for index, entry in enumerate(load_json_list(path)):
        image, question, text = _prediction(path, index, entry)
        if question is not None:
            first = exact.setdefault((image, question_of(question)), (index, text))
            if first[0] != index:
                raise ValueError(
                    f"{path}: entry {index} answers image {image!r} again, after entry {first[0]}."
                )
        by_image.setdefault(image, []).append((index, text))
    alone = Counter(record.image for record in records)
    shared = Counter(Path(image).name for image in alone)
    answers = []
    for record in records:
        name = Path(record.image).name
        candidates = by_image.get(record.image) or (by_image.get(name, []) if shared[name] == 1 else [])
        answers.append(_answer_of(path, record, exact, candidates if alone[record.image] == 1 else []))
    return answers


def _answer_of(
    path: str | Path,
    record: Record,
    exact: dict[tuple[str, str], tuple[int, str]],
    candidates: list[tuple[int, str]],
) -> Answer:
    found = exact.get((record.image, question_of(record.question)))
    if found is None and candidates:
        if len(candidates) > 1:
            first, second = candidates[0][0], candidates[1][0]
            raise ValueError(
                f"{path}: entry {second} answers image {record.image!r} again, after entry {first}."
            )
        found = candidates[0]
    if found is None:
        raise ValueError(
            f"{path} has no answer for {record.name}, question {record.question!r}; every record needs one."
        )
    return Answer(record.index, record.image, record.question, "", record.reference, found[1], "given")


def _prediction(path: str | Path, index: int, entry: Any) -> tuple[str, str | None, str]:
    if not isinstance(entry, dict):
        raise ValueError(
            f"{path}: entry {index} is a {type(entry).__name__}; an object with image and answer is wanted."
        )
    image = next((entry[key] for key in ("image", "imagename", "images") if key in entry), None)
    if isinstance(image, list):
        image = "|".join(map(str, image))
    if not isinstance(image, str):
        raise ValueError(f"{path}: entry {index} names no image.")
    text = next((entry[key] for key in ("answer", "prediction", "text") if key in entry), None)
    if text is None:
        raise ValueError(f"{path}: entry {index} (image {image!r}) has no answer.")
    question = entry.get("question")
    return (
        image,
        question if isinstance(question, str) else None,
        text if isinstance(text, str) else json.dumps(text),
    )


def _raw_record(path: str | Path, index: int, value: Any) -> RawRecord:
    if not isinstance(value, dict):
        raise ValueError(f"{path}: record {index} is a {type(value).__name__}; an object is wanted.")
    images = value.get("image")
    images = [images] if isinstance(images, str) else images
    if (
        not isinstance(images, list)
        or not images
        or not all(isinstance(name, str) and name for name in images)
    ):
        raise ValueError(f'{path}: record {index} has no "image": a file name, or a list of them.')
    where = f"{path}: record {index} (image {'|'.join(images)!r})"
    turns = value.get("conversations")
    if not isinstance(turns, list) or len(turns) < 2:
        raise ValueError(f'{where} has no "conversations" with a question and an answer.')
    texts = [turn.get("value") if isinstance(turn, dict) else None for turn in turns[:2]]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(
            f'{where}: the question and the answer in "conversations" must be {{"value": text}}.'
        )
    return RawRecord(index, tuple(images), str(texts[0]), str(texts[1]))


def read_lines(data: bytes) -> Iterator[Answer]:
    """The whole lines of an answers file; a torn last line (the run was killed while writing) is left out."""
    for line in data.split(b"\n")[:-1]:
        yield Answer.from_line(line.decode("utf-8"))
