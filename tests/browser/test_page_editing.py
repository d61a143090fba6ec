"""Correcting who said what: names, lines, words; every change can be undone and none loses a time."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Page
from tests.browser.conftest import BOTH
from tests.browser.person import Person

pytestmark = pytest.mark.browser


def saved(person: Person, directory: Path) -> dict[str, Any]:
    """Return the work as the page would save it."""
    directory.mkdir(exist_ok=True)
    person.tab.download_into(directory)
    person.clicks("#save-work")
    document: dict[str, Any] = json.loads(person.downloaded(directory, "meeting.work.json"))
    return document


def rename(person: Person, old: str, new: str) -> None:
    """Give a speaker another name in the legend."""
    row = [name for name, *_ in person.legend()].index(old) + 1
    person.clicks(f"#legend tbody tr:nth-child({row}) .who")
    person.writes("#dialog input", new)
    person.presses("Enter")
    gone = f"!document.getElementById('legend').textContent.includes({json.dumps(old)})"
    asked = "document.getElementById('dialog').open && !document.querySelector('#dialog input')"
    person.tab.wait_for(f"({gone}) || ({asked})")


@BOTH
@pytest.mark.usefixtures("at_reading")
def test_19_a_name_given_once_is_everywhere(someone: Person, answer: dict[str, Any], tmp_path: Path) -> None:
    rename(someone, "SPEAKER_01", "Maria")
    someone.tab.wait_for("document.querySelector('#legend').textContent.includes('Maria')")
    assert "SPEAKER_01" not in someone.speakers()
    assert someone.speakers().count("Maria") == sum(s["speaker"] == "SPEAKER_01" for s in answer["segments"])
    moment = answer["segments"][2]["start"] + 0.5
    someone.tab.evaluate(f"void (document.getElementById('audio').currentTime = {moment})")
    someone.tab.wait_for("document.getElementById('seek').getAttribute('aria-valuetext').endsWith('Maria')")
    someone.tab.download_into(tmp_path)
    for name in ("text", "srt", "vtt", "json"):
        content = downloaded_form(someone, tmp_path, name)
        assert "Maria" in content, name
        assert "SPEAKER_01" not in content, name
        assert "SPEAKER_00" in content, name


def downloaded_form(person: Person, directory: Path, name: str) -> str:
    outputs = "JSON.parse(document.getElementById('service').textContent).outputs"
    label, ending = person.tab.evaluate(
        f"{outputs}.filter(e => e.name === '{name}').map(e => [e.label, e.ending])[0]"
    )
    person.clicks("#download")
    person.clicks_button(f"{label}.{ending}", "#downloads")
    return person.downloaded(directory, f"meeting.{ending}").decode()


def test_20_a_name_that_exists_merges_after_a_question_and_undo_restores(reader: Person, tab: Page) -> None:
    before, legend = reader.speakers(), reader.legend()
    rename(reader, "SPEAKER_02", "SPEAKER_00")
    assert reader.sees("#dialog-title") == "Same person?"
    reader.clicks_button("Cancel", "#dialog")
    tab.wait_for("document.activeElement.closest('#legend tr') !== null")
    assert reader.speakers() == before
    rename(reader, "SPEAKER_02", "SPEAKER_00")
    reader.clicks_button("Yes, same person", "#dialog")
    tab.wait_for("document.querySelectorAll('#legend tbody tr').length === 2")
    assert "SPEAKER_02" not in reader.speakers()
    reader.clicks("#legend tbody tr:nth-child(2) td:last-child button")
    reader.clicks_button("Rename SPEAKER_01", "#menu")
    reader.writes("#dialog input", "Maria")
    reader.presses("Enter")
    tab.wait_for("document.getElementById('legend').textContent.includes('Maria')")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "More about Maria"
    reader.clicks("#undo")
    reader.clicks("#undo")
    assert reader.speakers() == before
    assert reader.legend() == legend
    reader.clicks_button("Redo", "#toast")
    assert "SPEAKER_02" not in reader.speakers()


def choose_speaker(person: Person, line: int, *items: str) -> None:
    """Open the menu of a line and press one item after the other."""
    person.clicks(f"#transcript li:nth-child({line + 1}) .who")
    for item in items:
        person.clicks_button(item, "#menu")


def test_21_a_line_all_from_here_on_and_a_new_person(reader: Person, tab: Page, tmp_path: Path) -> None:
    before = reader.speakers()
    choose_speaker(reader, 2, "SPEAKER_02")
    expected = [*before[:2], "SPEAKER_02", *before[3:]]
    assert reader.speakers() == expected
    focused = "document.activeElement === document.querySelectorAll('#transcript .who')[2]"
    assert tab.evaluate(focused)
    choose_speaker(reader, 4, "This line and all after it", "SPEAKER_01")
    expected = [*expected[:4], *["SPEAKER_01"] * len(before[4:])]
    assert reader.speakers() == expected
    choose_speaker(reader, 0, "All lines of SPEAKER_00", "New speaker")
    reader.writes("#dialog input", "Julia")
    reader.clicks_button("OK", "#dialog")
    tab.wait_for("document.querySelector('#legend').textContent.includes('Julia')")
    expected = [name.replace("SPEAKER_00", "Julia") for name in expected]
    assert reader.speakers() == expected
    document = saved(reader, tmp_path / "saved")
    assert [segment["speaker"] for segment in document["segments"]] == expected
    assert all(
        word["speaker"] == segment["speaker"] for segment in document["segments"] for word in segment["words"]
    )
    for _ in range(3):
        reader.presses("Ctrl+z")
    assert reader.speakers() == before


def edit(person: Person, line: int, text: str, *keys: str) -> None:
    person.clicks(f"#transcript li:nth-child({line + 1}) .edit")
    person.writes("#transcript textarea", text)
    person.presses(*keys)


def test_22_an_edited_line_keeps_the_times_of_its_words(
    reader: Person, tab: Page, answer: dict[str, Any], tmp_path: Path
) -> None:
    assert tab.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))")
    old = answer["segments"][2]
    words = [word["word"] for word in old["words"]]
    text = " ".join([*words[:1], "really", *words[1:-1], "Rome."])
    edit(reader, 2, "something else", "Escape")
    assert reader.lines()[2] == old["text"]
    edit(reader, 2, text, "Ctrl+Enter")
    reader.waits_for_line(2, text)
    assert tab.evaluate("document.activeElement.className") == "edit"
    assert not tab.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))")
    new = saved(reader, tmp_path / "saved")["segments"][2]
    assert [word["word"] for word in new["words"]] == text.split()
    assert [new["words"][0], *new["words"][2:-1]] == old["words"][:-1]
    inserted, last = new["words"][1], new["words"][-1]
    assert old["words"][0]["end"] <= inserted["start"] <= inserted["end"] <= old["words"][1]["start"]
    assert (last["start"], last["end"]) == (old["words"][-1]["start"], old["words"][-1]["end"])
    assert "score" not in inserted
    assert "score" not in last
    assert tab.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))")
    reader.presses("Ctrl+z")
    assert reader.lines()[2] == old["text"]
    reader.presses("Ctrl+Shift+Z")
    assert reader.lines()[2] == text


def test_22_leaving_the_field_saves(reader: Person, answer: dict[str, Any]) -> None:
    edit(reader, 1, "Changed by leaving.")
    reader.clicks("#title")
    reader.waits_for_line(1, "Changed by leaving.")


def test_22_a_line_is_split_at_the_caret_and_joined_again(
    reader: Person, tab: Page, answer: dict[str, Any], tmp_path: Path
) -> None:
    old = answer["segments"][2]
    reader.clicks("#transcript li:nth-child(3) .edit")
    place = old["text"].index(old["words"][3]["word"])
    tab.wait_for("document.querySelector('#transcript textarea') !== null")
    tab.evaluate(f"document.querySelector('#transcript textarea').setSelectionRange({place}, {place})")
    reader.clicks_button("Split here", "#transcript")
    reader.waits_for_line(2, old["text"][:place].strip())
    assert reader.lines()[2:4] == [old["text"][:place].strip(), old["text"][place:]]
    parts = saved(reader, tmp_path / "saved")["segments"][2:4]
    assert [word for part in parts for word in part["words"]] == old["words"]
    assert parts[0]["end"] == old["words"][2]["end"]
    assert parts[1]["start"] == old["words"][3]["start"]
    reader.clicks("#transcript li:nth-child(4) .edit")
    reader.clicks_button("Join with the line before", "#transcript")
    reader.waits_for_line(2, old["text"])
    assert reader.lines() == [segment["text"] for segment in answer["segments"]]
    joined = saved(reader, tmp_path / "saved")["segments"][2]
    assert joined == old


def test_23_search_counts_steps_and_replaces(reader: Person, tab: Page, answer: dict[str, Any]) -> None:
    texts = [segment["text"] for segment in answer["segments"]]
    count = sum(text.lower().count("the") for text in texts)
    reader.writes("#find", "the")
    tab.wait_for(f"document.getElementById('found').textContent === '1 of {count}'")
    assert len(reader.marked("found")) == count
    assert len(reader.marked("hit")) == 1
    reader.presses("Enter", "Enter")
    assert reader.sees("#found") == f"3 of {count}"
    reader.presses("Shift+Enter")
    assert reader.sees("#found") == f"2 of {count}"
    reader.clicks("#replace-open")
    reader.writes("#replacement", "THAT")
    reader.clicks("#replace-all")
    tab.wait_for("document.getElementById('transcript').textContent.includes('THAT')")
    assert reader.lines() == [text.replace("the", "THAT").replace("The", "THAT") for text in texts]
    reader.clicks("#undo")
    assert reader.lines() == texts
    reader.writes("#find", "no such words")
    tab.wait_for("document.getElementById('found').textContent === 'not found'")


def test_23_what_is_found_out_of_sight_is_brought_into_sight(
    reader: Person, tab: Page, answer: dict[str, Any]
) -> None:
    """Rows that are not drawn are found as well, by the page's search and by the browser's own."""
    tab.resize(1280, 700)
    last = len(answer["segments"]) - 1
    inside = (
        f"(() => {{ const b = document.querySelectorAll('#transcript li')[{last}].getBoundingClientRect(), "
        "l = document.getElementById('transcript').getBoundingClientRect(); return b.top >= l.top - "
        "1 && b.bottom <= l.bottom + 1; })()"
    )
    assert not tab.evaluate(inside)
    reader.writes("#find", answer["segments"][last]["text"])
    tab.wait_for(inside)
    reader.presses("Escape")
    tab.evaluate("document.activeElement.blur(), document.getElementById('transcript').scrollTop = 0")
    assert tab.evaluate(f"find({answer['segments'][last]['text']!r})")
    found = f"getSelection().anchorNode.parentElement === document.querySelectorAll('#transcript p')[{last}]"
    assert tab.evaluate(found)


def test_what_a_transcript_says_is_text_and_never_markup(
    person: Person, live_service: Any, answer: dict[str, Any], meeting: Path, tmp_path: Path
) -> None:
    evil = "<img src=x onerror=alert(1)><script>window.hacked = 1</script>"
    segments = [
        {**answer["segments"][0], "text": evil, "speaker": evil, "words": []},
        *answer["segments"][1:],
    ]
    person.visit(live_service.url)
    person.reads({**answer, "segments": segments, "warnings": [evil]}, meeting, tmp_path)
    assert person.lines()[0] == evil
    assert person.texts("#warnings li") == [evil]
    assert person.legend()[[name for name, *_ in person.legend()].index(evil)][0] == evil
    assert person.tab.evaluate(
        "[document.querySelectorAll('#result img').length, window.hacked ?? null]"
    ) == [0, None]
