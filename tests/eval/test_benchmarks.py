"""Each benchmark from its published layout; each error says where it is published."""

from __future__ import annotations

import concurrent.futures
import json
import os
import threading

import pytest
from PIL import Image

from GOT.data_engine.sample import Sample
from GOT.eval.benchmarks import BENCHMARKS, folders, olmocr_bench, omnidocbench, synth
from GOT.eval.benchmarks.base import LoadOptions
from GOT.eval.benchmarks.fox import SUB_TASKS, asked_question
from GOT.eval.records import Answer
from GOT.utils.lazy import load_entry
from tests.eval.conftest import conversation, drawn_page
from tests.helpers import wait_until


def load(name, data, **options):
    return load_entry(BENCHMARKS, name, what="benchmark")(name, LoadOptions(data=data, **options))


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name not in ("synth-heldout", "samples")])
def test_a_folder_that_is_not_there_is_explained(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no .* in it\. .*https://"):
        load(name, tmp_path / "nothing")


def test_every_sub_task_of_fox_is_listed():
    assert set(SUB_TASKS) == {name for name in BENCHMARKS if name.startswith("fox-")}


@pytest.mark.parametrize("name", [name for name in SUB_TASKS if not name.startswith("fox-zh")])
def test_fox_loads_from_its_own_layout(name, fox_folder):
    benchmark = load(name, fox_folder.parent)  # the unzipped folder, or the one around it
    assert benchmark.records and benchmark.name == name
    assert {record.metric for record in benchmark.records} == {SUB_TASKS[name].metric}
    for record in benchmark.records:
        assert record.group == name and record.reference
        for path in record.images:
            assert path.endswith(".png")


def test_fox_asks_in_the_words_that_got_was_trained_on(fox_folder):
    assert {record.asked for record in load("fox-en-page", fox_folder).records} == {"OCR: "}
    assert load("fox-en-region", fox_folder).records[0].asked == "[100, 200, 300, 400] OCR: "
    assert load("fox-en-color", fox_folder).records[0].asked == "[red] OCR: "
    assert load("fox-translation", fox_folder).records[0].asked == "Translate [1, 2, 3, 4]."


def test_a_question_without_its_box_is_asked_as_it_stands_and_counted(fox_folder):
    benchmark = load("fox-en-region", fox_folder)
    assert benchmark.notes == () and asked_question("no box here", "box") is None
    assert asked_question("the GREEN frame", "color") == "[green] OCR: "


def test_fox_multi_page_records_have_all_their_pages(fox_folder):
    (region,) = load("fox-multi-page-region", fox_folder).records
    assert [path.rpartition("/")[2] for path in region.images] == ["1.png", "2.png", "10.png"]
    (question,) = load("fox-cross-page-vqa", fox_folder).records
    assert len(question.images) == 2 and question.metric == "exact"


def test_fox_lines_are_found_in_the_other_language_folder(fox_folder):
    # Fox's own list of commands pairs the Chinese lines with the English pages.
    (fox_folder / "cn_line_ocr.json").write_text(json.dumps([conversation("en_0.png", "[1, 2, 3, 4]", "x")]))
    (record,) = load("fox-zh-line", fox_folder).records
    assert "/en_pdf_png/" in record.images[0]


@pytest.mark.parametrize("name", ["scene", "formatted", "sheet-music", "geometry"])
def test_sets_of_one_json_and_pictures(name, tmp_path):
    drawn_page("x").save(tmp_path / "a.png")
    (tmp_path / "gt.json").write_text(json.dumps([conversation("a.png", "<image>\n", "x")]))
    (record,) = load(name, tmp_path).records
    assert record.asked == ("OCR: " if name == "scene" else "OCR with format: ")
    (tiled,) = load(name, tmp_path, crop=True).records
    assert tiled.crop and tiled.asked.endswith("upon the patch reference: ")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(FileNotFoundError, match=r"no single JSON file \(gt.json, other.json\)"):
        load(name, tmp_path)


GTS = {"title": "t", "source": "None", "x_title": "None", "y_title": "None", "values": {"a": 1}}


def test_onechart_finds_its_pictures_anywhere_below(tmp_path):
    data = tmp_path / "ChartSE_Benchmark"
    (data / "images" / "deep").mkdir(parents=True)
    drawn_page("chart").save(data / "images" / "deep" / "c.png")
    (data / "ChartQA_test_human_filter.json").write_text(json.dumps([{"images": "c.png", "gts": GTS}]))
    (record,) = load("onechart", tmp_path).records
    assert record.images == (str(data / "images" / "deep" / "c.png"),) and json.loads(record.reference) == GTS
    with pytest.raises(FileNotFoundError, match="PlotQA"):
        load("onechart-plotqa", tmp_path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"gts": GTS}], 'record 0 has no "images"'),
        ([{"images": "c.png", "gts": {"title": "t"}}], r"record 0 \(image 'c.png'\) has no 'source'"),
        ([{"images": "c.png", "gts": GTS}] * 2, "record 1 names image 'c.png' again, after record 0"),
    ],
)
def test_a_fault_of_onechart_is_named(entries, message, tmp_path):
    (tmp_path / "ChartQA_test_human_filter.json").write_text(json.dumps(entries))
    with pytest.raises(ValueError, match=message):
        load("onechart", tmp_path)


TABLE = "See\n\\begin{tabular}{l} a \\\\ \\end{tabular}"


