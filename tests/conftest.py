"""Tiny models, drawn pages, and a closed network for all tests."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import draw_page, make_model

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def closed_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this machine can be reached; names of other machines do not resolve."""
    if request.node.get_closest_marker("network"):
        return
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host and host not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"the network is closed in tests: {host}")
        connect(self, address)

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        # Numbers in any spelling resolve without a name server; "localhost" is in every hosts file.
        with contextlib.suppress(OSError):
            return resolve(host, *args, **(kwargs | {"flags": socket.AI_NUMERICHOST}))
        if host in ("localhost", None):
            return resolve(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "the network is closed in tests")

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)


@pytest.fixture(autouse=True)
def own_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Torch, unless a test names another: an export for every tiny checkpoint would take minutes in all."""
    monkeypatch.setenv("GOT_BACKEND", "torch")
    monkeypatch.setenv("GOT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    """One thread, since tiny tensors are slower on many; and what a test sets for the process ends with it."""
    import torch

    logger = logging.getLogger("GOT")
    logged = logger.handlers[:], logger.level, logger.propagate
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)
    logger.handlers[:], logger.level, logger.propagate = logged


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Any]:
    """Load a file of ``tests/golden``."""
    return lambda name: json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    from GOT.data.tokenizer import GOTTokenizer

    return GOTTokenizer.small(1000)


@pytest.fixture(scope="session")
def tiny_processor(tiny_tokenizer: Any) -> Any:
    from GOT.data.processor import GOTProcessor

    return GOTProcessor(tiny_tokenizer, image_size=128, num_image_tokens=4)


@pytest.fixture
def tiny_model(tiny_tokenizer: Any) -> Any:
    """A model of random weights, float32; the same in every test."""
    return make_model(tiny_tokenizer)


@pytest.fixture(scope="session")
def tiny_checkpoint(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Any, tiny_processor: Any
) -> Path:
    """Its folder in the original layout."""
    from GOT.model.checkpoint import save_model

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    save_model(make_model(tiny_tokenizer), folder)
    tiny_processor.save_pretrained(folder)
    return folder


@pytest.fixture
def pipeline(tiny_checkpoint: Path) -> Any:
    """Reads with the tiny checkpoint: answers are noise, but the same noise every time."""
    from GOT.inference.generation import GenerationSettings
    from GOT.inference.pipeline import GOTPipeline

    settings = GenerationSettings(max_new_tokens=24)
    return GOTPipeline.from_pretrained(tiny_checkpoint, device="cpu", settings=settings)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with something on it."""
    path = tmp_path / "page.png"
    draw_page().save(path)
    return path
