"""A service with a real page whose answers to POST /asr a test writes: what no real one does on demand."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

END = b""


@dataclass
class ScriptedService:
    """What it says: `refusal`, (status, media type, body), if there is one; else the blocks of `says`."""

    url: str
    refusal: tuple[int, str, bytes] | None = None
    says: "Queue[bytes]" = field(default_factory=Queue)
    received: list[str] = field(default_factory=list)

    def event(self, name: str, **data: Any) -> None:
        """Say one event of the stream."""
        self.says.put(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())

    def comment(self) -> None:
        self.says.put(b": still here\n\n")

    def ends(self) -> None:
        self.says.put(END)


@contextmanager
def scripted_service(url: str) -> Iterator[ScriptedService]:
    """Yield a service that shows the pages of the one at `url`."""
    upstream = urlsplit(url)
    service = ScriptedService("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=30)
            connection.request("GET", self.path)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        def do_POST(self) -> None:
            left = int(self.headers.get("content-length", 0))
            while left > 0 and (block := self.rfile.read(min(left, 1 << 20))):
                left -= len(block)
            service.received.append(self.path)
            status, media_type, body = service.refusal or (200, "text/event-stream", END)
            self.send_response_only(status)
            self.send_header("Content-Type", media_type)
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body)
                while service.refusal is None and (block := service.says.get()):
                    self.wfile.write(block)
                    self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        service.url = f"http://127.0.0.1:{server.server_port}"
        yield service
        service.ends()
        server.shutdown()