def test_a_chart_without_data_is_named_before_anything_is_read(tmp_path):
    texts = ['{"values": {"a": 1}}', "Sales"]
    records = [conversation(f"{place}.png", "OCR with format: ", text) for place, text in enumerate(texts)]
    (tmp_path / "gt.json").write_text(json.dumps(records), encoding="utf-8")
    chart = folders.DATATYPES["chart"]
    with pytest.raises(
        ValueError, match=r"record 1 \(image '1.png'\): .* JSON object with values; got 'Sales'"
    ):
        folders.load_files("mine", tmp_path / "gt.json", tmp_path, chart, LoadOptions(tmp_path))


def answer(record, text):
    return Answer(record.index, record.image, record.question, "", "", text, "ok")


def test_omnidocbench_predictions_have_the_names_its_scorer_looks_for(tmp_path):
    (tmp_path / "images").mkdir()
    pages = [{"page_info": {"image_path": name}} for name in ("book.pdf_3.jpg", "images/slide.png")]
    (tmp_path / "OmniDocBench.json").write_text(json.dumps(pages))
    benchmark = load("omnidocbench", tmp_path)
    assert benchmark.records[1].images == (str(tmp_path / "images" / "slide.png"),)
    answers = [answer(record, TABLE) for record in benchmark.records]
    note = benchmark.write(benchmark.records, answers, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["book.pdf_3.md", "slide.md"]
    assert (tmp_path / "out" / "slide.md").read_text() == "See\n<table>\n<tr><td>a</td></tr>\n</table>"
    assert "prediction.data_path" in note and benchmark.write is omnidocbench.write_predictions


def test_olmocr_bench_reads_the_pages_that_tests_name(tmp_path):
    data = tmp_path / "bench_data"
    (data / "pdfs" / "arxiv").mkdir(parents=True)
    drawn_page("page").save(data / "pdfs" / "arxiv" / "a.pdf")
    (data / "math.jsonl").write_text('{"pdf": "arxiv/a.pdf", "page": 1}\n{"pdf": "arxiv/b.pdf", "page": 2}\n')
    benchmark = load("olmocr-bench", tmp_path)
    assert [record.image for record in benchmark.records] == ["arxiv/a.pdf#1", "arxiv/b.pdf#2"]
    assert [record.page for record in benchmark.records] == [1, 2]
    benchmark.write(
        benchmark.records, [answer(record, "text") for record in benchmark.records], tmp_path / "out"
    )
    written = [
        path.relative_to(tmp_path / "out").as_posix() for path in sorted((tmp_path / "out").rglob("*.md"))
    ]
    assert written == ["got-ocr/arxiv/a_pg1_repeat1.md", "got-ocr/arxiv/b_pg2_repeat1.md"]
    assert benchmark.write is olmocr_bench.write_predictions


def test_the_synthetic_set_is_drawn_once_and_read_from_its_folder(tmp_path):
    pytest.importorskip("GOT.data_engine.plain")
    options = {"kinds": ("plain_en",), "samples": 3, "seed": 5}
    benchmark = load("synth-heldout", tmp_path, **options)
    assert [record.group for record in benchmark.records] == ["plain_en"] * 3
    assert all(record.reference and record.asked == "OCR: " for record in benchmark.records)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert load("synth-heldout", tmp_path, **options) == benchmark
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_two_runs_at_once_draw_a_set_once(tmp_path, monkeypatch, caplog):
    asked, begun, go_on = [], threading.Event(), threading.Event()

    def slow_sample(index, seed, **settings):
        asked.append(index)
        begun.set()
        assert go_on.wait(60)
        return Sample((drawn_page("text"),), "OCR: ", "text")

    monkeypatch.setattr(synth, "load_entry", lambda *args, **kwargs: slow_sample)
    (tmp_path / "plain_en-seed0-3").mkdir()
    (tmp_path / "plain_en-seed0-3/of_a_killed_run.png").touch()
    options = LoadOptions(data=tmp_path, samples=3)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(synth._draw_kind, "plain_en", 3, options)
        assert begun.wait(60)
        second = pool.submit(synth._draw_kind, "plain_en", 3, options)
        wait_until(lambda: f"Waiting for process {os.getpid()}" in caplog.text)
        go_on.set()
        first.result(), second.result()
    assert asked == [0, 1, 2]
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    folder = "plain_en-seed0-3"
    assert found == {folder, *(f"{folder}/{n:06d}-0.png" for n in range(3)), f"{folder}.json"}
    records = load("synth-heldout", tmp_path, kinds=("plain_en",), samples=3).records
    assert [record.images[0] for record in records] == [
        f"{tmp_path}/{folder}/{n:06d}-0.png" for n in range(3)
    ]


def test_an_unknown_kind_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"--kinds takes .*plain_en.*got 'plain_fr'"):
        load("synth-heldout", tmp_path, kinds=("plain_fr",))


def test_the_synthetic_set_takes_settings_and_keeps_sets_apart(tmp_path):
    small = {"plain_en": {"width": [200, 200], "height": [120, 120], "lines": [1, 1]}}
    common = {"kinds": ("plain_en",), "samples": 2, "seed": 5}
    benchmark = load("synth-heldout", tmp_path, settings=small, **common)
    with Image.open(benchmark.records[0].images[0]) as image:
        assert image.size == (200, 120)
    assert load("synth-heldout", tmp_path, **common).records[0].images != benchmark.records[0].images
