"""A checkpoint through OpenVINO, for tests of its backend and of its exports."""

from __future__ import annotations

from pathlib import Path

from GOT.inference.generation import GenerationSettings
from GOT.inference.pipeline import GOTPipeline

SETTINGS = GenerationSettings(max_new_tokens=24)


def read_with(checkpoint: Path, cache: Path, **options: object) -> GOTPipeline:
    return GOTPipeline.from_pretrained(
        checkpoint, backend="openvino", engine_options={"cache_dir": cache, **options}, settings=SETTINGS
    )
