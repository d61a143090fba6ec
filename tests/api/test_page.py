"""The page at / comes whole from this service, knows its limits, and no other site can show it as its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from starlette.testclient import TestClient

from app import __version__
from app.api.service_facts import as_markup
from app.formats import FORMATS
from tests.conftest import DEMO
from tests.fake_engines import FakeEngines
from tests.in_process import in_process


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    limits = {"max_file_size_mb": 2.5, "max_duration_minutes": 1.5, "request_timeout": 77}
    languages = {"allowed_languages": ("en", "de")}
    with in_process(FakeEngines(), tmp_path_factory.mktemp("page"), **limits, **languages) as client:
        yield client


def facts_of(client: TestClient) -> dict[str, Any]:
    (block,) = re.findall(
        r'<script type="application/json" id="service">(.*?)</script>', client.get("/").text, re.DOTALL
    )
    facts: dict[str, Any] = json.loads(block)
    return facts


def test_the_page_knows_limits_and_names_of_its_service(client: TestClient) -> None:
    facts = facts_of(client)
    assert facts["version"] == __version__
    assert facts["max_upload_bytes"] == 2_500_000
    assert facts["max_audio_seconds"] == 90
    assert facts["timeout_seconds"] == 77
    assert facts["models"][-1] == facts["default_model"] == "demo"
    assert facts["languages"] == ["en", "de"]
    assert {"mp3", "m4a", "wav", "mp4"} <= set(facts["endings"])
    assert facts["diarization"] is True
    assert facts["sample"] == "meeting.flac"
    assert [output["name"] for output in facts["outputs"]] == list(FORMATS)


def test_nothing_in_the_facts_can_end_their_element() -> None:
    named = {"models": ["</script><script>alert(1)</script>", "<!--", "a&b"]}
    written = as_markup(named)
    assert not set("<>&") & set(written)
    assert json.loads(written) == named


@pytest.mark.parametrize("path", ["/", "/page/index.html", "/static/docs.html", "/docs"])
def test_no_site_can_show_a_page_of_this_service_as_its_own(client: TestClient, path: str) -> None:
    policy = client.get(path).headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'none'" in policy


def test_the_browser_is_told_to_load_and_to_run_nothing_from_elsewhere(client: TestClient) -> None:
    headers = client.get("/").headers
    policy = dict(
        directive.strip().split(" ", 1) for directive in headers["content-security-policy"].split(";")
    )
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("media-src") == "blob:"
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["permissions-policy"] == "microphone=(self), camera=()"
    assert headers["cache-control"] == "no-cache"


def test_everything_the_page_names_is_served_beside_it(client: TestClient) -> None:
    named = re.findall(r'(?:href|src)="([^"#]+)"', client.get("/").text)
    assert named
    for address in named:
        assert not address.startswith(("/", "http:", "https:")), f"{address} fails below a path of a proxy"
        assert client.get(urljoin("http://testserver/", address)).status_code == 200, address


def test_files_of_the_page_are_asked_for_anew_and_sent_when_they_changed(client: TestClient) -> None:
    first = client.get("/page/index.html")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/page/index.html", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["cache-control"] == "no-cache"


def test_the_page_is_asked_for_its_key_like_everything_else(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, api_key="secret") as client:
        refused = client.get("/")
        assert refused.status_code == 401
        assert any(each.startswith("Basic") for each in refused.headers.get_list("www-authenticate"))
        assert client.get("/", auth=("anybody", "secret")).status_code == 200


def test_the_sample_is_offered_where_the_model_knows_it(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        sample = client.get(f"/{facts_of(client)['sample']}")
        assert sample.content == (DEMO / "meeting.flac").read_bytes()
        assert sample.headers["x-content-type-options"] == "nosniff"
    with in_process(FakeEngines(), tmp_path, default_model="small") as client:
        assert facts_of(client)["sample"] is None
        assert client.get("/meeting.flac").status_code == 404
