"""Addresses as clients write them: HEAD, doubled slashes, slashes at the end, and paths that lead nowhere."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.v1.forms import error_of
from tests.wire import read_answer, wired

HERE = "http://testserver"
"""Before a path with two slashes first, which alone would name a host."""

READ = [
    "/",
    "/docs",
    "/health",
    "/metrics",
    "/openapi.json",
    "/v1/models",
    "/static/docs.js",
    "/docs/",
    "/nowhere",
]
OF_THE_MOMENT = {"x-request-id", "server-timing", "date"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with in_process(FakeEngines(), tmp_path_factory.mktemp("paths")) as client:
        yield client


@pytest.mark.parametrize("path", READ)
def test_head_answers_as_get_does_without_a_body(client: TestClient, path: str) -> None:
    got = client.get(path, follow_redirects=False)
    asked = client.head(path, follow_redirects=False)
    assert asked.status_code == got.status_code
    assert asked.content == b""
    assert stable(asked.headers) == stable(got.headers)


def stable(headers: object) -> dict[str, str]:
    """Return the headers that do not change by the second; /metrics has another length each time."""
    found = {str(name): str(value) for name, value in dict(headers).items() if name not in OF_THE_MOMENT}  # type: ignore[call-overload]
    if "version=" in found.get("content-type", ""):
        del found["content-length"]
    return found


def test_head_leaves_the_connection_usable(tmp_path: Path) -> None:
    """A body where none may be would be taken for the next answer."""
    request = "HEAD {} HTTP/1.1\r\nHost: test\r\n\r\n"
    with wired(FakeEngines(), tmp_path) as wire, wire.connect() as connection:
        for path in ("/health", "/openapi.json", "/docs", "/static/docs.js", "/nowhere", "/health"):
            connection.sendall(request.format(path).encode())
            received = b""
            while not received.endswith(b"\r\n\r\n"):
                received += connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 404" if path == "/nowhere" else b"HTTP/1.1 200")
            assert b"{" not in received
            assert b"<" not in received
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n")
        assert read_answer(connection).json["status"] == "healthy"


@pytest.mark.parametrize("path", ["//asr", "/asr/", "//asr//", "///asr"])
def test_a_recording_arrives_whatever_slashes_lead_to_it(client: TestClient, path: str) -> None:
    answer = client.post(f"{HERE}{path}", files={"audio_file": tone(0.2)}, follow_redirects=False)
    assert answer.status_code == 200
    assert answer.json()["segments"]


@pytest.mark.parametrize(
    "path",
    [
        "//v1//models",
        "/v1/models/",
        "/v1//models",
        "//health",
        "/metrics/",
        "//openapi.json",
        "//static//docs.js",
    ],
)
def test_reading_forgives_slashes_too(client: TestClient, path: str) -> None:
    assert client.get(f"{HERE}{path}", follow_redirects=False).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/asr", "/a/../asr", "/asr;x", "/ASR", "/asr%00"])
def test_nothing_but_slashes_is_forgiven(client: TestClient, path: str) -> None:
    assert client.post(f"{HERE}{path}", follow_redirects=False).status_code in (400, 404)


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("POST", "/asr/asr", "POST /asr"),
        ("POST", "//asr//asr/", "POST /asr"),
        ("POST", "/asr/detect-language", "POST /detect-language"),
        ("GET", "/asr/v1/models", "GET /v1/models"),
        ("GET", "/asr/health", "GET /health"),
        ("POST", "/asr/v1/audio/translations", "POST /v1/audio/translations"),
        ("POST", "/audio/transcriptions", "POST /v1/audio/transcriptions"),
        ("GET", "/nowhere", "/docs"),
        ("GET", "/static/nowhere.js", "/docs"),
    ],
)
def test_a_path_that_leads_nowhere_names_the_right_one(
    client: TestClient, method: str, path: str, right: str
) -> None:
    answer = client.request(method, f"{HERE}{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "http_404"
    assert right in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("POST", "/v1/asr", "POST /asr"),
        ("GET", "/v1/v1/models", "GET /v1/models"),
        ("POST", "/v1/audio/transcriptions/audio/transcriptions", "POST /v1/audio/transcriptions"),
        ("POST", "/v1/audio/speech", "/docs"),
    ],
)
def test_a_path_below_v1_that_leads_nowhere_names_the_right_one_as_openai_would(
    client: TestClient, method: str, path: str, right: str
) -> None:
    error = error_of(client.request(method, path), 404)
    assert right in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", "/asr", "POST"), ("POST", "/health", "GET, HEAD")]
)
def test_a_wrong_method_is_told_the_right_one(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    words = f"Method Not Allowed: {method} is not answered here; use {allowed}"
    assert answer.json()["detail"] == words


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/asr", "/asr"),
        ("//asr/", "/asr"),
        ("/v1/models", "/v1/models"),
        ("/v1/models/owner/name", "/v1/models/{name}"),
        ("/v1/audio/transcriptions", "/v1/audio/transcriptions"),
        ("/docs", "/docs"),
        ("/", "/"),
        ("/openapi.json", "/openapi.json"),
        ("/static/docs.js", "/static"),
        ("/static", "unmatched"),
        ("/statics/x", "unmatched"),
        ("/asr/12345", "unmatched"),
    ],
)
def test_what_a_missing_key_stops_has_its_route_in_log_and_figures(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], path: str, route: str
) -> None:
    with in_process(FakeEngines(), tmp_path, api_key="s3cret") as client:
        assert client.post(f"{HERE}{path}").status_code == 401
        figures = client.get("/metrics", headers={"X-API-Key": "s3cret"}).text
    (line,) = [each for each in capfd.readouterr().err.splitlines() if " app." in each and "401" in each]
    assert f"route={route} " in line
    assert f'asr_requests_total{{outcome="unauthorized",route="{route}"}} 1.0' in figures


def test_every_described_route_is_known_to_the_log(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    for path in client.get("/openapi.json").json()["paths"]:
        with caplog.at_level(logging.DEBUG, "app.api.middleware.access_log"):
            caplog.clear()
            client.delete(path)
        (record,) = [each for each in caplog.records if each.name == "app.api.middleware.access_log"]
        assert record.fields["route"] == path  # type: ignore[attr-defined]
