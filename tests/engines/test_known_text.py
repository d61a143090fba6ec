"""A text that is known already gets the times of recognised words, and what nobody says is marked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.alignment.known_text import place_by_words
from app.engines.interfaces import PlacedText, Transcription, TranscriptionRequest, always
from app.engines.whisper.transcriber import WhisperTranscriber
from app.options.given_text import GivenText
from app.transcript import Segment, TextFit, Word
from tests.engines.conftest import DEMO, nothing, recordings, samples_of, truth_of

MEETING = DEMO / "meeting.flac"
EVERY_RECORDING = [*recordings("*"), *sorted(DEMO.glob("*.flac"))]
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


@pytest.mark.parametrize("path", EVERY_RECORDING, ids=lambda path: path.stem)
def test_word_times_are_those_of_recognition_in_every_recording(
    path: Path,
    heard: Callable[[Path], Transcription],
    english_aligner: Wav2Vec2Aligner,
    german_aligner: Wav2Vec2Aligner,
) -> None:
    found = heard(path)
    aligner = {"en": english_aligner, "de": german_aligner}[found.language]
    aligned = aligner.align(samples_of(path), found.segments, nothing)
    speech = tuple(replace(segment, text="") for segment in found.segments)
    placed = aligner.place(samples_of(path), speech, GivenText(lines(aligned), True), nothing)
    ours, theirs = words_of(placed.segments), words_of(aligned)
    assert [word.text for word in ours] == [word.text for word in theirs]
    misheard = [each.text for each in placed.segments if not each.occurs]
    said = " ".join(word["word"] for word in truth_of(path)["words"])
    assert not any(text in said for text in misheard)
    timed = [(one, other) for one, other in zip(ours, theirs, strict=True) if one.span is not None]
    assert len(timed) > 0.9 * len(theirs) > 0
    for one, other in timed:
        assert one.span == pytest.approx(other.span, abs=0.02)


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


def test_without_an_aligner_words_have_the_times_of_those_that_are_recognised(
    recognised: tuple[Segment, ...], transcriber: WhisperTranscriber
) -> None:
    samples, request = samples_of(MEETING), TranscriptionRequest(language="en")
    timed = transcriber.transcribe(samples, replace(request, times_words=always), nothing)
    text = [*lines(recognised[:6]), FOREIGN[0], *lines(recognised[6:])]
    placed = transcriber.recognise_and_place(samples, request, GivenText(tuple(text), True), nothing)
    assert lines(placed.segments) == tuple(text)
    assert [each.text for each in placed.segments if not each.occurs] == [FOREIGN[0]]
    said = words_of(tuple(each for each in placed.segments if each.occurs))
    assert [(word.text, word.span) for word in said] == [
        (word.text, word.span) for word in words_of(timed.segments)
    ]
    assert placed.fit == TextFit(pytest.approx(1, abs=0.1), pytest.approx(1, abs=0.02))
    assert placed.unexplained == ()


def test_what_is_recognised_otherwise_takes_the_time_in_which_it_is_said() -> None:
    heard = [
        Word("I", 0.0, 0.1),
        Word("scream", 0.1, 0.6),
        Word("loudly,", 0.7, 1.2),
        Word("today.", 1.3, 1.8),
    ]
    placed = place_by_words(["Ice-cream loudly today."], heard, spaced=True)
    assert [(word.text, word.start, word.end) for word in words_of(placed.segments)] == [
        ("Ice-cream", 0.1, 0.6),
        ("loudly", 0.7, 1.2),
        ("today.", 1.3, 1.8),
    ]
    assert [segment.text for segment in place_by_words(["Hello."], [], spaced=True).segments] == ["Hello."]


def test_no_speech(english_aligner: Wav2Vec2Aligner) -> None:
    placed = english_aligner.place(np.zeros(16000, np.int16), (), GivenText(("Hello.",), False), nothing)
    assert [(segment.text, segment.occurs) for segment in placed.segments] == [("Hello.", False)]
    assert placed.fit.found == 0.0
