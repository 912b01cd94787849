"""A reader without a model, for what is about shards rather than reading: it answers from the picture's name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from GOT.inference.results import PageResult

READER = "tests.eval.stand_in:open_stand_in"


class StandIn:
    """Answers ``text of NAME``; can be told to be killed, or to fail, after so many pages."""

    def __init__(self, shard: int, kill_shard: int = -1, after: int = 0, log: str = "") -> None:
        self.die_after = after if shard == kill_shard else None
        self.count = 0
        self.log = log

    def read(self, records):
        for record in records:
            if self.die_after is not None and self.count >= self.die_after:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1
            if self.log:
                with Path(self.log).open("a") as file:
                    file.write(f"{record.image}\n")
            if "bad" in record.image:
                yield PageResult("", "failed", "error", error=f"{record.image} is no picture")
            else:
                yield PageResult(
                    f"text of {record.image}", "ok", "stop", confidence=0.5, num_tokens=3, seconds=0.25
                )


def open_stand_in(*, shard: int, **options) -> StandIn:
    return StandIn(shard, **options)
