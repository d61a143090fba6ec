"""A real process on engines that stop in the middle of their work and never go on."""

import http.client
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.service import Service, running_service

BOUNDARY = "7c1d"


@dataclass(frozen=True)
class HeldService:
    """The process."""

    service: Service

    @property
    def url(self) -> str:
        return self.service.url

    def send(self, recording: Path) -> http.client.HTTPConnection:
        """Send a recording and do not wait for the answer; who closes the connection has left."""
        disposition = 'form-data; name="audio_file"; filename="x.wav"'
        body = (
            f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
            + recording.read_bytes()
            + f"\r\n--{BOUNDARY}--\r\n".encode()
        )
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        connection.request(
            "POST", "/asr", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        )
        return connection

    def dies(self) -> None:
        self.service.process.kill()


@contextmanager
def held_service(directory: Path) -> Iterator[HeldService]:
    """Yield a service whose engines wait while they transcribe."""
    program = [sys.executable, "-m", "tests.fake_service", str(directory / "never opened")]
    with running_service(directory, program=program) as service:
        yield HeldService(service)
