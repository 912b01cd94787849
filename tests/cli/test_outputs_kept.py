"""Commands that write a folder leave alone what they did not write."""

from __future__ import annotations

from pathlib import Path

import pytest

from GOT.__main__ import main


@pytest.mark.parametrize("command", [["export", "--to", "openvino"], ["merge", "adapter"]])
def test_a_folder_of_other_things_is_refused(
    command: list[str], tiny_checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    model = ["--model-name", str(tiny_checkpoint)] if command[0] == "export" else []
    assert main([*command, *model, "-o", str(tmp_path)]) == 2
    assert f"-o {tmp_path} is not empty" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_export_never_replaces_its_checkpoint(
    tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tiny_checkpoint.iterdir())
    command = ["export", "--to", "openvino", "--model-name", str(tiny_checkpoint)]
    assert main([*command, "-o", str(tiny_checkpoint)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert sorted(tiny_checkpoint.iterdir()) == before
