"""A real browser for tests: Chromium without a window, spoken to over its debugging socket."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
GET_IT = "apt-get install -y chromium"
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    """An open page: `evaluate` runs script in it, `problems` are what it has complained about."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.problems: list[str] = []
        self.requests: list[str] = []
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The browser's answer to a command of its protocol."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=300))
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        elif message["method"] == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.problems.append(str(params["args"]))
        elif message["method"] == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif message["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def open(self, page: Path | str, *, width: int = 1280, height: int = 900) -> None:
        """Returns when the page of a file or an address has loaded."""
        address = page if isinstance(page, str) else page.as_uri()
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.send("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && location.href === {json.dumps(address)}")

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 300) -> None:
        """Returns when the expression has become true; while a page loads it may find nothing."""
        end = time.monotonic() + seconds
        careful = f"(() => {{ try {{ return {condition} }} catch {{ return false }} }})()"
        while not self.evaluate(careful):
            assert time.monotonic() < end, f"never came true: {condition}"
            time.sleep(0.05)

    def choose(self, name: str, value: str) -> None:
        """Sets a field of the page's form as a person would."""
        self.evaluate(
            f"(() => {{ const field = document.forms[0].elements[{json.dumps(name)}];"
            f"field.value = {json.dumps(value)};"
            "field.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot")["data"])


@contextlib.contextmanager
def open_browser() -> Iterator[Page]:
    """A page of a browser of its own; the test is skipped, with the way to get one, if none is."""
    connect = pytest.importorskip("websockets.sync.client").connect
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser; get one by: {GET_IT}")
    with tempfile.TemporaryDirectory(prefix="cxrmine-browser-", ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [found, *_FLAGS, f"--user-data-dir={home}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            with connect(_address(Path(home)), max_size=None) as socket:
                yield Page(socket)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its own group, made above
            process.wait()


def _address(home: Path) -> str:
    """The socket of the first tab, once the browser has said where it listens."""
    from urllib.request import urlopen

    told, end = home / "DevToolsActivePort", time.monotonic() + 300
    while True:
        assert time.monotonic() < end, "the browser does not start"
        with contextlib.suppress(OSError, IndexError, StopIteration):
            port = told.read_text().split()[0]
            with urlopen(f"http://127.0.0.1:{port}/json") as answer:
                tabs = json.load(answer)
            address: str = next(t for t in tabs if t["type"] == "page")["webSocketDebuggerUrl"]
            return address
        time.sleep(0.1)
