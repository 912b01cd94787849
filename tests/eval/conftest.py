"""A small benchmark in Fox's published layout, made once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont


def drawn_page(text: str, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Black text on white."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).multiline_text(
        (30, 30), text, fill="black", font=ImageFont.load_default(28), spacing=12
    )
    return image


PAGES = {
    "en_0.png": "Annual report\nRevenue grew by 12.5 %\nin the third quarter.",
    "en_1.png": "Chapter 2\nLight travels in a straight\nline through empty space.",
    "en_2.png": "Total: 1,200.50\nTax: 96.04\nThank you!",
    "en_10.png": "The quick brown fox jumps\nover the lazy dog.",
    "en_11.png": "Invoice 2024-117\nDue on receipt",
}


def conversation(image, question: str, answer: str) -> dict:
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"image": image, "conversations": turns}


@pytest.fixture(scope="session")
def fox_folder(tmp_path_factory) -> Path:
    """``focus_benchmark_test`` with five pages, one of which is no picture."""
    data = tmp_path_factory.mktemp("fox") / "focus_benchmark_test"
    for folder in (
        "en_pdf_png",
        "cn_pdf_png",
        "en_pdf_png_onbox",
        "cn_pdf_png_onbox",
        "en_pdf_png_render_laioncoco",
    ):
        (data / folder).mkdir(parents=True)
    for name, text in PAGES.items():
        drawn_page(text).save(data / "en_pdf_png" / name)
        drawn_page(text).save(data / "en_pdf_png_onbox" / name)
    (data / "en_pdf_png" / "en_2.png").write_bytes(b"not a picture")
    pages = data / "pdfpng_encn_multi_8page" / "doc_0"
    pages.mkdir(parents=True)
    for name in ("1.png", "2.png", "10.png"):
        drawn_page(name).save(pages / name)

    names = list(PAGES)

    def write(file: str, records: list[dict]) -> None:
        (data / file).write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")

    page = "<image>\nRead all the text of this page: "
    write("en_page_ocr.json", [conversation(name, page, text) for name, text in PAGES.items()])
    region = "<image>\nGive the text in the box [100, 200, 300, 400]: "
    write(
        "en_box_ocr.json",
        [conversation(names[0], region, "Annual report"), conversation(names[0], region[:-2], "x")],
    )
    write("en_line_ocr.json", [conversation(names[0], region, "Annual report")])
    write("en_onbox_ocr.json", [conversation(names[1], "Read the text in the Red box.", "Chapter 2")])
    write("en_box_translation.json", [conversation(names[0], "Translate [1, 2, 3, 4].", "年度报告")])
    write("en_box_summary.json", [conversation(names[0], "Sum up [1, 2, 3, 4].", "A report.")])
    write("en_page_indoc_caption.json", [conversation(names[0], "Describe the figure.", "A figure.")])
    write("encn-multi-8page-box-ocr.json", [conversation("doc_0", "Page 2, [1, 2, 3, 4]?", "2.png")])
    write(
        "encn-multi-8page-cross-vqa.json",
        [conversation(["doc_0/1.png", "doc_0/2.png"], "Which is longer?", "page 2")],
    )
    return data
