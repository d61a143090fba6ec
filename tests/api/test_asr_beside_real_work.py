"""While the real engines work on a long recording, bad requests are refused at once."""

import http.client
import io
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.service import Service

BAD = ("task=sing", "language=klingon", "model=gpt-9", "min_speakers=3&max_speakers=2", "diarize=maybe")


@pytest.fixture
def long_job(live_service: Service, meeting: Path) -> Iterator[None]:
    """Ten minutes of meeting in the hands of the engines; the client leaves at the end of the test."""
    samples, rate = soundfile.read(meeting, dtype="int16")
    recording = io.BytesIO()
    soundfile.write(recording, np.tile(samples, 10), rate, format="WAV")
    files = {"audio_file": ("long.wav", recording.getvalue())}
    request = httpx.Request("POST", f"{live_service.url}/asr", files=files)
    connection = http.client.HTTPConnection(request.url.host, request.url.port or 80)
    connection.request("POST", "/asr", request.read(), dict(request.headers))
    _wait_until_running(live_service, 1)
    yield
    assert live_service.health().json()["queue"]["running"] == 1, "the long job was over too soon"
    connection.close()
    _wait_until_running(live_service, 0)


def test_bad_options_are_refused_within_100_ms(live_service: Service, long_job: None, meeting: Path) -> None:
    """The quickest answer to each counts: the others measure what else the machine does."""
    upload = meeting.read_bytes()
    with httpx.Client(base_url=live_service.url, timeout=60) as client:
        for query in BAD:
            seconds = []
            for _ in range(8):
                begin = time.perf_counter()
                answer = client.post(f"/asr?{query}", files={"audio_file": ("meeting.flac", upload)})
                seconds.append(time.perf_counter() - begin)
                assert answer.status_code == 400
            assert min(seconds) < 0.1, (query, seconds)


def _wait_until_running(service: Service, expected: int) -> None:
    deadline = time.monotonic() + 60
    while service.health().json()["queue"]["running"] != expected:
        assert time.monotonic() < deadline, f"not {expected} running after 60 s"
        time.sleep(0.05)
