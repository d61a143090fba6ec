"""A person opens /docs without any network, uploads the sample meeting and reads who said what."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from app.options.asr_options import AsrOptions
from tests.browser.chromium import Chromium, Page
from tests.browser.docs_page import ANSWER, OPERATION, open_docs, shown, transcribe_on_page
from tests.browser.person import READY
from tests.browser.prefix_proxy import PREFIX, behind_prefix
from tests.conftest import OPENING_SECONDS
from tests.service import Service, running_service

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(live_service: Service, running_browser: Chromium) -> Iterator[Page]:
    """The opened page, in a browser that can reach this machine and nothing else."""
    with running_browser.page() as page:
        open_docs(page, live_service.url)
        yield page


@pytest.fixture(scope="module")
def answered(page: Page, opening: Path) -> Page:
    """The page after the opening of the sample meeting was sent from it."""
    transcribe_on_page(page, opening)
    return page


def test_the_page_asks_no_other_host(page: Page, live_service: Service) -> None:
    asked = {urlsplit(url) for url in page.requested_urls}
    hosts = {address.netloc for address in asked if address.scheme != "data"}
    assert hosts == {urlsplit(live_service.url).netloc}
    assert page.complaints == []


def test_the_browser_could_reach_no_other_host(page: Page) -> None:
    """Without this, the test above would only show that nothing was asked so far."""
    fetched = "fetch('https://example.com/').then(() => 'reached', () => 'blocked')"
    assert page.evaluate(fetched) == "blocked"


def test_the_sample_meeting_is_transcribed_on_the_page(answered: Page, meeting: Path) -> None:
    assert shown(answered, f"{ANSWER} .response-col_status").split()[0] == "200"
    answer = json.loads(shown(answered, f"{ANSWER} .highlight-code code"))
    truth = json.loads(meeting.with_suffix(".json").read_text(encoding="utf-8"))
    assert {segment["speaker"] for segment in answer["segments"]} == {w["speaker"] for w in truth["words"]}
    said = [word for word in truth["words"] if word["end"] < OPENING_SECONDS]
    assert len(answer["word_segments"]) > 0.9 * len(said)


def test_the_page_shows_the_name_of_the_request_and_where_its_time_went(answered: Page) -> None:
    table = shown(answered, ANSWER)
    assert "x-request-id" in table
    assert "server-timing" in table


def test_every_option_can_be_chosen_on_the_page(answered: Page) -> None:
    rows = (
        f"[...document.querySelectorAll('{OPERATION} tr[data-param-name]')].map(row => row.dataset.paramName)"
    )
    assert answered.evaluate(rows) == list(AsrOptions.model_fields)


def test_nothing_was_sent_that_nobody_chose(answered: Page) -> None:
    """The page fills in no default: an untouched option stays unsent."""
    sent = [urlsplit(url) for url in answered.requested_urls]
    assert [address.query for address in sent if address.path == "/asr"] == [""]


@pytest.mark.parametrize("page_path", ["docs", "docs/", "/docs"])
def test_the_page_sends_to_the_service_below_the_same_path(
    page_path: str, live_service: Service, short: Path, running_browser: Chromium
) -> None:
    """A proxy may show the service below a path: what the page sends must go there too."""
    with behind_prefix(live_service.url) as url, running_browser.page() as page:
        page.open(f"{url}/{page_path}")
        page.wait_for(f"document.querySelector('{OPERATION}') !== null", 60)
        if page_path == "docs":
            transcribe_on_page(page, short)
            assert shown(page, f"{ANSWER} .response-col_status").split()[0] == "200"
            sent = [urlsplit(each).path for each in page.requested_urls]
            assert f"{PREFIX}/asr" in sent
            assert all(path.startswith(PREFIX) for path in sent if path.startswith("/"))
        assert page.complaints == []


def test_a_browser_cannot_be_made_to_send_from_another_site(
    live_service: Service, running_browser: Chromium
) -> None:
    """A page may send a form anywhere without asking first; what counts is that it is refused there."""
    send = "(() => {{ const form = new FormData(); form.append('audio_file', new Blob(['x']), 'x.wav'); "
    send += (
        "return fetch('{url}/asr', {{method: 'POST', mode: 'no-cors', body: form}}).then(() => 'sent') }})()"
    )
    before = refused(live_service)
    other_site = behind_prefix(live_service.url, "127.0.0.2")
    with other_site as url, running_browser.page() as page:
        page.open(f"{url}/health")
        page.wait_for("document.body.innerText.includes('healthy')")
        assert page.evaluate(send.format(url=live_service.url)) == "sent"
    assert refused(live_service) == before + 1


def refused(service: Service) -> float:
    """Return how many recordings of other sites the service has turned away."""
    figures = httpx.get(f"{service.url}/metrics").text
    found = [line for line in figures.splitlines() if 'outcome="cross_site",route="/asr"' in line]
    return float(found[0].split()[-1]) if found else 0.0


def test_a_browser_opens_the_page_with_the_key(tmp_path: Path, running_browser: Chromium) -> None:
    """It offers a password only for a challenge that it can read, and then sends it with every request."""
    settings = {"API_KEY": "s3cret", "PRELOAD_MODEL": "none", "DEFAULT_MODEL": "demo"}
    with running_service(tmp_path, settings) as service, running_browser.page() as page:
        open_docs(page, service.url.replace("//", "//anybody:s3cret@"))
        assert page.evaluate("fetch('v1/models').then(answer => answer.status)") == 200
        page.open(service.url.replace("//", "//anybody:s3cret@"))
        page.wait_for(f"{READY} && !document.URL.includes('s3cret')")
        assert page.evaluate("fetch('v1/models').then(answer => answer.status)") == 200
