"""Messages that come as pages finish, to pages in order or to whole documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from GOT.inference.outputs import ReadPage
from GOT.inference.units import Unit
from GOT.inference.workers import DONE, Message


class Collector:
    """Knows the units that were given out; see :meth:`watch`."""

    def __init__(self) -> None:
        self._units: dict[int, Unit] = {}  # given out and not done
        self._parts: dict[int, int] = {}  # units of each document so far, less those that are done
        self._whole: set[int] = set()  # documents whose last unit was given out

    def watch(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Pass units on, in the order in which they are numbered."""
        for uid, unit in enumerate(units):
            self._units[uid] = unit
            self._parts[unit.document] = self._parts.get(unit.document, 0) + 1
            if unit.last:
                self._whole.add(unit.document)
            yield unit

    def in_order(self, messages: Iterable[Message]) -> Iterator[ReadPage]:
        """Pages as they would come one by one; each as soon as those before it are there."""
        waiting: dict[int, dict[int, ReadPage]] = {}
        done: set[int] = set()
        uid, k = 0, 0
        for number, position, page in messages:
            if position is DONE:
                done.add(number)
            else:
                waiting.setdefault(number, {})[position] = page
            while True:
                if k in waiting.get(uid, {}):
                    yield waiting[uid].pop(k)
                    k += 1
                elif uid in done:
                    done.remove(uid)
                    waiting.pop(uid, None)
                    self._finish(uid)
                    uid, k = uid + 1, 0
                else:
                    break

    def by_document(self, messages: Iterable[Message]) -> Iterator[list[ReadPage]]:
        """Documents as soon as they are whole, their pages in order."""
        pages: dict[int, dict[tuple[int, int], ReadPage]] = {}  # by document
        for uid, k, page in messages:
            document = self._units[uid].document
            if k is not DONE:
                pages.setdefault(document, {})[uid, k] = page
            elif self._finish(uid):
                found = pages.pop(document, {})
                yield [found[key] for key in sorted(found)]

    def _finish(self, uid: int) -> bool:
        """Forget a unit; True if its document is whole."""
        document = self._units.pop(uid).document
        self._parts[document] -= 1
        if self._parts[document] or document not in self._whole:
            return False
        del self._parts[document]
        self._whole.remove(document)
        return True
