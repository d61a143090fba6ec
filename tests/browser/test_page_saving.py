"""What leaves the page and comes back to it: documents as the service writes them, and the work itself."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.chromium import Page
from tests.browser.conftest import BOTH
from tests.browser.person import Person
from tests.browser.test_page_editing import edit, rename, saved
from tests.service import Service

pytestmark = pytest.mark.browser


@BOTH
@pytest.mark.usefixtures("at_reading")
def test_24_every_format_is_saved_as_the_service_writes_it(
    someone: Person, live_service: Service, answer: dict[str, Any], tmp_path: Path
) -> None:
    outputs = someone.tab.evaluate("JSON.parse(document.getElementById('service').textContent).outputs")
    assert {output["name"] for output in outputs} >= {"text", "srt", "vtt", "tsv", "json"}
    someone.tab.download_into(tmp_path)
    for output in outputs:
        written = httpx.post(f"{live_service.url}/render?output={output['name']}", json=answer)
        someone.clicks("#download")
        someone.clicks_button(f"{output['label']}.{output['ending']}", "#downloads")
        content = someone.downloaded(tmp_path, f"meeting.{output['ending']}")
        assert content == written.raise_for_status().content, output["name"]


def test_24_subtitles_are_as_wide_as_chosen_and_speakers_can_be_left_out(
    reader: Person, tab: Page, tmp_path: Path
) -> None:
    tab.download_into(tmp_path)
    reader.clicks("#download")
    reader.clicks("#downloads input[type=checkbox]")
    reader.writes("#downloads input[type=number]", "20")
    label = tab.evaluate(
        "JSON.parse(document.getElementById('service').textContent).outputs.find(e => e.name === 'srt').label"
    )
    reader.clicks_button(f"{label}.srt", "#downloads")
    lines = reader.downloaded(tmp_path, "meeting.srt").decode().splitlines()
    assert "SPEAKER" not in "".join(lines)
    assert max(len(line) for line in lines if "-->" not in line) <= 20


@pytest.mark.parametrize("with_recording", [True, False])
def test_25_saved_work_goes_on_after_a_reload(
    with_recording: bool, reader: Person, tab: Page, live_service: Service, meeting: Path, tmp_path: Path
) -> None:
    rename(reader, "SPEAKER_01", "Maria")
    edit(reader, 0, "Changed by hand.", "Ctrl+Enter")
    reader.waits_for_line(0, "Changed by hand.")
    state = (reader.lines(), reader.speakers(), reader.legend())
    work = tmp_path / "again" / "meeting.work.json"
    document = saved(reader, work.parent)
    work.write_text(json.dumps(document))
    reader.visit(live_service.url)
    reader.take(work, *([meeting] if with_recording else []))
    tab.wait_for("!document.getElementById('result').hidden")
    assert (reader.lines(), reader.speakers(), reader.legend()) == state
    assert reader.sees("#title") == "meeting.flac"
    assert reader.state() == ""
    if not with_recording:
        assert "nothing to play" in reader.sees("#player-note")
        reader.take(meeting)
    tab.wait_for("document.getElementById('audio').readyState > 0")
    assert reader.state() == ""


def test_an_answer_of_the_api_can_be_opened(
    person: Person, live_service: Service, answer: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(answer))
    person.visit(live_service.url)
    person.take(path)
    person.tab.wait_for("!document.getElementById('result').hidden")
    assert person.lines() == [segment["text"] for segment in answer["segments"]]


def test_a_file_that_is_no_work_is_named(person: Person, live_service: Service, tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_text('{"name": "something"}')
    person.visit(live_service.url)
    person.take(path)
    assert "package.json is neither saved work" in person.sees("#refused")


def test_nothing_of_a_recording_is_kept_in_the_browser(reader: Person, tab: Page) -> None:
    edit(reader, 0, "Something private.", "Ctrl+Enter")
    reader.waits_for_line(0, "Something private.")
    kept = tab.evaluate(
        "JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])"
    )
    assert "private" not in kept
    assert "Julia" not in kept
    databases = tab.evaluate(
        "Promise.all([indexedDB.databases(), caches.keys()]).then(all => all.flat().length)"
    )
    assert databases == 0
