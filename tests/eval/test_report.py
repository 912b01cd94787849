"""The report: right numbers, worst pages first, nothing that loads or runs, the same bytes every time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from PIL import Image

from GOT.eval.evaluation import ScoredRecord, evaluate
from GOT.eval.records import Answer, Record
from GOT.eval.report import Report, peer_table, to_json, to_markdown, to_text, write_report
from GOT.eval.report_html import POLICY, diff_html, to_html
from GOT.eval.scores import StreamScore
from tests.eval.conftest import drawn_page

SCRIPT = "</pre></script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


def run(tmp_path, texts):
    """Records with these (reference, answer, status) and drawn pages."""
    records, answers = [], []
    for index, (reference, text, status) in enumerate(texts):
        path = tmp_path / f"page_{index}.png"
        if not path.exists():
            drawn_page(reference).save(path)
        record = Record(index, path.name, "OCR: ", "OCR: ", reference, (str(path),), group="fox-en-page")
        error = "page is no picture" if status == "failed" else None
        records.append(record)
        answers.append(Answer(index, path.name, "OCR: ", "OCR: ", reference, text, status, error=error))
    return Report("fox-en-page", "model/W", evaluate(records, answers), "fox-en-page", ("a note",))


@pytest.fixture
def report(tmp_path):
    return run(
        tmp_path,
        [
            ("Good page", "Good page", "ok"),
            ("Half of this page was read", "Half of this", "truncated"),
            ("Never opened", "", "failed"),
            ("A page that says something", f"A page that says {SCRIPT}", "ok"),
            ("Lost", "", "blank"),
        ],
    )


def test_every_page_is_counted(report):
    (group,) = to_json(report)["groups"]
    (stream,) = group["streams"]
    assert (stream["n_total"], stream["n_scored"], stream["n_empty"], stream["n_invalid"]) == (5, 3, 1, 1)
    pages = [scored.scores[""].strict["edit_distance"] for scored in report.evaluation.records]
    assert stream["strict"]["edit_distance"] == sum(pages) / 5
    assert to_json(report)["failed"] == [{"index": 2, "image": "page_2.png", "error": "page is no picture"}]


def test_both_modes_stand_side_by_side(report):
    text = to_text(report)
    assert re.search(r"fox-en-page +strict +5 +5 +1 +1", text) and re.search(r"compat +5 +3 +1 +1", text)
    assert "METEOR with" in text and "note: a note" in text


def test_published_results_stand_beside_ours(report):
    header, rows = peer_table(report)
    assert header[2] == "edit distance ↓"
    assert rows[0][0] == "**model/W** (fox-en-page, ours)"
    assert ["GOT", "580M", "0.035", "0.972", "0.971", "0.973", "0.947", "0.958"] in rows
    assert "| GOT | 580M | 0.035 |" in to_markdown(report) and "record 2, `page_2.png`" in to_markdown(report)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.headings = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "b":
            self.headings.append(data)


def test_the_page_loads_and_runs_nothing(report):
    page = to_html(report)
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.tags
    assert all(link.startswith("data:image/jpeg;base64,") for link in tags.links) and len(tags.links) == 5
    assert (
        f'http-equiv="Content-Security-Policy" content="{POLICY}"' in page and "default-src 'none'" in POLICY
    )
    assert "http://" not in page and "https://" not in page


def test_the_worst_pages_come_first(report):
    names = re.findall(r"<header><b>(page_\d)\.png</b>", to_html(report))
    assert names == ["page_2", "page_4", "page_3", "page_1", "page_0"]


def test_a_page_is_as_bad_as_its_worst_stream():
    scores = {
        "text": StreamScore(None, {"edit_distance": 0.1}),
        "formula": StreamScore(None, {"edit_distance": 0.9, "exact_match": 0.0}),
        "table": StreamScore(None, None),
    }
    record = Record(0, "a.png", "OCR: ", "OCR: ", "text", ("a.png",))
    answer = Answer(0, "a.png", "OCR: ", "OCR: ", "text", "text", "ok")
    assert ScoredRecord(record, answer, scores).badness == 0.9
    assert ScoredRecord(record, answer, {"": StreamScore(None, {"accuracy": 1.0})}).badness == 0.0


def test_a_picture_that_cannot_be_shown_is_said(tmp_path):
    (tmp_path / "page_0.png").write_bytes(b"no picture")
    assert "page_0.png cannot be shown" in to_html(run(tmp_path, [("x", "y", "ok")]))


def test_the_diff_marks_what_differs():
    assert diff_html(reference="abc", prediction="abc") == "abc"
    assert diff_html(reference="abc", prediction="ac") == "a<del>b</del>c"
    assert diff_html(reference="ac", prediction="a<c") == "a<ins>&lt;</ins>c"
    assert diff_html(reference="abc", prediction="axc") == 'a<span class="swap"><s>b</s>x</span>c'
    assert diff_html(reference="a b\n", prediction="ab") == "a<del>␣</del>b<del>⏎\n</del>"
    assert diff_html(reference="a", prediction="a\ud800\x00") == "a<ins>��</ins>"


def test_a_second_report_has_the_same_bytes(report, tmp_path):
    for folder in ("one", "two"):
        write_report(report, tmp_path / folder)
    names = {"report.json", "report.md", "report.html", "scores.jsonl"}
    assert {path.name for path in (tmp_path / "one").iterdir()} == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    lines = (tmp_path / "one" / "scores.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["ok", "truncated", "failed", "ok", "blank"]


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_a_browser_shows_it_and_runs_no_script(report, tmp_path):
    write_report(report, tmp_path / "out")
    picture = tmp_path / "shot.png"
    common = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    common.append(f"--user-data-dir={tmp_path / 'profile'}")
    url = (tmp_path / "out" / "report.html").as_uri()
    subprocess.run(
        [*common, "--window-size=1200,3600", f"--screenshot={picture}", url],
        check=True,
        capture_output=True,
        timeout=120,
    )
    dom = subprocess.run(
        [*common, "--dump-dom", url], check=True, capture_output=True, text=True, timeout=120
    ).stdout
    assert "<title>fox-en-page</title>" in dom  # the answer's script has not run
    with Image.open(picture) as shot:
        colors = {color for _, color in shot.convert("RGB").getcolors(1 << 24)}
    # The page's own colours: left out, added, and the paper behind them.
    assert {(0xFF, 0xD9, 0xD6), (0xD3, 0xF0, 0xD9), (0xF5, 0xF6, 0xF9)} <= colors
