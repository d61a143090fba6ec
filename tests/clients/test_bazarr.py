"""Bazarr: the samples of a film, its language first, then subtitles. It never looks at the status."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysubs2
import pytest
import requests

from app.audio.ffmpeg_binary import find_ffmpeg
from app.options.languages import LANGUAGES
from tests.fake_engines import FakeEngines
from tests.in_process import in_process
from tests.service import Service

TIMEOUT = (5, 300)
"""Bazarr gives up when the connection is not accepted within 5 seconds."""
FILM = "/films/A film (2024)/A film [x265].mkv"


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture(scope="module")
def pcm(opening: Path) -> bytes:
    """The sound of the "film" as Bazarr's own ffmpeg writes it."""
    command = [
        find_ffmpeg(),
        "-v",
        "error",
        "-i",
        str(opening),
        "-f",
        "s16le",
        "-ac",
        "1",
        "-ar",
        "16000",
        "-",
    ]
    return subprocess.run(command, check=True, capture_output=True).stdout


def post(session: requests.Session, url: str, query: dict[str, str], pcm: bytes) -> requests.Response:
    """Send the samples as Bazarr does: one part without file name or media type of its own."""
    return session.post(url, params=query, files={"audio_file": pcm}, timeout=TIMEOUT)


def test_the_language_is_asked_first(live_service: Service, session: requests.Session, pcm: bytes) -> None:
    query = {"encode": "false", "video_file": FILM}
    answer: dict[str, Any] = post(session, f"{live_service.url}/detect-language", query, pcm).json()
    assert answer["language_code"] == "en"
    assert answer["detected_language"] == LANGUAGES["en"] == "english"
    assert 0 < answer["confidence"] <= 1


def test_the_body_is_the_subtitle_file(live_service: Service, session: requests.Session, pcm: bytes) -> None:
    query = {"task": "transcribe", "language": "en", "output": "srt", "encode": "false", "video_file": FILM}
    answer = post(session, f"{live_service.url}/asr", query, pcm)
    subtitles = pysubs2.SSAFile.from_string(answer.content.decode("utf-8"), format_="srt")
    assert len(subtitles) >= 5
    assert all(0 <= cue.start < cue.end <= len(pcm) / 32 + 1 for cue in subtitles)
    assert "SPEAKER_" not in answer.text
    assert "x-asr-warnings" not in answer.headers


def test_a_translation_is_a_subtitle_file_too(
    live_service: Service, session: requests.Session, pcm: bytes
) -> None:
    query = {"task": "translate", "language": "de", "output": "srt", "encode": "false"}
    answer = post(session, f"{live_service.url}/asr", query, pcm)
    assert len(pysubs2.SSAFile.from_string(answer.content.decode("utf-8"), format_="srt")) >= 1


def test_an_hour_of_film_fits(tmp_path: Path) -> None:
    """Fault 7: 115 MB of samples in one request."""
    engines = FakeEngines()
    hour = np.zeros(3600 * 16000, "<i2")
    hour[-1] = 16384
    with in_process(engines, tmp_path) as client:
        query = {"task": "transcribe", "language": "en", "output": "srt", "encode": "false"}
        answer = client.post("/asr", params=query, files={"audio_file": hour.tobytes()})
    assert answer.status_code == 200
    assert len(pysubs2.SSAFile.from_string(answer.text, format_="srt")) >= 1
    heard = engines.heard[0]
    assert len(heard) == len(hour)
    assert heard[-1] == 16384


def test_every_language_bazarr_may_send_is_known(tmp_path: Path) -> None:
    """Whisper's codes, and the ones of ISO 639 that differ from them."""
    engines = FakeEngines()
    with in_process(engines, tmp_path) as client:
        for code in ("en", "jw", "haw", "no", "zh", "yue", "pt"):
            query = {"task": "transcribe", "language": code, "output": "srt", "encode": "false"}
            answer = client.post("/asr", params=query, files={"audio_file": bytes(3200)})
            assert answer.status_code == 200, code
    assert [request.language for request in engines.requests] == ["en", "jw", "haw", "no", "zh", "yue", "pt"]
