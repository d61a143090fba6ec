"""A person opens /docs without any network, uploads the sample meeting and reads who said what."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.options import AsrOptions
from tests.browser.chromium import Page, chromium_page, find_chromium
from tests.service import Service

pytestmark = pytest.mark.browser

OPERATION = "#operations-speech_to_text-transcribe"


@pytest.fixture(scope="module")
def page(live_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    binary = find_chromium()
    if binary is None:
        pytest.skip(
            "no Chromium on PATH: apt-get install chromium, or name one with CHROMIUM=/path/to/chromium"
        )
    with chromium_page(binary, tmp_path_factory.mktemp("chromium"), "127.0.0.1") as page:
        page.open(f"{live_service.url}/docs")
        page.wait_for(f"document.querySelector('{OPERATION}') !== null", 60)
        yield page


def test_the_page_asks_no_other_host(page: Page, live_service: Service) -> None:
    asked = {urlsplit(url) for url in page.requested_urls}
    hosts = {address.netloc for address in asked if address.scheme != "data"}
    assert hosts == {urlsplit(live_service.url).netloc}
    assert page.complaints == []


def test_the_browser_could_reach_no_other_host(page: Page) -> None:
    """Without this, the test above would only show that nothing was asked so far."""
    blocked = "fetch('https://example.com/').then(() => 'reached', () => 'blocked')"
    assert page.evaluate(blocked) == "blocked"


def test_the_sample_meeting_is_transcribed_on_the_page(page: Page, meeting: Path) -> None:
    click(page, f"{OPERATION} .opblock-summary-control")
    click(page, f"{OPERATION} .try-out__btn")
    page.wait_for(f"document.querySelector('{OPERATION} input[type=file]') !== null")
    for name in AsrOptions.model_fields:
        assert page.evaluate(f"document.querySelector('{OPERATION} tr[data-param-name={name}]') !== null"), (
            name
        )
    page.choose_file(f"{OPERATION} input[type=file]", meeting)
    click(page, f"{OPERATION} .execute")
    answered = f"document.querySelector('{OPERATION} .live-responses-table tbody .response-col_status')?.innerText"
    status = page.wait_for(answered, 120)
    assert status.split()[0] == "200"
    shown = f"document.querySelector('{OPERATION} .live-responses-table .highlight-code').innerText"
    answer = json.loads(page.wait_for(shown))
    assert len({segment["speaker"] for segment in answer["segments"]}) >= 2
    assert len(answer["word_segments"]) >= 10
    headers = page.evaluate(f"document.querySelector('{OPERATION} .live-responses-table').innerText")
    assert "server-timing" in headers
    assert "x-request-id" in headers


def test_nothing_was_sent_that_nobody_chose(page: Page) -> None:
    """The page fills in no default: an untouched option stays unsent."""
    sent = [url for url in page.requested_urls if urlsplit(url).path == "/asr"]
    assert [urlsplit(url).query for url in sent] == [""]


def click(page: Page, selector: str) -> None:
    page.wait_for(f"document.querySelector('{selector}') !== null")
    page.evaluate(f"document.querySelector('{selector}').click()")
