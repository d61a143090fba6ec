"""The container's probe calls nothing healthy but an answer with status 200."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.healthcheck import main
from tests.service import free_port


@contextmanager
def answering(status: int, body: bytes = b'{"status": "some"}') -> Iterator[str]:
    """Yield the port of a server that answers every request with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "expected"), [(200, 0), (201, 1), (204, 1), (302, 1), (404, 1), (500, 1), (503, 1)]
)
def test_only_200_is_healthy(status: int, expected: int, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(status) as port:
        assert main([port]) == expected
    assert capsys.readouterr().out.startswith(f"{status} ")


def test_no_answer_is_unhealthy_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(free_port())]) == 1
    assert capsys.readouterr().out.startswith("no answer: ")


def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that went through a proxy would call a healthy container unhealthy."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with answering(200) as port:
        assert main([port]) == 0
