"""What holds for every transcript: nothing said is lost, no document breaks, times stay exact."""

import csv
import io
import json
import re
from dataclasses import replace
from html import unescape
from itertools import pairwise

import pysubs2
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from app.formats import FORMATS, CueLayout
from app.formats.cues import make_cues
from app.formats.sanitize import plain_line
from app.formats.timestamps import milliseconds
from app.transcript import Segment, Transcript, Word

some_examples = settings(max_examples=40, deadline=None, derandomize=True)

SOME_TEXT = st.text(alphabet=st.characters(), max_size=20)
NASTY = st.sampled_from(
    ["-->", "00:00:01,000 --> 00:00:02,000", "<b>", "</u>", "&amp;", "a\n\nb", "\t", "1", "WEBVTT", "NOTE x",
     "{\\an8}", "\x00", "\u2028", "\x85", "\ud800", "\ufeff", "中文。", "ไทย", "e\u0301", "👩‍👩‍👧"]
)  # fmt: skip
TEXT = st.one_of(SOME_TEXT, st.lists(st.one_of(NASTY, SOME_TEXT), max_size=4).map(" ".join))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY_TIME = st.one_of(st.none(), st.floats())
SPEAKER = st.sampled_from([None, "SPEAKER_00", "SPEAKER_01"])
LAYOUT = st.builds(
    CueLayout,
    st.one_of(st.none(), st.integers(1, 80)),
    st.one_of(st.none(), st.integers(1, 4)),
    st.booleans(),
)
WILD_SEGMENT = st.builds(
    Segment,
    FINITE,
    FINITE,
    TEXT,
    st.one_of(
        st.none(),
        st.lists(st.builds(Word, TEXT, ANY_TIME, ANY_TIME, ANY_TIME, SPEAKER), max_size=5).map(tuple),
    ),
    SPEAKER,
)
WILD = st.builds(
    Transcript,
    st.lists(WILD_SEGMENT, max_size=5).map(tuple),
    st.sampled_from(["en", "zh", "th"]),
    FINITE,
    st.just("demo"),
    st.one_of(st.none(), st.dictionaries(st.just("SPEAKER_00"), st.lists(FINITE, max_size=3).map(tuple))),
)


@st.composite
def spoken(draw: st.DrawFn) -> Transcript:
    """A transcript as the stages make it: words in order, inside their segment, with or without times."""
    now = draw(st.integers(0, 10**8))
    segments = []
    for _ in range(draw(st.integers(0, 4))):
        begin = now
        words = []
        for text in draw(st.lists(TEXT.map(plain_line).filter(bool), min_size=1, max_size=12)):
            start = now + draw(st.integers(0, 4000))
            now = start + draw(st.integers(1, 1500))
            placed = draw(st.booleans())
            words.append(Word(text, start / 1000 if placed else None, now / 1000 if placed else None, 0.5))
        text = " ".join(word.text for word in words)
        aligned = draw(st.booleans())
        segments.append(
            Segment(begin / 1000, now / 1000, text, tuple(words) if aligned else None, draw(SPEAKER))
        )
    return Transcript(tuple(segments), draw(st.sampled_from(["en", "zh"])), now / 1000, "demo")


def without_space(text: str) -> str:
    return "".join(text.split())


def without_marks(text: str) -> str:
    """Leave out what is written around right-to-left text, and how it came."""
    return re.sub("[\u200f\u2068\u2069]", "", text)


@some_examples
@given(WILD, LAYOUT)
def test_any_transcript_can_be_written_in_any_format(transcript: Transcript, layout: CueLayout) -> None:
    for chosen in FORMATS.values():
        document = chosen.render(transcript, layout)
        assert isinstance(document, bytes) or document.encode("utf-8") is not None


@some_examples
@given(WILD, LAYOUT)
def test_json_is_strict_json(transcript: Transcript, layout: CueLayout) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    answer = json.loads(FORMATS["json"].render(transcript, layout), parse_constant=refuse)
    assert answer["text"] == answer["segments"]
    assert all(isinstance(segment["text"], str) for segment in answer["segments"])
    assert None not in [value for segment in answer["segments"] for value in segment.values()]


@some_examples
@given(WILD, LAYOUT)
def test_cues_are_in_order_apart_and_short(transcript: Transcript, layout: CueLayout) -> None:
    shown = make_cues(transcript, layout)
    assert all(0 < cue.end - cue.start <= 7000 for cue in shown)
    assert all(earlier.end <= later.start for earlier, later in pairwise(shown))


