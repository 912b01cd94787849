"""Every command of README.md and CONTRIBUTING.md runs, with a tiny checkpoint in the place of W."""

from __future__ import annotations

import importlib
import io
import json
import re
import runpy
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from tests.helpers import ROOT, draw_page, make_pdf

FEW = ["--max-new-tokens", "6", "--device", "cpu"]

CPU = ["--device", "cpu"]
STEP = [
    "--max_steps",
    "1",
    "--per_device_train_batch_size",
    "2",
    "--dataloader_num_workers",
    "0",
    "--data_cache",
    "tables",
]
# What keeps a command short, or on the CPU.
EXTRA = {
    "read": FEW,
    "doctor": CPU,
    "train": STEP,
    "merge": [],
    "synth": [],
    "evaluate": [*FEW],
    "export": ["--precision", "float32"],
}


def blocks(language: str, *names: str) -> list[str]:
    found = []
    for name in names:
        text = (ROOT / name).read_text(encoding="utf-8")
        found += re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found


def commands() -> list[str]:
    lines = "\n".join(blocks("bash", "README.md", "CONTRIBUTING.md")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.strip().startswith("#")]


@pytest.fixture
def desk(tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name."""
    shutil.copy(ROOT / "assets/samples/page.png", tmp_path / "page.png")
    (tmp_path / "paper.pdf").write_bytes(make_pdf(draw_page(), draw_page()))
    (tmp_path / "scans").mkdir()
    for number in (1, 2):
        draw_page(text=str(number)).save(tmp_path / "scans" / f"p{number}.png")
    (tmp_path / "W").symlink_to(tiny_checkpoint)
    turn = {"query": "<image>OCR: ", "response": "1", "images": ["scans/p1.png"]}
    (tmp_path / "my-data.jsonl").write_text(f"{json.dumps(turn)}\n" * 2, encoding="utf-8")
    (tmp_path / "GOT").symlink_to(ROOT / "GOT")
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", commands())
def test_command_runs(
    line: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    line, _, given = line.partition(" < ")
    words = shlex.split(line, comments=True)
    if words[0] == "bash":  # they would install and run these tests again; CI runs them for real
        assert (ROOT / words[1]).is_file(), words[1]
        assert all((ROOT / word).exists() for word in words[2:] if word.startswith("tests/"))
        return
    if given:
        content = Path(given.strip()).read_bytes()
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": io.BytesIO(content)})())
    if words[0] in ("got-ocr", "deepspeed"):
        from GOT.__main__ import main

        # The launcher itself is started by tests/train; here its command runs in this process.
        command = words[1:] if words[0] == "got-ocr" else ["train", *words[4:]]
        if command[0] == "merge":  # what the line above it in the README leaves behind
            (lora,) = [shlex.split(other, comments=True) for other in commands() if "--lora_enable" in other]
            assert main(lora[1:] + STEP) == 0
        code = main(command + EXTRA[command[0]])
    else:
        assert words[0] == "python3"
        path = desk / words[1]
        monkeypatch.setattr(sys, "argv", [str(path), *words[2:], *FEW])
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(path), run_name="__main__")
        code = int(caught.value.code or 0)
    captured = capfd.readouterr()
    promised_failure = "is not there" in line or "--pages 1-5,7" in line
    assert code == (1 if promised_failure else 0), captured.err
    assert "Traceback" not in captured.err
    if (
        words[:2] in (["got-ocr", "train"], ["got-ocr", "merge"], ["got-ocr", "synth"])
        or words[0] == "deepspeed"
    ):
        return  # they write files and report on stderr
    if "-o" in words:
        formats = words[words.index("--to") + 1].split(",") if "--to" in words else ["txt"]
        for suffix in formats:
            assert list((desk / words[words.index("-o") + 1]).rglob(f"*.{suffix}")), suffix
    else:
        assert captured.out.strip()


@pytest.mark.parametrize("code", blocks("python", "README.md"))
def test_python_runs(
    code: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from GOT.inference.generation import GenerationSettings

    def few() -> GenerationSettings:
        return GenerationSettings(max_new_tokens=6)

    monkeypatch.setattr("GOT.inference.pipeline.GenerationSettings", few)
    (desk / "example.py").write_text(code, encoding="utf-8")
    runpy.run_path(str(desk / "example.py"))
    assert capsys.readouterr().out.count("truncated") == 2


def test_links_and_paths_exist() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert target.startswith("https://") or (ROOT / target).exists(), f"{name} links to {target}"
        for path in re.findall(r"`((?:tests|scripts|GOT|assets|docs)/[\w/.-]+)`", text):
            assert (ROOT / path).exists(), f"{name} names {path}"


def test_the_tree_shows_every_package() -> None:
    tree = next(block for block in blocks("text", "README.md") if "├──" in block)
    shown = set(re.findall(r"[├└]── (\w+)/", tree))
    there = {path.parent.name for path in (ROOT / "GOT").glob("*/*.py") if path.stat().st_size > 200}
    assert there <= shown, there - shown
    for name in re.findall(r"^(\w+)/", tree, re.MULTILINE):
        assert (ROOT / name).is_dir()


def test_tables_of_contributing_are_true() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path, table in re.findall(r"\| `([\w/]+\.py)` `([A-Z_]+)` \|", text):
        where = ROOT / path if path.startswith(("GOT/", "scripts/")) else ROOT / "GOT" / path
        assert re.search(rf"^{table}\b", where.read_text(encoding="utf-8"), re.MULTILINE), f"{path} {table}"


def test_python_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.13"
    assert "Python 3.11 or 3.12" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert importlib.import_module("GOT").__version__ == project["version"]
