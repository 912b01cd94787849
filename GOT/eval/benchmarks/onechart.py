"""OneChart's ChartQA-SE and PlotQA-SE: pictures of charts to their data."""

from __future__ import annotations

import json
from pathlib import Path

from GOT.data.prompt import build_question
from GOT.eval.benchmarks.base import Benchmark, LoadOptions, not_there
from GOT.eval.charts import TEXT_FIELDS
from GOT.eval.records import Record, is_picture, load_json_list

SOURCE = (
    "ChartSE_Benchmark is published through https://github.com/LingyvKong/OneChart (a link in its README)."
)
LAYOUT = (
    'Wanted: ChartQA_test_human_filter.json (or a PlotQA*.json): a list of {"images": "a.png", "gts": {"title", '
    '"source", "x_title", "y_title", "values"}}, and the pictures in any folder below.'
)
PATTERNS = {"onechart": "ChartQA*.json", "onechart-plotqa": "PlotQA*.json"}


def load(name: str, options: LoadOptions) -> Benchmark:
    """One of the two sets.

    Raises:
        FileNotFoundError: If the folder is not OneChart's.
        ValueError: If a record is not of the published form.
    """
    data = options.data
    if (data / "ChartSE_Benchmark").is_dir():
        data = data / "ChartSE_Benchmark"
    files = sorted(data.glob(PATTERNS[name])) or sorted(data.glob(PATTERNS[name].lower()))
    if not files:
        raise not_there(data, "OneChart", PATTERNS[name], SOURCE, LAYOUT)
    pictures = {path.name: path for path in sorted(data.rglob("*")) if is_picture(path)}
    entries = load_json_list(files[0])[: options.limit]
    records = [_record(files[0], index, entry, pictures, name) for index, entry in enumerate(entries)]
    seen: dict[str, int] = {}
    for record in records:
        first = seen.setdefault(record.image, record.index)
        if first != record.index:
            raise ValueError(
                f"{files[0]}: record {record.index} names image {record.image!r} again, after record {first}."
            )
    return Benchmark(name, records, published=name)


def _record(file: Path, index: int, entry: object, pictures: dict[str, Path], name: str) -> Record:
    image = entry.get("images") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(image, str):
        raise ValueError(f'{file}: record {index} has no "images": the name of a picture.')
    truth = entry.get("gts")
    missing = [key for key in (*TEXT_FIELDS, "values") if not isinstance(truth, dict) or key not in truth]
    if missing:
        raise ValueError(f'{file}: record {index} (image {image!r}) has no {missing[0]!r} in "gts".')
    path = pictures.get(
        Path(image).name, file.parent / image
    )  # one that is not there becomes a failed record
    question = build_question("format")
    return Record(
        index,
        image,
        question,
        question,
        json.dumps(truth, ensure_ascii=False),
        (str(path),),
        metric="chart",
        group=name,
    )
