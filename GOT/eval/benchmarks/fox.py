"""Fox: nine sub-tasks on dense pages, from the folder ``focus_benchmark_test`` as it is published."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from GOT.data.prompt import COLORS, build_question
from GOT.eval.benchmarks.base import Benchmark, LoadOptions, build_record, not_there
from GOT.eval.records import RawRecord, Record, load_ground_truth

SOURCE = "Fox is published at https://huggingface.co/datasets/ucaslcl/Fox_benchmark_data (focus_benchmark_test.zip)."
LAYOUT = (
    "Unzipped it holds en_page_ocr.json, cn_page_ocr.json, {en,cn}_{box,line,onbox}_ocr.json, en_box_translation.json, "
    "en_box_summary.json, en_page_indoc_caption.json, encn-multi-8page-{box-ocr,cross-vqa}.json and the folders "
    "{en,cn}_pdf_png, {en,cn}_pdf_png_onbox, en_pdf_png_render_laioncoco, pdfpng_encn_multi_8page."
)


@dataclasses.dataclass(frozen=True)
class SubTask:
    """Files of one sub-task, and how GOT is asked: in its own words where trained to, else as the record asks."""

    file: str
    images: str
    ask: str = "record"  # page, box, color: GOT's words; record: the question as it stands
    metric: str = "plain"


SUB_TASKS: dict[str, SubTask] = {
    "fox-en-page": SubTask("en_page_ocr.json", "en_pdf_png", "page"),
    "fox-zh-page": SubTask("cn_page_ocr.json", "cn_pdf_png", "page"),
    "fox-en-region": SubTask("en_box_ocr.json", "en_pdf_png", "box"),
    "fox-zh-region": SubTask("cn_box_ocr.json", "cn_pdf_png", "box"),
    "fox-en-line": SubTask("en_line_ocr.json", "en_pdf_png", "box"),
    "fox-zh-line": SubTask("cn_line_ocr.json", "cn_pdf_png", "box"),
    "fox-en-color": SubTask("en_onbox_ocr.json", "en_pdf_png_onbox", "color"),
    "fox-zh-color": SubTask("cn_onbox_ocr.json", "cn_pdf_png_onbox", "color"),
    "fox-translation": SubTask("en_box_translation.json", "en_pdf_png"),
    "fox-summary": SubTask("en_box_summary.json", "en_pdf_png", metric="summary"),
    "fox-caption": SubTask("en_page_indoc_caption.json", "en_pdf_png_render_laioncoco", metric="summary"),
    "fox-multi-page-region": SubTask("encn-multi-8page-box-ocr.json", "pdfpng_encn_multi_8page"),
    "fox-cross-page-vqa": SubTask(
        "encn-multi-8page-cross-vqa.json", "pdfpng_encn_multi_8page", metric="exact"
    ),
}

_BOX = re.compile(r"[\[(]\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*[\])]")
_COLOR = re.compile(rf"\b({'|'.join(COLORS)})\b", re.IGNORECASE)


def load(name: str, options: LoadOptions) -> Benchmark:
    """One sub-task.

    Raises:
        FileNotFoundError: If the folder is not Fox's; the message says where it is published.
    """
    task = SUB_TASKS[name]
    data = options.data
    if not (data / task.file).is_file() and (data / "focus_benchmark_test" / task.file).is_file():
        data = data / "focus_benchmark_test"
    for missing in (task.file, task.images):
        if not (data / missing).exists():
            raise not_there(data, "Fox", missing, SOURCE, LAYOUT)
    raw_records = load_ground_truth(data / task.file)[: options.limit]
    records = [_record(raw, data, task, options.crop, name) for raw in raw_records]
    return Benchmark(name, records, published=name, notes=_notes(task, records))


def asked_question(question: str, ask: str) -> str | None:
    """GOT's words for a record's question, or ``None`` where the record's own are asked.

    Boxes in Fox's questions are integers from 0 to 1000 already, as in GOT's prompts.
    """
    if ask == "page":
        return build_question("ocr")
    if ask == "box" and (box := _BOX.search(question)):
        return build_question("ocr", box=[int(value) for value in box.groups()])
    if ask == "color" and (color := _COLOR.search(question)):
        return build_question("ocr", color=color.group(1).lower())
    return None


def _record(raw: RawRecord, data: Path, task: SubTask, crop: bool, name: str) -> Record:
    folder = data / task.images
    # Fox's own list of commands pairs the English lines with the Chinese pages; take the folder that has the picture.
    other = data / task.images.replace("en_", "cn_", 1)
    if task.images.startswith("cn_"):
        other = data / task.images.replace("cn_", "en_", 1)
    if not (folder / raw.images[0]).exists() and (other / raw.images[0]).exists():
        folder = other
    crop = crop and task.ask == "page"
    asked = build_question("crop-ocr") if crop else asked_question(raw.question, task.ask)
    return build_record(raw, folder, asked=asked, crop=crop, metric=task.metric, group=name)


def _notes(task: SubTask, records: list[Record]) -> tuple[str, ...]:
    if task.ask == "record":
        return ("GOT was not trained on this sub-task; the record's question is asked as it stands.",)
    unclear = sum(asked_question(record.question, task.ask) is None for record in records)
    if unclear:
        return (f"{unclear} questions name no {task.ask}; they are asked as they stand.",)
    return ()
