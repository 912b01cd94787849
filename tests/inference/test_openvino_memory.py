"""OpenVINO keeps weights in a layout of its own; the file's must not stay in memory beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from GOT.inference.backends import openvino_graphs as graphs
from GOT.inference.backends.openvino_backend import OpenVINOBackend
from GOT.inference.pipeline import GOTPipeline
from GOT.utils.mapped import resident_bytes

pytest.importorskip("openvino", reason='openvino is not installed: pip install "got-ocr[openvino]"')


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which pages are held")
def test_weights_are_held_once(tiny_checkpoint: Path, tmp_path: Path) -> None:
    pipeline = GOTPipeline.from_pretrained(
        tiny_checkpoint, backend="openvino",
        engine_options={"cache_dir": tmp_path, "precision": "int8", "allow_lossy": True},
    )  # fmt: skip
    backend = pipeline.backend
    assert isinstance(backend, OpenVINOBackend)
    files = [graphs.weights_of(backend.folder / name) for name in (graphs.ENCODER, graphs.DECODER)]
    assert all(file.stat().st_size > 0 for file in files)
    assert sum(map(resident_bytes, files)) == 0
