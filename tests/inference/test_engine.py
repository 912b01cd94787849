"""Continuous batching: the results of page by page, whatever the slots, the order, the processes, the trouble."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from GOT.inference import memory, throughput, views
from GOT.inference.backends import Prompt, torch_decoder
from GOT.inference.backends.torch_session import TorchSession
from GOT.inference.collect import Collector
from GOT.inference.engine import Engine
from GOT.inference.generation import Decoding, GenerationSettings
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.throughput import read_units, read_with_processes, tasks_of
from GOT.inference.units import plan_units
from GOT.inference.views import PageViews, Threads
from GOT.inference.workers import DONE, END
from tests.helpers import draw_page, is_running, make_pdf
from tests.through_engine import read, reading, without_time


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures, PDFs, a blank page, a broken file."""
    chance = random.Random(3)
    for number in range(9):
        draw_page(chance.randint(90, 400), chance.randint(90, 300), text=f"{number} " * 3).save(
            tmp_path / f"{number}.png"
        )
    (tmp_path / "paper.pdf").write_bytes(make_pdf(*(draw_page(text=f"page {i}") for i in range(6))))
    (tmp_path / "cut.pdf").write_bytes(make_pdf(draw_page())[:200])
    (tmp_path / "text.png").write_text("no picture")
    from PIL import Image

    Image.new("RGB", (99, 99), "white").save(tmp_path / "blank.png")
    return tmp_path


