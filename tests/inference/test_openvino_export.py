"""OpenVINO's exports: made once, whole or not there, and tried before they are kept."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from GOT.inference.pipeline import GOTPipeline
from tests.helpers import ROOT
from tests.through_openvino import read_with

pytest.importorskip("openvino", reason='openvino is not installed: pip install "got-ocr[openvino]"')
pytestmark = pytest.mark.usefixtures("short_samples")


def test_an_export_is_made_once(
    tiny_checkpoint: Path, export_cache: Path, vino: GOTPipeline, monkeypatch: Any
) -> None:
    from GOT.inference.backends import openvino_export

    monkeypatch.setattr(openvino_export, "_fill", lambda *_: pytest.fail("exported again"))
    again = read_with(tiny_checkpoint, export_cache, precision="float32")
    assert again.backend.folder == vino.backend.folder  # type: ignore[attr-defined]
    record = json.loads((again.backend.folder / "export.json").read_text())  # type: ignore[attr-defined]
    assert record["holds"] and record["agreement"]["same_tokens"] == record["agreement"]["tokens"] > 16
    assert not [path for path in (export_cache / "openvino").iterdir() if path.name.endswith(".tmp")]


def test_an_export_has_one_precision(vino: GOTPipeline) -> None:
    from GOT.inference.backends import openvino_backend

    folder: Path = vino.backend.folder  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="holds an export in float32; got --precision int8"):
        openvino_backend.load(folder, precision="int8")


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache folder is on a file system that nobody may write to."""
    from GOT.utils import io

    def refuse(path: Path, *_: object, **__: object) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    for name in ("locked", "write_text", "atomic_folder"):
        monkeypatch.setattr(io, name, refuse)


def test_a_finished_export_needs_no_right_to_write(
    tiny_checkpoint: Path, export_cache: Path, vino: GOTPipeline, read_only: None
) -> None:
    import shutil

    shutil.rmtree(export_cache / "openvino" / "hashes")
    again = read_with(tiny_checkpoint, export_cache, precision="float32")
    assert again.backend.folder == vino.backend.folder  # type: ignore[attr-defined]


@pytest.mark.usefixtures("read_only")
def test_where_no_export_can_be_kept_auto_reads_with_torch(
    tiny_checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"cache_dir": tmp_path, "precision": "float32"}
    with caplog.at_level(logging.WARNING, logger="GOT"):
        pipeline = GOTPipeline.from_pretrained(
            tiny_checkpoint, backend="auto", device="cpu", engine_options=options
        )
    assert pipeline.backend.name == "torch"
    assert "Reading with torch, since OpenVINO's export cannot be kept" in caplog.text
    with pytest.raises(OSError, match="Read-only file system"):
        GOTPipeline.from_pretrained(tiny_checkpoint, backend="openvino", device="cpu", engine_options=options)


