"""One http(s) URL to bytes, without ever touching a private address.

The host is resolved once; every address must be public, and the connection goes to the very address that was checked,
so a second answer of the name server cannot move it. Each redirect is checked the same way.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from urllib.parse import SplitResult, quote, urljoin, urlsplit

MAX_BYTES = 32 * 1024**2
TIMEOUT = 10.0  # seconds, for everything together
MAX_REDIRECTS = 5
_HEADERS = {"Accept": "image/*, application/pdf", "Accept-Encoding": "identity"}


def fetch(url: str, *, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT) -> bytes:
    """Download a picture or PDF.

    Args:
        url: An http or https URL.
        max_bytes: Larger answers are refused.
        timeout: Seconds for everything together: names, redirects, headers, body.

    Raises:
        ValueError: If the URL is malformed, leads to an address that is not public, is too large, too slow, or does
            not answer with status 200.
    """
    # In a thread of its own, since neither a name server nor a server that drips bytes keeps to a socket's timeout.
    download = _Download(url, max_bytes, timeout)
    worker = threading.Thread(target=download.run, daemon=True)
    worker.start()
    worker.join(timeout)
    if worker.is_alive() or (download.body is None and download.error is None):
        download.abort()
        raise ValueError(f"{url} did not answer within {timeout:g} s.")
    if download.error is not None:
        raise download.error
    assert download.body is not None
    return download.body


class _Download:
    """One URL, followed to its end; ``body`` or ``error`` is set when ``run`` returns."""

    def __init__(self, url: str, max_bytes: int, timeout: float) -> None:
        self.url, self.max_bytes, self.timeout = url, max_bytes, timeout
        self.body: bytes | None = None
        self.error: ValueError | None = None
        self._socket: socket.socket | None = None
        self._aborted = False

    def run(self) -> None:
        current = self.url
        try:
            for _ in range(MAX_REDIRECTS + 1):
                location, body = self._get(current)
                if location is None:
                    self.body = body
                    return
                current = urljoin(current, location)
            raise ValueError(f"{self.url} redirects more than {MAX_REDIRECTS} times.")
        except TimeoutError:
            self.error = ValueError(f"{current} did not answer within {self.timeout:g} s.")
        except (OSError, http.client.HTTPException) as error:
            self.error = ValueError(f"{current} could not be fetched: {error or type(error).__name__}.")
        except ValueError as error:
            self.error = error

    def abort(self) -> None:
        """End the download from another thread."""
        self._aborted = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _get(self, url: str) -> tuple[str | None, bytes]:
        """The redirect's target, or None and the body."""
        parts = _checked(url)
        host, port = parts.hostname or "", _port(parts)
        address = public_address(host, port, shown=url)
        if self._aborted:
            raise TimeoutError
        raw = self._socket = socket.create_connection((address, port), timeout=self.timeout)
        connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
        try:
            if parts.scheme == "https":
                context = ssl.create_default_context()
                raw = self._socket = context.wrap_socket(raw, server_hostname=host)
            connection.sock = raw
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", quote(target, safe="/?%:@!$&'()*+,;=~-._[]"), headers=_HEADERS)
            response = connection.getresponse()
            if response.status in (301, 302, 303, 307, 308):
                return response.getheader("Location") or "", b""
            if response.status != 200:
                raise ValueError(f"{url} answered with status {response.status}.")
            declared = response.getheader("Content-Length") or "0"
            if not declared.isdecimal() or int(declared) <= self.max_bytes:
                body = response.read(self.max_bytes + 1)
                if declared.isdecimal() and len(body) < int(declared):
                    raise ValueError(f"{url} was cut off after {len(body)} of {declared} bytes.")
                if len(body) <= self.max_bytes:
                    return None, body
            raise ValueError(f"{url} is larger than {self.max_bytes // 1024**2} MiB.")
        finally:
            connection.close()
            raw.close()


def public_address(host: str, port: int, *, shown: str) -> str:
    """Resolve a host and insist that all its addresses are public.

    Raises:
        ValueError: If the host is unknown, or one of its addresses is private, loopback, link-local or reserved.
    """
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{shown}: the host {host!r} is not known ({error}).") from error
    for text in found:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(
            str(text).partition("%")[0]
        )
        if isinstance(address, ipaddress.IPv6Address) and (inner := _embedded(address)):
            address = inner
        if not address.is_global or address.is_multicast or address.is_reserved:
            raise ValueError(
                f"{shown} leads to {address}, which is not a public address; such URLs are refused."
            )
    return str(sorted(found, key=str)[0])


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in ipaddress.ip_network("64:ff9b::/96"):  # NAT64 carries an IPv4 address in its last 32 bits
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is no number
    except ValueError as error:
        raise ValueError(f"{url!r} is not a URL: {error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https URL.")
    if parts.username is not None or parts.password is not None or "\\" in url or any(c <= " " for c in url):
        raise ValueError(f"{url!r} holds a user name, a backslash or a blank; such URLs are refused.")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