def test_the_same_from_a_session_that_goes_ahead(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a card: tokens come in bundles, which end in the middle of one."""
    expected = without_time(pipeline.read(folder, dpi=72))
    monkeypatch.setattr(pipeline.backend, "open_slots", pipeline.backend._open_on_card)
    monkeypatch.setattr("GOT.inference.generation.TOKENS_AHEAD", 7)
    assert without_time(read(pipeline, [folder], slots=3)) == expected
    assert without_time(pipeline.read(folder, dpi=72, batch_size=3)) == expected


@pytest.mark.parametrize("asked", [{}, {"crop": True}, {"box": (10, 10, 80, 80), "task": "format"}])
@pytest.mark.parametrize("slots", [1, 4, 16])
def test_the_same_as_page_by_page(
    pipeline: GOTPipeline, folder: Path, slots: int, asked: dict[str, Any]
) -> None:
    expected = without_time(pipeline.read(folder, dpi=72, **asked))
    assert len(expected) == 18 and {result.status for result in expected} == {"truncated", "failed", "blank"}
    assert without_time(read(pipeline, [folder], slots=slots, **asked)) == expected


def test_the_same_in_any_order(pipeline: GOTPipeline, folder: Path) -> None:
    """Answers of different length, so that slots are taken by the next page at different times."""
    files = sorted(folder.iterdir())
    expected = {r.name: r for r in without_time(pipeline.read(files[:9]))}
    chance = random.Random(0)
    for _ in range(3):
        chance.shuffle(files)
        found = {r.name: r for r in without_time(read(pipeline, files)) if r.name in expected}
        assert {name: found[name] for name in expected if name in found} == found


def test_pages_opened_by_other_processes(pipeline: GOTPipeline, folder: Path) -> None:
    expected = without_time(read(pipeline, [folder]))
    assert without_time(read(pipeline, [folder], openers=2)) == expected
    assert without_time(read(pipeline, [folder], threads=2)) == expected


def test_threads_open_few_pages_ahead(pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a unit with many pages, such as a TIFF."""
    opened: list[int] = []

    def pages(*_: object) -> Iterator[PageViews]:
        for number in range(50):
            opened.append(number)
            yield PageViews("long.tif", "long", number)

    monkeypatch.setattr(views, "view_unit", pages)
    tasks = tasks_of(["the only unit"])  # type: ignore[list-item]
    with Threads(tasks, reading(pipeline).views, 1) as take:
        assert take(True)[:2] == (0, 0)  # type: ignore[index]
        time.sleep(0.3)
        assert len(opened) <= 4  # given, two that wait, one in hand
        assert [take(True)[1] for _ in range(50)] == [*range(1, 50), DONE]  # type: ignore[index]
        assert take(True) is END


def test_threads_end_with_their_reader(pipeline: GOTPipeline, folder: Path) -> None:
    with Threads(tasks_of(plan_units([folder])), reading(pipeline).views, 2) as take:
        assert take(True) is not END
    assert not any(thread.is_alive() for thread in take._pool._threads)


def test_a_backend_without_slots_is_batched_plainly(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = without_time(read(pipeline, [folder]))
    monkeypatch.setattr("GOT.inference.engine.open_slots", lambda backend, count: None)
    assert without_time(read(pipeline, [folder])) == expected


def test_documents_come_when_they_are_whole(pipeline: GOTPipeline, folder: Path) -> None:
    collector = Collector()
    tasks = tasks_of(collector.watch(plan_units([folder])))
    documents = list(collector.by_document(read_units(pipeline, reading(pipeline), tasks, openers=0)))
    assert sorted(Path(document[0].result.name).name for document in documents) == sorted(
        path.name for path in folder.iterdir()
    )
    (paper,) = (document for document in documents if len(document) > 1)
    assert [page.result.page for page in paper] == [1, 2, 3, 4, 5, 6]


# ---- second tries


@pytest.mark.parametrize("size", [8, 0])
def test_loops_are_read_again_as_page_by_page(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The model's noise is made to look like loops; which try is a loop is told by its n-gram rule."""
    push = Decoding.push

    def looping(self: Decoding, token: int, logprob: float) -> bool:
        going = push(self, token, logprob)
        if self._rule.size != size and self.answer.finish_reason == "length":
            self.answer.finish_reason = "repetition"
        elif self.answer.finish_reason == "length":
            self.answer.finish_reason = "stop"
        return going

    monkeypatch.setattr(Decoding, "push", looping)
    expected = without_time(pipeline.read(folder, dpi=72))
    found = without_time(read(pipeline, [folder]))
    assert found == expected
    tries = {result.status: result.attempts for result in found}
    assert tries["retried" if size == 8 else "repeated"] == (2 if size == 8 else 3)


# ---- trouble


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate …"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you tried …"
    ),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["card", "cpu"])
def test_memory_that_runs_out_halves_the_slots(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    expected = without_time(read(pipeline, [folder]))
    open_slots = pipeline.backend.open_slots  # type: ignore[attr-defined]

    def small(count: int) -> Any:
        session = open_slots(count)
        join = session.join

        def limited(prompts: Sequence[Prompt]) -> None:
            if count > 2:
                raise error
            join(prompts)

        session.join = limited
        return session

    monkeypatch.setattr(pipeline.backend, "open_slots", small)
    assert without_time(read(pipeline, [folder], slots=8)) == expected


def test_memory_of_a_cpu_is_kept_to(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Growing answers push the youngest pages back into the line; nothing fails, nothing changes."""
    files = sorted(folder.glob("?.png"))[:4]
    pipeline.settings = GenerationSettings(max_new_tokens=80, stop_on_loop=False)
    expected = without_time(read(pipeline, files))
    monkeypatch.setattr(torch_decoder, "LEAST_ROOM", 32)  # so that the cache grows on the way
    monkeypatch.setattr(memory, "USUAL_TOKENS", {"cpu": 32})
    allowed = 300 * memory.token_bytes(pipeline.backend.config, number_bytes=4)
    monkeypatch.setattr(memory, "CPU_CACHE_BYTES", allowed)
    taken, shapes = [], set()
    resized = torch_decoder._resized

    def watched(*arguments: Any) -> Any:
        new = resized(*arguments)
        taken.append(2 * new.nbytes)  # keys and values
        shapes.add((new.shape[1], new.shape[3]))
        return new

    monkeypatch.setattr(torch_decoder, "_resized", watched)
    assert without_time(read(pipeline, files, slots=None)) == expected
    assert max(taken) <= allowed
    assert {(2, 128), (1, 256)} <= shapes, "no page was pushed back"


def test_memory_goes_before_it_is_asked_for_again(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that ran out of memory is gone, its error included, when the next one begins."""
    open_slots, sessions = pipeline.backend.open_slots, []  # type: ignore[attr-defined]

    def small(count: int) -> Any:
        assert all(session() is None for session in sessions)
        session = open_slots(count)
        sessions.append(weakref.ref(session))
        return session

    def limited(session: Any, token_ids: torch.Tensor) -> None:
        if len(token_ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate …")
        step(session, token_ids)

    step = TorchSession.step
    monkeypatch.setattr(TorchSession, "step", limited)
    monkeypatch.setattr(pipeline.backend, "open_slots", small)
    results = read(pipeline, sorted(folder.glob("?.png"))[:3])
    assert len(sessions) == 2 and {result.status for result in results} == {"truncated"}


@pytest.mark.parametrize("ahead", [False, True])
def test_a_page_of_broken_numbers_fails_alone(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    """And costs the others no slot, also of a session that goes ahead."""
    expected = without_time(read(pipeline, [folder]))
    if ahead:
        monkeypatch.setattr(pipeline.backend, "open_slots", pipeline.backend._open_on_card)
    monkeypatch.setattr(Engine, "_shrink", lambda *_: pytest.fail("slots were given up"))
    encode, seen = pipeline.backend.encode, []  # type: ignore[attr-defined]

    def broken(pixel_values: Sequence[Any]) -> Any:
        features = encode(pixel_values).clone()
        if not seen:
            features[1] = torch.nan
        seen.append(1)
        return features

    monkeypatch.setattr(pipeline.backend, "encode", broken)
    found = without_time(read(pipeline, [folder]))
    different = [i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b]
    assert len(different) == 1 and "no numbers in float32" in str(found[different[0]].error)


def test_a_prompt_over_the_context_fails_alone(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.backend.config, "max_position_embeddings", 82)
    encode, encoded = pipeline.backend.encode, []  # type: ignore[attr-defined]

    def watched(pixel_values: Sequence[Any]) -> Any:
        encoded.extend(map(len, pixel_values))
        return encode(pixel_values)

    monkeypatch.setattr(pipeline.backend, "encode", watched)
    found = read(pipeline, [folder], crop=True)
    assert any("context holds 82" in str(result.error) for result in found)
    assert any(result.status == "truncated" for result in found)
    read_at_all = [result for result in found if result.status == "truncated"]
    assert len(encoded) == len(read_at_all), "pages were encoded that cannot be read"


# ---- processes that die


class Killer:
    """Kills a worker of the pool when it has seen some messages."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: set[int]) -> None:
        self.killed: list[int] = []
        call = throughput.WorkerPool.__call__
        count = 0

        def counted(pool: Any, wait_for_it: bool) -> Any:
            nonlocal count
            count += 1
            if count in at:
                victim = pool.pids[count % len(pool.pids)]
                os.kill(victim, signal.SIGKILL)
                self.killed.append(victim)
            return call(pool, wait_for_it)

        monkeypatch.setattr(throughput.WorkerPool, "__call__", counted)


def test_a_killed_opener_loses_and_doubles_nothing(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = without_time(read(pipeline, [folder]))
    killer = Killer(monkeypatch, {4})
    assert without_time(read(pipeline, [folder], openers=2)) == expected
    assert len(killer.killed) == 1 and not any(map(is_running, killer.killed))


@pytest.mark.slow
def test_a_killed_reading_process_loses_and_doubles_nothing(
    pipeline: GOTPipeline, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = without_time(read(pipeline, [folder]))
    killer = Killer(monkeypatch, {5, 11})
    collector = Collector()
    tasks = tasks_of(collector.watch(plan_units([folder])))
    messages = read_with_processes(reading(pipeline), tasks, ["cpu", "cpu"])
    assert without_time(page.result for page in collector.in_order(messages)) == expected
    assert len(killer.killed) == 2 and not any(map(is_running, killer.killed))


def test_settings_travel(pipeline: GOTPipeline, folder: Path) -> None:
    short = dataclasses.replace(reading(pipeline), settings=GenerationSettings(max_new_tokens=3))
    pages: Callable[..., Any] = read_units
    tasks = tasks_of(plan_units([folder / "1.png"]))
    ((_, _, page), _) = pages(pipeline, short, tasks, openers=0)
    assert (page.result.num_tokens, page.result.status) == (3, "truncated")
    assert page.result.seconds > 0


@pytest.mark.parametrize(
    ("asked", "processes", "chosen"),
    [
        ("auto", None, ["cuda:0", "cuda:1"]),
        ("cuda", 3, ["cuda:0", "cuda:1", "cuda:0"]),
        ("cuda:1", None, ["cuda:1"]),
        ("cuda:1", 2, ["cuda:1", "cuda:1"]),
    ],
)
def test_processes_read_on_the_card_that_was_named(
    pipeline: GOTPipeline,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    processes: int | None,
    chosen: list[str],
) -> None:
    card = torch.device(asked if ":" in asked else "cuda:0")
    monkeypatch.setattr(type(pipeline.backend), "device", card)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    pipeline.asked_device = asked
    assert throughput.choose_devices(pipeline, 1000, processes) == chosen
