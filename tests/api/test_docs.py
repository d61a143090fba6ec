"""The interactive page comes whole from this service; tests/browser looks at it with a browser."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from starlette.testclient import TestClient

from tests.fake_engines import FakeEngines
from tests.in_process import in_process


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with in_process(FakeEngines(), tmp_path_factory.mktemp("docs")) as client:
        yield client


@pytest.mark.parametrize("address", ["/docs/", "/docs//", "//docs", "//docs///"])
def test_the_page_is_reached_with_the_slashes_that_people_add(client: TestClient, address: str) -> None:
    answer = client.get(f"http://testserver{address}")
    assert answer.status_code == 200
    page = str(answer.url)
    for named in re.findall(r'(?:href|src)="([^"]+)"', answer.text):
        assert client.get(urljoin(page, named)).status_code == 200, (page, named)


def test_everything_the_page_names_is_served_here(client: TestClient) -> None:
    page = client.get("/docs").text
    named = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(named) >= 4
    for address in named:
        assert "//" not in address, f"{address} leads to another host"
        assert client.get(f"/{address}").status_code == 200, address


@pytest.mark.parametrize(
    ("asset", "media_type"),
    [
        ("docs.js", "text/javascript"),
        ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui/swagger-ui.css", "text/css"),
        ("swagger-ui/favicon-32x32.png", "image/png"),
    ],
)
def test_assets_carry_their_media_type(client: TestClient, asset: str, media_type: str) -> None:
    answer = client.get(f"/static/{asset}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)


def test_the_browser_is_told_to_load_nothing_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/docs").headers["content-security-policy"]
    sources = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert sources.pop("default-src") == "'none'"
    assert all(set(allowed.split()) <= {"'self'", "'none'", "data:"} for allowed in sources.values()), policy


def test_the_licence_travels_with_the_assets(client: TestClient) -> None:
    assert "Apache License" in client.get("/static/swagger-ui/LICENSE").text


@pytest.mark.parametrize(
    "path", ["/redoc", "/docs/oauth2-redirect", "/static/../docs.py", "/static/%2e%2e/docs.py"]
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
