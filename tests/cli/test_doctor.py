"""got-ocr doctor tells what is there and what is wrong."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from GOT.__main__ import main
from GOT.cli.doctor import EXTRAS
from tests.helpers import ROOT


def test_a_sound_checkpoint(tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model-name", str(tiny_checkpoint), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    for line in ("torch ", "transformers ", "device        cpu", "layout        original", "tokenizer and config agree",
                 "none missing, none unexpected", "one view and one token"):  # fmt: skip
        assert line in out
    assert "!!" not in out


def test_the_backend_that_was_asked_for_is_tried(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(arguments: Any) -> None:
        raise ValueError(f"{arguments.backend} in {arguments.precision} changes the text")

    monkeypatch.setattr("GOT.cli.common.load_pipeline", refuse)
    model = ("doctor", "--model-name", str(tiny_checkpoint), "--device", "cpu", "--backend", "openvino")
    assert main([*model, "--precision", "int8"]) == 1
    assert "!! backend    openvino in int8 changes the text" in capsys.readouterr().out


def test_a_broken_checkpoint(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny_checkpoint, tmp_path / "model")
    weights = load_file(tmp_path / "model/model.safetensors")
    del weights["model.norm.weight"]
    weights["more"] = weights["model.embed_tokens.weight"][:1].clone()
    save_file(weights, tmp_path / "model/model.safetensors")
    assert main(["doctor", "--model-name", str(tmp_path / "model"), "--device", "cpu"]) == 1
    out = capsys.readouterr().out
    assert "!! weights" in out and "1 missing: model.norm.weight" in out and "1 unexpected: more" in out


def test_a_foreign_tokenizer(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from GOT.data.tokenizer import GOTTokenizer

    shutil.copytree(tiny_checkpoint, tmp_path / "model")
    GOTTokenizer.small(600).save_pretrained(tmp_path / "model")
    assert main(["doctor", "--model-name", str(tmp_path / "model"), "--device", "cpu"]) == 1
    assert "!! token ids" in capsys.readouterr().out


def test_without_a_checkpoint(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("GOT.cli.doctor.bundled_checkpoint", lambda: None)
    monkeypatch.setattr("GOT.cli.doctor.is_available", lambda module: module != "verovio")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "none shipped with this copy" in out
    assert 'render: without verovio: pip install "got-ocr[render]"' in out


def test_every_extra_is_listed() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = set(project["optional-dependencies"]) - {"dev"}
    assert set(EXTRAS) == listed
    for extra in listed:
        assert len(EXTRAS[extra]) == len(project["optional-dependencies"][extra]), extra
