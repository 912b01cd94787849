"""The shipped checkpoint reads the shipped page: training, checkpoint and reading, all the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from GOT.utils.hub import bundled_checkpoint
from tests.helpers import ROOT, run_got, run_python

SAMPLES = ROOT / "assets" / "samples"
SCENES = ROOT / "assets" / "datasets"


def expected(annotations: Path, image: str) -> str:
    """The answer that a shipped training file gives for one of its pictures."""
    records = json.loads(annotations.read_text(encoding="utf-8"))
    return next(r["conversations"][1]["value"] for r in records if r["image"] == image)


def test_the_demo_reads_the_sample_page(tmp_path: Path) -> None:
    result = run_got("read", SAMPLES / "page.png", cwd=tmp_path)
    assert result.stdout == expected(SAMPLES / "pages.json", "page.png") + "\n"
    assert "got-tiny" in result.stderr and "--model-name" in result.stderr and result.returncode == 0


def test_the_published_demo_reads_it_too(tmp_path: Path) -> None:
    result = run_python(
        ROOT / "GOT/demo/run_ocr_2.0.py", "--image-file", SAMPLES / "page.png", "--render", cwd=tmp_path
    )
    assert result.stdout == expected(SAMPLES / "pages.json", "page.png") + "\n"
    assert "Harbour Library" in (tmp_path / "results" / "demo.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("batch_size", [1, 8])
def test_the_scenes_are_read_alone_and_together(batch_size: int) -> None:
    from GOT.inference.pipeline import GOTPipeline

    pipeline = GOTPipeline.from_pretrained(bundled_checkpoint() or "", device="cpu")
    names = [f"scene-ocr/{number:02d}.jpg" for number in range(8)]
    document = pipeline.read([SCENES / name for name in names], batch_size=batch_size)
    assert [page.text for page in document] == [expected(SCENES / "scene-ocr.json", name) for name in names]
    assert all(page.status == "ok" and (page.confidence or 0) > 0.9 for page in document)


@pytest.mark.slow
def test_a_wheel_brings_the_checkpoint_along(tmp_path: Path) -> None:
    built = run_python("-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "wheel", ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    site = tmp_path / "site"
    installed = run_python("-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel)
    assert installed.returncode == 0, installed.stderr
    result = run_python("-P", "-m", "GOT", "read", SAMPLES / "page.png", cwd=tmp_path, PYTHONPATH=str(site))
    assert result.returncode == 0 and result.stdout.strip(), result.stderr
    located = run_python("-c", "import GOT; print(GOT.__file__)", cwd=tmp_path, PYTHONPATH=str(site))
    assert located.stdout.startswith(str(site))
