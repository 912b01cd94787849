"""A real Chromium, driven over WebDriver's HTTP; every name leads to a listener that notes who asks for what."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-default-apps --disable-extensions --hide-scrollbars "
    "--disable-dev-shm-usage"
).split()


def missing() -> str:
    """Why there is no browser to test with; ``""`` where there is one."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return (
        f"{' and '.join(absent)} not installed (Debian: apt-get install chromium chromium-driver)"
        if absent
        else ""
    )


class Listener:
    """Takes connections, answers none, and keeps the first bytes of each."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.heard: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    self.heard.append(connection.recv(4096))
                except OSError:
                    self.heard.append(b"")

    def requests(self) -> list[bytes]:
        """What was asked of the payloads' host (a TLS greeting names it, too)."""
        return [head for head in self.heard if b"evil" in head]


class Browser:
    """One Chromium; use as a context."""

    def __enter__(self) -> Browser:
        self.listener = Listener()
        self.folder = tempfile.TemporaryDirectory(prefix="got-browser-", ignore_cleanup_errors=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._wait()
        rules = f"--host-resolver-rules=MAP * 127.0.0.1:{self.listener.port}"
        flags = [*FLAGS, rules, f"--user-data-dir={self.folder.name}", "--window-size=1280,900"]
        options = {"args": flags, "binary": shutil.which("chromium")}
        wanted = {"goog:chromeOptions": options, "unhandledPromptBehavior": "ignore"}
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{made['sessionId']}"
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._ask("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(30)
            self.connection.close()
            self.listener.server.close()
            self.folder.cleanup()

    def open(self, path: Path) -> None:
        """Open a file and wait until it is loaded."""
        self._ask("POST", f"{self.session}/url", {"url": path.as_uri()})

    def run(self, script: str) -> Any:
        """Run a script of ours in the page (its policy does not bind the driver)."""
        return self._ask("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def screenshot(self, path: Path, *, width: int = 1280, height: int = 900) -> None:
        """What is seen."""
        self._ask("POST", f"{self.session}/window/rect", {"width": width, "height": height})
        path.write_bytes(base64.b64decode(self._ask("GET", f"{self.session}/screenshot")))

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                if self._ask("GET", "/status")["ready"]:
                    return
            except OSError:
                self.connection.close()
            if time.monotonic() > end:
                raise TimeoutError("chromedriver does not answer")
            time.sleep(0.1)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body)
        self.connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = json.loads(self.connection.getresponse().read())["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{answer['error']}: {answer.get('message', '')[:300]}")
        return answer
