"""The one program and its commands."""

from __future__ import annotations

import pytest

from GOT import __version__
from GOT.__main__ import COMMANDS, main
from tests.helpers import run_got


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, (_, what) in COMMANDS.items():
        assert f"  {name}" in out and what in out


def test_no_command_is_a_wrong_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["fly"]) == 2
    assert "There is no command 'fly'; choose from" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"got-ocr {__version__}\n"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert f"got-ocr {name}" in capsys.readouterr().out


def test_runs_as_a_module() -> None:
    assert run_got("--version").stdout == f"got-ocr {__version__}\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes", True),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_memory_that_runs_out_on_a_cpu_is_one_line(
    error: str, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """torch raises a plain RuntimeError there; any other is a fault of ours, whose traceback is wanted."""
    from GOT.cli import common

    def work() -> int:
        raise RuntimeError(error)

    if told:
        assert common.run("got-ocr read", work) == common.FAILED
        assert "got-ocr read: memory is too small: " in capsys.readouterr().err
    else:
        with pytest.raises(RuntimeError, match="shapes"):
            common.run("got-ocr read", work)
