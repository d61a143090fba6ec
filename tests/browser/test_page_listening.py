"""Hearing what is read: a click plays there, the mark follows, and all can be done by keys and by ear."""

import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Page
from tests.browser.conftest import BOTH
from tests.browser.person import Person, marks_of

pytestmark = pytest.mark.browser

PLAYING = "!document.getElementById('audio').paused"


def words_of(answer: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the words that have a time, each with the number of its line."""
    return [
        (line, word)
        for line, segment in enumerate(answer["segments"])
        for word in segment.get("words", ())
        if "start" in word
    ]


def a_word(answer: dict[str, Any], line: int) -> dict[str, Any]:
    """Return the last word of a line that stands there once."""
    segment = answer["segments"][line]
    return next(
        w for w in reversed(segment["words"]) if segment["text"].count(w["word"]) == 1 and "start" in w
    )


@BOTH
@pytest.mark.usefixtures("at_reading")
def test_14_a_click_on_a_word_plays_there(someone: Person, answer: dict[str, Any]) -> None:
    word = a_word(answer, 2)
    someone.tab.evaluate(
        "document.getElementById('audio').addEventListener('play', e => { window.began = "
        "e.target.currentTime; }), 0"
    )
    someone.clicks_word(2, word["word"])
    someone.tab.wait_for(PLAYING)
    began = someone.tab.wait_for("window.began")
    assert began == pytest.approx(word["start"], abs=0.05)


def test_14_a_selection_of_text_plays_nothing(reader: Person, tab: Page) -> None:
    box = reader.box("#transcript li:nth-child(3) p")
    tab.drag((box["x"] + 2, box["y"] + 12), (box["x"] + 120, box["y"] + 12))
    assert tab.evaluate("String(getSelection()).length") > 3
    assert not tab.evaluate(PLAYING)
    assert reader.time() == 0


def test_15_the_mark_is_on_the_word_that_is_said(reader: Person, tab: Page, answer: dict[str, Any]) -> None:
    words = words_of(answer)
    for _, word in words[5 :: len(words) // 10]:
        middle = (word["start"] + word.get("end", word["start"])) / 2
        tab.evaluate(f"document.getElementById('audio').currentTime = {middle}")
        tab.wait_for(f"{marks_of('playing')}[0] === {word['word']!r}", 3)
    tab.evaluate("document.getElementById('audio').currentTime = 0")
    tab.wait_for("CSS.highlights.get('playing').size === 0")
    tab.evaluate(
        "(() => { window.heard = []; (function look() { const said = "
        f"{marks_of('playing')}[0]; "
        "if (said && heard.at(-1) !== said) heard.push(said); requestAnimationFrame(look); })(); })()"
    )
    reader.clicks("#play")
    played = [word["word"] for _, word in words[:6]]
    tab.wait_for(f"heard.length >= {len(played)}", 15)
    assert tab.evaluate("heard")[: len(played)] == played


def test_16_the_list_follows_until_it_is_scrolled(reader: Person, tab: Page, answer: dict[str, Any]) -> None:
    scrolled = "document.getElementById('transcript').scrollTop"
    tab.resize(1280, 700)
    last = answer["segments"][-3]["start"]
    reader.clicks("#play")
    tab.evaluate(f"document.getElementById('audio').currentTime = {last}")
    tab.wait_for(f"{scrolled} > 0")
    box = reader.box("#transcript")
    tab.call(
        "Input.dispatchMouseEvent",
        type="mouseWheel",
        x=box["x"] + 300,
        y=box["y"] + 60,
        deltaX=0,
        deltaY=-5000,
    )
    tab.wait_for(f"{scrolled} === 0")
    tab.evaluate(f"document.getElementById('audio').currentTime = {answer['segments'][-2]['start']}")
    time.sleep(0.4)
    assert tab.evaluate(scrolled) == 0
    reader.clicks("#to-playback")
    tab.wait_for(f"{scrolled} > 0")
    assert not tab.evaluate("document.getElementById('to-playback').checkVisibility()")
    assert tab.evaluate("document.scrollingElement.scrollTop") == 0


def test_16_a_correction_leaves_the_list_where_it_is(
    reader: Person, tab: Page, answer: dict[str, Any]
) -> None:
    """The player stands at the beginning; who corrects the end is not taken away from there."""
    scrolled = "document.getElementById('transcript').scrollTop"
    tab.resize(1280, 700)
    tab.evaluate("void (document.getElementById('transcript').scrollTop = 1e6)")
    before = tab.wait_for(scrolled)
    last = len(answer["segments"])
    reader.clicks(f"#transcript li:nth-child({last}) .edit")
    reader.writes("#transcript textarea", "Corrected.")
    reader.presses("Ctrl+Enter")
    reader.waits_for_line(last - 1, "Corrected.")
    reader.clicks(f"#transcript li:nth-child({last}) .who")
    reader.clicks_button("SPEAKER_02", "#menu")
    assert tab.evaluate(scrolled) == pytest.approx(before, abs=40)


def test_17_a_click_on_the_time_line_plays_there(reader: Person, tab: Page, answer: dict[str, Any]) -> None:
    reader.clicks("#lanes", across=0.75)
    tab.wait_for(PLAYING)
    assert reader.time() == pytest.approx(0.75 * answer["duration"], abs=0.5)


def test_17_the_shares_of_the_legend_are_the_talk_times(reader: Person, answer: dict[str, Any]) -> None:
    spoken: dict[str, float] = {}
    for segment in answer["segments"]:
        spoken[segment["speaker"]] = spoken.get(segment["speaker"], 0) + segment["end"] - segment["start"]
    rows = reader.legend()
    assert [name for name, *_ in rows] == sorted(spoken, key=lambda name: -spoken[name])
    shares = [int(share.rstrip("%")) for *_, share in rows]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert shares[0] == pytest.approx(100 * max(spoken.values()) / sum(spoken.values()), abs=1)


def test_17_of_many_people_those_who_speak_least_share_the_last_lane(
    person: Person, live_service: Any, answer: dict[str, Any], meeting: Path, tmp_path: Path
) -> None:
    segments = [{**said, "speaker": f"P{index % 10}"} for index, said in enumerate(answer["segments"])]
    person.visit(live_service.url)
    person.reads({**answer, "segments": segments}, meeting, tmp_path)
    rows = person.legend()
    assert len(rows) == 11
    assert rows[7][0] == "3 others"
    assert int(rows[7][2].rstrip("%")) == pytest.approx(
        sum(int(row[2].rstrip("%")) for row in rows[8:]), abs=2
    )
    person.tab.wait_for("document.getElementById('lanes').style.height === '240px'")


def test_17_the_time_line_zooms_by_buttons_and_keys(
    reader: Person, tab: Page, answer: dict[str, Any]
) -> None:
    pixels = (
        "(() => { const c = document.getElementById('lanes'); return "
        "[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((v, i) => i % 4 "
        "=== 3 && v === 255).length; })()"
    )
    whole = tab.wait_for(pixels)
    reader.clicks("#zoom-in")
    tab.wait_for(f"{pixels} !== {whole}")
    near = tab.evaluate(pixels)
    assert tab.evaluate("document.getElementById('zoom-in').disabled")
    tab.evaluate("document.getElementById('seek').focus()")
    reader.presses("-")
    tab.wait_for(f"{pixels} === {whole}")
    reader.presses("=")
    tab.wait_for(f"{pixels} === {near}")
    reader.clicks("#lanes", across=0.5)
    assert reader.time() == pytest.approx(15, abs=0.7)


def test_18_the_range_seeks_and_says_where_and_who(reader: Person, tab: Page, answer: dict[str, Any]) -> None:
    said = "document.getElementById('seek').getAttribute('aria-valuetext')"
    tab.evaluate("document.getElementById('seek').focus()")
    at = [reader.time()]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "PageUp", "PageDown", "End", "Home"):
        reader.presses(key)
        tab.wait_for("!document.getElementById('audio').seeking")
        at.append(reader.time())
    steps = [round(after - before) for before, after in pairwise(at)]
    assert steps[:5] == [1, 1, -1, 30, -30]
    assert at[-2] == pytest.approx(answer["duration"], abs=1)
    assert at[-1] == 0
    segment = answer["segments"][4]
    tab.evaluate(f"document.getElementById('audio').currentTime = {segment['start'] + 0.5}")
    tab.wait_for(f"{said}.includes({segment['speaker']!r})")
    assert re.match(r"\d+ seconds,? ", tab.evaluate(said))


def test_the_speed_is_kept_and_the_voice_as_well(reader: Person, tab: Page) -> None:
    tab.evaluate(
        "(() => { const e = document.getElementById('speed'); e.value = '1.5'; e.dispatchEvent(new "
        "Event('change')); })()"
    )
    assert tab.evaluate(
        "[audio.playbackRate, audio.preservesPitch]".replace("audio", "document.getElementById('audio')")
    ) == [1.5, True]
    assert tab.evaluate("localStorage.getItem('page.speed')") == "1.5"


def test_only_one_speaker_is_heard(reader: Person, tab: Page, answer: dict[str, Any]) -> None:
    """The gaps are skipped: what is said between two lines of one person is not played."""
    reader.clicks("#legend tbody tr:nth-child(2) td:last-child button")
    name = reader.legend()[1][0]
    reader.clicks_button(f"Play only {name}", "#menu")
    first = next(each for each in answer["segments"] if each["speaker"] == name)
    tab.wait_for(f"document.getElementById('audio').currentTime >= {first['start'] - 0.05}")
    assert reader.sees("#only") == f"Playing only {name}"
    tab.evaluate(f"document.getElementById('audio').currentTime = {first['end'] - 0.2}")
    second = [each for each in answer["segments"] if each["speaker"] == name][1]
    tab.wait_for(f"document.getElementById('audio').currentTime >= {second['start'] - 0.05}", 10)
    reader.clicks("#legend tbody tr:nth-child(2) td:last-child button")
    reader.clicks_button(f"Show only {name}", "#menu")
    assert reader.sees("#only") == f"Showing only {name}"
    seen = "[...document.querySelectorAll('#transcript li')].filter(e => e.checkVisibility()).length"
    assert tab.evaluate(seen) == sum(each["speaker"] == name for each in answer["segments"])
    reader.clicks("#only button")
    assert tab.evaluate(seen) == len(answer["segments"])


def test_doubtful_words_are_marked_on_request_and_found_by_a_key(
    reader: Person, tab: Page, answer: dict[str, Any]
) -> None:
    doubtful = [word for _, word in words_of(answer) if word.get("score", 1) < 0.5]
    assert reader.marked("doubt") == []
    reader.clicks("#doubt")
    assert sorted(reader.marked("doubt")) == sorted(word["word"] for word in doubtful)
    reader.presses("F9")
    tab.wait_for(f"Math.abs(document.getElementById('audio').currentTime - {doubtful[0]['start']}) < 0.05")


def test_keys_work_while_typing_and_letters_only_in_the_transcript(reader: Person, tab: Page) -> None:
    tab.evaluate("document.getElementById('find').focus()")
    reader.presses("k")
    assert not tab.evaluate(PLAYING)
    reader.presses("Ctrl+Space")
    tab.wait_for(PLAYING)
    reader.presses("F8")
    tab.wait_for(f"!({PLAYING})")
    tab.evaluate("document.querySelector('#transcript .time').focus()")
    reader.presses("k")
    tab.wait_for(PLAYING)


def test_a_recording_that_the_browser_cannot_play_leaves_the_transcript(
    person: Person, live_service: Any, answer: dict[str, Any], tmp_path: Any
) -> None:
    person.visit(live_service.url)
    unplayable = tmp_path / "call.amr"
    unplayable.write_bytes(b"#!AMR\n" + bytes(100))
    saved = tmp_path / "call.json"
    saved.write_text(__import__("json").dumps(answer))
    person.take(saved, unplayable)
    assert "cannot play" in person.sees("#player-note")
    assert person.lines() == [segment["text"] for segment in answer["segments"]]
    assert person.tab.evaluate("document.getElementById('play').disabled")
