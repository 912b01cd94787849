"""What a Ray cluster is asked for; needs no Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from GOT.inference.on_ray import count_actors, found_from_anywhere

GIB = 1024**3


@pytest.mark.parametrize(
    ("resources", "cards", "count"),
    [
        ({"CPU": 64.0, "GPU": 8.0, "memory": 400.0 * GIB}, 1.0, 8),
        ({"CPU": 64.0, "memory": 400.0 * GIB}, 0.0, 64),
        ({"CPU": 64.0, "memory": 9.0 * GIB}, 0.0, 8),  # a GiB and little more each
        ({"CPU": 64.0, "memory": 0.1 * GIB}, 0.0, 1),
        ({}, 1.0, 1),
    ],
)
def test_actors_fill_the_cluster(
    resources: dict[str, float], cards: float, count: int, tiny_checkpoint: Path
) -> None:
    assert count_actors(resources, {"model_name": str(tiny_checkpoint)}, cards=cards) == count


def test_folders_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    load: dict[str, Any] = {"model_name": "model", "engine_options": {"cache_dir": Path("cache")}}
    found = found_from_anywhere(load)
    assert found["model_name"] == str(tmp_path / "model")
    assert found["engine_options"]["cache_dir"] == tmp_path / "cache"
    assert found_from_anywhere({"model_name": "owner/name"})["model_name"] == "owner/name"
