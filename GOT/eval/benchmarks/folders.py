"""Benchmarks that are one JSON of conversations and a folder of pictures: scene text, formatted pages, music, geometry.

The published command's own ``--gtfile_path`` and ``--image_path`` come in here too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from GOT.data.prompt import build_question
from GOT.eval.benchmarks.base import Benchmark, LoadOptions, build_record, not_there
from GOT.eval.chart_json import read_answer
from GOT.eval.records import RawRecord, load_ground_truth

SOURCE = "GOT's own test sets are in the download beside the weights (https://github.com/Ucas-HaoranWei/GOT-OCR2.0)."
LAYOUT = (
    'Wanted: one JSON list of {"image": "a.png", "conversations": [{"from": "human", "value": "<image>\\nOCR: "}, '
    '{"from": "gpt", "value": "text"}]}, and the pictures beside it or in a folder images/.'
)


@dataclasses.dataclass(frozen=True)
class Folder:
    """How one set is asked and scored."""

    task: str
    metric: str
    published: str


FOLDERS: dict[str, Folder] = {
    "scene": Folder("ocr", "scene", "scene"),
    "formatted": Folder("format", "formatted", "formatted"),
    "sheet-music": Folder("format", "plain", "sheet-music"),
    "geometry": Folder("format", "plain", "geometry"),
}

# What --datatype of the published command means here; the released program scores everything as plain text.
DATATYPES: dict[str, Folder] = {
    "ocr": Folder("ocr", "plain", ""),
    "plain": Folder("ocr", "plain", ""),
    "scene": FOLDERS["scene"],
    "format": FOLDERS["formatted"],
    "formula": Folder("format", "formula", ""),
    "table": Folder("format", "table", ""),
    "chart": Folder("format", "chart", ""),
    "music": FOLDERS["sheet-music"],
    "geometry": FOLDERS["geometry"],
    "summary": Folder("ocr", "summary", ""),
    "vqa": Folder("ocr", "exact", ""),
}


def load(name: str, options: LoadOptions) -> Benchmark:
    """One of :data:`FOLDERS` from its folder.

    Raises:
        FileNotFoundError: If there is no such folder, or no single JSON file in it.
    """
    files = sorted(options.data.glob("*.json"))
    if len(files) != 1:
        missing = "JSON file" if not files else f"single JSON file ({', '.join(file.name for file in files)})"
        raise not_there(options.data, name, missing, SOURCE, LAYOUT)
    images = options.data / "images"
    return load_files(name, files[0], images if images.is_dir() else options.data, FOLDERS[name], options)


def load_files(
    name: str, ground_truth: Path, images: Path, folder: Folder, options: LoadOptions
) -> Benchmark:
    """Records of one ground-truth file.

    Raises:
        FileNotFoundError: If the file or the folder of pictures is not there.
        ValueError: If a record is not of the published form.
    """
    raw_records = load_ground_truth(ground_truth)[: options.limit]
    if not images.is_dir():
        raise FileNotFoundError(
            f"There is no folder {images}; --image_path wants the pictures that {ground_truth} names."
        )
    if folder.metric == "chart":
        _check_charts(ground_truth, raw_records)
    default = build_question(folder.task)
    asked = build_question(f"crop-{folder.task}") if options.crop else None
    records = [
        build_record(
            raw, images, asked=asked, default=default, crop=options.crop, metric=folder.metric, group=name
        )
        for raw in raw_records
    ]
    published = (
        f"{folder.published}-crop" if options.crop and folder.published == "formatted" else folder.published
    )
    return Benchmark(name, records, published=published)


def _check_charts(ground_truth: Path, raw_records: Sequence[RawRecord]) -> None:
    """Find references that cannot be scored before anything is read for them."""
    for raw in raw_records:
        if read_answer(raw.answer) is None:
            raise ValueError(
                f"{ground_truth}: record {raw.index} (image {raw.image!r}): the answer of a chart must be a JSON "
                f"object with values; got {raw.answer[:80]!r}."
            )
