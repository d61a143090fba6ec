"""Words find their speaker, segments end where the speaker changes, and trifles do not shred a sentence."""

import sys
from dataclasses import replace
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.speakers import assign_speakers
from app.transcript import Segment, Turn, Word

some_examples = settings(max_examples=60, deadline=None, derandomize=True)

A, B, C = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"


def said(text: str, start: float = 0.0, each: float = 0.5) -> Segment:
    """A segment whose words follow each other, `each` seconds long."""
    words = tuple(
        Word(word, start + each * index, start + each * (index + 1), 0.9)
        for index, word in enumerate(text.split())
    )
    return Segment(start, start + each * len(words), text, words)


def heard(segments: tuple[Segment, ...]) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in segments]


def speakers_of(segment: Segment) -> list[str | None]:
    return [word.speaker for word in segment.words or ()]


def test_each_segment_gets_the_speaker_of_its_turn() -> None:
    segments = (said("good morning"), said("hello there", 1.0))
    assigned = assign_speakers(segments, (Turn(0.0, 1.0, A), Turn(1.0, 2.0, B)))
    assert heard(assigned) == [(A, "good morning"), (B, "hello there")]
    assert [speakers_of(segment) for segment in assigned] == [[A, A], [B, B]]


def test_a_segment_is_split_where_the_speaker_changes() -> None:
    segment = said("are you coming today? yes, of course I am", each=0.5)
    first, second = assign_speakers([segment], (Turn(0.0, 2.0, A), Turn(2.0, 5.0, B)))
    assert (first.speaker, first.start, first.end, first.text) == (A, 0.0, 2.0, "are you coming today?")
    assert (second.speaker, second.start, second.end, second.text) == (B, 2.0, 4.5, "yes, of course I am")
    assert segment.words is not None
    assert [word.text for word in (*(first.words or ()), *(second.words or ()))] == [
        w.text for w in segment.words
    ]


def test_a_segment_is_kept_whole_under_its_main_speaker_if_asked() -> None:
    segment = said("are you coming today? yes, of course I am")
    (whole,) = assign_speakers([segment], (Turn(0.0, 2.0, A), Turn(2.0, 5.0, B)), split=False)
    assert (whole.speaker, whole.text, whole.start, whole.end) == (B, segment.text, 0.0, 4.5)
    assert speakers_of(whole) == [A] * 4 + [B] * 5


def test_a_short_back_channel_does_not_shred_a_sentence() -> None:
    turns = (Turn(0.0, 1.0, A), Turn(1.0, 1.5, B), Turn(1.5, 3.0, A))
    assert heard(assign_speakers([said("so we went home and slept")], turns)) == [
        (A, "so we went home and slept")
    ]


def test_a_real_interruption_is_kept() -> None:
    turns = (Turn(0.0, 1.0, A), Turn(1.0, 2.0, B), Turn(2.0, 3.0, A))
    assert heard(assign_speakers([said("so we no wait went home")], turns)) == [
        (A, "so we"), (B, "no wait"), (A, "went home")
    ]  # fmt: skip


def test_a_frame_of_overlap_at_the_edge_does_not_cut_off_a_word() -> None:
    turns = (Turn(0.0, 2.2, A), Turn(2.2, 9.0, B))
    assert heard(assign_speakers([said("we are all here now")], turns)) == [(A, "we are all here now")]


def test_a_one_word_segment_keeps_its_own_speaker() -> None:
    turns = (Turn(0.0, 1.0, A), Turn(1.0, 1.2, B), Turn(1.2, 2.2, A))
    segments = (said("is it true?", each=0.33), said("yes", 1.0, 0.2), said("good to know", 1.2, 0.33))
    assert [segment.speaker for segment in assign_speakers(segments, turns)] == [A, B, A]


def test_a_word_gets_the_turn_it_overlaps_most() -> None:
    (segment,) = assign_speakers([said("well", 0.8, 0.5)], (Turn(0.0, 1.0, A), Turn(1.0, 2.0, B)))
    assert segment.speaker == B


def test_a_word_outside_every_turn_gets_the_nearest_one() -> None:
    turns = (Turn(0.0, 1.0, A), Turn(5.0, 6.0, B))
    assert [s.speaker for s in assign_speakers([said("x", 1.5), said("y", 4.0)], turns)] == [A, B]


def test_a_word_outside_every_turn_stays_without_speaker_if_asked() -> None:
    turns = (Turn(0.0, 1.0, A), Turn(5.0, 6.0, B))
    outside, partly = assign_speakers([said("x", 2.0), said("y z", 0.5, 0.6)], turns, fill_nearest=False)
    assert (outside.speaker, speakers_of(outside)) == (None, [None])
    assert (partly.speaker, speakers_of(partly)) == (A, [A, None])


