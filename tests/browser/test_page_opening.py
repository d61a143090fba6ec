"""The page opens by itself alone, and takes in recordings in every way that people try."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.chromium import Page
from tests.browser.conftest import BOTH
from tests.browser.person import Person
from tests.browser.prefix_proxy import PREFIX, behind_prefix
from tests.browser.scripted_service import ScriptedService
from tests.service import ROOT, Service

pytestmark = pytest.mark.browser

PAGE = ROOT / "app" / "api" / "static" / "page"
MOST_REQUESTS, MOST_BYTES = 20, 120 * 1024


@BOTH
def test_01_the_page_opens_without_another_host_and_without_a_complaint(
    someone: Person, live_service: Service
) -> None:
    someone.visit(live_service.url)
    assert someone.sees("h1") == "Drop a recording anywhere"
    asked = {urlsplit(url) for url in someone.tab.requested_urls}
    assert {address.netloc for address in asked} == {urlsplit(live_service.url).netloc}
    assert someone.tab.complaints == []


@BOTH
def test_02_the_policy_of_the_page_has_nothing_to_block(
    someone: Person, live_service: Service, answer: dict[str, object], meeting: Path, tmp_path: Path
) -> None:
    """Each test in Chromium looks at its end; here Firefox does, with a result, a menu, a dialog."""
    someone.visit(live_service.url)
    someone.reads(answer, meeting, tmp_path)
    someone.clicks("#legend tbody td:last-child button")
    someone.presses("Escape")
    someone.clicks("#help")
    someone.sees("#dialog-title")
    someone.presses("Escape")
    assert someone.violations() == []
    assert someone.tab.complaints == []


def test_the_policy_would_have_blocked_something(person: Person, live_service: Service) -> None:
    """Without this, the tests above would only show that nothing is counted."""
    person.visit(live_service.url)
    person.tab.evaluate(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'http://192.0.2.1/'}))"
    )
    person.tab.wait_for("window.violations.length === 1")
    person.tab.evaluate("window.violations.length = 0")


def test_03_a_recording_is_chosen_with_the_keyboard_alone(
    person: Person, tab: Page, scripted: ScriptedService, short: Path
) -> None:
    person.visit(scripted.url)
    tab.call("Page.setInterceptFileChooserDialog", enabled=True)
    for _ in range(12):
        person.presses("Tab")
        if tab.evaluate("document.activeElement.id") == "choose":
            break
    person.presses("Enter")
    opened = tab.wait_for_event("Page.fileChooserOpened")
    tab.call("DOM.setFileInputFiles", files=[str(short)], backendNodeId=opened["backendNodeId"])
    assert person.sees(".job .name") == short.name
    person.waits_for_state("checking")


def test_04_a_recording_is_dropped_anywhere_on_the_window(
    person: Person, tab: Page, scripted: ScriptedService, short: Path
) -> None:
    person.visit(scripted.url)
    data = {"items": [], "files": [str(short)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        tab.call("Input.dispatchDragEvent", type=kind, x=30, y=600, data=data)
    assert person.sees(".job .name") == short.name
    person.waits_for_state("checking")


def test_04_a_recording_is_pasted(person: Person, live_service: Service) -> None:
    person.visit(live_service.url)
    person.tab.evaluate(
        "(() => { const data = new DataTransfer(); data.items.add(new File(['x'], 'pasted.ogg')); "
        "document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true})); })()"
    )
    assert person.sees(".job .name") == "pasted.ogg"
    person.waits_for_state("failed")


def test_the_bundled_meeting_is_there_to_try(person: Person, scripted: ScriptedService) -> None:
    person.visit(scripted.url)
    person.clicks("#sample")
    assert person.sees(".job .name") == "meeting.flac"
    person.waits_for_state("checking")


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "empty.wav is empty."), (1_100_000_000, "empty.wav has 1.1 GB; this server takes 1 GB at most")],
)
def test_what_would_be_refused_is_not_sent(
    size: int, said: str, person: Person, live_service: Service, tmp_path: Path
) -> None:
    person.visit(live_service.url)
    path = tmp_path / "empty.wav"
    with path.open("wb") as file:
        file.truncate(size)
    person.take(path)
    assert said in person.sees("#refused")
    assert [url for url in person.tab.requested_urls if "/asr" in url] == []


def test_what_is_chosen_is_sent_and_chosen_again_next_time(person: Person, live_service: Service) -> None:
    person.visit(live_service.url)
    person.clicks("#more")
    person.tab.wait_for("document.getElementById('o-hotwords') !== null")
    names = person.tab.evaluate(
        "[...document.querySelectorAll('#more-options [name]')].map(each => each.name)"
    )
    assert {"task", "word_timestamps", "min_speakers", "initial_prompt", "temperature"} <= set(names)
    assert not {"output_format", "stream", "encode"} & set(names)
    person.writes("#o-hotwords", "Speakr, Helsinki")
    person.tab.evaluate(
        "(() => { const e = document.getElementById('o-speakers'); e.value = '3'; "
        "e.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    kept = json.loads(person.tab.evaluate("localStorage.getItem('page.options')"))
    assert {name: value for name, value in kept.items() if value} == {
        "speakers": "3",
        "hotwords": "Speakr, Helsinki",
    }
    person.visit(live_service.url)
    assert person.tab.evaluate("document.getElementById('o-speakers').value") == "3"


def test_27_without_a_secure_context_copying_and_recording_fall_back(
    person: Person, tab: Page, live_service: Service, answer: dict[str, object], meeting: Path, tmp_path: Path
) -> None:
    """As on http://nas.lan: a browser gives neither its clipboard nor the microphone to such a page."""
    person.visit(live_service.url.replace("127.0.0.1", "nas.test"))
    assert tab.evaluate("[isSecureContext, navigator.clipboard === undefined]") == [False, True]
    person.clicks("#record")
    assert "only to pages over https" in person.sees("#recording")
    person.reads(answer, meeting, tmp_path)
    person.clicks("#copy")
    assert person.sees("#toast") == "Copied."
    tab.evaluate("document.getElementById('find').focus()")
    tab.call("Input.dispatchKeyEvent", type="keyDown", key="v", code="KeyV", modifiers=2, commands=["paste"])
    assert tab.evaluate("document.getElementById('find').value").startswith("[SPEAKER_00]: Hello Julia")


