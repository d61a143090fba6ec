"""Each format against a literal document, and against parsers that we did not write."""

import csv
import io
import json
from dataclasses import replace
from html import unescape
from pathlib import Path

import pysubs2
import pytest
import webvtt

from app.formats import FORMATS, CueLayout
from app.formats.timestamps import clock, milliseconds
from app.transcript import Segment, Transcript, Word

DATA = Path(__file__).parent / "data"
NAN = float("nan")
REPORT = "Yes, the report for 2025 is finished, and I have sent it to everybody who asked for a copy of it."

MEETING = Transcript(
    segments=(
        Segment(
            0.0304,
            2.9996,
            " Shall we begin?",
            (
                Word("Shall", 0.0304, 0.4, 0.9712),
                Word("we", 0.45, 0.6, 0.95),
                Word("begin?", 0.62, 2.9996, NAN),
            ),
            "SPEAKER_00",
            avg_logprob=-0.2,
        ),
        Segment(
            3.5,
            12.5,
            REPORT,
            tuple(
                Word(text, None, None, None, "SPEAKER_01")
                if text == "2025"
                else Word(text, 3.5 + 0.4 * index, 3.8 + 0.4 * index, 0.9, "SPEAKER_01")
                for index, text in enumerate(REPORT.split())
            ),
            "SPEAKER_01",
        ),
        Segment(13.0, 14.2345, "Tabs\tand\nlines, a --> b, <b>R&D</b> {\\an8}.", None, "SPEAKER_00"),
        Segment(359_999.0, 360_001.5, "Hours later."),
    ),
    language="en",
    duration=360_002.0004,
    model="demo",
    speaker_embeddings={"SPEAKER_00": (0.25, -1.0)},
    warnings=("no aligner for the last segment",),
)
NOTHING_SAID = Transcript((), "en", 1.0, "demo")


@pytest.mark.parametrize("name", ["text", "srt", "vtt", "tsv", "md"])
def test_the_document_is_the_expected_one(name: str) -> None:
    chosen = FORMATS[name]
    expected = (DATA / f"meeting.{chosen.extension}").read_text(encoding="utf-8")
    assert chosen.render(MEETING, CueLayout()) == expected


def test_the_json_is_the_expected_one() -> None:
    shorter = replace(MEETING, segments=(MEETING.segments[0], *MEETING.segments[2:]))
    expected = json.loads((DATA / "meeting.json").read_text(encoding="utf-8"))
    document = FORMATS["json"].render(shorter, CueLayout())
    assert document == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_highlighted_words_follow_the_speech(name: str) -> None:
    first = replace(MEETING, segments=MEETING.segments[:1])
    expected = (DATA / f"highlighted.{name}").read_text(encoding="utf-8")
    assert FORMATS[name].render(first, CueLayout(highlight_words=True)) == expected


@pytest.mark.parametrize(
    ("name", "document"),
    [("text", ""), ("md", ""), ("srt", ""), ("vtt", "WEBVTT\n\n"), ("tsv", "start\tend\ttext\tspeaker\n")],
)
def test_silence_gives_an_empty_document(name: str, document: str) -> None:
    assert FORMATS[name].render(NOTHING_SAID, CueLayout()) == document


def test_silence_gives_empty_lists_in_json() -> None:
    answer = json.loads(FORMATS["json"].render(NOTHING_SAID, CueLayout()))
    assert answer == {
        "text": [], "language": "en", "segments": [], "word_segments": [], "duration": 1.0, "model": "demo"
    }  # fmt: skip


def test_pysubs2_reads_the_srt() -> None:
    within_99_hours = replace(MEETING, segments=MEETING.segments[:3])  # pysubs2 reads two digits of hours
    document = pysubs2.SSAFile.from_string(FORMATS["srt"].render(within_99_hours, CueLayout()), "srt")
    words = " ".join(event.plaintext.replace("\n", " ") for event in document)
    assert words.count("SPEAKER_01") == 2
    assert "Tabs and lines, a --› b, ‹b›R&D‹/b› (\\an8)." in words
    assert (document[0].start, document[0].end) == (30, 3000)
    assert (document[-1].start, document[-1].end) == (13_000, 14_235)


def test_webvtt_py_reads_the_vtt() -> None:
    captions = list(webvtt.from_string(FORMATS["vtt"].render(MEETING, CueLayout())))
    assert unescape(captions[3].text) == "[SPEAKER_00]: Tabs and lines,\na --> b, <b>R&D</b> {\\an8}."
    assert captions[-1].end == "100:00:01.500"
    assert captions[0].identifier is None


