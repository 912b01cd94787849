"""Records of every format mean the same sample; broken files say where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from GOT.data.sources import (
    DataSource,
    Exchange,
    Record,
    find_sources,
    iterate_json,
    layout_of,
    open_table,
    parse_record,
)

ONE = Record((Exchange("OCR: ", "Hi", 1),), ("a.png",))


@pytest.mark.parametrize(
    "values",
    [
        {
            "image": "a.png",
            "conversations": [{"from": "human", "value": "<image>\nOCR: "}, {"from": "gpt", "value": "Hi"}],
        },
        {
            "image": "a.png",
            "conversations": [{"from": "human", "value": "OCR: "}, {"from": "gpt", "value": "Hi"}],
        },
        {"query": "<image>OCR: ", "response": "Hi", "images": ["a.png"]},
        {"query": "OCR: <image>", "response": "Hi", "images": ["a.png"]},
        {"query": "OCR: ", "response": "Hi", "images": ["a.png"], "history": []},
        {
            "messages": [{"role": "user", "content": "<image>OCR: "}, {"role": "assistant", "content": "Hi"}],
            "images": [{"path": "a.png"}],
        },
        {
            "messages": [
                {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "OCR: "}]},
                {"role": "assistant", "content": "Hi"},
            ],
            "images": ["a.png"],
        },
    ],
)
def test_every_format_gives_the_same_record(values: dict) -> None:
    assert parse_record(values) == ONE


def test_history_and_system_become_turns() -> None:
    values = {
        "system": "Be brief.",
        "query": "and now?",
        "response": "B",
        "history": [["<image>OCR: ", "A"]],
        "images": ["a"],
    }
    assert parse_record(values) == Record(
        (Exchange("OCR: ", "A", 1), Exchange("and now?", "B")), ("a",), "Be brief."
    )


def test_several_images_stand_where_they_are_marked() -> None:
    values = {
        "images": ["a", "b", "c"],
        "conversations": [
            {"from": "human", "value": "<image><image>\nOCR: "},
            {"from": "gpt", "value": "x"},
            {"from": "human", "value": "<image>\nand this?"},
            {"from": "gpt", "value": "y"},
        ],
    }
    assert [turn.num_images for turn in parse_record(values).exchanges] == [2, 1]


def test_the_word_image_in_an_answer_is_text() -> None:
    record = parse_record({"query": "OCR: ", "response": "put <image> here", "images": ["a"]})
    assert record.exchanges == (Exchange("OCR: ", "put <image> here", 1),)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"text": "x"}, "needs one of conversations, query, messages"),
        ({"conversations": []}, "list of turns"),
        ({"conversations": [{"from": "gpt", "value": "x"}]}, "alternate"),
        ({"query": "q", "response": None}, "must be a string"),
        ({"query": "<image>q", "response": "a", "images": ["a", "b"]}, "2 images but its questions place 1"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url"}]},
                    {"role": "assistant", "content": "a"},
                ]
            },
            "must be an image or text",
        ),
    ],
)
def test_a_damaged_record_says_what_is_wrong(values: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_record(values)


def test_a_large_array_is_read_piece_by_piece(tmp_path: Path) -> None:
    records = [{"n": i, "text": 'é\\"],' * (i % 7), "deep": [[i]]} for i in range(3000)]
    (tmp_path / "a.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(r) for r in records) + "\n\n", encoding="utf-8")
    assert list(iterate_json(tmp_path / "a.json")) == records
    assert list(iterate_json(tmp_path / "a.jsonl")) == records


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", '{"a": 1}', "must hold a list"),
        ("a.json", '[{"a": 1}, {"b": ', "in or after record 1"),
        ("a.json", "", "must hold a list"),
        ("a.jsonl", '{"a": 1}\n{"b": \n', "line 2 is not JSON"),
    ],
)
def test_a_broken_file_names_the_place(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=words):
        list(iterate_json(tmp_path / name))


def test_half_a_surrogate_spoils_its_record_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"query": "a", "response": "\\ud83d"}\n{"query": "c", "response": "\\ud83d\\ude00 é"}\n')
    table = open_table(DataSource("a", path, tmp_path), cache_dir=tmp_path / "cache")
    assert [table[i]["response"] for i in range(len(table))] == ["\ud83d", "😀 é"]


@pytest.mark.parametrize(("name", "content"), [("a.json", '[{"n": "é"}]'), ("a.jsonl", '{"n": "é"}')])
def test_files_of_other_editors(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8-sig")
    assert list(iterate_json(tmp_path / name)) == [{"n": "é"}]
    (tmp_path / name).write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match=rf"{name} is not UTF-8: .*0xe9"):
        list(iterate_json(tmp_path / name))


def test_a_table_is_converted_once_and_anew_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"query": "a", "response": "b"}\n')
    source = DataSource("a", path, tmp_path)
    assert len(open_table(source, cache_dir=tmp_path / "cache")) == 1
    path.write_text('{"query": "a", "response": "b"}\n{"query": "c", "response": "d"}\n')
    table = open_table(source, cache_dir=tmp_path / "cache")
    assert [table[i]["query"] for i in range(len(table))] == ["a", "c"]


def test_names_resolve_through_the_config_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    (tmp_path / "sets.json").write_text(
        json.dumps({"mine": {"annotations": "a.json", "images": "pics", "weight": 0.5}})
    )
    found = find_sources("mine", data_config=tmp_path / "sets.json")
    assert found == [DataSource("mine", tmp_path / "a.json", tmp_path / "pics", 0.5)]


@pytest.mark.parametrize("names", ["nothing", "mine+nothing"])
def test_an_unknown_data_set_lists_the_known_ones(tmp_path: Path, names: str) -> None:
    (tmp_path / "a.json").write_text("[]")
    (tmp_path / "sets.json").write_text(json.dumps({"mine": {"annotations": "a.json"}}))
    with pytest.raises(ValueError, match=r"'nothing'.*it has mine"):
        find_sources(names, data_config=tmp_path / "sets.json")


def test_the_published_names_are_shipped() -> None:
    from tests.helpers import ROOT

    assert [source.name for source in find_sources("pdf-ocr+scene-ocr", root=ROOT)] == [
        "pdf-ocr",
        "scene-ocr",
    ]


def test_the_question_tells_tiles_from_a_single_view() -> None:
    assert layout_of("OCR with format upon the patch reference: ") == "crop"
    assert layout_of("OCR upon the patch reference:") == "crop"
    assert layout_of("[1, 2, 3, 4] OCR: ") == "single"


def test_an_empty_image_entry_is_text_alone() -> None:
    assert parse_record({"query": "q", "response": "a", "image": ""}) == Record((Exchange("q", "a"),))


def test_one_changed_record_changes_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"query": str(i), "response": "x"}) for i in range(1000)]
    path.write_text("\n".join(lines))
    source = DataSource("a", path, tmp_path)
    before = open_table(source, cache_dir=tmp_path / "cache").fingerprint  # type: ignore[attr-defined]
    path.write_text("\n".join([*lines[:5], json.dumps({"query": "5", "response": "y"}), *lines[6:]]))
    assert open_table(source, cache_dir=tmp_path / "cache").fingerprint != before  # type: ignore[attr-defined]
