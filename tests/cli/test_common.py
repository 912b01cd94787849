"""One-line errors, wherever they come from."""

from __future__ import annotations

import pytest

from GOT.cli.common import one_line


def test_an_error_of_a_loaders_process_is_its_message_alone() -> None:
    from torch._utils import ExceptionWrapper

    try:
        try:
            raise KeyError("inside")
        except KeyError as error:
            raise ValueError("--read_codes takes samples\nwith glyphs: true") from error
    except ValueError:
        passed_on = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(ValueError, match="Traceback") as caught:
        passed_on.reraise()
    assert one_line(caught.value) == "--read_codes takes samples with glyphs: true"


def test_an_error_without_words_is_its_name() -> None:
    assert one_line(ValueError()) == "ValueError"
