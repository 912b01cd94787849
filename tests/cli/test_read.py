"""got-ocr read: text on stdout, everything else on stderr, honest exit codes, whole files."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from GOT.__main__ import main
from GOT.cli import read as command
from tests.helpers import ROOT, draw_page, make_pdf, run_got, run_python

LIMIT = ("--device", "cpu", "--max-new-tokens", "12")


@pytest.fixture
def read(tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run the command in this process: exit code, stdout, stderr."""

    def run(*arguments: object, model: object = tiny_checkpoint) -> tuple[int, str, str]:
        try:
            code = main(["read", *map(str, arguments), "--model-name", str(model), *LIMIT])
        except SystemExit as error:
            code = int(error.code or 0)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def is_one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text


def test_text_alone_goes_to_stdout(read: Any, page: Path, pipeline: Any) -> None:
    code, out, err = read(page)
    import dataclasses

    settings = dataclasses.replace(pipeline.settings, max_new_tokens=12)
    assert code == 0
    assert out == pipeline.read(page, settings=settings).text + "\n"
    assert is_one_line(err) and "cut at 12 tokens" in err  # never silent
    assert "imgpad" not in out and "imgpad" not in err


def test_a_blank_page_is_told(read: Any, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), "white").save(tmp_path / "empty.png")
    code, out, err = read(tmp_path / "empty.png")
    assert (code, out) == (0, "\n") and "blank, nothing to read" in err


def test_streaming_prints_the_same(read: Any, page: Path) -> None:
    streamed = read(page, "--stream")
    assert streamed == read(page)


def test_explain_tells_the_prompt_and_reads(read: Any, page: Path) -> None:
    code, out, err = read(page, "--explain", "--box", "24,18,120,90", "--task", "format")
    assert code == 0 and out.strip()
    assert "page 240x180 -> 1 views of 128x128" in err
    assert "question: '[100, 100, 500, 500] OCR with format: '" in err
    assert "<imgpad>×4</img>" in err
    crop = read(page, "--explain", "--crop")[2]
    assert "tiles and a thumbnail" in crop


# ---- bad input, one line each


def jpeg() -> bytes:
    buffer = io.BytesIO()
    draw_page().save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.png", None, "There is no file"),
        ("empty.png", b"", "is empty (0 bytes)"),
        ("text.png", b"hello", "is not an image; readable are PNG"),
        ("cut.jpg", jpeg()[:700], "is damaged or cut off"),
        ("cut.pdf", make_pdf(draw_page())[:200], "is no readable PDF"),
    ],
)
def test_a_bad_page_is_one_line_and_the_others_are_read(
    read: Any, page: Path, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    _, alone, told = read(page, "-q")
    code, out, err = read(tmp_path / name, page, "-q")
    assert code == 1 and out == alone
    errors = [line for line in err.splitlines() if line not in told.splitlines()]
    assert len(errors) == 1 and errors[0].startswith("got-ocr read: ") and said in errors[0]


def test_pages_outside_the_document(read: Any, tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf(draw_page(), draw_page()))
    code, out, err = read(path, "--pages", "2-3", "--dpi", "72")
    assert code == 1 and out.count("\f") == 0 and out.strip()
    assert "has 2 pages; --pages asks for 3 too." in err
    assert read(path, "--dpi", "72")[1].count("\f") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--box", "left,top,right,bottom"],
            "--box takes numbers x1,y1,x2,y2 in pixels; got 'left,top,right,bottom'",
        ),
        (["--box", "1,2,3"], "--box takes four numbers"),
        (["--box", "__import__('os').abort()"], "--box takes numbers"),
        (["--color", "pink"], "invalid choice: 'pink'"),
        (["--color", "red", "--box", "1,2,3,4"], "a box or a color, not both"),
        (["--task", "poem"], "invalid choice: 'poem'"),
        (["--pages", "0"], "counts from 1"),
        (["--pages", "a-b"], "such as 1-5,7"),
        (["--dpi", "7"], "--dpi must be 20..1200; got 7"),
        (["--to", "txt,odt", "-o", "x"], "--to takes"),
        (["--to", "txt,md"], "wants files: give -o DIR"),
        (["--to", ","], "got nothing"),
        (["--device", "gpu"], "--device must be auto"),
        (["--device", "cuda:99"], "CUDA devices; use --device cpu"),
        (["--dtype", "int3"], "--dtype must be auto"),
        (
            ["--device", "cpu", "--attn-implementation", "flash_attention_2"],
            "here it is cpu in float32. Use sdpa",
        ),
        (["--backend", "tpu"], "There is no backend 'tpu'"),
        (["--max-new-tokens", "0"], "max_new_tokens must be at least 1"),
        (["--max-tiles", "0", "--crop"], "max_tiles must be 1..100"),
        (["--batch-size", "0"], "batch_size must be at least 1"),
        (["--skip-existing"], "give -o DIR"),
        (["--box", "10,20", "--box-mode", "crop"], "four numbers x1,y1,x2,y2; got 2"),
        (["-o", __file__], "is a file; give a folder"),
        (["--ray", "local", "--workers", "2"], "leave it out"),
        (["--stream", "-o", "x"], "leave out -o"),
        (["--stream", "--multi-page"], "leave out --multi-page"),
        (["--multi-page", "--crop"], "exclude each other"),
        (["--multi-page", "--color", "red"], "about one page"),
        (["--no-such-flag"], "unrecognized arguments"),
    ],
)
def test_a_wrong_command_is_one_line_and_code_2(
    read: Any, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "LIMIT", ())
    code, out, err = read(page, *arguments)
    assert (code, out) == (2, "") and said in err and is_one_line(err), err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ("50,10,20,40", "is reversed or empty"),
        ("0,0,999,40", "reaches out of the 240x180 page; x is 0..240, y is 0..180"),
    ],
)
def test_a_box_that_does_not_fit_the_page(read: Any, page: Path, box: str, said: str) -> None:
    code, out, err = read(page, "--box", box)
    assert (code, out) == (1, "") and said in err and is_one_line(err)


