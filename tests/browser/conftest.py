"""One browser of each kind and one service for all tests of this folder; a tab of its own for each test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

from tests.browser import chromium, firefox
from tests.browser.chromium import Chromium, Page, find_chromium, running_chromium
from tests.browser.firefox import find_firefox, firefox_tab
from tests.browser.person import Person
from tests.browser.scripted_service import ScriptedService, scripted_service
from tests.service import Service

BOTH = pytest.mark.parametrize("someone", ["chromium", "firefox"], indirect=True)


@pytest.fixture(scope="session")
def running_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A Chromium that can reach this machine and nothing else; nas.test is a name of this machine."""
    binary = find_chromium()
    if binary is None:
        pytest.skip(chromium.MISSING)
    devices = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    directory = tmp_path_factory.mktemp("chromium")
    with running_chromium(binary, directory, "127.0.0.*", *devices, names="nas.test") as browser:
        yield browser


@pytest.fixture(scope="session")
def running_firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[firefox.Tab]:
    """A Firefox that can reach this machine and nothing else."""
    binary = find_firefox()
    if binary is None:
        pytest.skip(firefox.MISSING)
    with firefox_tab(binary, tmp_path_factory.mktemp("firefox")) as tab:
        if tab.version < firefox.OLDEST:
            pytest.skip(
                f"Firefox {tab.version} is older than {firefox.OLDEST}: it has no Custom Highlight API"
            )
        yield tab


@pytest.fixture
def tab(running_browser: Chromium) -> Iterator[Page]:
    with running_browser.page() as page:
        yield page


@pytest.fixture
def person(tab: Page) -> Iterator[Person]:
    """Somebody in front of a fresh tab. Whatever they did, the page's own policy had nothing to block."""
    someone = Person(tab)
    yield someone
    assert someone.violations() == []
    assert [event for event in tab.events if event.get("method") == "Runtime.exceptionThrown"] == []


@pytest.fixture
def someone(request: pytest.FixtureRequest) -> Person:
    """Somebody in front of the browser that the test names."""
    if request.param == "chromium":
        chosen: Person = request.getfixturevalue("person")
        return chosen
    return Person(request.getfixturevalue("running_firefox"))


@pytest.fixture(scope="session")
def answer(meeting_answer: dict[str, Any]) -> dict[str, Any]:
    """What the service says of the sample meeting."""
    return meeting_answer


@pytest.fixture
def reader(
    person: Person, live_service: Service, answer: dict[str, Any], meeting: Path, tmp_path: Path
) -> Person:
    """Somebody who has the transcript of the sample meeting in front of them, and the recording."""
    person.visit(live_service.url)
    person.reads(answer, meeting, tmp_path)
    return person


@pytest.fixture(scope="session")
def opening_answer(live_service: Service, opening: Path) -> dict[str, Any]:
    """What the service says of the opening of the sample meeting."""
    answered = httpx.post(f"{live_service.url}/asr", files={"audio_file": opening.read_bytes()}, timeout=300)
    document: dict[str, Any] = answered.raise_for_status().json()
    return document


@pytest.fixture
def scripted(live_service: Service) -> Iterator[ScriptedService]:
    """The live service, but for what POST /asr answers: that is written by the test."""
    with scripted_service(live_service.url) as service:
        yield service


@pytest.fixture(scope="session")
def short(meeting: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first sentence of the sample meeting: little work for the engines."""
    samples, rate = soundfile.read(meeting, frames=2 * 16000)
    path = tmp_path_factory.mktemp("short") / "short.wav"
    soundfile.write(path, samples, rate)
    return path


@pytest.fixture
def at_reading(
    someone: Person, live_service: Service, answer: dict[str, Any], meeting: Path, tmp_path: Path
) -> None:
    """The same for whichever browser the test names."""
    (tmp_path / "opened").mkdir()
    someone.visit(live_service.url)
    someone.reads(answer, meeting, tmp_path / "opened")
