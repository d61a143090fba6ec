"""Drives a headless Firefox by Marionette, the protocol it speaks itself: no driver program is needed."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.service import free_port

BINARIES = ("firefox-esr", "firefox")
MISSING = "no Firefox on PATH: apt-get install firefox-esr, or name one with FIREFOX=/path/to/firefox"
OLDEST = 140
"""The first with the Custom Highlight API."""

PREFERENCES: dict[str, str | int | bool] = {
    # Whatever is asked of another host ends at a port where nobody listens.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "browser.download.folderList": 2,
    "browser.download.useDownloadDir": True,
    "browser.download.always_ask_before_handling_new_types": False,
    "browser.download.alwaysOpenPanel": False,
    "media.autoplay.default": 0,
    "dom.disable_beforeunload": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "intl.accept_languages": "en",
    "app.update.disabledForTesting": True,
}

ARGUMENTS = ("--headless", "--marionette", "--remote-allow-system-access", "--no-remote")

KEYS = {
    "Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "Space": " ", "Ctrl": "\ue009", "Shift": "\ue008",
    "ArrowDown": "\ue015", "ArrowUp": "\ue013", "ArrowLeft": "\ue012", "ArrowRight": "\ue014",
}  # fmt: skip
"""As WebDriver writes them."""


def find_firefox() -> str | None:
    """Return the path of a Firefox: $FIREFOX, or the first one on PATH."""
    chosen = os.environ.get("FIREFOX")
    return chosen or next(filter(None, map(shutil.which, BINARIES)), None)


class Tab:
    """The tab of a running Firefox."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._number = 0
        self._before = ""
        self._read()
        capabilities = {"strictFileInteractability": False, "unhandledPromptBehavior": "accept"}
        self.session = self.call("WebDriver:NewSession", capabilities={"alwaysMatch": capabilities})

    @property
    def version(self) -> int:
        return int(str(self.session["capabilities"]["browserVersion"]).split(".")[0])

    def call(self, command: str, **parameters: Any) -> Any:
        """Return the answer to a command."""
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._read()
        if error:
            raise AssertionError(f"{command}: {error['error']}: {error['message']}")
        return result

    def _read(self) -> Any:
        digits = b""
        while not digits.endswith(b":"):
            digits += self._received(1)
        wanted = int(digits[:-1])
        content = b""
        while len(content) < wanted:
            content += self._received(wanted - len(content))
        return json.loads(content)

    def _received(self, count: int) -> bytes:
        block = self._connection.recv(count)
        if not block:
            raise AssertionError("Firefox ended")
        return block

    def run_before_pages(self, script: str) -> None:
        """Run `script` in every page that is opened; here once it is there: Marionette knows no sooner."""
        self._before = script

    def open(self, url: str) -> None:
        self._in_browser("Services.console.reset(); return null")
        self.call("WebDriver:Navigate", url=url)
        self.evaluate(f"(() => {{ localStorage.clear(); {self._before} }})()")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, in the page."""
        script = f"return (async () => ({expression}\n))()"
        return self.call("WebDriver:ExecuteScript", script=script, args=[], sandbox=None)["value"]

    def _in_browser(self, script: str) -> Any:
        """Run a script with the rights of the browser itself."""
        self.call("Marionette:SetContext", value="chrome")
        try:
            return self.call("WebDriver:ExecuteScript", script=script, args=[])["value"]
        finally:
            self.call("Marionette:SetContext", value="content")

    def wait_for(self, expression: str, seconds: float = 10) -> Any:
        """Return the value of `expression` once it is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.evaluate(expression)
            if value:
                return value
            time.sleep(0.05)
        text = self.evaluate("document.body.innerText.slice(0, 1500)")
        raise AssertionError(f"{expression} did not come true within {seconds} s; the page says:\n{text}")

    def choose_files(self, selector: str, *paths: Path) -> None:
        found = self.call("WebDriver:FindElement", using="css selector", value=selector)["value"]
        element = next(iter(found.values()))
        self.call("WebDriver:ElementSendKeys", id=element, text="\n".join(map(str, paths)))

    def click(self, x: float, y: float, times: int = 1) -> None:
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}] * times
        move = {"type": "pointerMove", "x": round(x), "y": round(y), "origin": "viewport"}
        self._act({"type": "pointer", "id": "mouse", "actions": [move, *press]})

    def press(self, key: str) -> None:
        *held, name = key.split("+")
        values = [KEYS.get(each, each) for each in (*held, name)]
        down = [{"type": "keyDown", "value": value} for value in values]
        up = [{"type": "keyUp", "value": value} for value in reversed(values)]
        self._act({"type": "key", "id": "keyboard", "actions": [*down, *up]})

    def write(self, text: str) -> None:
        pairs = [{"type": kind, "value": each} for each in text for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": pairs})

    def _act(self, device: dict[str, Any]) -> None:
        self.call("WebDriver:PerformActions", actions=[device])
        self.call("WebDriver:ReleaseActions")

    def download_into(self, directory: Path) -> None:
        name = json.dumps(str(directory))
        self._in_browser(f"Services.prefs.setStringPref('browser.download.dir', {name}); return null")

    @property
    def requested_urls(self) -> list[str]:
        """Every address the page asked for."""
        asked = "[location.href, ...performance.getEntriesByType('resource').map(each => each.name)]"
        urls: list[str] = self.evaluate(asked)
        return urls

    @property
    def complaints(self) -> list[str]:
        """What the console holds of errors and warnings about the page, a blocked request among them."""
        host = urlsplit(str(self.evaluate("location.href"))).netloc
        listed = (
            "return Services.console.getMessageArray().filter(each => each.sourceName?.includes("
            f"{json.dumps(host)}) && !(each.flags & 1)).map(each => each.errorMessage + ' ' + "
            f"each.sourceName)"
        )
        errors: list[str] = self._in_browser(listed)
        return errors


@contextmanager
def firefox_tab(binary: str, directory: Path) -> Iterator[Tab]:
    """Yield the tab of a fresh browser that can reach this machine and nothing else."""
    port = free_port()
    written = {**PREFERENCES, "marionette.port": port, "browser.download.dir": str(directory)}
    lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in written.items()]
    (directory / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [binary, *ARGUMENTS, "--profile", str(directory)]
    with (directory / "firefox.log").open("wb") as log:
        environment = {**os.environ, "HOME": str(directory), "MOZ_CRASHREPORTER_DISABLE": "1"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        with connected(process, port) as connection:
            yield Tab(connection)
    finally:
        process.terminate()
        process.wait(30)


def connected(process: "subprocess.Popen[bytes]", port: int, seconds: float = 60) -> socket.socket:
    """Return a connection to the browser, once it listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"Firefox did not listen within {seconds} s (exit status {process.poll()})")