@some_examples
@given(WILD, LAYOUT)
def test_no_cue_flashes_where_there_is_room(transcript: Transcript, layout: CueLayout) -> None:
    """A cue under 0.8 s lasts until the next one, and a pause under 0.2 s is none."""
    for cue, following in pairwise(make_cues(transcript, layout)):
        gap = following.start - cue.end
        assert cue.end - cue.start >= 800 or gap == 0
        assert gap == 0 or gap >= 200 or cue.end - cue.start == 7000
    assert all(cue.end - cue.start >= 800 for cue in make_cues(transcript, layout)[-1:])


@some_examples
@given(spoken(), LAYOUT)
def test_cues_come_with_their_words_or_a_little_later(transcript: Transcript, layout: CueLayout) -> None:
    """Whoever begins at the same moment waits two seconds at most."""
    shown = make_cues(transcript, replace(layout, highlight_words=False))
    starts = [milliseconds(segment.start) for segment in transcript.segments]
    ends = [milliseconds(segment.end) for segment in transcript.segments]
    assert all(min(starts) <= cue.start <= max(ends) + 2000 for cue in shown)


@some_examples
@given(spoken(), LAYOUT)
def test_cues_keep_line_count_width_and_every_word(transcript: Transcript, layout: CueLayout) -> None:
    layout = CueLayout(layout.max_line_width, layout.max_line_count)
    shown = [cue.text(str) for cue in make_cues(transcript, layout)]
    bare = map(without_marks, shown)
    said = without_space("".join(re.sub(r"^\[SPEAKER_0\d\]: ", "", text) for text in bare))
    spoken_text = "".join(plain_line(segment.text) for segment in transcript.segments)
    assert said == without_marks(without_space(spoken_text))
    for text in shown:
        lines = text.split("\n")
        assert len(lines) <= (layout.max_line_count or 2)
        assert all("\n" not in line and line.strip() for line in lines)


@some_examples
@given(spoken())
def test_highlighting_underlines_each_placed_word_once_in_order(transcript: Transcript) -> None:
    shown = make_cues(transcript, CueLayout(highlight_words=True))
    underlined = "".join(span.text for cue in shown for line in cue.lines for span in line if span.underlined)
    placed = [
        word.text for segment in transcript.segments for word in segment.words or () if word.start is not None
    ]
    assert underlined == without_space("".join(placed))


@some_examples
@given(spoken(), LAYOUT)
def test_webvtt_py_finds_the_cues_that_were_written(transcript: Transcript, layout: CueLayout) -> None:
    shown = make_cues(transcript, layout)
    captions = list(webvtt.from_string(FORMATS["vtt"].render(transcript, layout)))
    assert [caption.start_in_seconds for caption in captions] == [cue.start // 1000 for cue in shown]
    written = [
        without_space(re.sub(r"</?u>", "", cue.text(lambda text: text.replace("<", "\0")))) for cue in shown
    ]
    assert [without_space(unescape(caption.text)).replace("<", "\0") for caption in captions] == written


@some_examples
@given(spoken(), LAYOUT)
def test_pysubs2_finds_the_cues_that_were_written(transcript: Transcript, layout: CueLayout) -> None:
    document = pysubs2.SSAFile.from_string(FORMATS["srt"].render(transcript, layout), "srt")
    assert [(event.start, event.end) for event in document] == [
        (cue.start, cue.end) for cue in make_cues(transcript, layout)
    ]


@some_examples
@given(spoken())
def test_times_survive_to_the_millisecond(transcript: Transcript) -> None:
    rows = list(
        csv.reader(
            io.StringIO(FORMATS["tsv"].render(transcript, CueLayout()), newline="\n"),
            delimiter="\t",
            quoting=csv.QUOTE_NONE,
        )
    )[1:]
    assert len(rows) == len(transcript.segments)
    for row, segment in zip(rows, transcript.segments, strict=True):
        assert [int(row[0]) / 1000, int(row[1]) / 1000] == [segment.start, segment.end]
        assert row[2] == plain_line(segment.text)
        assert row[3] == (segment.speaker or "")


@some_examples
@given(st.floats(min_value=0, max_value=1e7))
def test_milliseconds_agree_with_the_numbers_of_json(seconds: float) -> None:
    assert milliseconds(seconds) / 1000 == round(seconds, 3)
    assert abs(milliseconds(seconds) - seconds * 1000) <= 0.501


@some_examples
@given(TEXT)
def test_every_segment_is_one_line_of_text(text: str) -> None:
    document = FORMATS["text"].render(
        Transcript((Segment(0.0, 1.0, text), Segment(1.0, 2.0, "end")), "en", 2.0, "demo"), CueLayout()
    )
    assert document.splitlines() == [*filter(None, [plain_line(text)]), "end"]
