"""What pages of other sites make a browser send is refused; pages of ours, and programs, are let in."""

from pathlib import Path

import pytest

from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone

EVIL = "https://evil.example"


def status(directory: Path, headers: dict[str, str], path: str = "/asr", **settings: object) -> int:
    with in_process(FakeEngines(), directory, **settings) as client:
        return client.post(
            f"http://testserver{path}", files={"audio_file": tone(0.2)}, headers=headers
        ).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Origin": ""},
        {"Origin": "app://obsidian.md"},
        {"Origin": "http://[nonsense"},
        {"Origin": "https://testserver.evil.example"},
        {"Origin": "https://evil.example/testserver"},
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "something-new"},
        {"Origin": EVIL, "Host": "", "X-Forwarded-Host": ","},
        {"Origin": "null", "Host": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/asr", "/detect-language", "//asr/", "/health", "/nowhere"])
def test_a_page_of_another_site_may_not_send(tmp_path: Path, headers: dict[str, str], path: str) -> None:
    assert status(tmp_path, headers, path) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://testserver"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "https://tools.nas.lan", "Host": "asr.nas.lan", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://[::1]:9000", "Host": "[::1]:9000"},
        {"Origin": "http://192.168.1.5", "Host": "192.168.1.5:80"},
        {"Origin": "http://NAS.lan.:9000", "Host": "nas.LAN:9000"},
    ],
)
@pytest.mark.parametrize("path", ["/asr", "/detect-language"])
def test_our_pages_and_programs_may(tmp_path: Path, headers: dict[str, str], path: str) -> None:
    assert status(tmp_path, headers, path) == 200


@pytest.mark.parametrize(
    "forwarded", [{"X-Forwarded-Host": "asr.example"}, {"X-Forwarded-Host": "asr.example:8443, inner.lan"}]
)
def test_a_page_behind_proxies_may(tmp_path: Path, forwarded: dict[str, str]) -> None:
    behind = {"Host": "127.0.0.1:9000", **forwarded}
    assert status(tmp_path, {"Origin": "https://asr.example", **behind}) == 200
    assert status(tmp_path, {"Origin": "https://asr.example", "Host": "127.0.0.1:9000"}) == 403
    assert (
        status(tmp_path, {"Origin": "https://asr.example", **behind, "Sec-Fetch-Site": "same-origin"}) == 200
    )
    assert status(tmp_path, {"Origin": EVIL, **behind, "Sec-Fetch-Site": "cross-site"}) == 403


@pytest.mark.parametrize(
    ("setting", "origin"),
    [
        ("https://notes.example", "https://notes.example"),
        (" https://Notes.example:443/ , http://b.example:80", "https://notes.example"),
        ("http://b.example:8080", "http://b.example:8080"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("app://obsidian.md,capacitor://localhost", "app://obsidian.md"),
        ("app://obsidian.md,capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("null", "null"),
        ("*", EVIL),
        ("*", "null"),
    ],
)
def test_the_operator_may_let_other_sites_in(tmp_path: Path, setting: str, origin: str) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    with in_process(FakeEngines(), tmp_path, cors_origins=setting) as client:
        answer = client.post("/asr", files={"audio_file": tone(0.2)}, headers=headers)
        asked = client.options("/asr", headers={**headers, "Access-Control-Request-Method": "POST"})
    assert (answer.status_code, asked.status_code) == (200, 200)
    for each in (answer, asked):
        assert each.headers["access-control-allow-origin"] in (origin, "*")


def test_a_site_beside_the_allowed_one_stays_out(tmp_path: Path) -> None:
    for origin in (EVIL, "http://notes.example", "https://notes.example:8443", "https://x.notes.example"):
        assert status(tmp_path, {"Origin": origin}, cors_origins="https://notes.example") == 403


@pytest.mark.parametrize("path", ["/", "/docs", "/health", "/v1/models", "/static/docs.js"])
def test_a_link_on_another_site_may_lead_here(tmp_path: Path, path: str) -> None:
    following = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Referer": f"{EVIL}/page"}
    with in_process(FakeEngines(), tmp_path) as client:
        assert client.get(path, headers=following).status_code == 200


def test_the_refusal_is_one_of_our_errors_and_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with in_process(FakeEngines(), tmp_path, api_key="s3cret") as client:
        answer = client.post("/asr", files={"audio_file": tone(0.2)}, headers={"Origin": EVIL})
    assert answer.status_code == 403
    assert answer.json()["code"] == "cross_site"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert EVIL in answer.json()["detail"]
    assert "CORS_ORIGINS" in answer.json()["detail"]
    assert "www-authenticate" not in answer.headers
    (line,) = [each for each in capfd.readouterr().err.splitlines() if " app." in each and "403" in each]
    assert "outcome=cross_site" in line
    assert f"origin={EVIL}" in line
