"""A text that is known already gets the times of recognised words, and what nobody says is marked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.interfaces import PlacedText, Transcription
from app.options.given_text import GivenText
from app.transcript import Segment, Word
from tests.engines.conftest import DEMO, nothing, samples_of

MEETING = DEMO / "meeting.flac"
FOREIGN = (
    "The quick brown fox jumps over the lazy dog.",
    "Quarterly revenue exceeded expectations in Northern markets.",
    "Please remember to water the plants before leaving.",
    "Zebras gallop quickly across dusty plains.",
)
Place = Callable[[GivenText], PlacedText]


@pytest.fixture(scope="module")
def recognised(
    heard: Callable[[Path], Transcription], english_aligner: Wav2Vec2Aligner
) -> tuple[Segment, ...]:
    return english_aligner.align(samples_of(MEETING), heard(MEETING).segments, nothing)


@pytest.fixture(scope="module")
def place(heard: Callable[[Path], Transcription], english_aligner: Wav2Vec2Aligner) -> Place:
    speech = tuple(replace(segment, text="") for segment in heard(MEETING).segments)
    return lambda text: english_aligner.place(samples_of(MEETING), speech, text, nothing)


def words_of(segments: tuple[Segment, ...]) -> list[Word]:
    return [word for segment in segments for word in segment.words or ()]


def lines(segments: tuple[Segment, ...]) -> tuple[str, ...]:
    return tuple(segment.text for segment in segments)


@pytest.mark.parametrize("whole", [True, False], ids=["cues", "one line"])
def test_word_times_are_those_of_recognition(
    whole: bool, recognised: tuple[Segment, ...], place: Place
) -> None:
    text = lines(recognised) if whole else (" ".join(lines(recognised)),)
    placed = place(GivenText(text, whole))
    assert lines(placed.segments) == lines(recognised)
    for ours, theirs in zip(words_of(placed.segments), words_of(recognised), strict=True):
        assert ours.text == theirs.text
        assert ours.span == pytest.approx(theirs.span, abs=0.02)
    assert placed.fit.found > 0.6
    assert placed.unexplained == ()


def test_sentences_that_nobody_says_are_marked_and_move_nothing(
    recognised: tuple[Segment, ...], place: Place
) -> None:
    text = [
        line
        for number, segment in enumerate(recognised)
        for line in (segment.text, FOREIGN[number // 5 % len(FOREIGN)])[: 1 + (number % 5 == 2)]
    ]
    placed = place(GivenText(tuple(text), True))
    assert lines(placed.segments) == tuple(text)
    assert [each.text in FOREIGN for each in placed.segments] == [not each.occurs for each in placed.segments]
    absent = [word for each in placed.segments if not each.occurs for word in each.words or ()]
    assert absent
    assert {word.start for word in absent} == {None}
    said = words_of(tuple(each for each in placed.segments if each.occurs))
    moved = [
        abs((ours.start or 0) - (theirs.start or 0))
        for ours, theirs in zip(said, words_of(recognised), strict=True)
    ]
    assert np.mean(moved) < 0.06


def test_what_the_text_lacks_is_told(recognised: tuple[Segment, ...], place: Place) -> None:
    left_out = recognised[8:12]
    placed = place(GivenText(lines(recognised[:8] + recognised[12:]), True))
    assert all(segment.occurs for segment in placed.segments)
    assert len(placed.unexplained) == 1
    assert placed.unexplained[0] == pytest.approx((left_out[0].start, left_out[-1].end), abs=2.5)
    assert placed.fit.accounted < 0.95


def test_another_text_is_not_squeezed_in(place: Place) -> None:
    placed = place(GivenText(FOREIGN, True))
    assert not any(segment.occurs for segment in placed.segments)
    assert placed.fit.found < 0.2


def test_no_speech(english_aligner: Wav2Vec2Aligner) -> None:
    placed = english_aligner.place(np.zeros(16000, np.int16), (), GivenText(("Hello.",), False), nothing)
    assert [(segment.text, segment.occurs) for segment in placed.segments] == [("Hello.", False)]
    assert placed.fit.found == 0.0
