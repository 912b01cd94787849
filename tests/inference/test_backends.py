"""Which backend reads: chosen by itself, asked for what it cannot do, or not installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from GOT.inference.backends import check_options, choose_backend
from GOT.inference.pipeline import GOTPipeline

pytest.importorskip("openvino", reason='openvino is not installed: pip install "got-ocr[openvino]"')


def test_auto_is_openvino_on_cpus_only() -> None:
    assert choose_backend("auto", device="cpu") == "openvino"
    assert choose_backend("auto", device="cpu", dtype="bfloat16") == "torch"
    assert choose_backend("torch", device="cpu") == "torch"


def test_options_of_another_backend_are_an_error(tiny_checkpoint: Path) -> None:
    assert check_options("torch", {"precision": "auto", "cache_dir": None, "allow_lossy": False}) == {}
    with pytest.raises(ValueError, match="torch backend has no --precision"):
        GOTPipeline.from_pretrained(tiny_checkpoint, backend="torch", engine_options={"precision": "int8"})
    for wrong in ({"dtype": "bfloat16"}, {"attn_implementation": "flash_attention_2"}):
        with pytest.raises(ValueError, match="openvino"):
            GOTPipeline.from_pretrained(tiny_checkpoint, backend="openvino", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="--precision must be"):
        GOTPipeline.from_pretrained(tiny_checkpoint, backend="openvino", engine_options={"precision": "int3"})


def test_without_the_library_one_line_says_what_to_install(tiny_checkpoint: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ImportError, match=r'pip install "got-ocr\[openvino\]"'):
        GOTPipeline.from_pretrained(tiny_checkpoint, backend="openvino")
