"""What goes wrong on /v1, in OpenAI's form, as its SDK reads it and retries it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from starlette.testclient import TestClient

from app.errors import DeadlineExceeded, EngineFailed, ModelUnavailable, OutOfMemory
from app.transcript import Segment
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.v1.forms import TRANSCRIPTIONS, TRANSLATIONS, error_of, send
from tests.wire import Wire, chunk, form, head, read_answer, wired


@pytest.fixture
def engines() -> FakeEngines:
    return FakeEngines()


@pytest.fixture
def client(engines: FakeEngines, tmp_path: Path) -> Iterator[TestClient]:
    with in_process(engines, tmp_path) as client:
        yield client


def sdk_of(wire: Wire, **settings: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{wire.url}/v1", **{"api_key": "any", "max_retries": 0, **settings})


def create(sdk: openai.OpenAI, recording: bytes = tone(), **fields: Any) -> Any:
    with sdk:
        return sdk.audio.transcriptions.create(file=("a.wav", recording), **{"model": "whisper-1", **fields})


def test_a_wrong_key(tmp_path: Path) -> None:
    with wired(FakeEngines(), tmp_path, api_key="s3cret") as wire:
        with pytest.raises(openai.AuthenticationError) as caught:
            create(sdk_of(wire))
        assert (caught.value.code, caught.value.param) == ("invalid_api_key", None)
        assert caught.value.type == "invalid_request_error"
        assert caught.value.request_id
        with pytest.raises(openai.AuthenticationError), sdk_of(wire) as sdk:
            sdk.models.list()
        assert create(sdk_of(wire, api_key="s3cret")).text == "hello there"
        for more in ({"headers": {"X-API-Key": "s3cret"}}, {"auth": ("anyone", "s3cret")}):
            answer = httpx.post(f"{wire.url}{TRANSCRIPTIONS}", files={"file": ("a.wav", tone())}, **more)  # type: ignore[arg-type]
            assert answer.status_code == 200


def test_an_unknown_model(tmp_path: Path) -> None:
    with wired(FakeEngines(), tmp_path) as wire, pytest.raises(openai.NotFoundError) as caught:
        create(sdk_of(wire), model="whisper-99")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "`whisper-99` does not exist" in caught.value.message


def test_the_probe_of_nextcloud_learns_that_the_route_is_there(client: TestClient) -> None:
    """It takes 404 and 401 for no."""
    answer = client.post(TRANSLATIONS, data={"model": "invalid-model"}, files={"file": ("file.mp3", b" ")})
    error = error_of(answer, 400)
    assert error["param"] == "file"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"files": {"other": ("a.wav", b"x")}}, "missing_required_parameter"),
        (
            {"data": {"model": "whisper-1"}, "files": {"file": (None, "meeting.mp3")}},
            "missing_required_parameter",
        ),
        ({"files": {"file": ("a.wav", b"")}}, "invalid_value"),
        ({"files": {"file": ("a.mp3", b"these are words, and no sound at all")}}, "invalid_value"),
    ],
)
def test_a_file_that_is_none(client: TestClient, parts: dict[str, Any], code: str) -> None:
    error = error_of(client.post(TRANSCRIPTIONS, **parts), 400)
    assert (error["param"], error["code"]) == ("file", code)
    assert "audio_file" not in error["message"]


def test_words_after_which_speakr_converts_the_recording(client: TestClient) -> None:
    assert "failed to decode audio" in error_of(send(client, b"these are words, not sounds"), 400)["message"]


def test_a_body_of_another_kind_is_told_which_one_is_right(client: TestClient) -> None:
    """Open WebUI can be made to send JSON."""
    body = {"model": "x", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    error = error_of(client.post(TRANSCRIPTIONS, json=body), 400)
    assert "multipart/form-data" in error["message"]


def test_a_recording_too_large_is_not_sent_again(tmp_path: Path) -> None:
    with wired(FakeEngines(), tmp_path, max_file_size_mb=0.05) as wire:
        with pytest.raises(openai.APIStatusError) as caught:
            create(sdk_of(wire, max_retries=2), tone(30))
        figures = httpx.get(f"{wire.url}/metrics").text
    assert (caught.value.status_code, caught.value.code) == (413, "file_too_large")
    assert "Maximum content size limit (50000) exceeded" in caught.value.message
    assert f'asr_requests_total{{outcome="file_too_large",route="{TRANSCRIPTIONS}"}} 1.0' in figures


def attempts(wire: Wire) -> float:
    """Return how many requests were refused or failed."""
    figures = httpx.get(f"{wire.url}/metrics").text
    lines = [line for line in figures.splitlines() if line.startswith("asr_requests_total{")]
    return sum(float(line.split()[-1]) for line in lines if TRANSCRIPTIONS in line and '"ok"' not in line)


@pytest.mark.parametrize(
    ("failure", "status", "tries"),
    [
        (EngineFailed("transcription"), 500, 1),
        (RuntimeError("a defect"), 500, 1),
        (DeadlineExceeded(7200), 504, 1),
        (OutOfMemory("transcription", retry_after_seconds=1), 503, 3),
        (ModelUnavailable("demo", "gone", retry_after_seconds=1), 503, 3),
    ],
)
def test_what_a_repeat_cannot_help_is_not_repeated(
    tmp_path: Path, engines: FakeEngines, failure: Exception, status: int, tries: int
) -> None:
    engines.failure = failure
    with wired(engines, tmp_path) as wire:
        with pytest.raises(openai.InternalServerError) as caught:
            create(sdk_of(wire, max_retries=2))
        assert attempts(wire) == tries
    assert caught.value.status_code == status
    assert caught.value.type == "server_error"
    assert caught.value.response.headers.get("x-should-retry") == ("false" if tries == 1 else None)


def test_a_full_queue_says_when_to_come_again(tmp_path: Path, engines: FakeEngines) -> None:
    engines.gate.clear()
    with wired(engines, tmp_path, max_queue_size=0) as wire, wire.connect() as busy:
        content = form(tone(), name="file")
        busy.sendall(head(len(content), path=TRANSCRIPTIONS) + content)
        assert engines.entered.wait(5)
        with pytest.raises(openai.InternalServerError) as caught:
            create(sdk_of(wire))
        assert caught.value.status_code == 503
        assert caught.value.code == "busy"
        assert 0 < int(caught.value.response.headers["retry-after"]) <= 60
        engines.gate.set()
        assert read_answer(busy).json["text"] == "hello there"


def test_nobody_is_asked_to_wait_for_longer_than_clients_heed(
    client: TestClient, engines: FakeEngines
) -> None:
    """OpenAI's SDK for JavaScript comes again at once after any longer time."""
    engines.failure = ModelUnavailable("demo", "gone", retry_after_seconds=600)
    answer = send(client, tone())
    assert error_of(answer, 503)["type"] == "server_error"
    assert answer.headers["retry-after"] == "60"
    assert "x-should-retry" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/nothing", 404),
        ("GET", "/v1", 404),
        ("GET", TRANSCRIPTIONS, 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/v1/models/demo", 405),
    ],
)
def test_paths_and_methods_that_are_not_answered(
    client: TestClient, method: str, path: str, status: int
) -> None:
    error = error_of(client.request(method, path), status)
    assert error["type"] == "invalid_request_error"


