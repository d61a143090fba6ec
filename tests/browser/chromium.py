"""Drives a headless Chromium through its DevTools pipe: no driver program and no package is needed."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.browser.keyboard import KEYS, MODIFIERS

BINARIES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
LAUNCHER = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(reads, 3), os.dup2(writes, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from descriptor 3 and writes answers to descriptor 4."""

MISSING = "no Chromium on PATH: apt-get install chromium, or name one with CHROMIUM=/path/to/chromium"


def find_chromium() -> str | None:
    """Return the path of a Chromium: $CHROMIUM, or the first one on PATH."""
    chosen = os.environ.get("CHROMIUM")
    return chosen or next(filter(None, map(shutil.which, BINARIES)), None)


class Connection:
    """The pipe to one browser, which all of its tabs share."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []
        self.replaced: dict[str | None, bytes] = {}
        """What tabs get in place of what they ask for, by their sessions."""

    def send(self, method: str, session: str | None, parameters: dict[str, Any]) -> int:
        """Send a command and return its number."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        return self._number

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a DevTools command; events that arrive first are kept."""
        number = self.send(method, session, parameters)
        while True:
            answer = self._next_message(60)
            if answer.get("id") != number:
                self._keep(answer)
            elif "error" in answer:
                raise AssertionError(f"{method}: {answer['error']}")
            else:
                result: dict[str, Any] = answer["result"]
                return result

    def _keep(self, event: dict[str, Any]) -> None:
        """Keep an event; "leave this page?" is answered with yes, else all would stand still."""
        self.events.append(event)
        session = event.get("sessionId")
        if event.get("method") == "Page.javascriptDialogOpening":
            self.send("Page.handleJavaScriptDialog", session, {"accept": True})
        if event.get("method") == "Fetch.requestPaused":
            answer = {"requestId": event["params"]["requestId"], "responseCode": 200}
            headers = [{"name": "Content-Type", "value": "text/javascript"}]
            body = base64.b64encode(self.replaced[session]).decode()
            self.send("Fetch.fulfillRequest", session, {**answer, "responseHeaders": headers, "body": body})

    def _next_message(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"Chromium said nothing for {seconds} s")
            block = os.read(self._answers, 1 << 20)
            if not block:
                raise AssertionError("Chromium ended")
            self._buffer += block
        message, _, self._buffer = self._buffer.partition(b"\0")
        parsed: dict[str, Any] = json.loads(message)
        return parsed


class Page:
    """One tab; in a browser context of its own, if it is given one, which shares no storage with others."""

    def __init__(self, connection: Connection, context: str | None = None) -> None:
        self._connection = connection
        self._session: str | None = None
        self._where = {"browserContextId": context} if context else {}
        self.target = connection.call("Target.createTarget", url="about:blank", **self._where)["targetId"]
        attached = connection.call("Target.attachToTarget", targetId=self.target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "DOM", "Log"):
            self.call(f"{domain}.enable")

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the tab told of itself, in order."""
        return [event for event in self._connection.events if event.get("sessionId") == self._session]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a DevTools command for this tab."""
        return self._connection.call(method, self._session, **parameters)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def run_before_pages(self, script: str) -> None:
        """Run `script` in every page that is opened from now on, before its own scripts."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def replace(self, pattern: str, script: str) -> None:
        """Give the tab another script for those whose address is like `pattern`."""
        self._connection.replaced[self._session] = script.encode()
        self.call("Fetch.enable", patterns=[{"urlPattern": pattern}])

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

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

    def wait_for_event(self, method: str, seconds: float = 10) -> dict[str, Any]:
        """Return the parameters of the last event of a kind, once there is one."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.evaluate("1")
            found = [event["params"] for event in self.events if event.get("method") == method]
            if found:
                last: dict[str, Any] = found[-1]
                return last
            time.sleep(0.05)
        raise AssertionError(f"no {method} within {seconds} s")

    def choose_files(self, selector: str, *paths: Path) -> None:
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def choose_file(self, selector: str, path: Path) -> None:
        self.choose_files(selector, path)

    def click(self, x: float, y: float, times: int = 1) -> None:
        """Click at a place of the window with the left button, as a hand does."""
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press, move and let go."""
        moves = [("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)]
        for kind, (x, y) in moves:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def press(self, key: str) -> None:
        """Press a key, with those that are held in front of it: Enter, Ctrl+Shift+Z."""
        *held, name = key.split("+")
        code, number, text = KEYS.get(name) or (f"Key{name.upper()}", ord(name.upper()), name)
        modifiers = sum(MODIFIERS[each] for each in held)
        common = {
            "key": text if text.isprintable() and text else name,
            "code": code,
            "windowsVirtualKeyCode": number,
        }
        if modifiers in (0, MODIFIERS["Shift"]) and text:
            common["text"] = text
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, modifiers=modifiers, **common)

    def write(self, text: str) -> None:
        """Write into the field that has the focus."""
        self.call("Input.insertText", text=text)

    def download_into(self, directory: Path) -> None:
        self._connection.call(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(directory), **self._where
        )

    def screenshot(self, width: int, height: int, scale: float = 1) -> bytes:
        """Return the visible part as PNG."""
        self.resize(width, height, scale)
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def prefer(self, **features: str) -> None:
        """Let the person prefer something: prefers_color_scheme="dark"."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=wanted)

    @property
    def requested_urls(self) -> list[str]:
        """Every address the page asked for."""
        self.evaluate("1")
        sent = (
            event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"
        )
        return [str(each["request"]["url"]) for each in sent]

    @property
    def complaints(self) -> list[str]:
        """Uncaught errors and what the browser logged as an error, such as a blocked request."""
        self.evaluate("1")
        entries = [e["params"]["entry"] for e in self.events if e.get("method") == "Log.entryAdded"]
        thrown = [e["params"] for e in self.events if e.get("method") == "Runtime.exceptionThrown"]
        return [str(e) for e in entries if e["level"] == "error"] + [str(e) for e in thrown]

    def close(self) -> None:
        with suppress(AssertionError):
            self._connection.call("Target.closeTarget", targetId=self.target)


class Chromium:
    """A running browser; each of its pages has storage of its own."""

    def __init__(self, connection: Connection, process: "subprocess.Popen[bytes]") -> None:
        self.connection = connection
        self.process = process

    @contextmanager
    def page(self) -> Iterator[Page]:
        """Yield a tab that knows nothing of the others."""
        context = self.connection.call("Target.createBrowserContext")["browserContextId"]
        page = Page(self.connection, context)
        try:
            yield page
        finally:
            page.close()
            with suppress(AssertionError):
                self.connection.call("Target.disposeBrowserContext", browserContextId=context)


@contextmanager
def running_chromium(
    binary: str, directory: Path, reachable_host: str, *more: str, names: str = ""
) -> Iterator[Chromium]:
    """Yield a fresh browser that can reach no host but `reachable_host`; `names` lead to this machine."""
    from_browser, to_us = os.pipe()
    to_browser, commands = os.pipe()
    known = f"MAP {names} 127.0.0.1, " if names else ""
    arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        "--hide-scrollbars",
        "--window-size=1280,1000",
        f"--user-data-dir={directory}",
        f"--host-resolver-rules={known}MAP * ~NOTFOUND, EXCLUDE {reachable_host}",
        *more,
        "--remote-debugging-pipe",
    ]
    with (directory / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(to_browser), str(to_us), binary, *arguments],
            pass_fds=(to_browser, to_us),
            stdout=log,
            stderr=log,
        )
    os.close(to_browser)
    os.close(to_us)
    try:
        yield Chromium(Connection(commands, from_browser), process)
    finally:
        os.close(commands)
        os.close(from_browser)
        process.terminate()
        process.wait(20)
