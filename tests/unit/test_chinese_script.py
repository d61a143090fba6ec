"""Chinese comes in the characters that were asked for, words and all, with times untouched."""

import pytest

from app.chinese_script import in_script, telling_in_script
from app.events import ChunkDecoded, Event, StageBegan
from app.options.languages import chinese_script
from app.stage import Stage
from app.transcript import Segment, Word

SIMPLIFIED, TRADITIONAL = "头发发展了 OK", "頭髮發展了 OK"
"""One character of the first is two of the second: which, its neighbours tell."""


def said(text: str) -> Segment:
    words = tuple(Word(sign, number, number + 1, 0.5) for number, sign in enumerate([*text[:5], "OK"]))
    return Segment(1.0, 7.0, text, words, "SPEAKER_00")


@pytest.mark.parametrize(("script", "right"), [("hant", TRADITIONAL), ("hans", SIMPLIFIED)])
@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL])
def test_text_and_words_are_converted_with_regard_to_their_neighbours(
    text: str, script: str, right: str
) -> None:
    assert in_script([said(text)], script) == (said(right),)


def test_a_word_that_is_not_in_the_text_is_converted_by_itself() -> None:
    odd = Segment(0, 1, "头发", (Word("发展"),))
    assert in_script([odd], "hant") == (Segment(0, 1, "頭髮", (Word("發展"),)),)


def test_a_stream_is_told_the_same() -> None:
    told: list[Event] = []
    tell = telling_in_script(told.append, "hant")
    tell(StageBegan(Stage.ALIGN))
    tell(ChunkDecoded(Segment(0, 1, "头发"), 3, "zh"))
    assert told == [StageBegan(Stage.ALIGN), ChunkDecoded(Segment(0, 1, "頭髮"), 3, "zh")]


@pytest.mark.parametrize(
    ("written", "script"),
    [
        ("zh-Hans", "hans"),
        ("zh_hant_TW", "hant"),
        ("Traditional Chinese", "hant"),
        ("simplified chinese", "hans"),
        ("zh-TW", None),
        ("Chinese", None),
    ],
)
def test_a_tag_or_a_name_says_the_script(written: str, script: str | None) -> None:
    assert chinese_script(written) == script
