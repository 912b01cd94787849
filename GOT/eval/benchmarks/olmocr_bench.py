"""olmOCR-bench: pages of PDFs read to one Markdown file each, named as its official scorer looks for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from GOT.data.prompt import build_question
from GOT.eval.benchmarks.base import Benchmark, LoadOptions, not_there
from GOT.eval.records import Answer, Record, load_json_list
from GOT.eval.table_notation import latex_tables_to_html
from GOT.utils.io import write_text

SOURCE = "olmOCR-bench is published at https://huggingface.co/datasets/allenai/olmOCR-bench."
LAYOUT = "Its folder bench_data holds the tests (*.jsonl) and the folder pdfs/."


def load(name: str, options: LoadOptions) -> Benchmark:
    """Every page that a test asks about, and the first page of every PDF, which the scorer's baseline test wants.

    Raises:
        FileNotFoundError: If the folder is not olmOCR-bench's.
        ValueError: If a test names no PDF.
    """
    data = options.data / "bench_data" if (options.data / "bench_data").is_dir() else options.data
    pdfs = data / "pdfs"
    tests = sorted(data.glob("*.jsonl"))
    if not pdfs.is_dir() or not tests:
        raise not_there(data, "olmOCR-bench", "*.jsonl" if pdfs.is_dir() else "pdfs", SOURCE, LAYOUT)
    pages = {(path.relative_to(pdfs).as_posix(), 1) for path in pdfs.rglob("*.pdf")}
    for file in tests:
        for index, test in enumerate(load_json_list(file)):
            pdf, page = (test.get("pdf"), test.get("page", 1)) if isinstance(test, dict) else (None, 1)
            if not isinstance(pdf, str) or not isinstance(page, int):
                raise ValueError(f"{file}: test {index} names no pdf and page.")
            pages.add((pdf, page))
    question = build_question("crop-format" if options.crop else "format")
    records = [
        Record(
            index, f"{pdf}#{page}", question, question, "", (str(pdfs / pdf),), page=page, crop=options.crop,
            metric="", group=name,
        )
        for index, (pdf, page) in enumerate(sorted(pages)[: options.limit])
    ]  # fmt: skip
    return Benchmark(name, records, published=name, write=write_predictions)


def write_predictions(records: Sequence[Record], answers: Sequence[Answer], folder: Path) -> str:
    """One Markdown file a page; LaTeX tables become HTML, the only tables with spans that the tests read."""
    for record, answer in zip(records, answers, strict=True):
        pdf = Path(record.image.rpartition("#")[0])
        name = f"{pdf.stem}_pg{record.page}_repeat1.md"
        write_text(folder / "got-ocr" / pdf.parent / name, latex_tables_to_html(answer.answer))
    return f"Predictions for olmocr.bench.benchmark: copy {(folder / 'got-ocr').resolve()} into bench_data"
