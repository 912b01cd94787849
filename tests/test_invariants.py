"""What must not change a result: batch, cache, streaming, layout, order of sources - through the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from GOT.__main__ import main
from tests.helpers import draw_page


@pytest.fixture
def pages(tmp_path: Path) -> list[Path]:
    paths = []
    for number, size in enumerate([(240, 180), (500, 120), (128, 384), (300, 300)]):
        paths.append(tmp_path / f"p{number}.png")
        draw_page(*size, text=f"page {number}").save(paths[-1])
    return paths


def texts(capfd: pytest.CaptureFixture[str], checkpoint: Path, *arguments: object) -> list[str]:
    command = [
        "read",
        *map(str, arguments),
        "--model-name",
        str(checkpoint),
        "--device",
        "cpu",
        "--max-new-tokens",
        "20",
    ]
    assert main(command) == 0
    return capfd.readouterr().out.removesuffix("\n").split("\n\f\n")


def test_reading_is_the_same_every_way(
    pages: list[Path], tiny_checkpoint: Path, tiny_processor: Any, tiny_model: Any, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from GOT.model.checkpoint import save_model

    wanted = texts(capfd, tiny_checkpoint, *pages)
    assert len(wanted) == 4 and len(set(wanted)) > 1
    for batch_size in (2, 3, 4):
        assert texts(capfd, tiny_checkpoint, *pages, "--batch-size", batch_size) == wanted
    assert texts(capfd, tiny_checkpoint, *reversed(pages))[::-1] == wanted
    assert texts(capfd, tiny_checkpoint, tmp_path) == wanted  # the folder
    assert texts(capfd, tiny_checkpoint, *pages, "--attn-implementation", "eager") == wanted
    assert [texts(capfd, tiny_checkpoint, page, "--stream")[0] for page in pages] == wanted
    other = tmp_path / "other" / "model"
    save_model(tiny_model, other, layout="transformers", max_shard_size="200KB")
    tiny_processor.save_pretrained(other, layout="transformers")
    assert texts(capfd, other, *pages) == wanted


def test_tiles_do_not_depend_on_the_batch(
    pages: list[Path], tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = texts(capfd, tiny_checkpoint, *pages, "--crop")
    assert texts(capfd, tiny_checkpoint, *pages, "--crop", "--batch-size", 4) == wanted
