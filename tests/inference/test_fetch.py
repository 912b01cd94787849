"""URLs: public addresses only, and a limit on everything. Nothing here leaves the machine."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from GOT.inference import fetch as module
from GOT.inference.fetch import fetch, public_address

HOSTILE = [
    "http://127.0.0.1/x", "http://127.1/x", "http://127.0.0.1:8080/", "http://localhost/x", "http://LOCALHOST./x",
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://017700000001/", "http://0177.0.0.1/",
    "http://0/", "http://0.0.0.0/", "http://10.0.0.1/", "http://10.255.255.255/", "http://172.16.0.1/",
    "http://172.31.255.254/", "http://192.168.0.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/",
    "http://192.0.0.1/", "http://192.0.2.1/", "http://198.18.0.1/", "http://198.51.100.7/", "http://203.0.113.5/",
    "http://224.0.0.1/", "http://239.1.1.1/", "http://240.0.0.1/", "http://255.255.255.255/",
    "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:7f00:1::]/", "http://[2002:c0a8:101::]/", "http://[fe80::1]/", "http://[fc00::1]/",
    "http://[fd12:3456::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[fe80::1%25lo]/",
    "http://user@127.0.0.1/", "http://user:pass@example.org/", "http://example.org@127.0.0.1/",
    "http://127.0.0.1#@example.org/", "http://127.0.0.1\\@example.org/", "http://example.org\\@127.0.0.1/",
    "http:\\\\127.0.0.1/", "http:///127.0.0.1/", "http://", "http://:80/", "http://[::1", "http://127.0.0.1:99999/",
    "http://127.0.0.1:abc/", "http://exa mple.org/", "http://example.org/\r\nHost: x", "http://example.org/\x00",
    "file:///etc/passwd", "ftp://example.org/x", "gopher://127.0.0.1/", "//127.0.0.1/x", "data:image/png;base64,AAAA",
    "HTTP://127.0.0.1/", "hTTps://127.0.0.1/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_urls_reach_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"a connection was opened for {url!r}")

    monkeypatch.setattr(socket, "create_connection", never)
    with pytest.raises(ValueError, match=r".") as caught:
        fetch(url)
    assert "\n" not in str(caught.value)
    assert len(HOSTILE) >= 60


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **kwargs: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, port)) for address in ("93.184.216.34", "192.168.1.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ValueError, match=r"leads to 192\.168\.1\.1, which is not a public address"):
        public_address("example.org", 80, shown="http://example.org")


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second answer of the name server (rebinding) must not matter: it is asked once."""
    asked: list[str] = []
    connected: list[tuple[str, int]] = []

    def resolve(host: str, port: int, **kwargs: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(0, 0, 0, "", ("93.184.216.34" if len(asked) == 1 else "127.0.0.1", port))]

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address)
        raise OSError("stopped here")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ValueError, match="could not be fetched: stopped here"):
        fetch("http://example.org/a.png")
    assert asked == ["example.org"] and connected == [("93.184.216.34", 80)]


