"""The commands that write documents: every format of one document, clean-up, any folder, two at once, a full disk."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from GOT.__main__ import main
from GOT.inference.results import PageResult
from tests.helpers import ROOT, draw_page, make_pdf, run_python

ANSWER = "7\nSee \\( \\left( x \\) and a hy-\nphen.\n\n\\begin{tabular}{l}\n1 \\\\\n2"


@pytest.fixture
def read(tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``got-ocr read``, the tiny model's nonsense replaced by an answer as the real one gives."""
    from GOT.inference.pipeline import GOTPipeline

    def read_pages(self: Any, pages: Any, template: Any, **_: Any) -> Any:
        for page in pages:
            yield PageResult(ANSWER, "ok", "stop", page.source, page.number, "OCR with format: ")

    monkeypatch.setattr(GOTPipeline, "read_pages", read_pages)
    monkeypatch.setattr("GOT.cli.batched.can_read", lambda *_: False)

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main(
                ["read", *map(str, arguments), "--model-name", str(tiny_checkpoint), "--device", "cpu"]
            )
        except SystemExit as error:
            code = int(error.code or 0)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_pdf_becomes_one_document_in_every_format(read: Any, tmp_path: Path) -> None:
    pytest.importorskip("docx")
    (tmp_path / "paper.pdf").write_bytes(make_pdf(draw_page(), draw_page()))
    output = tmp_path / "out"
    code, _, _ = read(
        tmp_path / "paper.pdf", "-o", output, "--to", "txt,md,html,json,docx,tex", "--dpi", "72"
    )
    assert code == 0
    files = {path.suffix[1:]: path for path in (output / "paper").iterdir()}
    assert sorted(files) == ["docx", "html", "json", "md", "tex", "txt"]
    html = files["html"].read_text(encoding="utf-8")
    assert re.findall(r'<section id="([^"]*)"', html) == ["page-1", "page-2"]
    assert html.count("data:image/jpeg;base64,") == 2
    assert '<a id="page-2"></a>' in files["md"].read_text(encoding="utf-8")
    assert "\\hypertarget{page-2}" in files["tex"].read_text(encoding="utf-8")
    assert "page_2" in zipfile.ZipFile(files["docx"]).read("word/document.xml").decode()


def test_clean_up_is_an_option_and_the_raw_answer_stays(read: Any, page: Path) -> None:
    assert read(page)[1] == ANSWER + "\n"
    cleaned = "See \\( \\left( x\\right.\\) and a hyphen.\n\n\\begin{tabular}{l}\n1 \\\\\n2\n\\end{tabular}"
    assert read(page, "--post-clean")[1] == cleaned + "\n"
    assert read(page, "--clean", "page-numbers")[1] == ANSWER.removeprefix("7\n") + "\n"
    record = json.loads(read(page, "--post-clean", "--to", "json")[1])["pages"][0]
    assert record["text"] == ANSWER and record["clean_text"] == cleaned
    assert "clean_text" not in json.loads(read(page, "--to", "json")[1])["pages"][0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--clean", "x"], "--clean takes formulas, tables, page-numbers, hyphens; got x"),
        (["--clean", ""], "got nothing"),
        (["--post-clean", "--stream"], "--stream prints text before it is whole"),
        (["--to", "pdf"], "--to takes txt, md, json, html, docx, tex; got pdf"),
        (["--to", "docx"], "wants files: give -o DIR"),
    ],
)
def test_wrong_commands_are_one_line(read: Any, page: Path, arguments: list[str], said: str) -> None:
    code, out, err = read(page, *arguments)
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1


def test_a_missing_library_is_told_before_anything_is_read(
    read: Any, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    monkeypatch.setattr("GOT.cli.common.load_pipeline", None)
    code, _, err = read(page, "-o", tmp_path / "out", "--to", "docx")
    assert code != 0 and 'pip install "got-ocr[render]"' in err and err.count("\n") == 1


@pytest.mark.slow
def test_two_demos_at_once_in_any_folder_write_two_pages(
    tiny_checkpoint: Path, page: Path, tmp_path: Path
) -> None:
    """Fault I7: ``./results/demo.html`` worked from one folder only and was overwritten by every run."""
    command = [sys.executable, str(ROOT / "GOT/demo/run_ocr_2.0.py"), "--model-name", str(tiny_checkpoint)]
    command += ["--image-file", str(page), "--type", "format", "--render", "--max-new-tokens", "8"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    both = [subprocess.Popen(command, cwd=tmp_path, **pipes) for _ in range(2)]
    said = [running.communicate(timeout=300)[1].decode() for running in both]
    assert [running.returncode for running in both] == [0, 0], said
    written = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert written in (
        ["demo-2.html", "demo.html"],
        ["demo.html"],
    )  # the latter: one was done before the other began
    told = {re.search(r"rendered to (\S+)", text)[1] for text in said}  # type: ignore[index]
    assert told == {f"results/{name}" for name in written}
    for name in written:
        html = (tmp_path / "results" / name).read_text(encoding="utf-8")
        assert html.startswith("<!DOCTYPE html>") and html.rstrip().endswith("</html>")


def test_a_full_disk_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    """The system itself refuses the write: files of this process may hold 2,000 bytes."""
    (tmp_path / "demo.html").write_text("old")
    result = run_python("-c", f"""
import resource
from pathlib import Path
from GOT.render import RenderPage, convert
from GOT.utils import io
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
for name in ("demo.html", "new.html"):
    try:
        io.write_bytes(Path({str(tmp_path)!r}) / name, convert([RenderPage("a", 1, "word " * 2000)], "html"))
    except OSError as error:
        print(error.errno)
""")  # fmt: skip
    assert result.stdout.split() == ["27", "27"], result.stderr  # EFBIG
    assert [path.name for path in tmp_path.iterdir()] == ["demo.html"]
    assert (tmp_path / "demo.html").read_text() == "old"
