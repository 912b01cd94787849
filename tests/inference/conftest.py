"""OpenVINO's exports, made once for all tests that read with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from GOT.inference import agreement
from GOT.inference.pipeline import GOTPipeline
from tests.through_openvino import read_with


@pytest.fixture(scope="session")
def export_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all tests find the float32 export again."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less to compare: what the gate does is the same for two pages as for nine."""
    monkeypatch.setattr(agreement, "MAX_TOKENS", 16)
    monkeypatch.setattr(agreement, "SAMPLE_NAMES", ("line-1.png",))


@pytest.fixture
def vino(tiny_checkpoint: Path, export_cache: Path, short_samples: None) -> GOTPipeline:
    return read_with(tiny_checkpoint, export_cache, precision="float32")
