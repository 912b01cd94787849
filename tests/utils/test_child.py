"""A kept child answers, and is started anew after it died or hung."""

from __future__ import annotations

import sys

import pytest

from GOT.utils.child import Child, ChildDied, kept_child

SCRIPT = """
import os, time
from GOT.utils.child import serve
def answer(request):
    print("a library's own words")
    if request.get("die"): os._exit(1)
    time.sleep(request.get("sleep", 0))
    return {"pid": os.getpid(), "length": len(request.get("text", ""))}
serve(answer)
"""


@pytest.fixture
def child() -> Child:
    made = Child((sys.executable, "-c", SCRIPT))
    yield made
    made.close()


def test_a_child_is_kept_and_takes_long_requests(child: Child) -> None:
    first = child.ask({"text": ""}, seconds=60)
    assert child.ask({"text": "漢" * 300_000}, seconds=60) == {**first, "length": 300_000}


@pytest.mark.parametrize(("request_", "error"), [({"die": True}, ChildDied), ({"sleep": 60}, TimeoutError)])
def test_after_a_death_or_a_delay_the_next_request_is_answered(
    child: Child, request_: dict[str, object], error: type[Exception]
) -> None:
    first = child.ask({}, seconds=60)
    with pytest.raises(error):
        child.ask(request_, seconds=60 if error is ChildDied else 0.1)
    assert not child.is_running
    assert child.ask({}, seconds=60)["pid"] != first["pid"]


def test_a_command_has_one_child() -> None:
    assert kept_child("a", "b") is kept_child("a", "b") is not kept_child("a")
