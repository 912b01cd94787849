"""Tasks to messages through processes of our own: bounded, and nothing is lost or doubled when one is killed.

A task is ``(uid, unit, seen)``; a worker answers with messages ``(uid, k, item)``, k counting the unit's pages, and
``(uid, DONE, None)`` at its end. When a worker dies, its units go to another one, which leaves out what was ``seen``.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from GOT.utils.lazy import load_entry
from GOT.utils.log import get_logger

logger = get_logger(__name__)

MOST_DEATHS = 3  # of the workers that held a unit; then its pages fail
DONE = None  # in place of k
NOTHING, END = object(), object()

Message = tuple[int, int | None, Any]
Take = Callable[[bool], Any]  # take(wait): the next thing; NOTHING if there is none yet (and not wait); END


@dataclasses.dataclass
class _Task:
    uid: int
    unit: Any
    seen: set[int] = dataclasses.field(default_factory=set)
    deaths: int = 0


@dataclasses.dataclass
class _Worker:
    number: int
    process: Any
    connection: Connection
    ready: bool = False
    tasks: dict[int, _Task] = dataclasses.field(default_factory=dict)


class WorkerPool:
    """Processes that work on what ``tasks`` gives; call the pool for their next message.

    Args:
        setup: ``module:function`` that is called once in every process and returns ``work(take) -> messages``.
        arguments: Its arguments, one tuple a process.
        tasks: Gives ``(uid, unit, seen)``.
        lost: ``(unit, seen, error) -> [(k, item)]``: what stands for pages that cannot be had.
        depth: Units that a process may hold at a time.
    """

    def __init__(
        self,
        setup: str,
        arguments: Sequence[tuple[Any, ...]],
        tasks: Take,
        lost: Callable[[Any, set[int], str], list[tuple[int, Any]]],
        *,
        depth: int = 2,
    ) -> None:
        self._setup, self._arguments, self._tasks, self._lost, self._depth = (
            setup,
            arguments,
            tasks,
            lost,
            depth,
        )
        self._ended = False
        self._again: list[_Task] = []  # of dead workers
        self._messages: list[Message] = []
        self._failed_starts = 0
        self._turn = 0
        self._workers = [self._start(number) for number in range(len(arguments))]

    def __call__(self, wait_for_it: bool) -> Any:
        """The next message; NOTHING if there is none yet and ``wait_for_it`` is false; END after the last one."""
        while True:
            if self._messages:
                return self._messages.pop(0)
            self._feed(wait_for_it)
            busy = [worker for worker in self._workers if worker.tasks or not worker.ready]
            if self._ended and not self._again and not any(worker.tasks for worker in self._workers):
                return END
            found = wait([worker.connection for worker in busy], timeout=None if wait_for_it else 0)
            if not found:
                return NOTHING
            self._turn += 1  # or one quick worker would keep the others waiting
            ready = [worker for worker in busy if worker.connection in found]
            self._receive(ready[self._turn % len(ready)])

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.connection.close()  # a worker that waits for work ends by itself
        for worker in self._workers:
            worker.process.join(0.2)
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()

    @property
    def pids(self) -> list[int]:
        """The processes, for those who measure or test them."""
        return [worker.process.pid for worker in self._workers]

    def _start(self, number: int) -> _Worker:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._setup, self._arguments[number]))
        process.start()
        theirs.close()  # so that a dead worker's pipe ends
        return _Worker(number, process, ours)

    def _feed(self, wait_for_it: bool) -> None:
        for worker in self._workers:
            while worker.ready and len(worker.tasks) < self._depth and not _is_suspect(worker):
                task = self._next_task(wait_for_it, idle=not worker.tasks)
                if task is None:
                    break
                worker.tasks[task.uid] = task
                try:
                    worker.connection.send((task.uid, task.unit, task.seen))
                except OSError:
                    break  # it is dead; reading from it tells

    def _next_task(self, wait_for_it: bool, *, idle: bool) -> _Task | None:
        if self._again:
            # What a worker died of is tried alone, so that it takes no other unit with it.
            return self._again.pop() if idle else None
        if self._ended:
            return None
        working = any(worker.tasks for worker in self._workers)
        found = self._tasks(wait_for_it and not working)
        if found is END:
            self._ended = True
        return None if found is END or found is NOTHING else _Task(found[0], found[1], set(found[2]))

    def _receive(self, worker: _Worker) -> None:
        try:
            uid, k, item = worker.connection.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        if uid is None:
            if item is not None:
                kind, text = item
                raise ValueError(text) if kind == "user" else RuntimeError(text)
            worker.ready, self._failed_starts = True, 0
        elif k is DONE:
            del worker.tasks[uid]
            self._messages.append((uid, DONE, None))
        else:
            worker.tasks[uid].seen.add(k)
            self._messages.append((uid, k, item))

    def _bury(self, worker: _Worker) -> None:
        worker.process.join()
        code = worker.process.exitcode
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_DEATHS:
                raise RuntimeError(
                    f"Worker processes die while they start (exit code {code}); use --workers 0 and --processes 1."
                )
        worker.connection.close()
        worker.process.close()
        logger.warning(
            "A worker process died (exit code %s); another one takes over its %d units.",
            code,
            len(worker.tasks),
        )
        for task in worker.tasks.values():
            task.deaths += 1
            if task.deaths < MOST_DEATHS:
                self._again.append(task)
                continue
            error = (
                f"{task.unit.source}: {task.deaths} worker processes died on it; is there too little memory?"
            )
            self._messages += [(task.uid, k, item) for k, item in self._lost(task.unit, task.seen, error)]
            self._messages.append((task.uid, DONE, None))
        self._workers[self._workers.index(worker)] = self._start(worker.number)


def _is_suspect(worker: _Worker) -> bool:
    return any(task.deaths for task in worker.tasks.values())


def _serve(connection: Connection, setup: str, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent ends us

    def take(wait_for_it: bool) -> Any:
        if not wait_for_it and not connection.poll():
            return NOTHING
        try:
            return connection.recv()
        except (EOFError, OSError):
            return END

    try:
        work: Callable[[Take], Iterator[Message]] = load_entry({"": setup}, "", what="work")(*arguments)
        connection.send((None, None, None))
        for message in work(take):
            connection.send(message)
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent has gone
    except (ValueError, FileNotFoundError, ImportError) as error:
        connection.send((None, None, ("user", str(error))))
    except Exception:
        connection.send((None, None, ("fault", traceback.format_exc())))
