"""Wrong commands to scripts/bench.py: one line that says what would work."""

from __future__ import annotations

import pytest

from tests.helpers import run_python


def test_an_unknown_kind_is_named_beside_the_known_ones() -> None:
    result = run_python("scripts/bench.py", "synth", "--kinds", "plain_en,pillow_page")
    assert result.returncode == 2 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("bench.py synth: --kinds takes ") and " plain_en," in line
    assert line.endswith("plain_zh_warm; got 'pillow_page'.")


@pytest.mark.parametrize(
    ("argv", "engine"),
    [
        (["--backend", "openvino", "--size", "full"], "openvino"),
        (["--threads", "2", "--backend=openvino"], "openvino"),
        (["--backend", "torch"], "torch"),
        ([], "torch"),
    ],
)
def test_the_backend_is_known_however_it_is_written(argv: list[str], engine: str) -> None:
    from scripts.benchmarks.read import engine_of

    assert engine_of(argv) == engine
