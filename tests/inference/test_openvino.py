"""The OpenVINO backend: torch's text in float32, whatever rows come and go beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from GOT.inference import agreement
from GOT.inference.backends import Prompt
from GOT.inference.generation import GenerationSettings
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.preparation import ReadRequest
from tests.helpers import draw_page
from tests.through_engine import read as read_through_engine
from tests.through_engine import without_time
from tests.through_openvino import read_with

pytest.importorskip("openvino", reason='openvino is not installed: pip install "got-ocr[openvino]"')
pytestmark = pytest.mark.usefixtures("short_samples")


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


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "int8", "int8-activations"])
def test_the_shipped_checkpoint_reads_all_sample_pages_alike(export_cache: Path, precision: str) -> None:
    """A precision either changes no text of any shipped page or is refused; float32 never is."""
    from GOT.utils.hub import bundled_checkpoint

    checkpoint = bundled_checkpoint()
    assert checkpoint is not None
    whole = GenerationSettings(max_new_tokens=300)
    torch_pages = GOTPipeline.from_pretrained(checkpoint, device="cpu").read(
        agreement.SAMPLES, settings=whole
    )
    try:
        found = read_with(checkpoint, export_cache, precision=precision)
    except ValueError as refusal:
        assert "changes the text" in str(refusal) and precision != "float32"
        return
    pages = found.read(agreement.SAMPLES, settings=whole)
    assert [page.text for page in pages] == [page.text for page in torch_pages], precision