def test_a_word_that_could_not_be_placed_goes_with_the_word_before() -> None:
    segment = said("one two 3 four five")
    assert segment.words is not None
    words = tuple(replace(word, start=None, end=None) if word.text == "3" else word for word in segment.words)
    turns = (Turn(0.0, 1.0, A), Turn(1.5, 2.5, B))
    assert heard(assign_speakers([replace(segment, words=words)], turns)) == [
        (A, "one two 3"),
        (B, "four five"),
    ]


@pytest.mark.parametrize("words", [None, (), (Word("a"), Word("b"))])
def test_a_segment_without_word_times_goes_to_who_speaks_longest(words: tuple[Word, ...] | None) -> None:
    segment = Segment(0.0, 10.0, "a b", words)
    turns = (Turn(0.0, 3.0, A), Turn(3.0, 7.0, B), Turn(7.0, 9.5, A))
    (assigned,) = assign_speakers([segment], turns)
    assert assigned.speaker == A
    assert speakers_of(assigned) == [A] * len(words or ())


def test_text_without_spaces_is_split_without_adding_any() -> None:
    words = tuple(
        Word(character, 0.5 * index, 0.5 * index + 0.5) for index, character in enumerate("你好吗我很好")
    )
    turns = (Turn(0.0, 1.5, A), Turn(1.5, 3.0, B))
    assert heard(assign_speakers([Segment(0.0, 3.0, "你好吗？我很好。", words)], turns)) == [
        (A, "你好吗？"), (B, "我很好。")
    ]  # fmt: skip


def test_nothing_is_assigned_without_turns() -> None:
    segments = (said("hello there"),)
    assert assign_speakers(segments, ()) == segments


TIME = st.integers(0, 60_000).map(lambda milliseconds: milliseconds / 1000)
SPEAKER = st.sampled_from([A, B, C])


@st.composite
def conversation(draw: st.DrawFn) -> tuple[list[Segment], list[Turn]]:
    now, segments = 0.0, []
    for _ in range(draw(st.integers(0, 5))):
        begin, words = now, []
        for index in range(draw(st.integers(0, 10))):
            start = now + draw(st.integers(0, 500)) / 1000
            now = start + draw(st.integers(0, 900)) / 1000
            placed = draw(st.booleans())
            words.append(Word(f"w{index}", start if placed else None, now if placed else None))
        text = " ".join(word.text for word in words)
        segments.append(Segment(begin, now, text, tuple(words) if draw(st.booleans()) else None))
    edges = sorted(draw(st.lists(TIME, max_size=16, unique=True)))
    turns = [Turn(start, end, draw(SPEAKER)) for start, end in zip(edges[::2], edges[1::2], strict=False)]
    return segments, turns


@some_examples
@given(conversation(), st.booleans(), st.booleans())
def test_no_word_is_lost_moved_or_shared(
    talk: tuple[list[Segment], list[Turn]], split: bool, fill_nearest: bool
) -> None:
    segments, turns = talk
    assigned = assign_speakers(segments, turns, split=split, fill_nearest=fill_nearest)
    before = [replace(word, speaker=None) for segment in segments for word in segment.words or ()]
    after = [replace(word, speaker=None) for segment in assigned for word in segment.words or ()]
    assert after == before
    assert " ".join(s.text for s in assigned).split() == " ".join(s.text for s in segments).split()
    assert all(segment.start <= segment.end for segment in assigned)
    if not split:
        assert len(assigned) == len(segments)
        return
    for segment in assigned:
        assert {word.speaker for word in segment.words or ()} <= {segment.speaker, None}
    if turns and fill_nearest:
        assert all(segment.speaker for segment in assigned)


def test_work_grows_with_length_not_with_its_square() -> None:
    """Counted in lines that the interpreter runs, which no other load on the machine changes."""

    def steps_for(count: int) -> int:
        segments = [said("a b c d e f g h i j", 5.0 * index) for index in range(count // 10)]
        turns = [Turn(3.3 * index, 3.3 * index + 3.2, (A, B, C)[index % 3]) for index in range(count // 6)]
        steps = 0

        def count_step(_frame: FrameType, event: str, _: object) -> object:
            nonlocal steps
            steps += event in ("call", "line")
            return count_step

        before = sys.gettrace()
        sys.settrace(count_step)  # type: ignore[arg-type]
        try:
            assign_speakers(segments, turns)
        finally:
            sys.settrace(before)
        return steps

    assert 0 < steps_for(4_000) < 5 * steps_for(1_000)