def test_the_csv_module_reads_the_tsv() -> None:
    rows = list(
        csv.reader(
            io.StringIO(FORMATS["tsv"].render(MEETING, CueLayout())), delimiter="\t", quoting=csv.QUOTE_NONE
        )
    )
    assert rows[3] == ["13000", "14235", "Tabs and lines, a --> b, <b>R&D</b> {\\an8}.", "SPEAKER_00"]
    assert {len(row) for row in rows} == {4}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0005, 1),
        (0.0014999, 1),
        (1.0005, 1000),
        (0.29, 290),
        (4.35, 4350),
        (-0.1, 0),
        (1e308, 10**12),
    ],
)
def test_milliseconds_are_rounded_not_cut(seconds: float, expected: int) -> None:
    assert milliseconds(seconds) == expected


def test_hours_grow_beyond_two_digits() -> None:
    assert clock(359_999_999, ",") == "99:59:59,999"
    assert clock(360_000_000, ".") == "100:00:00.000"


def spoken(
    text: str, *, seconds_per_word: float = 0.3, speaker: str | None = None, start: float = 0.0
) -> Segment:
    times = [start + index * seconds_per_word for index in range(len(text.split()) + 1)]
    words = tuple(Word(word, times[index], times[index + 1], 0.9) for index, word in enumerate(text.split()))
    return Segment(start, times[-1], text, words, speaker)


def cues_of(*segments: Segment, layout: CueLayout, language: str = "en") -> pysubs2.SSAFile:
    transcript = Transcript(segments, language, segments[-1].end, "demo")
    return pysubs2.SSAFile.from_string(FORMATS["srt"].render(transcript, layout), "srt")


LONG = (
    "We looked at every single option that was on the table last week, and in the end there was only one"
    " that everybody could agree on without any further discussion at all."
)


def test_line_width_and_count_bound_every_cue() -> None:
    for width, count in ((30, 1), (30, 2), (42, 2), (60, 3)):
        document = cues_of(spoken(LONG), layout=CueLayout(width, count))
        lines = [event.plaintext.split("\n") for event in document]
        assert max(map(len, lines)) <= count
        assert max(len(line) for cue in lines for line in cue) <= width
        assert " ".join(line for cue in lines for line in cue) == LONG


def test_the_speakers_name_counts_as_width() -> None:
    document = cues_of(spoken(LONG, speaker="SPEAKER_00"), layout=CueLayout(30, 2))
    assert max(len(line) for event in document for line in event.plaintext.split("\n")) <= 30


def test_one_word_per_cue_is_possible() -> None:
    document = cues_of(spoken("one two three"), layout=CueLayout(1, 1))
    assert [(event.start, event.end, event.plaintext) for event in document] == [
        (0, 300, "one"),
        (300, 600, "two"),
        (600, 1400, "three"),
    ]


def test_cues_are_cut_at_word_times() -> None:
    segment = spoken(LONG)
    document = cues_of(segment, layout=CueLayout())
    assert segment.words is not None
    starts = {milliseconds(word.start or 0.0) for word in segment.words}
    ends = {milliseconds(word.end or 0.0) for word in segment.words}
    assert len(document) > 1
    assert {event.start for event in document} <= starts
    assert {event.end for event in document} <= ends


def test_a_cue_ends_at_a_clause_rather_than_inside_it() -> None:
    document = cues_of(
        spoken(
            "When the snow had melted, the whole village came out to mend the roads and bridges together."
        ),
        layout=CueLayout(),
    )
    assert document[0].plaintext.replace("\n", " ").endswith("melted,")


@pytest.mark.parametrize("seconds_per_word", [0.3, 1.0, 5.0, 30.0])
def test_no_cue_is_shown_longer_than_seven_seconds(seconds_per_word: float) -> None:
    document = cues_of(spoken(LONG, seconds_per_word=seconds_per_word), layout=CueLayout())
    assert max(event.duration for event in document) <= 7000


def test_slow_speech_is_cut_into_cues_that_cover_it() -> None:
    """Fourteen words of one second each fit into two lines, but not into seven seconds."""
    document = cues_of(spoken("a b c d e f g h i j k l m n", seconds_per_word=1.0), layout=CueLayout())
    assert [(event.start, event.end) for event in document] == [(0, 7000), (7000, 14000)]


def test_a_long_segment_without_words_is_cut_by_share_of_text() -> None:
    document = cues_of(Segment(0.0, 20.0, LONG), layout=CueLayout())
    assert max(event.duration for event in document) <= 7000
    assert " ".join(event.plaintext.replace("\n", " ") for event in document) == LONG
    halfway = next(event for event in document if "agree" in event.plaintext)
    assert halfway.start / 20_000 == pytest.approx(LONG.index("agree") / len(LONG), abs=0.3)


