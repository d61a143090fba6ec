"""A recording on its way: sent, queued, worked on, done, failed or left, and always in words."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.event_stream import KEEP_ALIVE
from tests.browser.chromium import Page
from tests.browser.conftest import BOTH
from tests.browser.held_service import HeldService, held_service
from tests.browser.person import Person
from tests.browser.scripted_service import ScriptedService
from tests.conftest import DEMO
from tests.service import Service, running_service

pytestmark = pytest.mark.browser


def running(service: Service) -> float:
    """Return how many recordings the service receives, keeps or works on."""
    figures = httpx.get(f"{service.url}/metrics").text
    counted = ("asr_running ", "asr_queue_depth ", "asr_open_uploads ")
    return sum(float(line.split()[-1]) for line in figures.splitlines() if line.startswith(counted))


def ends_within_two_seconds(service: Service) -> bool:
    deadline = time.monotonic() + 2
    while running(service) and time.monotonic() < deadline:
        time.sleep(0.05)
    return running(service) == 0


def test_05_the_upload_shows_its_bytes_and_cancelling_frees_the_slot(
    person: Person, tab: Page, live_service: Service, tmp_path: Path
) -> None:
    person.visit(live_service.url)
    link = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000, "offline": False}
    tab.call("Network.emulateNetworkConditions", **link)
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(30_000_000)
    person.take(large)
    person.waits_for_state("uploading")
    seen = []
    while len(set(seen)) < 4:
        seen.append(int(re.findall(r"(\d+)% sent, [\d.]+ \w+ of 30 MB", person.sees(".job .say"))[0]))
        time.sleep(0.05)
    assert seen == sorted(seen)
    assert seen[-1] < 100
    person.clicks_button("Cancel")
    person.waits_for_state("cancelled")
    assert person.sees(".job .say") == "Cancelled. The server has stopped."
    assert ends_within_two_seconds(live_service)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldService]:
    with held_service(tmp_path_factory.mktemp("held")) as service:
        yield service


def test_06_the_place_in_the_queue_is_shown_and_falls(
    person: Person, tab: Page, held: HeldService, short: Path
) -> None:
    person.visit(held.url)
    first, second = held.send(short), held.send(short)
    person.take(short)
    person.waits_for_state("queued")
    assert "2 recordings before this one" in person.sees(".job .say")
    second.close()
    tab.wait_for("document.querySelector('.job .say').innerText.includes('1 recording before this one')", 10)
    first.close()
    person.waits_for_state("running")
    person.clicks_button("Cancel")
    person.waits_for_state("cancelled")
    assert ends_within_two_seconds(held.service)


def test_08_in_a_long_silence_comments_of_the_service_keep_the_page_waiting(
    person: Person, tab: Page, held: HeldService, short: Path
) -> None:
    """The service works on and has nothing to tell for 15 s: the connection is kept alive by comments."""
    person.visit(held.url)
    person.take(short)
    person.waits_for_state("running")
    silence = time.monotonic()
    tab.wait_for("document.querySelector('.job .say').innerText.includes('0:15 so far')", 20)
    came = [event["params"] for event in tab.events if event.get("method") == "Network.dataReceived"]
    assert time.monotonic() - silence > 13
    assert [each["dataLength"] for each in came][-1] == len(KEEP_ALIVE), came
    assert "No sign of life" not in person.sees(".job .say")
    person.clicks_button("Cancel")
    person.waits_for_state("cancelled")
    assert ends_within_two_seconds(held.service)


def test_13_a_server_that_dies_is_named_and_the_file_is_kept(
    person: Person, held: HeldService, short: Path
) -> None:
    person.visit(held.url)
    person.take(short)
    person.waits_for_state("running")
    held.dies()
    person.waits_for_state("failed")
    assert "Your file is still here" in person.sees(".problem")
    assert person.sees("#banner") == "The service does not answer at present."
    person.clicks_button("Try again")
    person.waits_for_state("failed")
    assert person.texts(".job .name") == [short.name]


def test_07_stages_come_in_order_and_progress_never_falls(
    person: Person, tab: Page, live_service: Service, opening: Path
) -> None:
    """Every text of the card is noted as it changes: a browser may show some for milliseconds only."""
    person.visit(live_service.url)
    tab.evaluate(
        "window.seen = [], new MutationObserver(() => { const job = document.querySelector('.job'); "
        "if (!job) return; "
        "seen.push([job.dataset.state, job.querySelector('progress').value, "
        "job.querySelector('.say').textContent, "
        "job.querySelector('.stages .current')?.textContent ?? '']); })"
        ".observe(document.getElementById('files'), {subtree: true, childList: true, attributes: "
        "true, characterData: true}), 0"
    )
    person.take(opening)
    person.waits_for_state("done", seconds=120)
    seen: list[tuple[str, float, str, str]] = tab.evaluate("window.seen")
    states = list(dict.fromkeys(state for state, *_ in seen))
    assert [state for state in states if state not in ("waiting", "queued")] == [
        "uploading",
        "checking",
        "running",
        "done",
    ]
    fractions = [value for state, value, *_ in seen if state == "running"]
    assert fractions == sorted(fractions)
    stages = list(dict.fromkeys(re.sub(r" \d+%$", "", stage) for *_, stage in seen if stage))
    order = ["Reading the sound", "Writing the text", "Telling speakers apart", "Timing the words"]
    assert len(stages) >= 2, seen
    assert stages == [stage for stage in order if stage in stages]
    told = [said for state, _, said, _ in seen if state == "running"]
    assert any(re.search(r" · about \d+ seconds? left$", said) for said in told), told


def test_08_a_comment_is_a_sign_of_life_and_longer_silence_is_named(
    person: Person, scripted: ScriptedService, short: Path
) -> None:
    """The clock of the page is turned forward, so that nobody waits."""
    person.visit(scripted.url)
    person.take(short)
    scripted.event("progress", stage="transcribe", done=0.5, all=0.4, seconds_left=95, audio_seconds=600)
    person.waits_for_state("running")
    assert "about 2 minutes left" in person.sees(".job .say")
    person.tab.evaluate("window.clockShift += 30_000")
    scripted.comment()
    time.sleep(0.3)
    person.tab.evaluate("window.clockShift += 30_000")
    time.sleep(1.2)
    assert "No sign of life" not in person.sees(".job .say")
    person.tab.evaluate("window.clockShift += 30_000")
    person.tab.wait_for(
        "document.querySelector('.job .say').innerText.startsWith('No sign of life from the server for 6')", 5
    )
    scripted.comment()
    person.tab.wait_for("!document.querySelector('.job .say').innerText.includes('No sign of life')", 5)


@BOTH
def test_09_the_result_is_what_the_service_answered(
    someone: Person, live_service: Service, opening_answer: dict[str, Any], opening: Path
) -> None:
    someone.visit(live_service.url)
    someone.take(opening)
    someone.waits_for_state("done", seconds=180)
    assert someone.lines() == [segment["text"] for segment in opening_answer["segments"]]
    assert someone.speakers() == [segment["speaker"] for segment in opening_answer["segments"]]
    assert someone.tab.evaluate("document.activeElement.id") == "title"
    assert someone.tab.evaluate("document.title") == "✓ opening.flac"
    assert someone.sees("#title") == "opening.flac"


def test_10_where_speakers_cannot_be_told_apart_a_warning_stands_above_the_transcript(
    person: Person, short: Path, tmp_path: Path
) -> None:
    """The model is there, the pipeline that tells speakers apart is not: the transcript is, and says so."""
    settings = {
        "EXTRA_MODELS": f"mine={DEMO / 'whisper'}",
        "PRELOAD_MODEL": "mine",
        "ALIGN_MODELS": f"en={DEMO / 'aligner'}",
    }
    with running_service(tmp_path, settings, wait_for="degraded") as service:
        person.visit(service.url)
        person.take(short)
        person.waits_for_state("done", seconds=120)
        warnings = person.texts("#warnings li")
        assert any("speaker" in warning for warning in warnings), warnings
        assert person.box("#warnings")["y"] < person.box("#transcript")["y"]
        assert "Hello Julia" in person.lines()[0]
        assert person.sees("#banner").startswith("The service works, but not all of it.")
        person.tab.open("about:blank")


def test_11_a_failure_is_told_in_the_services_words_and_retried_without_choosing(
    person: Person, live_service: Service, tmp_path: Path
) -> None:
    person.visit(live_service.url)
    wrong = tmp_path / "notes.mp3"
    wrong.write_text("these are notes, and no recording")
    person.take(wrong)
    person.waits_for_state("failed")
    told = person.sees(".problem")
    assert "failed to decode audio" in told
    assert "invalid_audio" in told
    (first,) = person.texts(".problem code")
    person.clicks_button("Try again")
    person.tab.wait_for(
        f"![null, undefined, '{first}'].includes(document.querySelector('.problem code')?.textContent)"
    )


@pytest.mark.parametrize(
    ("status", "remedy"), [(413, "client_max_body_size"), (504, "proxy_read_timeout"), (524, "Cloudflare")]
)
def test_12_the_error_of_a_proxy_is_named_as_one(
    status: int, remedy: str, person: Person, scripted: ScriptedService, short: Path
) -> None:
    scripted.refusal = (status, "text/html", b"<html><h1>Sorry</h1></html>")
    person.visit(scripted.url)
    person.take(short)
    person.waits_for_state("failed")
    told = person.sees(".problem")
    assert f"A proxy in front of the service ended the request (HTTP {status})" in told
    assert remedy in told


def test_an_answer_that_breaks_off_is_a_failure(
    person: Person, scripted: ScriptedService, short: Path
) -> None:
    person.visit(scripted.url)
    person.take(short)
    scripted.event("queue", position=0, seconds=None)
    scripted.ends()
    person.waits_for_state("failed")
    assert "before it was complete" in person.sees(".problem")


def test_a_retry_waits_as_long_as_the_service_asks(
    person: Person, scripted: ScriptedService, short: Path
) -> None:
    person.visit(scripted.url)
    person.take(short)
    told = {
        "code": "draining",
        "detail": "the service is shutting down",
        "request_id": "7",
        "retry_after": 30,
    }
    scripted.event("error", status=503, **told)
    scripted.ends()
    person.waits_for_state("failed")
    assert "the service is shutting down" in person.sees(".problem")
    assert re.match(r"Try again \(0:(30|29)\)", person.texts(".job button")[0])
    person.tab.evaluate("document.querySelectorAll('.job .row button')[0].click()")
    time.sleep(0.3)
    assert (person.state(), len(scripted.received)) == ("waiting", 1)
    person.tab.evaluate("window.clockShift += 31_000")
    scripted.ends()
    person.waits_for_state("failed")
    assert len(scripted.received) == 2


def test_nothing_said_is_a_sentence_and_advice(
    person: Person, scripted: ScriptedService, short: Path
) -> None:
    nothing = {
        "text": "",
        "segments": [],
        "word_segments": [],
        "language": "und",
        "duration": 2.0,
        "model": "demo",
    }
    person.visit(scripted.url)
    person.take(short)
    scripted.event("result", format="json", document=nothing, timing={}, request_id="7")
    scripted.ends()
    person.waits_for_state("done")
    assert "No speech was found." in person.sees("#nothing")


def test_26_of_three_recordings_one_is_cancelled_and_the_others_finish(
    person: Person, tab: Page, live_service: Service, short: Path, tmp_path: Path
) -> None:
    """One at a time is worked on, and at most one more is on its way."""
    names = ["first.wav", "second.wav", "third.wav"]
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_bytes(short.read_bytes())
    person.visit(live_service.url)
    person.take(*paths)
    tab.wait_for("document.querySelectorAll('.job').length === 3")
    assert person.texts(".job .name") == names
    assert person.state(2) == "waiting"
    tab.evaluate("[...document.querySelectorAll('.job')][1].querySelector('button').click()")
    person.waits_for_state("cancelled", 1)
    person.waits_for_state("done", 0, 120)
    person.waits_for_state("done", 2, 120)
    tab.download_into(tmp_path / "all")
    (tmp_path / "all").mkdir()
    person.clicks("#download-all")
    for name in ("first.txt", "third.txt"):
        assert b"Hello Julia" in person.downloaded(tmp_path / "all", name)
    assert list((tmp_path / "all").iterdir()) == []
