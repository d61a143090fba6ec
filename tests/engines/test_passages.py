"""The language of each passage, from the evidence of windows."""

import pytest

from app.engines.whisper.passages import Heard, divided, smoothed, windows_of
from app.engines.whisper.speech_chunks import Chunk
from app.transcript import language_shares


def heard(*languages: str, share: float = 0.95, seconds: float = 5.0) -> list[Heard]:
    """Return one window after the other in which these languages are probable."""
    return [
        Heard(place * seconds, (place + 1) * seconds, {code: share, "xx": 1 - share})
        for place, code in enumerate(languages)
    ]


def chunk(start: float, end: float, *segments: tuple[float, float]) -> Chunk:
    speech = list(segments) or [(start, end)]
    return {"start": start, "end": end, "segments": speech, "speech": speech}


def test_each_passage_of_a_mixed_recording_has_its_own_language() -> None:
    spoken = ["en"] * 5 + ["de"] * 5 + ["en"] * 5
    assert smoothed(heard(*spoken), "en") == spoken


@pytest.mark.parametrize("main", ["en", "de"])
def test_a_recording_of_two_halves_is_divided_whichever_is_called_the_main_one(main: str) -> None:
    spoken = ["en"] * 5 + ["de"] * 5
    assert smoothed(heard(*spoken), main) == spoken


def test_one_window_that_sounds_otherwise_changes_nothing() -> None:
    spoken = ["nl"] * 4 + ["af"] + ["nl"] * 4
    assert smoothed(heard(*spoken), "nl") == ["nl"] * 9
    assert smoothed(heard("nl", "nl", "nl", "de"), "nl") == ["nl"] * 4


def test_doubtful_windows_follow_the_main_language() -> None:
    assert smoothed(heard(*["gl"] * 10, share=0.55) + heard("es"), "xx") == ["xx"] * 11


def test_short_windows_say_little() -> None:
    spoken = ["en"] * 3 + ["cy"] * 3 + ["en"] * 3
    assert smoothed(heard(*spoken, seconds=0.4), "en") == ["en"] * 9


def test_the_language_before_goes_on_until_something_speaks_against_it() -> None:
    doubtful = heard("de", share=0.5)
    assert smoothed(heard("de") + doubtful, "en", before="de") == ["de", "de"]
    assert smoothed([], "en") == []


def test_windows_follow_the_pauses_and_are_neither_long_nor_short() -> None:
    whole = chunk(0.0, 29.0, (0.2, 1.0), (1.3, 2.5), (6.0, 18.0), (20.0, 28.8))
    windows = windows_of(whole)
    assert windows[0] == (0.2, 2.5)
    assert [window for window in windows if 6.0 <= window[0] < 18.0] == [(6.0, 12.0), (12.0, 18.0)]
    assert all(end - start < 9.0 for start, end in windows)


def test_a_chunk_is_cut_in_the_pause_where_the_language_changes() -> None:
    whole = chunk(1.0, 21.0, (1.2, 10.0), (12.0, 20.8))
    windows = windows_of(whole)
    languages = ["en" if start < 11 else "de" for start, _ in windows]
    parts = divided(whole, list(zip(windows, languages, strict=True)))
    assert [(part["start"], part["end"], code) for part, code in parts] == [
        (1.0, 11.0, "en"),
        (11.0, 21.0, "de"),
    ]
    assert parts[1][0]["segments"] == [(12.0, 20.8)]
    assert divided(whole, [(window, "en") for window in windows]) == [(whole, "en")]


def test_shares_are_of_the_time_spoken() -> None:
    assert language_shares([("en", 3.0), ("de", 9.0), ("en", 0.0)]) == {"de": 0.75, "en": 0.25}
    assert language_shares([]) == {}
