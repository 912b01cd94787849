"""The published commands, as published, from any folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from GOT.cli.demo import main_crop, main_single
from tests.helpers import ROOT, draw_page, run_python

LIMIT = ("--max-new-tokens", "12", "--device", "cpu")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run_ocr_2.0.py", "--type", "format", "--box", "[10,10,120,90]"],
        ["run_ocr_2.0_crop.py"],
    ],
)
def test_published_commands_run_from_another_folder(
    arguments: list[str], tiny_checkpoint: Path, page: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script, *rest = arguments
    result = run_python(
        ROOT / "GOT/demo" / script, "--model-name", tiny_checkpoint, "--image-file", page, *rest, *LIMIT,
        cwd=elsewhere, PYTHONPATH="",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() and "imgpad" not in result.stdout
    assert list(elsewhere.iterdir()) == []


def run(entry: Any, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = entry([*map(str, arguments), *LIMIT])
    except SystemExit as error:
        code = int(error.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("color", ["red", "green", "blue"])
@pytest.mark.parametrize("kind", ["ocr", "format"])
def test_colors_ask_the_published_question(
    tiny_checkpoint: Path, page: Path, capsys: pytest.CaptureFixture[str], color: str, kind: str
) -> None:
    words = {"ocr": "OCR: ", "format": "OCR with format: "}[kind]
    arguments = (
        "--model-name",
        tiny_checkpoint,
        "--image-file",
        page,
        "--type",
        kind,
        "--color",
        color,
        "--explain",
    )
    code, out, err = run(main_single, capsys, *arguments)
    assert code == 0 and out.strip() and f"question: '[{color}] {words}'" in err


def test_a_folder_of_any_pictures_is_many_pages(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The released command takes *.png only."""
    for name in ("p10.jpg", "p9.png", "p1.webp"):
        draw_page(text=name).save(tmp_path / name)
    arguments = ("--model-name", tiny_checkpoint, "--image-file", tmp_path, "--multi-page")
    code, out, _ = run(main_crop, capsys, *arguments)
    assert code == 0 and out.strip() and "\f" not in out


def test_cropping_asks_for_formatted_text_by_default(
    tiny_checkpoint: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--model-name", tiny_checkpoint, "--image-file", page, "--explain")
    assert "OCR with format upon the patch reference: " in run(main_crop, capsys, *arguments)[2]
    assert "'OCR upon the patch reference: '" in run(main_crop, capsys, *arguments, "--type", "ocr")[2]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--box", "__import__('os').abort()"], 2, "--box takes numbers"),
        (["--box", "[1,2,3,4]", "--color", "red"], 2, "a box or a color, not both"),
        (["--type", "poem"], 2, "invalid choice"),
        (["--image-file", "absent.png"], 1, "There is no file absent.png"),
        (["--image-file", "http://127.0.0.1/x.png"], 1, "is a URL; --allow-url"),
        (["--image-file", "http://127.0.0.1/x.png", "--allow-url"], 1, "not a public address"),
    ],
)
def test_wrong_demos_are_one_line(
    tiny_checkpoint: Path,
    page: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    found, out, err = run(
        main_single, capsys, "--model-name", tiny_checkpoint, "--image-file", page, *arguments
    )
    assert (found, out) == (code, "") and said in err and err.count("\n") == 1


def test_rendering_writes_a_whole_page(
    tiny_checkpoint: Path,
    page: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--model-name", tiny_checkpoint, "--image-file", page, "--type", "ocr", "--render")
    assert run(main_single, capsys, *arguments)[0] == 0
    html = (tmp_path / "results/demo.html").read_text(encoding="utf-8")
    assert "<html" in html and "http://" not in html.replace("http://www.w3.org", "")
    assert run(main_single, capsys, *arguments, "-o", tmp_path / "mine.html")[0] == 0
    assert (tmp_path / "mine.html").exists()
