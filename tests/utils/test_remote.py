"""Files by URL, on fsspec's file system in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from GOT.__main__ import main
from GOT.inference.documents import open_pages
from GOT.utils import remote
from tests.helpers import draw_page, make_pdf


@pytest.fixture
def bucket() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def picture(text: str) -> bytes:
    buffer = io.BytesIO()
    draw_page(text=text).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_is_remote() -> None:
    assert [remote.is_remote(name) for name in ("s3://b/a", "a/b.png", Path("a"), "https://x/y.png")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_writing_is_whole_or_not_there(bucket: fsspec.AbstractFileSystem) -> None:
    remote.write_bytes("memory://out/a/a.txt", b"one")
    remote.write_bytes("memory://out/a/a.txt", b"two")
    assert remote.read_bytes("memory://out/a/a.txt") == b"two" and remote.is_file("memory://out/a/a.txt")
    with pytest.raises(FileNotFoundError, match="There is no file memory://out/b"):
        remote.read_bytes("memory://out/b")
    with pytest.raises(ValueError, match="nosuch"):
        remote.read_bytes("nosuch://out/b")


@pytest.mark.parametrize(
    "url",
    [
        "simplecache::http://127.0.0.1/a.png",
        "zip://a.png::HTTPS://127.0.0.1/x.zip",
        "generic://http://127.0.0.1/a.png",
        "reference://a.png::http://127.0.0.1/x.json",
    ],
)
def test_no_chain_leads_to_the_web(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url: pytest.fail(f"{url} was opened"))
    for use in (remote.read_bytes, remote.list_files, lambda name: remote.write_bytes(name, b"x")):
        with pytest.raises(ValueError, match="hides a web address"):
            use(url)


def test_what_only_one_file_system_raises_is_an_error_of_files(tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    url = f"zip://a.png::{tmp_path / 'bad.zip'}"
    for use in (remote.read_bytes, remote.list_files, remote.is_file, remote.list_names):
        with pytest.raises(OSError, match=r"zip://a\.png::.* cannot be had: File is not a zip file"):
            use(url)
    (page,) = open_pages([url])
    assert page.image is None and "is not a zip file" in str(page.error)


def test_reading_from_a_bucket_into_a_bucket(
    bucket: fsspec.AbstractFileSystem,
    tiny_checkpoint: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for number in (10, 9):
        bucket.pipe_file(f"/in/{number}.png", picture(f"{number}"))
        (tmp_path / f"{number}.png").write_bytes(picture(f"{number}"))
    pdf = make_pdf(draw_page(), draw_page(text="two"))
    bucket.pipe_file("/in/paper.pdf", pdf)
    (tmp_path / "paper.pdf").write_bytes(pdf)
    model = ("--model-name", str(tiny_checkpoint), "--device", "cpu", "--max-new-tokens", "12", "-q")
    output = ("-o", "memory://out", "--to", "json")
    assert main(["read", "memory://in", *output, *model]) == 0
    assert main(["read", str(tmp_path), "-o", str(tmp_path / "out"), "--to", "json", *model]) == 0
    for name, pages in (("9", 1), ("10", 1), ("paper", 2)):
        there = json.loads(remote.read_bytes(f"memory://out/{name}/{name}.json"))["pages"]
        here = json.loads((tmp_path / "out" / name / f"{name}.json").read_bytes())["pages"]
        assert [page["text"] for page in there] == [page["text"] for page in here] and len(there) == pages
    assert main(["read", "memory://in", *output, "--skip-existing", *model]) == 0
    assert "skipped 3 already in memory://out" in capfd.readouterr().err


def test_a_wrong_url_is_one_line(tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "nosuch://in/a.png", "--model-name", str(tiny_checkpoint), "--device", "cpu"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("got-ocr read: nosuch://in/a.png cannot be opened")
