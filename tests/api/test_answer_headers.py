"""X-Request-ID and Server-Timing stand on every answer, whatever became of the request."""

import re
from pathlib import Path

import pytest
from starlette.requests import Request

from app.api.error_responses import error_response
from app.errors import ModelUnavailable
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone

TIMING = re.compile(r"(?:(queue|decode|load|transcribe|align|diarize);dur=\d+\.\d, )*total;dur=\d+\.\d")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/docs", 200),
        ("GET", "/static/docs.js", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/asr", 405),
        ("DELETE", "/health", 405),
        ("POST", "/asr", 400),
        ("POST", "/asr?task=sing", 400),
        ("POST", "/detect-language", 400),
    ],
)
def test_every_answer_is_named_and_timed(tmp_path: Path, method: str, path: str, status: int) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.request(method, path, headers={"X-Request-ID": "mine-1"}, follow_redirects=False)
    assert answer.status_code == status
    assert answer.headers["x-request-id"] == "mine-1"
    assert TIMING.fullmatch(answer.headers["server-timing"])
    if status >= 400:
        assert set(answer.json()) == {"detail", "code", "request_id"}
        assert answer.json()["request_id"] == "mine-1"


def test_an_upload_too_large_is_named_and_timed(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, max_file_size_mb=0.01) as client:
        answer = client.post("/asr", files={"audio_file": ("a.wav", tone())})
    assert answer.status_code == 413
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert TIMING.fullmatch(answer.headers["server-timing"])


def test_an_unforeseen_error_is_named_timed_and_says_nothing_of_itself(tmp_path: Path) -> None:
    """Fault 18: internals leak through the text of the exception."""
    with in_process(FakeEngines(failure=ZeroDivisionError("/srv/secret")), tmp_path) as client:
        answer = client.post("/asr", files={"audio_file": ("a.wav", tone())})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text
    assert "Division" not in answer.text
    assert TIMING.fullmatch(answer.headers["server-timing"])


def test_the_stages_of_a_transcript_are_timed_in_their_order(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.post("/asr", files={"audio_file": ("a.wav", tone())})
    stages = re.findall(r"(\w+);dur=([\d.]+)", answer.headers["server-timing"])
    ran = ["queue", "decode", "load", "transcribe", "align", "diarize", "total"]
    assert [name for name, _ in stages] == ran
    total = float(stages[-1][1])
    assert all(float(milliseconds) <= total for _, milliseconds in stages)


def test_the_time_of_a_failed_request_is_told_as_far_as_it_came(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.post("/asr", files={"audio_file": ("a.wav", b"not a recording")})
    assert answer.status_code == 400
    assert re.findall(r"(\w+);", answer.headers["server-timing"]) == ["queue", "decode", "total"]


@pytest.mark.parametrize("forged", ["", "a b", "x" * 65, "id\\nlevel=ERROR", "<script>"])
def test_a_request_id_that_could_forge_a_log_line_is_replaced(tmp_path: Path, forged: str) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        named = client.get("/v1/models", headers={"X-Request-ID": forged}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", named)


def test_two_requests_have_two_names(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        names = {client.get("/v1/models").headers["x-request-id"] for _ in range(20)}
    assert len(names) == 20


@pytest.mark.parametrize(("wanted", "told"), [(1, "1"), (60, "60"), (61, "60"), (300, "60")])
def test_nobody_is_told_to_wait_longer_than_clients_heed(wanted: int, told: str) -> None:
    request = Request({"type": "http", "path": "/asr", "headers": [], "state": {"request_id": "x"}})
    answer = error_response(request, ModelUnavailable("large-v3", "it loads", retry_after_seconds=wanted))
    assert answer.headers["Retry-After"] == told
