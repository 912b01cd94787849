"""Ground truth and predictions: read in every accepted form; every fault is named with its record."""

from __future__ import annotations

import json

import pytest

from GOT.eval.records import (
    Answer,
    Record,
    answers_from_predictions,
    load_ground_truth,
    question_of,
    resolve_images,
)


def turns(question="<image>\nOCR: ", answer="text"):
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]


def saved(tmp_path, value, name="gt.json"):
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_records_are_read_in_order(tmp_path):
    path = saved(
        tmp_path,
        [
            {"image": "b.png", "conversations": turns()},
            {"image": ["1.png", "2.png"], "conversations": turns()},
        ],
    )
    first, second = load_ground_truth(path)
    assert (first.image, first.question, first.answer) == ("b.png", "<image>\nOCR: ", "text")
    assert second.images == ("1.png", "2.png") and second.image == "1.png|2.png"


def test_json_lines_are_read_too(tmp_path):
    lines = [
        {"image": f"{index}.png", "conversations": turns(answer="line\u2028break")} for index in range(3)
    ]
    path = saved(tmp_path, "\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n")
    assert [record.answer for record in load_ground_truth(path)] == ["line\u2028break"] * 3


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{ not json", r"gt.json is not JSON: .*line 1 column 3"),
        ('{"image": "a.png"}\n{"image', r"gt.json: line 2 of 2 is not JSON: .*column 2"),
        ('{\n"image": 1\n}', r"must hold a JSON list of records; it holds one dict"),
        ("[]", r"holds no records"),
        ([{"image": "a.png"}], r"record 0 \(image 'a.png'\) has no \"conversations\""),
        (
            [{"image": "a.png", "conversations": turns()[:1]}],
            r"record 0 \(image 'a.png'\) has no \"conversations\"",
        ),
        (
            [{"image": "a.png", "conversations": [{}, {}]}],
            r"record 0 \(image 'a.png'\): the question and the answer",
        ),
        (
            [{"image": "a.png", "conversations": turns()}, {"conversations": turns()}],
            r"record 1 has no \"image\"",
        ),
        ([{"image": "a.png", "conversations": turns()}, 3], r"record 1 is a int; an object is wanted"),
        (
            [{"image": "a.png", "conversations": turns()}] * 2,
            r"record 1 asks the same question about image 'a.png' as record 0",
        ),
    ],
)
def test_a_fault_is_named_with_its_record(tmp_path, value, message):
    with pytest.raises(ValueError, match=message):
        load_ground_truth(saved(tmp_path, value))


def test_bytes_that_are_no_text_are_an_error(tmp_path):
    (tmp_path / "gt.json").write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(ValueError, match="not UTF-8"):
        load_ground_truth(tmp_path / "gt.json")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load_ground_truth(tmp_path / "gt.json")


def test_two_questions_about_one_picture_are_two_records(tmp_path):
    path = saved(
        tmp_path,
        [{"image": "a.png", "conversations": turns(q)} for q in ("[1, 2, 3, 4] OCR: ", "[5, 6, 7, 8] OCR: ")],
    )
    assert len(load_ground_truth(path)) == 2


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("<image>\nOCR: ", "OCR: "),
        ("OCR with format: ", "OCR with format: "),
        ("Read it.\n<image>", "Read it."),
        ("<image>", ""),
    ],
)
def test_the_mark_of_the_picture_is_no_part_of_the_question(text, question):
    assert question_of(text) == question


def test_a_folder_stands_for_its_pages_in_natural_order(tmp_path):
    for name in ("page_10.png", "page_9.png", "notes.txt"):
        (tmp_path / "doc").mkdir(exist_ok=True)
        (tmp_path / "doc" / name).write_bytes(b"")
    assert [path.rpartition("/")[2] for path in resolve_images(tmp_path, ["doc"])] == [
        "page_9.png",
        "page_10.png",
    ]


# --- predictions ------------------------------------------------------------------------------------------------------


def record(index, image, question="OCR: "):
    return Record(index, image, question, question, f"truth {index}", (image,))


RECORDS = [record(0, "a.png"), record(1, "dir/b.png"), record(2, "c.png", "one?"), record(3, "c.png", "two?")]
ENTRIES = [
    {"image": "c.png", "question": "<image>\ntwo?", "answer": "2"},
    {"imagename": "b.png", "answer": {"values": {}}},
    {"image": "c.png", "question": "one?", "answer": "1"},
    {"image": "a.png", "question": "something else", "prediction": "0"},
]


def test_predictions_are_matched_in_any_order(tmp_path):
    answers = answers_from_predictions(saved(tmp_path, ENTRIES), RECORDS)
    assert [answer.answer for answer in answers] == ["0", '{"values": {}}', "1", "2"]
    assert [answer.label for answer in answers] == [f"truth {index}" for index in range(4)]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (ENTRIES[:-1], r"has no answer for record 0 \(image 'a.png'\)"),
        (ENTRIES[1:], r"has no answer for record 3 \(image 'c.png'\), question 'two\?'"),
        ([*ENTRIES, ENTRIES[0]], r"entry 4 answers image 'c.png' again, after entry 0"),
        (
            [*ENTRIES, {"image": "a.png", "answer": "again"}],
            r"entry 4 answers image 'a.png' again, after entry 3",
        ),
        ([{"image": "a.png"}], r"entry 0 \(image 'a.png'\) has no answer"),
        ([{"answer": "x"}], r"entry 0 names no image"),
        (["x"], r"entry 0 is a str"),
    ],
)
def test_a_fault_of_predictions_is_named(tmp_path, entries, message):
    with pytest.raises(ValueError, match=message):
        answers_from_predictions(saved(tmp_path, entries), RECORDS)


def test_a_file_name_that_two_folders_have_answers_neither(tmp_path):
    entries = [{"image": "1.png", "answer": "one"}, {"image": "c/2.png", "answer": "two"}]
    (answer,) = answers_from_predictions(saved(tmp_path, entries), [record(0, "a/1.png")])
    assert answer.answer == "one"
    with pytest.raises(ValueError, match=r"no answer for record 0 \(image 'a/1.png'\)"):
        answers_from_predictions(saved(tmp_path, entries), [record(0, "a/1.png"), record(1, "b/1.png")])


def test_an_answer_is_one_line_and_comes_back():
    answer = Answer(
        3, "a.png", "q", "OCR: ", "label", "two\nlines \u2028 \u4e2d", "ok", "stop", None, 0.5, 7, 0.1
    )
    line = answer.to_line()
    assert "\n" not in line and Answer.from_line(line) == answer
    with pytest.raises(ValueError):
        Answer.from_line(line[:-5])
