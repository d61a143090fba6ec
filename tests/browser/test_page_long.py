"""A transcript of three hours is read and corrected like a short one. How fast: benchmarks/page.py."""

import json
from pathlib import Path

import pytest

from tests.browser.chromium import Page
from tests.browser.long_transcript import long_transcript
from tests.browser.person import RESULT, Person
from tests.service import Service

pytestmark = pytest.mark.browser

WORDS = 30_000


@pytest.fixture
def long_reader(person: Person, tab: Page, live_service: Service, tmp_path: Path) -> Person:
    saved = tmp_path / "day.json"
    saved.write_text(json.dumps(long_transcript(WORDS)), encoding="utf-8")
    person.visit(live_service.url)
    person.take(saved)
    tab.wait_for(RESULT, 60)
    return person


def test_30_thirty_thousand_words_are_one_piece_of_text_for_each_line(long_reader: Person, tab: Page) -> None:
    """No element for a word, and none laid out that is far from sight: that is what keeps the page quick."""
    lines = long_transcript(WORDS)["segments"]
    assert tab.evaluate("document.querySelectorAll('#transcript p').length") == len(lines)
    assert tab.evaluate(
        "[...document.querySelectorAll('#transcript p')].every(p => p.childNodes.length === 1)"
    )
    assert tab.evaluate("document.querySelectorAll('#transcript *').length") <= 8 * len(lines)
    far = (
        "document.querySelector('#transcript li:last-child p').checkVisibility({contentVisibilityAuto: true})"
    )
    assert not tab.evaluate(far)


def test_30_the_end_of_a_long_transcript_is_found_and_edited(long_reader: Person, tab: Page) -> None:
    last = long_transcript(WORDS)["segments"][-1]
    long_reader.writes("#find", last["text"])
    tab.wait_for("document.getElementById('found').textContent === '1 of 1'")
    tab.wait_for(
        "document.querySelector('#transcript li:last-child p').checkVisibility({contentVisibilityAuto: true})"
    )
    long_reader.clicks("#transcript li:last-child .edit")
    long_reader.writes("#transcript textarea", "The end.")
    long_reader.presses("Ctrl+Enter")
    tab.wait_for("document.querySelector('#transcript li:last-child p')?.textContent === 'The end.'")
    kept = tab.evaluate("Object.keys(localStorage)")
    assert set(kept) <= {"page.options", "page.speed", "page.theme", "page.language", "page.hint"}
