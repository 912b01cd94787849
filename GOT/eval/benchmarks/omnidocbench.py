"""OmniDocBench: pages read to one Markdown file each, named as its official scorer looks for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from GOT.data.prompt import build_question
from GOT.eval.benchmarks.base import Benchmark, LoadOptions, not_there
from GOT.eval.records import Answer, Record, load_json_list
from GOT.eval.table_notation import latex_tables_to_html
from GOT.utils.io import write_text

SOURCE = "OmniDocBench is published at https://huggingface.co/datasets/opendatalab/OmniDocBench."
LAYOUT = "It holds OmniDocBench.json and the folder images/."


def load(name: str, options: LoadOptions) -> Benchmark:
    """All pages of the set; its own scorer judges them.

    Raises:
        FileNotFoundError: If the folder is not OmniDocBench's.
        ValueError: If a page has no name.
    """
    file, images = options.data / "OmniDocBench.json", options.data / "images"
    for path in (file, images):
        if not path.exists():
            raise not_there(options.data, "OmniDocBench", path.name, SOURCE, LAYOUT)
    question = build_question("crop-format" if options.crop else "format")
    records = []
    for index, entry in enumerate(load_json_list(file)[: options.limit]):
        info = entry.get("page_info") if isinstance(entry, dict) else None
        image = info.get("image_path") if isinstance(info, dict) else None
        if not isinstance(image, str) or not image:
            raise ValueError(f"{file}: record {index} has no page_info.image_path.")
        path = images / Path(image).name
        records.append(
            Record(
                index, image, question, question, "", (str(path),), crop=options.crop, metric="", group=name
            )
        )
    return Benchmark(name, records, published=name, write=write_predictions)


def write_predictions(records: Sequence[Record], answers: Sequence[Answer], folder: Path) -> str:
    """One Markdown file a page; LaTeX tables become HTML, which the scorer compares as trees."""
    for record, answer in zip(records, answers, strict=True):
        # The scorer takes the picture's name without its last four characters, whatever they are.
        write_text(folder / f"{Path(record.image).name[:-4]}.md", latex_tables_to_html(answer.answer))
    return f"Predictions for OmniDocBench's end2end scorer: set prediction.data_path to {folder.resolve()}"
