"""Optional libraries, names of checkpoints, order, log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from GOT.utils import hub, log
from GOT.utils.lazy import is_available, load_entry, require
from GOT.utils.sorting import natural_key


def test_a_missing_library_names_the_extra() -> None:
    assert require("json", extra="x").dumps([1]) == "[1]"
    with pytest.raises(
        ImportError, match=r'no_such_library is not installed .*pip install "got-ocr\[render\]"'
    ) as caught:
        require("no_such_library", extra="render")
    assert "\n" not in str(caught.value)
    assert (
        is_available("json") and not is_available("no_such_library") and not is_available("no.such.library")
    )


def test_a_table_lists_its_entries() -> None:
    assert load_entry({"a": "json:dumps"}, "a", what="thing")([1]) == "[1]"
    with pytest.raises(ValueError, match="There is no thing 'c'; choose from a, b"):
        load_entry({"b": "x:y", "a": "x:y"}, "c", what="thing")


def test_numbers_in_names_are_numbers() -> None:
    names = ["page_10", "page_9", "Page_1", "a²", "a10b2", "a10b10", "a9", "", "漢2", "漢10"]
    assert sorted(names, key=natural_key)[:1] == [""]
    ordered = sorted(["page_10", "page_9", "Page_1"], key=natural_key)
    assert ordered == ["Page_1", "page_9", "page_10"]
    assert len(set(map(natural_key, names))) == len(names)


def test_a_folder_is_a_checkpoint_as_it_is(tmp_path: Path) -> None:
    assert hub.resolve_folder(tmp_path) == tmp_path
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match="is a file; --model-name wants the folder"):
        hub.resolve_folder(tmp_path / "file")


def test_the_hub_gives_data_only_and_the_revision_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No pickles, no remote code; ``name@revision`` pins (fault S6)."""
    asked: list[tuple[str, object, object]] = []

    def download(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((name, revision, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    hub.resolve_folder("owner/model@abc123")
    hub.resolve_folder("owner/model", revision="v1")
    data_only = ["*.json", "*.safetensors", "*.tiktoken", "merges.txt"]
    assert asked == [("owner/model", "abc123", data_only), ("owner/model", "v1", data_only)]


def test_an_unreachable_hub_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(FileNotFoundError, match="the hub did not give it") as caught:
        hub.resolve_folder("owner/model")
    assert "\n" not in str(caught.value)


def test_a_warning_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    logger = log.get_logger("GOT.test")
    with caplog.at_level(logging.WARNING, logger="GOT.test"):
        for _ in range(3):
            log.warn_once(logger, "only this time")
    assert caplog.text.count("only this time") == 1