def test_a_recording_is_made_with_the_microphone(person: Person, scripted: ScriptedService) -> None:
    """The browser's own test device beeps; what is sent is a file of the browser's own making."""
    person.visit(scripted.url)
    person.clicks("#record")
    person.tab.wait_for("document.getElementById('recording').innerText.startsWith('Recording for')")
    person.tab.wait_for("document.getElementById('recording').innerText.includes('2 seconds')")
    person.clicks("#record")
    assert person.sees(".job .name").startswith("recording-")
    assert person.sees("#recording a") == "Save the recording"
    scripted.ends()
    person.waits_for_state("failed")


def test_the_whole_page_is_small_and_takes_few_requests(
    person: Person, tab: Page, live_service: Service, answer: dict[str, object], meeting: Path, tmp_path: Path
) -> None:
    """Uncompressed, with every language. All of it comes at once: nothing is asked for later."""
    person.visit(live_service.url)
    person.tab.wait_for("performance.getEntriesByType('resource').some(e => e.name.endsWith('/health'))")
    opened = own_files(tab)
    person.reads(answer, meeting, tmp_path)
    person.clicks("#transcript li:nth-child(2) .edit")
    person.presses("Escape")
    person.clicks("#legend .who")
    person.presses("Escape")
    person.clicks("#help")
    person.presses("Escape")
    person.clicks("#download")
    assert own_files(tab) == opened
    assert len(opened) <= MOST_REQUESTS, sorted(opened)
    every = {path.name: path.stat().st_size for path in PAGE.rglob("*.*")}
    assert sum(every.values()) <= MOST_BYTES, every
    unopened = set(every) - {path.rpartition("/")[2] or "index.html" for path in opened}
    assert unopened == {path.name for path in (PAGE / "strings").iterdir()} - {"en.txt"}


def own_files(tab: Page) -> set[str]:
    """Return what the page has asked of its own files."""
    asked = {urlsplit(url).path for url in tab.requested_urls}
    return {path for path in asked if path == "/" or path.startswith("/page/")}


def test_every_module_is_asked_for_at_once(person: Person, live_service: Service) -> None:
    """A module that index.html does not name would be found only after another has been read."""
    person.visit(live_service.url)
    loaded = {urlsplit(url).path for url in person.tab.requested_urls if url.endswith(".js")}
    named = person.tab.evaluate(
        "[...document.querySelectorAll('link[rel=modulepreload], script[src]')].map(e => new "
        "URL(e.href ?? e.src).pathname)"
    )
    assert loaded == set(named) == {f"/page/{path.name}" for path in PAGE.glob("*.js")}


def test_the_page_stays_below_the_path_of_a_proxy(
    person: Person, live_service: Service, tmp_path: Path
) -> None:
    wrong = tmp_path / "notes.mp3"
    wrong.write_text("these are notes, and no recording")
    with behind_prefix(live_service.url) as url:
        person.visit(f"{url}/")
        person.take(wrong)
        person.waits_for_state("failed")
        asked = [urlsplit(each).path for each in person.tab.requested_urls]
        person.tab.open("about:blank")
    assert f"{PREFIX}/asr" in asked
    assert all(path.startswith(f"{PREFIX}/") for path in asked)


def test_the_page_speaks_a_second_language(person: Person, live_service: Service) -> None:
    person.visit(live_service.url)
    person.tab.evaluate(
        "(() => { const e = document.getElementById('language'); e.value = 'de'; "
        "e.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    person.tab.wait_for("document.documentElement.lang === 'de'")
    assert person.sees("h1") == "Aufnahme irgendwo hier ablegen"
    assert person.sees("#choose") == "Dateien wählen"
    person.visit(live_service.url)
    assert person.sees("h1") == "Aufnahme irgendwo hier ablegen"


def test_both_languages_have_the_same_keys_and_blanks() -> None:
    english, german = (blanks_of(PAGE / "strings" / f"{code}.txt") for code in ("en", "de"))
    assert english == german


def blanks_of(path: Path) -> list[tuple[str, list[str]]]:
    """Return the keys in their order, each with what is filled in and the bars between its forms."""
    comment, *lines = path.read_text(encoding="utf-8").splitlines()
    assert comment.startswith("#")
    entries = [line.split(" = ", 1) for line in lines]
    return [(key, sorted(re.findall(r"\{\w+\}| \| ", text))) for key, text in entries]


def test_every_word_of_the_page_is_used() -> None:
    """Keys are written out in the modules or in index.html, or their end is the name of something."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (*PAGE.glob("*.js"), PAGE / "index.html"))
    families = tuple(re.findall(r"[`\"]([a-z]+(?:\.[a-z]+)?\.)\$\{", sources))
    keys = [key for key, _ in blanks_of(PAGE / "strings" / "en.txt") if not key.startswith(families)]
    assert [key for key in keys if not re.search(rf'["`]{re.escape(key)}["`]', sources)] == []
