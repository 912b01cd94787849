"""Requests to a script that node runs in a process of its own, and back."""

from __future__ import annotations

import shutil
from typing import Any

from GOT.utils.child import ChildDied, kept_child

SECONDS_PER_ANSWER = 30.0


def ask(script: str, arguments: tuple[str, ...], request: dict[str, Any]) -> dict[str, Any] | None:
    """Send one request to a node script that answers every line of JSON with one.

    Args:
        script: Path of the script.
        arguments: Of its command line.
        request: What to send.

    Returns:
        The answer; ``None`` if node died or took too long (the next call starts it anew).

    Raises:
        FileNotFoundError: If node is not on the PATH.
    """
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError(
            "node is not on the PATH; renderer=echarts needs Node.js 18 or newer and npm install echarts@6"
        )
    try:
        return kept_child(node, script, *arguments).ask(request, seconds=SECONDS_PER_ANSWER)
    except (ChildDied, TimeoutError):
        return None
