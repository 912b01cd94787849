"""What all structured kinds share: a seed gives the same bytes in every process, another seed another sample."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys

import pytest

from GOT.data_engine.fonts import alphabet, find_fonts
from GOT.data_engine.sample import Sample
from GOT.utils.lazy import is_available

# name -> function, settings, libraries
KINDS = {
    "formula": ("formula:sample", {}, ["typst"]),
    "table": ("table:sample", {"rows": 3}, ["typst"]),
    "page_en": ("page:sample_en", {"blocks": 4, "width": 500, "height": 500}, ["typst"]),
    "page_zh": ("page:sample_zh", {"blocks": 4, "width": 500, "height": 500}, ["typst"]),
    "molecule": ("molecule:sample", {}, ["rdkit"]),
    "molecule_indigo": ("molecule:sample", {"renderer": "indigo"}, ["rdkit", "indigo"]),
    "music": ("music:sample", {"measures": 2}, ["verovio", "resvg_py"]),
    "geometry": ("geometry:sample", {}, ["typst"]),
    "chart": ("chart:sample", {"width": 4, "height": 4}, ["matplotlib"]),
}
SEEDS = ((0, 1), (1, 1), (0, 2))  # index, seed


def draw(name: str, index: int, seed: int) -> Sample:
    module, function = KINDS[name][0].split(":")
    sample: Sample = getattr(importlib.import_module(f"GOT.data_engine.{module}"), function)(
        index, seed, **KINDS[name][1]
    )
    return sample


def digest(sample: Sample) -> str:
    parts = [sample.prompt, sample.target, json.dumps(sample.meta, sort_keys=True)]
    data = "\0".join(parts).encode() + b"".join(image.tobytes() for image in sample.images)
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def is_drawable(name: str) -> bool:
    if name == "page_zh":
        try:
            find_fonts(alphabet("zh"))
        except FileNotFoundError:
            return False
    return all(map(is_available, KINDS[name][2]))


DRAWABLE = [name for name in KINDS if is_drawable(name)]


@pytest.fixture(scope="module")
def of_another_process() -> dict[str, list[str]]:
    """Digests of every kind, drawn in the other order by a process with other hash seeds."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "77",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    result = subprocess.run(
        [sys.executable, __file__, *DRAWABLE], env=environment, capture_output=True, text=True, check=True
    )
    digests: dict[str, list[str]] = json.loads(result.stdout)
    return digests


@pytest.mark.parametrize("name", DRAWABLE)
def test_the_same_seed_gives_the_same_bytes_in_another_process(name, of_another_process):
    ours = [digest(draw(name, index, seed)) for index, seed in SEEDS]
    assert ours == of_another_process[name]
    assert len(set(ours)) == len(SEEDS)


@pytest.mark.parametrize("name", DRAWABLE)
def test_a_sample_says_where_it_comes_from(name):
    sample = draw(name, 0, 1)
    assert sample.meta["index"] == 0 and sample.meta["seed"] == 1 and sample.meta["attempt"] >= 0
    assert sample.meta["renderer"] and any(char.isdigit() for char in sample.meta["renderer"])
    assert sample.prompt == "OCR with format: " and sample.images[0].mode in ("L", "RGB")
    json.dumps(sample.meta)


if __name__ == "__main__":
    drawn = {
        name: [digest(draw(name, index, seed)) for index, seed in reversed(SEEDS)][::-1]
        for name in reversed(sys.argv[1:])
    }
    sys.stdout.write(json.dumps(drawn))
