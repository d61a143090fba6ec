"""The application behind a real socket, and requests written byte by byte, as no client library would."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from app.logs import configure_logging
from app.main import create_app
from app.settings.schema import Settings
from tests.fake_engines import FakeEngines

BOUNDARY = "frontier"


@dataclass(frozen=True)
class Wire:
    """A listening application."""

    port: int
    app: FastAPI
    directory: Path
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def health(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/health", timeout=5).json())

    def queue(self) -> tuple[int, int]:
        """Return how many requests run and how many wait, transcriptions and detections together."""
        health = self.health()
        both = (health["queue"], health["detection_queue"])
        return sum(queue["running"] for queue in both), sum(queue["waiting"] for queue in both)

    def open_uploads(self) -> int:
        return int(self.app.state.services.upload_store.open_uploads)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


@contextmanager
def wired(engines: FakeEngines, directory: Path, **settings: object) -> Iterator[Wire]:
    """Yield the application on a free port of this machine."""
    chosen = {"preload_model": "demo", "temp_dir": directory, "cache_dir": directory, **settings}
    read = Settings(_env_file=None, **chosen)  # type: ignore[arg-type,call-arg]
    configure_logging(read.log_format, read.log_level)
    app = create_app(read, engines=engines)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        DOOR.before(app), log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets=[listener])

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield Wire(listener.getsockname()[1], app, directory, loops[0])
    finally:
        engines.gate.set()
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> float:
    """Return after how many seconds `condition` holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - began


def form(content: bytes, name: str = "audio_file", end: bool = True) -> bytes:
    """Return a multipart body with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.wav"\r\n\r\n'
    return head.encode() + content + (f"\r\n--{BOUNDARY}--\r\n".encode() if end else b"")


@dataclass
class Door:
    """The route that uploads go to where a test names none, and what stands before the application.

    A whole module of tests can be run on another route, or behind something.
    """

    path: str = "/asr"
    everything: str = "/asr"
    """The same route, asked for what takes all stages."""
    field_bytes: int = 64 << 10
    """The longest field that it takes."""
    before: Callable[[ASGIApp], ASGIApp] = lambda app: app


DOOR = Door()


def told(answer: Any) -> dict[str, str]:
    """Return code and detail of an error, whichever of the two forms it has."""
    content = answer.json() if callable(answer.json) else answer.json
    error = content.get("error")
    return content if error is None else {"code": error["code"], "detail": error["message"]}


def head(length: int | str | None, *more: str, path: str | None = None) -> bytes:
    """Return a request head; without `length` the body is chunked."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [
        f"POST {path or DOOR.path} HTTP/1.1",
        "Host: test",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        framing,
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


def read_answer(connection: socket.socket) -> Answer:
    """Return the answer on `connection`, read to its announced length."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        assert piece, f"the connection ended after {received!r}"
        received += piece
    top, _, body = received.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Answer(int(first.split()[1]), headers, body)


def is_closed(connection: socket.socket, seconds: float = 5) -> bool:
    """Return whether the other side closes `connection` within `seconds`."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True
