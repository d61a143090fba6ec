"""Leaving and stopping while the real engines work: the slot is free soon, what was accepted is finished."""

import io
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.service import Service, forked_service
from tests.wire import form, head, read_answer, wait_until

TIMES = 8
"""How often the opening of the meeting is repeated, so that the work cannot simply end by itself in time."""
LEAVING_AFTER = (0.1, 1.2)
"""When the client leaves, in units of the time that one opening takes."""


def busy(service: Service) -> tuple[int, int]:
    queue = service.health().json()["queue"]
    return queue["running"], queue["waiting"]


def send(service: Service, body: bytes) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=600)
    connection.sendall(head(len(body)) + body)
    return connection


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that the last test ends."""
    settings = {"SHUTDOWN_GRACE_SECONDS": "600"}
    with forked_service(tmp_path_factory.mktemp("bundle"), settings) as service:
        yield service


@pytest.mark.timeout(900)
def test_running_work_stops_soon_after_its_client_left(service: Service, opening: Path) -> None:
    """Within two seconds, or on a busy machine within the time that a third of the work takes."""
    began = time.monotonic()
    answer = httpx.post(f"{service.url}/asr", files={"audio_file": opening.read_bytes()}, timeout=600)
    assert answer.status_code == 200
    unit = time.monotonic() - began
    samples, rate = soundfile.read(opening, dtype="int16")
    recording = io.BytesIO()
    soundfile.write(recording, np.tile(samples, TIMES), rate, format="WAV")
    body = form(recording.getvalue())
    waited = []
    for share in LEAVING_AFTER:
        with send(service, body):
            wait_until(lambda: busy(service) == (1, 0))
            time.sleep(share * unit)
            assert busy(service) == (1, 0), "the work was over before the client left"
        waited.append(wait_until(lambda: busy(service) == (0, 0), seconds=120))
    print(f"one opening takes {unit:.2f} s; stopped after", [round(each, 2) for each in waited], "s")
    assert max(waited) < max(2.0, unit)
    assert "asr_open_uploads 0.0" in httpx.get(f"{service.url}/metrics").text


@pytest.mark.timeout(900)
def test_sigterm_while_the_engines_work_costs_no_word(service: Service, opening: Path) -> None:
    """The request that runs and the one that waits get the answer that an undisturbed service gives."""
    upload = opening.read_bytes()
    undisturbed = httpx.post(f"{service.url}/asr", files={"audio_file": upload}, timeout=600).json()
    with send(service, form(upload)) as running, send(service, form(upload)) as waiting:
        wait_until(lambda: busy(service) == (1, 1))
        time.sleep(0.5)
        service.process.send_signal(signal.SIGTERM)
        assert read_answer(running).json == undisturbed
        assert read_answer(waiting).json == undisturbed
    assert service.process.wait(60) == 0