def test_other_weights_are_another_export(tiny_checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    from GOT.utils.cache import content_hash

    copy, memory = tmp_path / "copy", tmp_path / "memory"
    shutil.copytree(tiny_checkpoint, copy)
    assert content_hash(copy, memory=memory) == content_hash(tiny_checkpoint, memory=memory)
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert content_hash(copy, memory=memory) != content_hash(tiny_checkpoint, memory=memory)


@pytest.fixture
def ruined(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Quantising takes the last bits of sense out of the decoder; gives the precisions that were tried."""
    from GOT.inference.backends import openvino_graphs

    tried: list[str] = []
    write = openvino_graphs.write_decoder

    def write_ruined(model: Any, folder: Path, *, weights: str) -> None:
        tried.append(weights)
        head = model.lm_head.weight
        with torch.no_grad():
            kept = head.clone()
            if weights != "float32":
                head.copy_(head.roll(1, dims=0))
            write(model, folder, weights="float32")
            head.copy_(kept)

    monkeypatch.setattr(openvino_graphs, "write_decoder", write_ruined)
    monkeypatch.setattr(openvino_graphs, "_compress", lambda graph: graph)
    yield tried


def test_a_ruined_export_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, ruined: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match=r"int8 changes the text.*\(0 of \d+ answers.*--allow-lossy"):
        read_with(tiny_checkpoint, tmp_path, precision="int8")
    kept = sorted(
        path.name.split("-", 1)[1] for path in (tmp_path / "openvino").iterdir() if "-" in path.name
    )
    assert kept == ["int8-v2.refused.json"]
    with pytest.raises(ValueError, match="int8 changes the text"):  # known: not tried again
        read_with(tiny_checkpoint, tmp_path, precision="int8")
    assert ruined == ["int8"]
    with caplog.at_level(logging.WARNING, logger="GOT"):
        lossy = read_with(tiny_checkpoint, tmp_path, precision="int8", allow_lossy=True)
    assert "taken as asked" in caplog.text
    assert lossy.backend.folder.name.endswith("int8-v2")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="int8 changes the text"):  # it is there now, and still refused
        read_with(tiny_checkpoint, tmp_path, precision="int8")


def test_auto_falls_back_to_a_more_exact_precision(
    tiny_checkpoint: Path, tmp_path: Path, ruined: list[str], monkeypatch: Any, caplog: Any
) -> None:
    from GOT.inference.backends import openvino_export

    monkeypatch.setattr(
        openvino_export,
        "PRECISIONS",
        {k: v for k, v in openvino_export.PRECISIONS.items() if k != "int8-activations"},
    )
    with caplog.at_level(logging.WARNING, logger="GOT"):
        found = read_with(tiny_checkpoint, tmp_path)
    assert found.backend.folder.name.endswith("-float32-v2")  # type: ignore[attr-defined]
    assert ruined == ["int8", "float32"] and "; not kept" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="GOT"):
        read_with(tiny_checkpoint, tmp_path)
    assert not caplog.text  # said when it was found out, not at every page that is read


EXPORT = """
import logging, sys
from pathlib import Path
from GOT.inference import agreement
agreement.MAX_TOKENS, agreement.SAMPLE_NAMES = 8, ()
agreement.draw_page = lambda seed, width, height, draw=agreement.draw_page: draw(seed, 200, 200)
from GOT.inference.backends import openvino_export, openvino_graphs
def announced(*arguments, write=openvino_graphs.write_decoder, **options):
    print("half", flush=True)
    write(*arguments, **options)
openvino_graphs.write_decoder = announced
print(openvino_export.find_or_export(Path(sys.argv[1]), precision="float32", cache_dir=Path(sys.argv[2])), flush=True)
"""


def start_export(checkpoint: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", EXPORT, str(checkpoint), str(cache)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_a_killed_export_leaves_nothing_half_and_two_at_once_make_one(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    killed = start_export(tiny_checkpoint, tmp_path)
    assert killed.stdout is not None and killed.stdout.readline() == "half\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    folder = tmp_path / "openvino"
    assert not list(folder.glob("*-v2"))
    both = [start_export(tiny_checkpoint, tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    (made,) = folder.glob("*-v2")
    assert [output[-1] for output in outputs] == [str(made)] * 2
    assert sum("half" in output for output in outputs) == 1  # the other one waited for it
    assert not list(folder.glob(".*.tmp"))  # nor what the killed one left


def test_an_exported_folder_reads_without_the_weights(
    tiny_checkpoint: Path, export_cache: Path, vino: GOTPipeline, tmp_path: Path, page: Path, capfd: Any
) -> None:
    from GOT.__main__ import main

    command = ["export", "--to", "openvino", "--model-name", str(tiny_checkpoint), "--precision", "float32"]
    assert main([*command, "--cache-dir", str(export_cache), "-o", str(tmp_path / "out")]) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'out'}\n"
    assert not list((tmp_path / "out").glob("*.safetensors"))
    read = ["read", str(page), "--model-name", str(tmp_path / "out"), "--max-new-tokens", "24"]
    assert main([*read, "--backend", "openvino"]) == 0
    assert capfd.readouterr().out == vino.read(page).text + "\n"
