"""The shipped samples: every picture opens, has its exact text and its origin, and can be scored."""

from __future__ import annotations

import json
import re

import pytest
from PIL import Image

from GOT.__main__ import main
from GOT.eval.benchmarks import samples
from GOT.eval.benchmarks.base import LoadOptions
from tests.helpers import ROOT

FOLDER = ROOT / "assets" / "samples"
ENTRIES = json.loads((FOLDER / samples.FILE).read_text(encoding="utf-8"))
NAMES = [f"{index}-{entry['image']}" for index, entry in enumerate(ENTRIES)]


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_a_sample_opens_and_has_its_text_and_origin(entry):
    path = FOLDER / entry["image"]
    with Image.open(path) as image:
        image.load()
        darkest, brightest = image.convert("L").getextrema()
        assert brightest - darkest > 100 and min(image.size) >= 25
    assert path.stat().st_size < 100_000
    question, answer = (turn["value"] for turn in entry["conversations"])
    assert re.fullmatch(r"<image>\n(\[\d+, \d+, \d+, \d+\] OCR|OCR|OCR with format): ", question)
    assert answer and answer == answer.strip() and "  " not in answer
    assert entry["origin"].startswith(("Chromium", "pdfLaTeX", "LibreOffice", "xterm", "gnuplot", "Typst"))


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if "sources/" in entry["origin"]])
def test_a_sample_says_what_its_source_says(entry):
    """Every word of the answer stands in the file that was rendered: a reference cannot drift from its picture."""
    source = (FOLDER / re.search(r"sources/[\w.-]+", entry["origin"]).group()).read_text(encoding="utf-8")
    compact = re.sub(r"<[^>]+>|\s", "", source)
    answer = entry["conversations"][1]["value"]
    if entry["kind"] in ("formula", "chart"):
        words = re.findall(r"\w{2,}", answer.replace("None", ""))
        words = [word for word in words if word not in ("title", "source", "x_title", "y_title", "values")]
    else:
        words = re.sub(r"^#+ |\\[()[\]]", " ", answer, flags=re.MULTILINE).split()
    missing = [word for word in words if word not in compact and word.rstrip("s") not in compact]
    assert words and not [word for word in missing if "=" not in word]


def test_every_picture_of_the_folder_is_a_sample():
    assert {path.name for path in FOLDER.glob("*.png")} == {entry["image"] for entry in ENTRIES}
    kinds = {entry["kind"] for entry in ENTRIES}
    assert kinds == {"word", "line", "paragraph", "zh", "page", "box", "paper", "formula", "table", "chart"}


def test_right_answers_score_full_marks_in_every_row(tmp_path, capsys):
    predictions = [
        {
            "image": entry["image"],
            "question": entry["conversations"][0]["value"],
            "answer": entry["conversations"][1]["value"],
        }
        for entry in ENTRIES
    ]
    file = tmp_path / "predictions.json"
    file.write_text(json.dumps(predictions), encoding="utf-8")
    words = f"evaluate --benchmark samples --data {FOLDER} --from-predictions {file} --num-workers 1 -o {tmp_path}"
    assert main(words.split()) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {group["name"] for group in report["groups"]} == {entry["kind"] for entry in ENTRIES}
    for line in (tmp_path / "scores.jsonl").read_text(encoding="utf-8").splitlines():
        for stream in json.loads(line)["scores"].values():
            strict = stream["strict"] or {}  # no table on the page: nothing to score
            assert strict.get("edit_distance", 0) == 0 and strict.get("teds", 1) == 1
            assert strict.get("similarity_strict", 1) == 1 and strict.get("exact_match", 1) == 1
    assert "chart" in capsys.readouterr().out


def test_tiles_are_asked_of_pages_only_and_kinds_choose_rows(tmp_path):
    benchmark = samples.load("samples", LoadOptions(data=FOLDER, crop=True, kinds=("line", "page", "paper")))
    assert [record.index for record in benchmark.records] == list(range(len(benchmark.records)))
    asked = {record.group: (record.crop, record.asked) for record in benchmark.records}
    assert asked == {
        "line": (False, "OCR: "),
        "page": (True, "OCR upon the patch reference: "),
        "paper": (True, "OCR with format upon the patch reference: "),
    }
    with pytest.raises(ValueError, match=r"--kinds takes word, line, paragraph, .*got 'music'"):
        samples.load("samples", LoadOptions(data=FOLDER, kinds=("music",)))
    with pytest.raises(FileNotFoundError, match=r"there is no samples\.json in it.*assets/samples"):
        samples.load("samples", LoadOptions(data=tmp_path))
    (tmp_path / "samples.json").write_text('[{"image": "a.png"}]', encoding="utf-8")
    with pytest.raises(ValueError, match='record 0 has no "kind"'):
        samples.load("samples", LoadOptions(data=tmp_path))
