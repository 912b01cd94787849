"""One http(s) URL to bytes, without ever touching a private address.

The host is resolved once; every address must be public, and the connection goes to the very address that was checked,
so a second answer of the name server cannot move it. Each redirect is checked the same way.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from urllib.parse import SplitResult, urljoin, urlsplit

MAX_BYTES = 32 * 1024**2
TIMEOUT = 10.0  # seconds, for everything together
MAX_REDIRECTS = 5


def fetch(url: str, *, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT) -> bytes:
    """Download a picture or PDF.

    Args:
        url: An http or https URL.
        max_bytes: Larger answers are refused.
        timeout: Seconds for the whole download, redirects included.

    Raises:
        ValueError: If the URL is malformed, leads to an address that is not public, is too large, too slow, or does
            not answer with status 200.
    """
    deadline = time.monotonic() + timeout
    current = url
    for _ in range(MAX_REDIRECTS + 1):
        parts = _checked(current)
        address = public_address(parts.hostname or "", _port(parts), shown=current)
        try:
            status, location, body = _get(parts, address, deadline, max_bytes)
        except (OSError, http.client.HTTPException) as error:
            slow = isinstance(error, TimeoutError)
            reason = f"did not answer within {timeout:g} s" if slow else f"could not be fetched: {error}"
            raise ValueError(f"{current} {reason}.") from error
        if location is None:
            if status != 200:
                raise ValueError(f"{current} answered with status {status}.")
            return body
        current = urljoin(current, location)
    raise ValueError(f"{url} redirects more than {MAX_REDIRECTS} times.")


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
        if not address.is_global or address.is_multicast:
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


def _get(parts: SplitResult, address: str, deadline: float, max_bytes: int) -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection(parts.hostname or "", _port(parts), timeout=_left(deadline))
    raw = socket.create_connection((address, _port(parts)), timeout=_left(deadline))
    try:
        if parts.scheme == "https":
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=parts.hostname)
        connection.sock = raw
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "GET", target, headers={"Accept": "image/*, application/pdf", "Accept-Encoding": "identity"}
        )
        response = connection.getresponse()
        if response.status in (301, 302, 303, 307, 308):
            return response.status, response.getheader("Location") or "", b""
        declared = response.getheader("Content-Length") or "0"
        body = bytearray()
        while declared.isdecimal() and int(declared) <= max_bytes and len(body) <= max_bytes:
            raw.settimeout(_left(deadline))
            chunk = response.read1(65536)
            if not chunk:
                return response.status, None, bytes(body)
            body += chunk
        raise ValueError(f"{parts.geturl()} is larger than {max_bytes // 1024**2} MiB.")
    finally:
        connection.close()
        raw.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("time is up")
    return left
