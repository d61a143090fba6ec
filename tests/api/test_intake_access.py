"""Keys: three ways to present one, and nothing told to those who have none."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from app.__main__ import main
from app.settings.schema import Settings
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone

KEY, OTHER = "s3cret-key-of-a-meeting", "another:key"


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An application with two keys, for requests that change nothing in it."""
    with in_process(FakeEngines(), tmp_path_factory.mktemp("keyed"), api_key=f"{KEY}, {OTHER} ,") as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer   {KEY}"},
        {"X-API-Key": KEY},
        {"X-API-Key": OTHER},
        basic("anybody", KEY),
        basic("", KEY),
        basic("anybody", OTHER),
    ],
)
def test_a_key_is_taken_in_every_way_clients_know(keyed: TestClient, headers: dict[str, str]) -> None:
    answer = keyed.post("/asr", files={"audio_file": tone(0.2)}, headers=headers)
    assert answer.status_code == 200


REFUSED_BELOW_V1 = {
    "error": {
        "message": "Incorrect API key provided.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }
}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Digest {KEY}"},
        {"Authorization": "Basic ###"},
        {"Authorization": "Basic " + base64.b64encode(KEY.encode()).decode()},
        {"X-API-Key": ""},
        {"X-API-Key": f"{KEY}, {OTHER}"},
        {"X-API-Key": "schlüssel".encode("latin-1").decode("latin-1")},
        basic(KEY, "wrong"),
    ],
)
@pytest.mark.parametrize("path", ["/asr", "/v1/models", "/docs", "/metrics", "/nowhere"])
def test_without_a_key_every_path_says_the_same(
    keyed: TestClient, headers: dict[str, str], path: str
) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = keyed.request("POST" if path == "/asr" else "GET", path, headers=encoded)
    assert answer.status_code == 401
    ours = {"detail": "unauthorized", "code": "unauthorized", "request_id": answer.headers["X-Request-ID"]}
    assert answer.json() == (REFUSED_BELOW_V1 if path.startswith("/v1/") else ours)
    assert answer.headers.get_list("WWW-Authenticate") == ['Basic realm="asr"', "Bearer"]


def test_the_probe_needs_no_key(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, api_key=KEY) as client:
        for path in ("/health", "/health/", "//health"):
            assert client.get(f"http://testserver{path}").status_code == 200
            assert client.head(f"http://testserver{path}").status_code == 200
        for path in ("/health/x", "/health/../asr", "/x/health"):
            assert client.get(path).status_code in (200, 401), path
            assert client.post(path).status_code == 401, path


def test_without_configured_keys_everyone_is_let_in(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize("setting", [",", " , ", "   ", ",,,"])
def test_a_key_that_is_none_ends_the_start(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who sets API_KEY wants to let nobody else in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_KEY", setting)
    assert main(["serve"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("API_KEY: ")
    assert "holds no key" in said
    assert "\n" not in said


def test_a_partly_empty_list_holds_the_keys_that_are_in_it(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, api_key=f",{KEY},, {OTHER} ") as client:
        for key in (KEY, OTHER):
            assert client.get("/v1/models", headers={"X-API-Key": key}).status_code == 200
        for nothing in ("", " ", ","):
            assert client.get("/v1/models", headers={"X-API-Key": nothing}).status_code == 401


def test_an_error_about_a_setting_does_not_show_what_was_written() -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(_env_file=None, api_key=[["hidden-one"]], hf_endpoint="ftp://a:hidden-two@mirror")  # type: ignore[arg-type]
    assert "API_KEY" in str(raised.value).upper()
    assert "hidden" not in str(raised.value)


def test_keys_appear_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with in_process(FakeEngines(), tmp_path, api_key=KEY, hf_token="hf_hidden", log_level="debug") as client:
        seen = [
            client.get(path, headers={"X-API-Key": KEY}).text
            for path in ("/health", "/metrics", "/openapi.json")
        ]
        seen.append(client.post("/asr", headers={"Authorization": f"Bearer {KEY}"}).text)
        seen.append(client.get("/v1/models", headers={"X-API-Key": f"{KEY}typo"}).text)
    seen.append("".join(capfd.readouterr()))
    for text in seen:
        assert KEY not in text
        assert "hf_hidden" not in text


def test_several_keys_are_several_clients_and_one_key_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with in_process(FakeEngines(), tmp_path, api_key=f"{KEY},{OTHER}") as client:
        client.get("/v1/models", headers={"X-API-Key": OTHER})
    assert "client=key-2" in capfd.readouterr().err
    with in_process(FakeEngines(), tmp_path, api_key=KEY) as client:
        client.get("/v1/models", headers={"X-API-Key": KEY})
    assert "key-" not in capfd.readouterr().err


def test_browsers_of_named_origins_may_call(tmp_path: Path) -> None:
    asking = {"Origin": "https://notes.example", "Access-Control-Request-Method": "POST"}
    with in_process(FakeEngines(), tmp_path, api_key=KEY, cors_origins="https://notes.example") as client:
        allowed = client.options("/asr", headers=asking)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://notes.example"
        refused = client.options("/asr", headers={**asking, "Origin": "https://other.example"})
        assert "access-control-allow-origin" not in refused.headers
        answer = client.post("/asr", headers={"Origin": "https://notes.example"})
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == "https://notes.example"
    with in_process(FakeEngines(), tmp_path) as client:
        assert "access-control-allow-origin" not in client.options("/asr", headers=asking).headers
