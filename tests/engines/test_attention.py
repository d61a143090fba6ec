"""Word times by Whisper's attention, on the bundle, whose true times are known."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from app.engines.interfaces import TranscriptionRequest, always
from app.engines.whisper.attention import sentences_of, with_readings
from app.engines.whisper.confidence import calibrated
from app.engines.whisper.rows import Reading
from app.engines.whisper.transcriber import WhisperTranscriber
from app.transcript import Decoding, Segment, Token, Word
from tests.engines.conftest import nothing, recordings, samples_of, truth_of

Timed = Callable[[Path], tuple[Segment, ...]]


@pytest.fixture(scope="module")
def timed(transcriber: WhisperTranscriber) -> Timed:
    @cache
    def transcribe(path: Path) -> tuple[Segment, ...]:
        language = truth_of(path)["language"]
        request = TranscriptionRequest(language=language, times_words=always)
        return transcriber.transcribe(samples_of(path), request, nothing).segments

    return transcribe


def words_of(segments: tuple[Segment, ...]) -> list[Word]:
    return [word for segment in segments for word in segment.words or ()]


def errors(paths: list[Path], timed: Timed, edge: str) -> list[float]:
    """Return how far each word heard right is from its true start or end, in seconds, in order."""
    apart = []
    for path in paths:
        found = words_of(timed(path))
        true = truth_of(path)["words"]
        if [plain(word.text) for word in found] == [plain(word["word"]) for word in true]:
            apart += [abs(getattr(word, edge) - true[place][edge]) for place, word in enumerate(found)]
    assert len(apart) > 60, "hardly a word was heard right"
    return sorted(apart)


def plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def test_words_begin_where_they_are_said(timed: Timed) -> None:
    apart = errors(recordings("conversation-*") + recordings("sentence-*"), timed, "start")
    assert np.mean(apart) <= 0.08


def test_words_end_where_they_are_said(timed: Timed) -> None:
    apart = errors(recordings("conversation-*") + recordings("sentence-*"), timed, "end")
    assert np.mean(apart) <= 0.1


def test_text_is_split_into_sentences_of_timed_words_in_order(timed: Timed) -> None:
    (path,) = recordings("conversation-de")
    segments = timed(path)
    assert len(segments) >= len(truth_of(path)["turns"])
    assert all(segment.end - segment.start < 15 for segment in segments)
    words = words_of(segments)
    assert all(word.start is not None and word.end is not None and word.score is not None for word in words)
    edges = [edge for word in words for edge in (word.start or 0, word.end or 0)]
    assert edges == sorted(edges)
    assert {segment.language for segment in segments} == {"de"}


def test_a_translation_has_times_too(transcriber: WhisperTranscriber) -> None:
    path = recordings("translation-?")[0]
    request = TranscriptionRequest("translate", "de", times_words=always)
    segments = transcriber.transcribe(samples_of(path), request, nothing).segments
    words = words_of(segments)
    assert words
    assert all(0 <= (word.start or -1) < (word.end or -1) <= truth_of(path)["duration"] for word in words)


def test_words_can_be_timed_afterwards_as_if_it_had_been_asked_for_at_once(
    transcriber: WhisperTranscriber, timed: Timed
) -> None:
    (path,) = recordings("conversation-de")
    plain = transcriber.transcribe(samples_of(path), TranscriptionRequest(language="de"), nothing)
    later = transcriber.time_words(samples_of(path), plain.segments, "transcribe", nothing)
    assert [word.text for word in words_of(later)] == [word.text for word in words_of(timed(path))]
    for word, other in zip(words_of(later), words_of(timed(path)), strict=True):
        assert word.start == pytest.approx(other.start, abs=0.05)


def segment_of(*pieces: bytes, speech: Sequence[tuple[float, float]] = ()) -> Segment:
    """Return a segment whose tokens last half a second each."""
    tokens = tuple(Token(number, piece) for number, piece in enumerate(pieces))
    decoding = Decoding(tokens, speech=tuple(speech))
    text = b"".join(pieces).decode("utf-8", "replace").strip()
    reading = Reading((-0.5,) * len(pieces), tuple(0.5 * place for place in range(len(pieces) + 1)))
    segment = Segment(10.0, 20.0, text, decoding=decoding)
    return with_readings(segment, decoding, reading)


def test_words_of_several_tokens_and_characters_of_several_tokens() -> None:
    (sentence,) = sentences_of(segment_of(b" caf", b"\xc3", b"\xa9", b" au", b" lait", b"."), "fr")
    assert [(word.text, word.start, word.end) for word in sentence.words or ()] == [
        ("café", 10.0, 11.5),
        ("au", 11.5, 12.0),
        ("lait.", 12.0, 12.7),
    ]


def test_pauses_belong_to_no_word() -> None:
    paused = segment_of(b" one", b" two", b" three", speech=[(10.2, 10.7), (11.0, 11.3)])
    (sentence,) = sentences_of(paused, "en")
    assert [(word.start, word.end) for word in sentence.words or ()] == [
        (10.15, 10.5),
        (10.5, 10.75),
        (11.0, 11.35),
    ]


def test_languages_without_blanks_have_a_time_for_each_character() -> None:
    pieces = ("元".encode(), "気".encode(), "。".encode(), "は".encode())
    first, second = sentences_of(segment_of(*pieces), "ja")
    assert [(word.text, word.start) for word in first.words or ()] == [
        ("元", 10.0),
        ("気", 10.5),
        ("。", 10.5),
    ]
    assert (second.text, second.start) == ("は", 11.5)


def test_bytes_that_are_no_text_lose_no_word() -> None:
    (sentence,) = sentences_of(segment_of(b" good", b" \xe3\x80"), "en")
    assert next(word.text for word in sentence.words or ()) == "good"


def test_a_text_without_a_spoken_character_keeps_its_place() -> None:
    (sentence,) = sentences_of(segment_of(b"...", b"!"), "en")
    assert (sentence.start, sentence.text) == (10.0, "...!")


def test_the_score_of_a_word_is_how_probable_it_is_that_it_is_right() -> None:
    (sentence,) = sentences_of(segment_of(b" good"), "en")
    (word,) = sentence.words or ()
    assert word.score == pytest.approx(calibrated(math.exp(-0.5)), abs=0.001)


def test_a_surer_decoder_gives_a_higher_score_between_0_and_1() -> None:
    scores = [calibrated(share / 20) for share in range(21)]
    assert scores == sorted(scores)
    assert 0 < scores[0] < 0.01
    assert 0.99 < scores[-1] < 1
