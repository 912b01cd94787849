"""The OpenVINO backend: torch's text in float32, an export that is tried before it is kept, and made only once."""

from __future__ import annotations

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

from GOT.inference import agreement
from GOT.inference.backends import Prompt, check_options, choose_backend
from GOT.inference.generation import GenerationSettings
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.preparation import ReadRequest
from tests.helpers import ROOT, draw_page
from tests.through_engine import read as read_through_engine
from tests.through_engine import without_time

pytest.importorskip("openvino", reason='openvino is not installed: pip install "got-ocr[openvino]"')

SETTINGS = GenerationSettings(max_new_tokens=24)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all tests of this file find the float32 export again."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(autouse=True)
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less to compare: what the gate does is the same for two pages as for nine."""
    monkeypatch.setattr(agreement, "MAX_TOKENS", 16)
    monkeypatch.setattr(agreement, "SAMPLE_NAMES", ("line-1.png",))


def read_with(checkpoint: Path, cache: Path, **options: object) -> GOTPipeline:
    return GOTPipeline.from_pretrained(
        checkpoint, backend="openvino", engine_options={"cache_dir": cache, **options}, settings=SETTINGS
    )


@pytest.fixture
def vino(tiny_checkpoint: Path, cache: Path) -> GOTPipeline:
    return read_with(tiny_checkpoint, cache, precision="float32")


@pytest.fixture
def requests() -> list[ReadRequest]:
    """Every task, prompts of many lengths."""
    page, wide, framed = draw_page(), draw_page(500, 120, "wide"), draw_page(300, 300, "framed", color="red")
    return [
        ReadRequest(page),
        ReadRequest(wide, task="format"),
        ReadRequest(page, box=(10, 10, 120, 90)),
        ReadRequest(wide, box=(10, 10, 120, 90), box_mode="crop"),
        ReadRequest(framed, color="red"),
        ReadRequest(wide, crop=True),
        ReadRequest(framed, task="format", crop=True, max_tiles=3),
        ReadRequest((page, wide, framed), multi_page=True),
        ReadRequest(page, question="What is this?"),
    ]


def test_every_task_reads_what_torch_reads(
    vino: GOTPipeline, pipeline: GOTPipeline, requests: list[ReadRequest]
) -> None:
    wanted = list(pipeline.read_requests(requests, batch_size=1))
    assert len({result.text for result in wanted}) > 3
    alone = list(vino.read_requests(requests, batch_size=1))
    assert [result.text for result in alone] == [result.text for result in wanted]
    for ours, theirs in zip(alone, wanted, strict=True):
        assert ours.status == theirs.status and ours.num_tokens == theirs.num_tokens
        assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4)  # float32, other order of sums
        assert ours.line_confidences == pytest.approx(theirs.line_confidences, abs=1e-4)


@pytest.mark.parametrize("batch_size", [3, 9])
def test_a_batch_reads_what_its_pages_read_alone(
    vino: GOTPipeline, requests: list[ReadRequest], batch_size: int
) -> None:
    """Prompts of 58 to over 100 tokens side by side; rows leave at different steps."""
    rows = [vino.prepare(request).inputs for request in requests]
    assert len({len(inputs.input_ids) for inputs in rows if inputs is not None}) > 4
    alone = [result.text for result in vino.read_requests(requests, batch_size=1)]
    together = [result.text for result in vino.read_requests(requests, batch_size=batch_size)]
    assert together == alone
    backwards = [result.text for result in vino.read_requests(requests[::-1], batch_size=batch_size)]
    assert backwards[::-1] == alone


def test_rows_that_leave_do_not_change_the_others(vino: GOTPipeline, requests: list[ReadRequest]) -> None:
    inputs = [ready for request in requests[:4] if (ready := vino.prepare(request).inputs) is not None]
    tokens = torch.tensor([5, 6, 7, 8])
    session, single = vino.backend.start(inputs), vino.backend.start([inputs[2]])
    session.step(tokens)
    single.step(tokens[2:3])
    session.keep([1, 2, 3])
    session.step(tokens[1:])
    single.step(tokens[2:3])
    session.keep([1])
    session.step(tokens[2:3])
    single.step(tokens[2:3])
    torch.testing.assert_close(session.logits, single.logits, rtol=0, atol=1e-4)  # sums in another order


def test_rows_that_join_and_leave_do_not_change_the_others(
    vino: GOTPipeline, requests: list[ReadRequest]
) -> None:
    """The longest leaves, so that its neighbours' padding goes; shorter and longer ones come."""
    backend: Any = vino.backend
    ready = [inputs for request in requests if (inputs := vino.prepare(request).inputs) is not None]
    prompts = [Prompt(inputs.input_ids, backend.encode([inputs.pixel_values])) for inputs in ready]
    by_length = sorted(range(len(prompts)), key=lambda index: len(prompts[index].input_ids))
    short, middle, long = by_length[0], by_length[len(by_length) // 2], by_length[-1]
    session = backend.open_slots(3)
    alone: dict[int, Any] = {}

    def join(*rows: int) -> None:
        session.join([prompts[index] for index in rows])
        alone.update((index, backend.start([ready[index]])) for index in rows)

    def step(*rows: int) -> None:
        tokens = torch.tensor([5 + index for index in rows])
        session.step(tokens)
        for index, token in zip(rows, tokens, strict=True):
            alone[index].step(token[None])
        wanted = torch.cat([alone[index].logits for index in rows])
        torch.testing.assert_close(session.logits, wanted, rtol=0, atol=1e-4)  # sums in another order

    join(middle, long)
    step(middle, long)
    session.keep([0])
    join(short)  # at once, before the row that left has gone from the cache
    assert session.max_new_tokens == alone[middle].max_new_tokens
    step(middle, short)
    step(middle, short)
    join(long)
    step(middle, short, long)
    session.keep([2, 0])
    join(short)
    step(long, middle, short)
    session.keep([])
    join(middle)
    step(middle)


@pytest.mark.parametrize("slots", [1, 4, 16])
def test_slots_read_what_pages_read_alone(vino: GOTPipeline, tmp_path: Path, slots: int) -> None:
    """Continuous batching: answers end at different steps, and other pages take their slots."""
    for number in range(7):
        draw_page(80 + 45 * number, 300 - 30 * number, f"{number} " * (number + 1)).save(
            tmp_path / f"{number}.png"
        )
    for asked in ({}, {"crop": True}):
        alone = list(vino.read(tmp_path, **asked))
        found = read_through_engine(vino, [tmp_path], slots=slots, **asked)
        assert without_time(found) == without_time(alone)


def test_streams_side_by_side_do_not_mix(vino: GOTPipeline, requests: list[ReadRequest]) -> None:
    wanted = [vino.read(request.images).text for request in requests[:2]]  # type: ignore[arg-type]
    streams = [vino.stream(ReadRequest(request.images)) for request in requests[:2]]
    texts = ["", ""]
    left = {0, 1}
    while left:
        for index in sorted(left):
            try:
                texts[index] += next(streams[index])
            except StopIteration:
                left.discard(index)
    assert texts == wanted


def test_a_prompt_longer_than_the_context_fails_alone(vino: GOTPipeline) -> None:
    vino.backend.config.max_position_embeddings = 60
    (long, short) = vino.read_requests(
        [ReadRequest(draw_page(), question="word " * 60), ReadRequest(draw_page(), question="?")]
    )
    assert long.status == "failed" and "context holds 60" in (long.error or "")
    assert short.status != "failed"


def test_an_export_is_made_once(
    tiny_checkpoint: Path, cache: Path, vino: GOTPipeline, monkeypatch: Any
) -> None:
    from GOT.inference.backends import openvino_export

    monkeypatch.setattr(openvino_export, "_fill", lambda *_: pytest.fail("exported again"))
    again = read_with(tiny_checkpoint, cache, precision="float32")
    assert again.backend.folder == vino.backend.folder  # type: ignore[attr-defined]
    record = json.loads((again.backend.folder / "export.json").read_text())  # type: ignore[attr-defined]
    assert record["holds"] and record["agreement"]["same_tokens"] == record["agreement"]["tokens"] > 16
    assert not [path for path in (cache / "openvino").iterdir() if path.name.endswith(".tmp")]


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


def test_an_exported_folder_reads_without_the_weights(
    tiny_checkpoint: Path, cache: Path, vino: GOTPipeline, tmp_path: Path, page: Path, capfd: Any
) -> None:
    from GOT.__main__ import main

    command = ["export", "--to", "openvino", "--model-name", str(tiny_checkpoint), "--precision", "float32"]
    assert main([*command, "--cache-dir", str(cache), "-o", str(tmp_path / "out")]) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'out'}\n"
    assert not list((tmp_path / "out").glob("*.safetensors"))
    read = ["read", str(page), "--model-name", str(tmp_path / "out"), "--max-new-tokens", "24"]
    assert main([*read, "--backend", "openvino"]) == 0
    assert capfd.readouterr().out == vino.read(page).text + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "int8", "int8-activations"])
def test_the_shipped_checkpoint_reads_all_sample_pages_alike(cache: Path, precision: str) -> None:
    """What ``auto`` may choose from: the shipped checkpoint's text must not change on any shipped page."""
    from GOT.utils.hub import bundled_checkpoint

    checkpoint = bundled_checkpoint()
    assert checkpoint is not None
    whole = GenerationSettings(max_new_tokens=300)
    torch_pages = GOTPipeline.from_pretrained(checkpoint, device="cpu").read(
        agreement.SAMPLES, settings=whole
    )
    found = read_with(checkpoint, cache, precision=precision)
    pages = found.read(agreement.SAMPLES, settings=whole)
    assert [page.text for page in pages] == [page.text for page in torch_pages], precision
