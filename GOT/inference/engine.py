"""Views of pages to results by continuous batching: a finished page's slot is taken by the next page at once.

The same answers, guards, second tries and statuses as ``GOTPipeline.read``; only the order of the work differs.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence

import torch

from GOT.data.processor import ModelInputs
from GOT.inference.answers import ngram_size, result_of, second_tries, stop_ids
from GOT.inference.backends import Backend, Prompt, SlotBackend, SlotSession
from GOT.inference.documents import PageSource
from GOT.inference.generation import (
    AheadSession,
    BrokenRows,
    Decoding,
    GenerationSettings,
    advance,
    answer_room,
)
from GOT.inference.memory import cached_tokens, default_slots, is_out_of_memory
from GOT.inference.outputs import ReadPage
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.preparation import Prepared, ReadRequest, blank_result, failed_result, reason_of
from GOT.inference.results import PageResult
from GOT.inference.views import PageViews, ViewSettings
from GOT.inference.workers import DONE, END, NOTHING, Message, Take

ENCODE_TOGETHER = 4  # pages taken in at a time, even if fewer slots are free: the encoder is better used


@dataclasses.dataclass
class _Job:
    """A page on its way through the engine."""

    uid: int
    k: int
    name: str
    picture: bytes | None
    prepared: Prepared  # without pixels, once they are encoded
    prompt: Prompt | None = None
    how: GenerationSettings | None = None  # of this try
    first: PageResult | None = None  # what the first try gave
    tries: list[tuple[ReadRequest, GenerationSettings]] = dataclasses.field(default_factory=list)
    attempts: int = 1
    seconds: float = 0.0
    decoding: Decoding | None = None

    @property
    def tokens(self) -> int:
        """Of prompt and answer, so far."""
        answered = 0 if self.decoding is None else len(self.decoding.answer.token_ids)
        return len(self.prepared.inputs.input_ids) + answered if self.prepared.inputs else 0


class Engine:
    """Reads pages that come in as views and gives them out as they finish.

    Args:
        pipeline: The loaded checkpoint.
        template: What is asked about every page.
        views: How the pages were cut, and how to open one again.
        settings: How answers are decoded.
        slots: Pages decoded side by side; None: what memory allows. On a CPU that is asked anew as answers grow, since
            no allocator says no there before the machine is lost; on a card the allocator's word is taken.
    """

    def __init__(
        self,
        pipeline: GOTPipeline,
        template: ReadRequest,
        views: ViewSettings,
        *,
        settings: GenerationSettings | None = None,
        slots: int | None = None,
    ) -> None:
        self._pipeline, self._template, self._views = pipeline, template, views
        self._settings = settings or pipeline.settings
        self._slots = slots or default_slots(pipeline.backend)
        bounded = slots is None and getattr(pipeline.backend, "device", torch.device("cpu")).type != "cuda"
        self._cached = cached_tokens(pipeline.backend) if bounded else sys.maxsize  # in all rows together
        self._session: SlotSession | None = None
        self._rows: list[_Job] = []  # in the order of the session's rows
        self._ready: deque[_Job] = deque()  # encoded, waiting for a slot
        self._results: deque[Message] = deque()
        self._open: dict[int, int] = {}  # pages of each unit that are in work
        self._closed: set[int] = set()  # units of which no more pages come
        self._ended = False
        self._clock = 0.0  # seconds that each row in work has cost so far, as its share of every step

    def run(self, pages: Take) -> Iterator[Message]:
        """Read until the pages end.

        Args:
            pages: Gives ``(uid, k, PageViews)`` and ``(uid, DONE, None)``.

        Yields:
            ``(uid, k, ReadPage)`` as pages finish, and ``(uid, DONE, None)`` after the last one of a unit.
        """
        self._session = open_slots(self._pipeline.backend, self._slots)
        while not (self._ended and not self._rows and not self._ready):
            if self._session is None:
                self._read_plainly(pages)
            else:
                self._refill(pages)
                self._make_room()
                if self._rows:
                    self._step()
            while self._results:
                yield self._results.popleft()

    # ---- pages come in

    def _refill(self, pages: Take) -> None:
        free = self._most(self._rows) - len(self._rows)
        if free > len(self._ready) and not self._ended:
            self._encode(self._take(pages, max(free - len(self._ready), ENCODE_TOGETHER)))
        joining: list[_Job] = []
        while self._ready:
            together = [*self._rows, *joining, self._ready[0]]
            if len(together) > self._most(together):
                break
            joining.append(self._ready.popleft())
        if joining:
            self._join(joining)

    def _most(self, jobs: Sequence[_Job]) -> int:
        """Rows that memory holds if the longest of these goes on by a token."""
        assert self._session is not None
        room = self._session.room_for(1 + max((job.tokens for job in jobs), default=0))
        return max(1, min(self._slots, self._cached // room))

    def _take(self, pages: Take, count: int, *, fill: bool = False) -> list[_Job]:
        jobs: list[_Job] = []
        while len(jobs) < count:
            idle = not self._rows and not self._ready and not jobs and not self._results
            message = pages(fill or idle)
            if message is NOTHING:
                break
            if message is END:
                self._ended = True
                break
            uid, k, viewed = message
            if k is DONE:
                self._closed.add(uid)
                self._close(uid)
            elif (job := self._admit(uid, k, viewed)) is not None:
                jobs.append(job)
        return jobs

    def _admit(self, uid: int, k: int, viewed: PageViews) -> _Job | None:
        self._open[uid] = self._open.get(uid, 0) + 1
        origin = PageSource(viewed.source, viewed.number, self._views.dpi, self._views.allow_url)
        request = dataclasses.replace(self._template, images=origin, name=viewed.source, page=viewed.number)
        result = None
        if viewed.error is not None:
            result = failed_result(request, viewed.error)
        else:
            prepared = self._pipeline.prepare_views(viewed, request)
            job = _Job(
                uid, k, viewed.name, viewed.picture, prepared, how=self._settings, seconds=viewed.seconds
            )
            if not prepared.blank:
                return job
            result = blank_result(prepared)
        self._give(
            uid, k, ReadPage(dataclasses.replace(result, seconds=viewed.seconds), viewed.name, viewed.picture)
        )
        return None

    def _encode(self, jobs: Sequence[_Job]) -> None:
        """Views to image features, several pages at a time; pixels are dropped."""
        jobs = [job for job in jobs if self._has_room(job)]
        if not jobs:
            return
        started = time.perf_counter()
        backend: SlotBackend = self._pipeline.backend  # type: ignore[assignment]
        inputs = [job.prepared.inputs for job in jobs]
        try:
            features = backend.encode([each.pixel_values for each in inputs if each is not None])
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            for job in jobs:
                if len(jobs) == 1:
                    self._fail(job, error)
                else:
                    self._encode([job])
            return
        parts = features.split([job.prepared.num_views for job in jobs])
        share = (time.perf_counter() - started) / len(jobs)
        for job, part, given in zip(jobs, parts, inputs, strict=True):
            assert given is not None
            job.prompt = Prompt(given.input_ids, part)
            empty = given.pixel_values[:0].clone()
            job.prepared = dataclasses.replace(job.prepared, inputs=ModelInputs(given.input_ids, empty))
            job.seconds += share
            self._ready.append(job)

    def _has_room(self, job: _Job) -> bool:
        """Whether the context holds the prompt; otherwise the page has failed, before any of it was encoded."""
        try:
            answer_room(self._pipeline.backend.config.max_position_embeddings, job.tokens)
        except ValueError as error:
            self._fail(job, error)
            return False
        return True

    def _join(self, jobs: Sequence[_Job]) -> None:
        assert self._session is not None
        started = time.perf_counter()
        for job in jobs:
            job.decoding = self._decoding_of(job)
        lack: BaseException | None = (
            None  # of memory; without its traceback, which would hold on to the session
        )
        try:
            self._session.join([job.prompt for job in jobs if job.prompt is not None])
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            lack = error.with_traceback(None)
        if lack is not None:
            self._shrink([*self._rows, *jobs], lack)
            return
        for job in jobs:
            job.seconds += (time.perf_counter() - started) / len(jobs) - self._clock
        self._rows += jobs

    def _decoding_of(self, job: _Job) -> Decoding:
        assert job.prompt is not None and job.how is not None
        room = answer_room(self._pipeline.backend.config.max_position_embeddings, len(job.prompt.input_ids))
        return Decoding(
            job.prompt.input_ids.tolist(),
            stop_ids=stop_ids(self._pipeline.processor.tokenizer),
            limit=min(job.how.max_new_tokens, room),
            no_repeat_ngram_size=ngram_size(job.prepared, job.how),
            stop_on_loop=job.how.stop_on_loop,
        )

    # ---- answers grow

    def _make_room(self) -> None:
        """Let the youngest rows wait and begin again later, where all together would outgrow their memory."""
        assert self._session is not None
        most = self._most(self._rows)
        if len(self._rows) <= most:
            return
        staying, leaving = self._rows[:most], self._rows[most:]
        self._session.keep(range(most))
        self._rows = staying
        self._requeue(leaving)

    def _step(self) -> None:
        assert self._session is not None
        started = time.perf_counter()
        rows = self._rows
        lack: BaseException | None = None  # as in _join
        try:
            tokens, kept = advance(self._session, [job.decoding for job in rows if job.decoding])
            self._rows = [rows[position] for position in kept]
            if len(kept) < len(rows):
                self._session.keep(kept)
            if kept and tokens is not None:
                self._session.step(tokens[kept])
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            lack = error.with_traceback(None)
        except BrokenRows as error:  # raised before any answer grew
            self._drop_broken(error)
            return
        finally:
            self._clock += (time.perf_counter() - started) / len(rows)
        if lack is not None:
            self._rows = rows
            self._shrink(rows, lack)
            return
        if len(kept) < len(rows):
            staying = set(kept)
            for position, job in enumerate(rows):
                if position not in staying:
                    job.seconds += self._clock
                    self._finish(job)

    def _finish(self, job: _Job) -> None:
        assert job.decoding is not None
        result = result_of(job.prepared, job.decoding.answer, self._pipeline.processor.tokenizer)
        if job.first is None and result.status == "repeated" and self._settings.retry:
            job.first = result
            job.tries = second_tries(job.prepared, self._settings)
        elif job.first is not None and result.status == "ok":
            result = dataclasses.replace(result, status="retried", attempts=job.attempts)
            job.first = None
        if job.first is None:
            self._give_result(job, result)
        else:
            self._try_again(job)

    def _try_again(self, job: _Job) -> None:
        """Put a page that looped in line again, before all others; or give up."""
        assert job.first is not None
        job.decoding = None
        while job.tries:
            request, job.how = job.tries.pop(0)
            job.attempts += 1
            if request is job.prepared.request:  # the same views, already encoded
                self._ready.appendleft(job)
                return
            try:
                job.prepared = self._pipeline.prepare(request)
            except (ValueError, OSError):
                continue  # the file is gone by now; the first answer stays
            self._encode([job])
            if self._ready and self._ready[-1] is job:
                self._ready.rotate(1)
            return
        self._give_result(job, dataclasses.replace(job.first, attempts=job.attempts))

    # ---- trouble

    def _shrink(self, jobs: Sequence[_Job], error: BaseException) -> None:
        """Begin the pages in work again with half as many slots; one alone that cannot be read has failed."""
        for job in self._rows:
            job.seconds += self._clock
        for job in jobs:
            job.decoding = None  # it begins again
        self._rows = []
        self._session = None  # its memory goes before the new one's comes
        if len(jobs) == 1:
            self._fail(jobs[0], error)
        else:
            self._slots = max(1, min(self._slots, len(jobs)) // 2)
            self._ready.extendleft(reversed(jobs))
        self._session = open_slots(self._pipeline.backend, self._slots)

    def _drop_broken(self, error: BrokenRows) -> None:
        """Fail the pages whose logits are no numbers; the others go on."""
        assert self._session is not None
        rows = self._rows
        kept = [position for position in range(len(rows)) if position not in error.rows]
        if isinstance(self._session, AheadSession):  # it has gone on meanwhile, so they begin again
            self._requeue([rows[position] for position in kept])
            self._session.keep([])
            kept = []
        else:
            self._session.keep(kept)
        self._rows = [rows[position] for position in kept]
        for position in error.rows:
            rows[position].seconds += self._clock
            self._fail(rows[position], error)

    def _requeue(self, jobs: Sequence[_Job]) -> None:
        """Put pages that were in work back in line, before all others; they begin again."""
        for job in jobs:
            job.seconds += self._clock
            job.decoding = None
        self._ready.extendleft(reversed(jobs))

    def _fail(self, job: _Job, error: BaseException) -> None:
        if job.first is not None:  # only a second try failed
            self._try_again(job)
        else:
            self._give_result(job, failed_result(job.prepared.request, reason_of(error)))

    # ---- results go out

    def _give_result(self, job: _Job, result: PageResult) -> None:
        seconds = max(0.0, job.seconds)
        self._give(
            job.uid, job.k, ReadPage(dataclasses.replace(result, seconds=seconds), job.name, job.picture)
        )

    def _give(self, uid: int, k: int, page: ReadPage) -> None:
        self._results.append((uid, k, page))
        self._open[uid] -= 1
        self._close(uid)

    def _close(self, uid: int) -> None:
        if uid in self._closed and not self._open.get(uid):
            self._closed.remove(uid)
            self._open.pop(uid, None)
            self._results.append((uid, DONE, None))

    def _read_plainly(self, pages: Take) -> None:
        """For backends without slots: as many pages side by side as there would be slots, then the next ones."""
        jobs = self._take(pages, self._slots, fill=True)
        if not jobs:
            return
        started = time.perf_counter()
        results = self._pipeline.answer({i: job.prepared for i, job in enumerate(jobs)}, self._settings)
        for index, job in enumerate(jobs):
            job.seconds += (time.perf_counter() - started) / len(jobs)
            self._give_result(job, results[index])


def open_slots(backend: Backend, count: int) -> SlotSession | None:
    """A session whose rows come and go, if the backend has one."""
    opener = getattr(backend, "open_slots", None)
    return None if opener is None else opener(count)
