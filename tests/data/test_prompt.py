"""The published words, and boxes and colours in front of them."""

from __future__ import annotations

from typing import Any

import pytest

from GOT.data.prompt import TASKS, asks_for_markup, build_question, choose_task, normalize_box, parse_box


def test_tasks_have_the_published_words() -> None:
    assert {name: task.words for name, task in TASKS.items()} == {
        "ocr": "OCR: ",
        "format": "OCR with format: ",
        "crop-ocr": "OCR upon the patch reference: ",
        "crop-format": "OCR with format upon the patch reference: ",
        "multi-page": "OCR with format across multi pages: ",
    }


@pytest.mark.parametrize(
    ("question", "markup"),
    [
        (build_question("ocr"), False),
        (build_question("ocr", color="red"), False),
        (build_question("ocr", box=[1, 2, 3, 4]), False),
        (build_question("crop-ocr"), False),
        ("OCR:", False),
        (build_question("format", color="red"), True),
        (build_question("crop-format"), True),
        (build_question("multi-page"), True),
        ("OCR information: ", True),
        ("Give the OCR of the table", True),
        ("", True),
    ],
)
def test_only_the_plain_tasks_ask_for_no_markup(question: str, markup: bool) -> None:
    assert asks_for_markup(question) is markup


@pytest.mark.parametrize("color", ["red", "green", "blue"])
@pytest.mark.parametrize(("task", "words"), [("ocr", "OCR: "), ("format", "OCR with format: ")])
def test_color_prompts_have_the_published_words(color: str, task: str, words: str) -> None:
    assert build_question(task, color=color) == f"[{color}] {words}"


def test_boxes_are_the_recorded_ones(golden: Any) -> None:
    for case in golden("metric-vectors.json")["box_normalisation"]["cases"]:
        box = normalize_box(case["box"], case["w"], case["h"])
        assert box == case["out"]
        assert case["prompt"] in [build_question(task, box=box) for task in ("ocr", "format")]


def test_normalising_leaves_the_callers_box_alone() -> None:
    """transformers' processor changes it in place, so that a second page gets a wrong one."""
    box = [100, 100, 400, 400]
    assert normalize_box(box, 500, 500) == normalize_box(box, 500, 500) == [200, 200, 800, 800]
    assert box == [100, 100, 400, 400]


def test_a_point_is_a_box_of_two_numbers() -> None:
    assert build_question("ocr", box=normalize_box([50, 25], 100, 100)) == "[500, 250] OCR: "


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[1,2,3,4]", [1, 2, 3, 4]),
        (" [1, 2, 3, 4] ", [1, 2, 3, 4]),
        ("1 2 3 4", [1, 2, 3, 4]),
        ("1.5,2,3,4", [1.5, 2, 3, 4]),
        ("7,8", [7, 8]),
    ],
)
def test_boxes_are_read_as_typed(text: str, values: list[float]) -> None:
    assert parse_box(text) == values


@pytest.mark.parametrize(
    "text",
    [
        "left,top", "1,2,3", "1,2,3,4,5", "", "[]", "1,,2,3,4", "1;2;3;4", "__import__('os').system('true')",
        "[1,2,3,4] if open('/etc/passwd') else 0", "(1,2,3,4)", "{}", "1e,2,3,4", "0x10,2,3,4",
    ],
)  # fmt: skip
def test_nothing_but_numbers_is_a_box(text: str) -> None:
    """The released demos evaluate this string as Python (fault S1)."""
    with pytest.raises(ValueError, match="--box takes"):
        parse_box(text)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ([50, 10, 20, 40], "reversed or empty"),
        ([10, 10, 10, 40], "reversed or empty"),
        ([-1, 0, 20, 40], "reaches out of the 100x80 page; x is 0..100, y is 0..80"),
        ([0, 0, 101, 40], "reaches out"),
        ([0, 0, 50, 81], "reaches out"),
        ([float("nan"), 0, 1, 1], "finite"),
        ([0, 0, float("inf"), 1], "finite"),
        ([1, 2, 3], "got 3 numbers"),
    ],
)
def test_impossible_boxes_say_what_would_work(box: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        normalize_box(box, 100, 80)


def test_the_whole_page_is_a_box() -> None:
    assert normalize_box([0, 0, 100, 80], 100, 80) == [0, 0, 1000, 1000]


def test_switches_choose_the_task() -> None:
    assert choose_task("ocr", crop=True) is TASKS["crop-ocr"]
    assert choose_task("format", crop=True) is TASKS["crop-format"]
    assert choose_task("crop-format", crop=True) is TASKS["crop-format"]
    assert choose_task("ocr", multi_page=True) is TASKS["multi-page"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"task": "read"}, "There is no task 'read'; choose from ocr, format"),
        ({"crop": True, "multi_page": True}, "exclude each other"),
        ({"task": "multi-page", "crop": True}, "exclude each other"),
        ({"task": "crop-ocr", "multi_page": True}, "exclude each other"),
    ],
)
def test_impossible_tasks_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        choose_task(**arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"color": "pink"}, "red, green, blue; got 'pink'"),
        ({"color": "red", "box": [1, 2, 3, 4]}, "a box or a color, not both"),
        ({"box": [1, 2, 3]}, "four numbers"),
    ],
)
def test_impossible_questions_are_refused(arguments: dict[str, Any], said: str) -> None:
    """The released demo drops a box silently when a color is given."""
    with pytest.raises(ValueError, match=said):
        build_question("ocr", **arguments)