def test_a_cue_never_holds_two_speakers() -> None:
    document = cues_of(
        spoken("Are you", speaker="SPEAKER_00"),
        spoken("sure", speaker="SPEAKER_01", start=0.6),
        layout=CueLayout(1000, 10),
    )
    assert [event.plaintext for event in document] == ["[SPEAKER_00]: Are you", "[SPEAKER_01]: sure"]


def test_a_pause_ends_a_cue() -> None:
    segment = Segment(0.0, 6.0, "before after", (Word("before", 0.0, 0.5), Word("after", 5.5, 6.0)))
    assert [event.plaintext for event in cues_of(segment, layout=CueLayout())] == ["before", "after"]


def test_scripts_without_spaces_are_cut_between_characters() -> None:
    text = "我们应该在星期五发布这个版本，因为客户从初夏就一直在等待，没有人喜欢等待。" * 2
    document = cues_of(Segment(0.0, 10.0, text), layout=CueLayout(10, 2), language="zh")
    lines = [line for event in document for line in event.plaintext.split("\n")]
    assert "".join(lines) == text
    assert max(map(len, lines)) <= 10
    assert not any(line.startswith(("，", "。")) for line in lines)


def test_lines_of_wide_characters_hold_half_as_many_whatever_was_spoken() -> None:
    characters = cues_of(Segment(0.0, 7.0, "没有人喜欢等待" * 6), layout=CueLayout(), language="en")
    translation = cues_of(spoken(LONG), layout=CueLayout(), language="zh")
    assert max(len(line) for event in characters for line in event.plaintext.split("\n")) <= 21
    assert max(len(line) for event in translation for line in event.plaintext.split("\n")) > 30


def test_words_of_a_script_without_spaces_keep_their_times() -> None:
    words = tuple(
        Word(character, 0.2 * index, 0.2 * index + 0.2) for index, character in enumerate("没有人喜欢等待")
    )
    document = cues_of(Segment(0.0, 1.4, "没有人喜欢等待", words), layout=CueLayout(4, 1), language="zh")
    assert "".join(event.plaintext for event in document) == "没有人喜欢等待"
    assert document[-1].end == 1400
    assert document[1].start % 200 == 0


def test_words_that_are_not_the_text_do_not_replace_it() -> None:
    segment = Segment(0.0, 2.0, "what was said", (Word("something", 0.0, 1.0), Word("else", 1.0, 2.0)))
    assert cues_of(segment, layout=CueLayout())[0].plaintext == "what was said"


def test_overlapping_segments_give_cues_side_by_side() -> None:
    document = cues_of(Segment(0.0, 5.0, "first"), Segment(2.0, 3.0, "second"), layout=CueLayout())
    assert [(event.start, event.end) for event in document] == [(0, 2000), (2000, 3000)]


def shown_times(*segments: Segment, layout: CueLayout | None = None) -> list[tuple[int, int]]:
    return [(event.start, event.end) for event in cues_of(*segments, layout=layout or CueLayout())]


def test_a_segment_without_length_is_still_shown() -> None:
    assert shown_times(Segment(1.0, 1.0, "first"), Segment(1.0, 2.0, "second")) == [
        (1000, 1500),
        (1500, 2300),
    ]


@pytest.mark.parametrize(
    ("segments", "times"),
    [
        ([(5.0, 5.02)], [(5000, 5800)]),
        ([(5.0, 5.02), (8.0, 9.0)], [(5000, 5800), (8000, 9000)]),
        ([(5.0, 5.02), (5.6, 6.6)], [(5000, 5600), (5600, 6600)]),
        ([(5.0, 5.7), (5.9, 6.8)], [(5000, 5900), (5900, 6800)]),
        ([(5.0, 6.0), (6.15, 7.0)], [(5000, 6150), (6150, 7000)]),
        ([(5.0, 6.0), (6.2, 7.0)], [(5000, 6000), (6200, 7000)]),
        ([(5.0, 6.0), (5.01, 7.0)], [(5000, 5500), (5500, 7000)]),
        ([(5.0, 5.3), (5.01, 5.3), (5.02, 5.3)], [(5000, 5500), (5500, 6000), (6000, 6800)]),
        ([(5.0, 11.95), (12.1, 13.0)], [(5000, 12000), (12100, 13000)]),
    ],
    ids=["alone", "room", "some room", "short and a gap", "tiny gap", "real gap", "two", "three", "full"],
)  # fmt: skip
def test_no_cue_flashes(segments: list[tuple[float, float]], times: list[tuple[int, int]]) -> None:
    spoken_at = [Segment(start, end, "No.", None, f"SPEAKER_0{i}") for i, (start, end) in enumerate(segments)]
    assert shown_times(*spoken_at) == times