def test_other_paths_keep_their_own_errors(client: TestClient) -> None:
    assert set(client.get("/nothing").json()) == {"detail", "code", "request_id"}
    assert set(client.get("/v10/nothing").json()) == {"detail", "code", "request_id"}


def test_a_defect_says_nothing_of_itself(client: TestClient, engines: FakeEngines) -> None:
    engines.failure = RuntimeError("secret words")
    answer = send(client, tone())
    assert "secret" not in answer.text
    assert error_of(answer, 500)["code"] == "internal_error"


def test_speakers_that_cannot_be_had_fail_the_request_that_needs_them(
    client: TestClient, engines: FakeEngines
) -> None:
    engines.diarize_failure = ModelUnavailable("pyannote/x", "accept its terms")
    error = error_of(send(client, tone(), ("response_format", "diarized_json")), 503)
    assert "accept its terms" in error["message"]
    assert send(client, tone(), ("response_format", "json")).status_code == 200
    lenient = send(client, tone(), ("response_format", "verbose_json"), ("diarize", "true"))
    assert lenient.status_code == 200
    assert "speakers are missing" in lenient.headers["x-asr-warnings"]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_words_that_cannot_be_aligned_are_placed_by_their_length(
    tmp_path: Path, engines: FakeEngines, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an aligner nor the decoder's attention knows when they are said."""
    engines.align_failure = EngineFailed("alignment")

    def fails(*_: object) -> tuple[Segment, ...]:
        raise EngineFailed("transcription")

    monkeypatch.setattr(engines, "time_words", fails)
    with in_process(engines, tmp_path) as client:
        fields = [
            ("response_format", "verbose_json"),
            ("timestamp_granularities[]", "word"),
            ("language", language),
        ]
        answer = send(client, tone(2.0), *fields)
    assert answer.status_code == 200
    words = answer.json()["words"]
    assert "".join(word["word"] for word in words) == "hellothere"
    assert all(0 <= word["start"] <= word["end"] <= 2.0 for word in words)
    assert words[0]["start"] == 0.0
    assert words[-1]["end"] == 2.0


def test_a_chunked_body_with_the_file_first(tmp_path: Path) -> None:
    """What OpenAI's JavaScript SDK sends for a stream of a file: no length, and fields after the file."""
    boundary = b"--frontier\r\n"
    first = boundary + b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + tone()
    rest = (
        b"\r\n" + boundary + b'Content-Disposition: form-data; name="response_format"\r\n\r\nverbose_json\r\n'
    )
    with wired(FakeEngines(), tmp_path) as wire, wire.connect() as connection:
        parts = [chunk(part) for part in (first, rest, b"--frontier--\r\n", b"")]
        connection.sendall(head(None, path=TRANSCRIPTIONS) + b"".join(parts))
        assert read_answer(connection).json["task"] == "transcribe"


@pytest.mark.parametrize(
    "disposition",
    [
        'name="file"',
        'name="file"; filename="a \\"b\\" ü.wav"',
        'name="file"; filename*=UTF-8\'\'%C3%BC.wav; filename="x"',
    ],
)
def test_names_of_files_do_not_matter(tmp_path: Path, disposition: str) -> None:
    content = f"--frontier\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + tone()
    content += b"\r\n--frontier--\r\n"
    with wired(FakeEngines(), tmp_path) as wire, wire.connect() as connection:
        connection.sendall(head(len(content), path=TRANSCRIPTIONS) + content)
        assert read_answer(connection).json["text"] == "hello there"


def test_a_web_page_may_ask_if_its_origin_is_named(tmp_path: Path) -> None:
    origin = "app://obsidian.md"
    with in_process(FakeEngines(), tmp_path, cors_origins=origin, api_key="s3cret") as client:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        preflight = client.options(TRANSCRIPTIONS, headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        sent = {"Origin": origin, "Authorization": "Bearer s3cret"}
        answer = client.post(TRANSCRIPTIONS, files={"file": ("a.wav", tone())}, headers=sent)
    assert answer.status_code == 200
    assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()
