"""Speakr: its requests, how it reads the answers, and what its retries expect of errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.service import Service

ALWAYS = {"encode": "true", "task": "transcribe", "output": "json"}
PERMANENT = ("400", "401", "402", "403", "404", "413")
"""Statuses after which Speakr does not upload the recording again."""
CONVERTED = ("failed to decode audio", "invalid audio", "unsupported format", "corrupted file")
"""Words after which Speakr converts the recording to MP3 and tries once more."""


def send(client: httpx.Client | TestClient, upload: bytes, **options: Any) -> Any:
    """Send what Speakr sends: every option in the query string, booleans as true and false."""
    diarize = options.pop("diarize", True)
    query = {**ALWAYS, "diarize": diarize, "enable_diarization": diarize, **options}
    files = {"audio_file": ("recording.flac", upload, "audio/flac")}
    return client.post("/asr", params=query, files=files, headers={"Accept": "application/json"})


def read(answer: Any) -> list[tuple[str, str]]:
    """Return (speaker, text) the way Speakr reads segments: a missing speaker is the one before."""
    answer.raise_for_status()
    before, lines = "UNKNOWN_SPEAKER", []
    for segment in answer.json()["segments"]:
        before = segment.get("speaker") or before
        assert segment["start"] <= segment["end"]
        lines.append((before, segment["text"].strip()))
    return lines


@pytest.fixture(scope="module")
def live(live_service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live_service.url, timeout=httpx.Timeout(300, connect=60)) as client:
        yield client


@pytest.fixture(scope="module")
def upload(opening: Path) -> bytes:
    return opening.read_bytes()


def test_a_meeting_comes_back_with_its_speakers(live: httpx.Client, upload: bytes) -> None:
    answer = send(live, upload, language="en", min_speakers=2, max_speakers=4, return_speaker_embeddings=True)
    lines = read(answer)
    speakers = {speaker for speaker, _ in lines}
    assert all(text for _, text in lines)
    assert 2 <= len(speakers) <= 4
    assert all(speaker.startswith("SPEAKER_") for speaker in speakers)
    embeddings = answer.json()["speaker_embeddings"]
    assert set(embeddings) == speakers
    assert all(isinstance(number, float) for vector in embeddings.values() for number in vector)
    assert "warnings" not in answer.json()


def test_speakers_can_be_turned_off(live: httpx.Client, upload: bytes) -> None:
    assert {speaker for speaker, _ in read(send(live, upload, diarize=False))} == {"UNKNOWN_SPEAKER"}


def test_the_models_are_listed_for_its_menu(live: httpx.Client) -> None:
    models = live.get("/v1/models", timeout=10).json()["data"]
    assert ("demo", "local") in [(model["id"], model["owned_by"]) for model in models]


@pytest.mark.parametrize("path", ["/health", "/"])
def test_its_probes_see_the_service_as_up(live: httpx.Client, path: str) -> None:
    assert live.get(path).status_code < 500


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with in_process(FakeEngines(), tmp_path) as client:
        yield client


def test_hotwords_and_prompt_reach_the_engine(tmp_path: Path) -> None:
    engines = FakeEngines()
    with in_process(engines, tmp_path) as client:
        send(client, tone(), hotwords="Speakr,pyannote", initial_prompt="The weekly call.", model="whisper-1")
    assert (engines.requests[0].hotwords, engines.requests[0].initial_prompt) == (
        "Speakr,pyannote",
        "The weekly call.",
    )


@pytest.mark.parametrize(
    "options", [{"language": "klingon"}, {"min_speakers": 0}, {"max_speakers": "many"}, {"model": "gpt-4o"}]
)
def test_a_bad_option_is_not_uploaded_three_times(client: TestClient, options: dict[str, Any]) -> None:
    answer = send(client, tone(), **options)
    assert str(answer.status_code) in PERMANENT
    assert len(answer.text) <= 800 or "model" in options


def test_a_recording_that_cannot_be_decoded_is_converted_and_sent_again(client: TestClient) -> None:
    answer = send(client, b"\x00\x01\x02 not a recording")
    assert answer.status_code == 400
    assert any(words in answer.text for words in CONVERTED)


def test_a_recording_too_large_is_not_sent_again(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, max_file_size_mb=0.01) as client:
        answer = send(client, tone(1))
    assert answer.status_code == 413
    assert "file too large" in answer.text


def test_the_key_may_stand_in_the_address(tmp_path: Path) -> None:
    """Speakr knows no key, but http://anyone:KEY@host makes its client send HTTP Basic."""
    with in_process(FakeEngines(), tmp_path, api_key="s3cret") as client:
        files = {"audio_file": ("a.wav", tone())}
        assert client.post("/asr", params=ALWAYS, files=files).status_code == 401
        assert client.post("/asr", params=ALWAYS, files=files, auth=("anyone", "s3cret")).status_code == 200


def test_silence_gives_no_null_text(live: httpx.Client) -> None:
    """Speakr strips every text: a null would fail the whole job."""
    samples = b"\x00\x00" * 16000 * 3
    answer = send(live, samples, encode=False, diarize=False)
    assert answer.status_code == 200
    assert all(isinstance(segment["text"], str) for segment in answer.json()["segments"])
    assert isinstance(answer.json()["text"], str)


def test_its_text_loses_no_speaker_though_it_comes_as_a_string(client: TestClient) -> None:
    """Speakr takes a text that is a string as it is; one that is none it builds from the segments itself."""
    body = send(client, tone()).json()
    assert body["text"] == "[SPEAKER_00]: hello\n[SPEAKER_01]: there\n"
    assert [segment["speaker"] for segment in body["segments"]] == ["SPEAKER_00", "SPEAKER_01"]
    assert send(client, tone(), diarize=False).json()["text"] == "hello there\n"