# ---- a server of our own: the address check is opened for it, everything else stays


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        server.seen.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        server.answers[self.path.partition("?")[0]](self)  # type: ignore[attr-defined]

    def log_message(self, *args: object) -> None:
        pass

    def give(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    real = module.public_address

    def opened(host: str, port: int, *, shown: str) -> str:
        return "127.0.0.1" if host == "pages.test" else real(host, port, shown=shown)

    monkeypatch.setattr(module, "public_address", opened)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    httpd.answers, httpd.seen = {}, []  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def answer(server: ThreadingHTTPServer, path: str, how: Callable[[Handler], None]) -> str:
    server.answers[path] = how  # type: ignore[attr-defined]
    return f"http://pages.test:{server.server_port}{path}"


def test_a_picture_is_fetched(server: ThreadingHTTPServer) -> None:
    url = answer(server, "/a.png", lambda h: h.give(b"picture"))
    assert fetch(url + "?q=%20ü") == b"picture"
    (path, headers), *_ = server.seen  # type: ignore[attr-defined]
    assert path == "/a.png?q=%20%C3%BC"
    assert headers["Host"] == f"pages.test:{server.server_port}"
    assert "Cookie" not in headers and "Authorization" not in headers


def test_redirects_are_followed_and_each_is_checked(server: ThreadingHTTPServer) -> None:
    answer(server, "/end", lambda h: h.give(b"there"))
    assert fetch(answer(server, "/go", lambda h: h.give(b"", 302, Location="/end"))) == b"there"
    for target in (
        "http://127.0.0.1:1/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "//localhost/",
        "",
    ):
        url = answer(server, "/bad", lambda h, target=target: h.give(b"", 302, Location=target))  # type: ignore[misc]
        with pytest.raises(ValueError, match=r"not a public address|is not an http|redirects more than"):
            fetch(url)


def test_a_circle_of_redirects_ends(server: ThreadingHTTPServer) -> None:
    url = answer(server, "/round", lambda h: h.give(b"", 301, Location="/round"))
    with pytest.raises(ValueError, match="redirects more than 5 times"):
        fetch(url)
    assert len(server.seen) == 6  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [204, 206, 304, 403, 404, 500])
def test_only_200_is_an_answer(server: ThreadingHTTPServer, status: int) -> None:
    with pytest.raises(ValueError, match=f"answered with status {status}"):
        fetch(answer(server, "/x", lambda h: h.give(b"", status)))


def chunked(handler: Handler, pieces: int, wait: float = 0.0) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(pieces):
        handler.wfile.write(b"1000\r\n" + bytes(4096) + b"\r\n")
        time.sleep(wait)
    handler.wfile.write(b"0\r\n\r\n")


def test_too_many_bytes_are_refused_declared_or_not(server: ThreadingHTTPServer) -> None:
    assert len(fetch(answer(server, "/fits", lambda h: h.give(bytes(65536))), max_bytes=65536)) == 65536
    urls = [
        answer(server, "/big", lambda h: h.give(bytes(65537))),
        answer(server, "/liar", lambda h: h.give(bytes(10), Content_Length=str(10**11))),
        answer(server, "/chunks", lambda h: chunked(h, 500)),
    ]
    for url in urls:
        with pytest.raises(ValueError, match="is larger than"):
            fetch(url, max_bytes=65536)


def test_compressed_answers_are_not_unpacked(server: ThreadingHTTPServer) -> None:
    body = gzip.compress(bytes(10**7))
    url = answer(server, "/bomb", lambda h: h.give(body, Content_Encoding="gzip"))
    assert fetch(url) == body
    assert server.seen[0][1]["Accept-Encoding"] == "identity"  # type: ignore[attr-defined]


def drip_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def drip_headers(handler: Handler) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 100:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.1)


@pytest.mark.parametrize(
    "how", [drip_body, drip_headers, lambda h: time.sleep(5), lambda h: chunked(h, 60, 0.1)]
)
def test_slow_servers_get_one_time_limit_for_everything(
    server: ThreadingHTTPServer, how: Callable[[Handler], None]
) -> None:
    url = answer(server, "/slow", how)
    started = time.monotonic()
    with pytest.raises(ValueError, match=r"did not answer within 0\.6 s"):
        fetch(url, timeout=0.6)
    assert time.monotonic() - started < 2


def test_a_slow_name_server_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*args: object, **kwargs: object) -> None:
        time.sleep(1)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    started = time.monotonic()
    with pytest.raises(ValueError, match="did not answer within"):
        fetch("http://example.org/", timeout=0.3)
    assert time.monotonic() - started < 2


def test_a_closed_connection_is_one_line(server: ThreadingHTTPServer) -> None:
    with pytest.raises(ValueError, match="was cut off after 3 of 1000 bytes"):
        fetch(answer(server, "/cut", lambda h: h.give(b"abc", Content_Length="1000")))


def test_tls_names_are_checked(server: ThreadingHTTPServer) -> None:
    url = answer(server, "/x", lambda h: h.give(b"")).replace("http:", "https:")
    with pytest.raises(ValueError, match="could not be fetched"):
        fetch(url)
