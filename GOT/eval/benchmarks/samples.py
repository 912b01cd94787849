"""The shipped sample pages: real renderings by browsers, LaTeX, LibreOffice and others, in rows by kind."""

from __future__ import annotations

import dataclasses

from GOT.data.prompt import build_question
from GOT.eval.benchmarks.base import Benchmark, LoadOptions, build_record, not_there
from GOT.eval.records import Record, load_ground_truth, load_json_list

FILE = "samples.json"
SOURCE = "It is the folder assets/samples of this project's source."
LAYOUT = f'Wanted: {FILE} in the published form of conversations, each record with a "kind" and an "origin" beside.'
# Kinds whose answers need more than a comparison of texts.
METRICS = {"formula": "formula", "table": "table", "chart": "chart", "paper": "formatted"}
CROP = {"page": "crop-ocr", "paper": "crop-format"}  # what --crop asks about tiles; the rest is small


def load(name: str, options: LoadOptions) -> Benchmark:
    """The records of ``options.data``, each in the row of its kind.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: For an unknown kind, or a record without one.
    """
    path = options.data / FILE
    if not path.is_file():
        raise not_there(options.data, name, FILE, SOURCE, LAYOUT)
    kinds = [_kind(path, index, value) for index, value in enumerate(load_json_list(path))]
    for kind in options.kinds:
        if kind not in kinds:
            raise ValueError(f"--kinds takes {', '.join(dict.fromkeys(kinds))}; got {kind!r}.")
    records: list[Record] = []
    for raw, kind in zip(load_ground_truth(path), kinds, strict=True):
        if options.kinds and kind not in options.kinds:
            continue
        crop = options.crop and kind in CROP
        asked = build_question(CROP[kind]) if crop else None
        record = build_record(
            raw, options.data, asked=asked, crop=crop, metric=METRICS.get(kind, "plain"), group=kind
        )
        records.append(dataclasses.replace(record, index=len(records)))
    return Benchmark(name, records[: options.limit])


def _kind(path: object, index: int, value: object) -> str:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or not kind:
        raise ValueError(f'{path}: record {index} has no "kind"; every sample names its row of the report.')
    return kind