def test_what_is_said_in_between_is_shown_when_it_is_said() -> None:
    """A long segment of several cues does not hold back the one that falls into it."""
    events = cues_of(spoken(LONG, speaker="A"), Segment(4.0, 5.0, "No!", None, "B"), layout=CueLayout())
    (interjection,) = [event for event in events if "No!" in event.plaintext]
    assert 4000 <= interjection.start <= 4500


RLM, FSI, PDI = "\u200f", "\u2068", "\u2069"


@pytest.mark.parametrize(
    "text",
    [
        "שלום, מה שלומך?",
        "مرحبا، كيف حالك؟",
        "سلام، حال شما چطور است؟",
        "آپ کیسے ہیں؟",
        "WhatsApp זה טוב מאוד.",
    ],
)
def test_right_to_left_lines_keep_name_and_full_stop_on_their_sides(text: str) -> None:
    """Some players go by the first letter of a line, some by none: marks at both ends serve both."""
    line = f"{RLM}{FSI}[SPEAKER_00]{PDI}: {text}{RLM}"
    transcript = Transcript((Segment(0.0, 2.0, text, None, "SPEAKER_00"),), "he", 2.0, "demo")
    assert FORMATS["srt"].render(transcript, CueLayout()).splitlines()[2] == line
    assert FORMATS["vtt"].render(transcript, CueLayout()).splitlines()[3] == line
    assert FORMATS["text"].render(transcript, CueLayout()) == f"{line}\n"


def test_every_line_of_a_right_to_left_cue_is_marked_and_none_is_wider() -> None:
    text = "אמרתי לו אתמול שאנחנו צריכים לסיים את הדוח הזה עד יום שישי, ו-Google עדיין לא ענתה לנו."
    document = cues_of(Segment(0.0, 6.0, text, None, "SPEAKER_00"), layout=CueLayout())
    lines = [line for event in document for line in event.plaintext.split("\n")]
    assert len(lines) > 1
    assert all(line.startswith(RLM) and line.endswith(RLM) for line in lines)
    bare = [line.strip(RLM).replace(FSI, "").replace(PDI, "") for line in lines]
    assert max(map(len, bare)) <= 42
    assert " ".join(bare).replace("[SPEAKER_00]: ", "") == text


def test_highlighting_leaves_right_to_left_lines_marked() -> None:
    segment = spoken("שלום לכולם", speaker="SPEAKER_00")
    shown = FORMATS["vtt"].render(Transcript((segment,), "he", 1.0, "demo"), CueLayout(highlight_words=True))
    assert f"{RLM}{FSI}[SPEAKER_00]{PDI}: <u>שלום</u> לכולם{RLM}" in shown


@pytest.mark.parametrize("name", ["json", "tsv"])
def test_data_holds_no_marks(name: str) -> None:
    transcript = Transcript((Segment(0.0, 2.0, "שלום.", None, "SPEAKER_00"),), "he", 2.0, "demo")
    assert not {RLM, FSI, PDI} & set(FORMATS[name].render(transcript, CueLayout()))


@pytest.mark.parametrize("name", ["srt", "vtt", "text"])
@pytest.mark.parametrize("text", ["Shall we begin?", "他说：好。", "The word שלום means peace.", "2025", "…"])
def test_other_lines_hold_no_marks(name: str, text: str) -> None:
    transcript = Transcript((Segment(0.0, 2.0, text, None, "SPEAKER_00"),), "en", 2.0, "demo")
    assert not {RLM, FSI, PDI} & set(FORMATS[name].render(transcript, CueLayout()))


def test_plain_right_to_left_text_without_a_name_is_left_alone() -> None:
    transcript = Transcript((Segment(0.0, 2.0, "שלום."),), "he", 2.0, "demo")
    assert FORMATS["text"].render(transcript, CueLayout()) == "שלום.\n"


def test_json_names_no_unknown_value() -> None:
    unaligned = Segment(0.0, 1.0, "a", (Word("a", NAN, None, NAN),), None)
    answer = json.loads(FORMATS["json"].render(replace(NOTHING_SAID, segments=(unaligned,)), CueLayout()))
    assert answer["segments"] == [{"start": 0.0, "end": 1.0, "text": "a", "words": [{"word": "a"}]}]