@pytest.mark.parametrize(
    ("model", "said"),
    [("/no/such/model", "There is no folder /no/such/model"), ("tests", "No config.json in tests")],
)
def test_a_missing_checkpoint(
    read: Any, page: Path, model: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code, out, err = read(page, model=model)
    assert (code, out) == (2, "") and said in err and is_one_line(err)


def test_no_source_is_a_wrong_command(read: Any) -> None:
    code, out, err = read()
    assert (code, out) == (2, "") and "the following arguments are required: F" in err


def test_a_copy_without_a_checkpoint_says_where_one_is(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("GOT.cli.common.bundled_checkpoint", lambda: None)
    assert main(["read", str(page)]) == 2
    assert "No checkpoint is shipped with this copy; give --model-name" in capsys.readouterr().err


# ---- files


def test_documents_get_folders(read: Any, tmp_path: Path, page: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(make_pdf(draw_page(), draw_page()))
    code, out, _ = read(page, tmp_path / "paper.pdf", "-o", tmp_path / "out", "--dpi", "72")
    assert (code, out) == (0, "")
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert written == [
        f"{name}/{name}.{kind}" for name in ("page", "paper") for kind in ("json", "md", "txt")
    ]
    record = json.loads((tmp_path / "out/paper/paper.json").read_text(encoding="utf-8"))
    assert [entry["page"] for entry in record["pages"]] == [1, 2]
    for key in ("text", "status", "finish_reason", "confidence", "line_confidences", "num_tokens", "seconds"):
        assert key in record["pages"][0]
    assert (tmp_path / "out/page/page.txt").read_text(encoding="utf-8").strip() == read(page)[1].strip()


def test_documents_of_one_name_do_not_overwrite_each_other(read: Any, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        draw_page(text=folder).save(tmp_path / folder / "page.png")
    read(tmp_path / "a/page.png", tmp_path / "b/page.png", "-o", tmp_path / "out", "--to", "txt")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["page", "page-2"]


def test_failed_documents_leave_nothing(read: Any, tmp_path: Path, page: Path) -> None:
    (tmp_path / "bad.png").write_text("x")
    code, _, _ = read(tmp_path / "bad.png", page, "-o", tmp_path / "out", "--to", "txt")
    assert code == 1
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert written == {"page/page.txt", "page/.source"}  # whose they are, where no JSON tells


def test_a_format_that_cannot_be_written_ends_neither_its_document_nor_the_batch(
    read: Any, tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from GOT.render import convert

    def convert_but(pages: Any, kind: str) -> bytes:
        if kind == "md" and pages[0].name == "bad":
            raise RecursionError("too deep")
        return convert(pages, kind)

    monkeypatch.setattr("GOT.render.convert", convert_but)
    draw_page(text="two").save(tmp_path / "bad.png")
    code, _, err = read(tmp_path / "bad.png", page, "-o", tmp_path / "out", "--to", "txt,md,json")
    assert code == 1
    assert "bad.png: not written as md: RecursionError('too deep')" in err
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert written == {"bad/bad.txt", "bad/bad.json", "page/page.txt", "page/page.md", "page/page.json"}
    code, out, err = read(tmp_path / "bad.png", "--to", "md")
    assert (code, out) == (1, "") and "not written as md" in err


def test_finished_documents_are_skipped(
    read: Any, tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_page(text="two").save(tmp_path / "two.png")
    output = ("-o", tmp_path / "out", "--skip-existing")
    read(page, *output)
    before = (tmp_path / "out/page/page.txt").stat().st_mtime_ns
    code, _, err = read(page, tmp_path / "two.png", *output)
    assert code == 0 and f"skipped 1 already in {tmp_path / 'out'}" in err
    assert (tmp_path / "out/page/page.txt").stat().st_mtime_ns == before
    assert (tmp_path / "out/two/two.txt").exists()
    monkeypatch.setattr("GOT.cli.common.load_pipeline", None)  # nothing to do: nothing is loaded
    assert read(page, tmp_path / "two.png", *output)[0] == 0
    (tmp_path / "out/two/two.md").unlink()  # not whole: read again
    monkeypatch.undo()
    assert "skipped 1" in read(page, tmp_path / "two.png", *output)[2]
    assert (tmp_path / "out/two/two.md").exists()


def test_documents_of_another_folder_are_neither_skipped_nor_overwritten(
    read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        draw_page(text=folder).save(tmp_path / folder / "page.png")
    monkeypatch.chdir(tmp_path)
    for formats in ("txt", "json"):  # whether or not a record names its document
        output = ("-o", formats, "--to", formats, "--skip-existing")
        read("a/page.png", *output)
        assert "skipped" not in read("b/page.png", *output)[2]
        assert "skipped 2" in read("./b/page.png", tmp_path / "a/page.png", *output)[2]
        assert sorted(path.name for path in Path(formats).iterdir()) == ["page", "page-2"]


def test_json_on_stdout_for_pipes(read: Any, page: Path) -> None:
    code, out, _ = read(page, "--to", "json")
    assert code == 0 and json.loads(out)["pages"][0]["status"] == "truncated"


def test_multi_page_is_one_document(read: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (2, 1):
        draw_page(text=str(number)).save(tmp_path / "in" / f"p{number}.png")
    arguments = (
        tmp_path / "in",
        "--multi-page",
        "-o",
        tmp_path / "out",
        "--to",
        "txt,json",
        "--skip-existing",
    )
    assert read(*arguments)[0] == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["p1"]
    assert "skipped 2" in read(*arguments)[2]


def test_streamed_pages_are_told_apart(read: Any, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(make_pdf(draw_page(text="one"), draw_page(text="two")))
    plain = read(tmp_path / "x.pdf", "--dpi", "72")
    assert read(tmp_path / "x.pdf", "--dpi", "72", "--stream")[:2] == plain[:2] and "\f" in plain[1]


def test_an_answer_for_many_pages_of_a_pdf_shows_the_first(read: Any, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(make_pdf(draw_page(text="one"), draw_page(text="two")))
    code, out, _ = read(tmp_path / "x.pdf", "--dpi", "72", "--multi-page", "--to", "html")
    assert code == 0 and out.count("data:image/jpeg") == 1


def test_a_failed_page_is_named(read: Any, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(make_pdf(draw_page(text="one")))
    code, _, err = read(tmp_path / "x.pdf", "--dpi", "72", "--box", "0,0,9000,9000")
    assert code == 1 and f"{tmp_path / 'x.pdf'}, page 1: " in err


# ---- as a process


def test_a_pipe_that_closes_early_is_no_error(tiny_checkpoint: Path, page: Path) -> None:
    command_line = [
        sys.executable,
        "-m",
        "GOT",
        "read",
        *[str(page)] * 3,
        "--model-name",
        str(tiny_checkpoint),
        *LIMIT,
    ]
    process = subprocess.Popen(command_line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait(timeout=120) == 0
    assert "Traceback" not in error and "BrokenPipe" not in error


def test_stdin_and_a_foreign_locale(tiny_checkpoint: Path, page: Path, tmp_path: Path) -> None:
    result = run_got(
        "read", "-", "--model-name", tiny_checkpoint, *LIMIT,
        cwd=tmp_path, stdin=page.read_bytes(), PYTHONIOENCODING="ascii",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    assert list(tmp_path.iterdir()) == [page]


def test_help_needs_no_torch() -> None:
    code = """
import sys
from GOT.__main__ import main
try:
    main(["read", "--help"])
except SystemExit:
    assert "torch" not in sys.modules
"""
    result = run_python("-c", code)
    assert result.returncode == 0, result.stderr
    for flag in (
        "--pages",
        "--dpi",
        "--to",
        "--skip-existing",
        "--allow-url",
        "--box",
        "--explain",
        "--stream",
    ):
        assert flag in result.stdout


def test_interrupting_is_told_in_one_line(read: Any, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command.common, "load_pipeline", interrupt)
    code, _, err = read(page)
    assert code == 130 and err == "got-ocr read: interrupted\n"
