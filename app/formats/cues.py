"""Subtitle cues that people can read: short enough in time and text, one speaker each, never overlapping."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from unicodedata import east_asian_width

from app.formats.direction import RIGHT_TO_LEFT_MARK, reads_right_to_left
from app.formats.line_breaking import CueLimits, Line, split_into_cues, wrap_lines
from app.formats.sanitize import plain_segment, right_to_left_speaker_prefix, speaker_prefix
from app.formats.text_units import TextUnit, split_into_units
from app.formats.timestamps import milliseconds
from app.transcript import Seconds, Segment, Transcript

_MIN_CROWDED_CUE_MS = 500
"""A cue lasts at least so long even if the next segment begins at almost the same moment."""
_MAX_DELAY_MS = 2000
"""No cue begins later than that after its words to make room for the one before it."""
_MIN_GAP_MS = 200
"""A shorter pause between two cues would flicker: the earlier one lasts until the later one begins."""


@dataclass(frozen=True, slots=True)
class CueLayout:
    """How srt and vtt are laid out; None takes what suits the script."""

    max_line_width: int | None = None
    """Characters; the speaker's name counts."""
    max_line_count: int | None = None
    highlight_words: bool = False
    """Underline each word while it is spoken, in one cue per word."""
    max_seconds: Seconds = 7.0
    min_seconds: Seconds = 0.8
    """A cue lasts at least so long where the next one leaves room."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a line, underlined or not."""

    text: str
    underlined: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines shown from `start` until before `end`, in milliseconds."""

    start: int
    end: int
    lines: tuple[tuple[Span, ...], ...]

    def text(self, escape: Callable[[str], str]) -> str:
        """Return the lines with `escape` applied to everything but the tags that underline."""
        return "\n".join("".join(_with_markup(span, escape) for span in line) for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Block:
    """The cues that show one text: one, or one per word that is underlined in it."""

    segment: int
    """Number of the segment that the text belongs to."""
    cues: tuple[Cue, ...]


@dataclass(frozen=True, slots=True)
class _LineStyle:
    """What the lines of a segment have in common."""

    speaker: str | None
    right_to_left: bool

    @property
    def prefix(self) -> str:
        """Return the speaker's name as it stands before the words."""
        return (right_to_left_speaker_prefix if self.right_to_left else speaker_prefix)(self.speaker)


def make_cues(transcript: Transcript, layout: CueLayout) -> tuple[Cue, ...]:
    """Return the cues of `transcript`, ordered by time, none of them empty, too long or overlapping."""
    blocks: list[_Block] = []
    for number, segment in enumerate(_in_order(transcript.segments)):
        style = _LineStyle(segment.speaker, reads_right_to_left(segment.text))
        width = layout.max_line_width or _default_width(segment.text)
        indent = len(speaker_prefix(segment.speaker))
        limits = CueLimits(width, layout.max_line_count or 2, layout.max_seconds, indent)
        for units in split_into_cues(split_into_units(segment), limits):
            lines = wrap_lines(units, limits)
            plain = Cue(milliseconds(units[0].start), milliseconds(units[-1].end), _styled(lines, style))
            highlighted = _highlighted(plain, lines, style) if layout.highlight_words else ()
            blocks.append(_Block(number, tuple(highlighted) or (plain,)))
    blocks.sort(key=lambda block: block.cues[0].start)
    return _remove_overlaps(blocks, milliseconds(layout.min_seconds), milliseconds(layout.max_seconds))


def _default_width(text: str) -> int:
    """Return the characters per line: 42, or 21 where most of them are full-width (as in Chinese)."""
    wide = sum(east_asian_width(character) in "WF" for character in text)
    return 21 if 2 * wide > len(text) else 42


def _in_order(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Yield the segments that occur with plain text, ordered by start, none ending before it starts."""
    for segment in sorted(segments, key=lambda segment: segment.start):
        if segment.occurs:
            yield replace(plain_segment(segment), end=max(segment.start, segment.end))


def _highlighted(plain: Cue, lines: Sequence[Line], style: _LineStyle) -> Iterator[Cue]:
    """Yield a cue for each word that has times, and `plain` in each pause between them.

    Nothing is yielded where no word has times.
    """
    words = [unit for line in lines for unit in line if unit.spoken]
    shown_until = plain.start
    for word in words:
        start, end = milliseconds(word.start), milliseconds(word.end)
        if start - shown_until >= _MIN_GAP_MS:
            yield replace(plain, start=shown_until, end=start)
        yield Cue(start, end, _styled(lines, style, underlined=word))
        shown_until = end
    if words and plain.end - shown_until >= _MIN_GAP_MS:
        yield replace(plain, start=shown_until)


def _styled(
    lines: Sequence[Line], style: _LineStyle, underlined: TextUnit | None = None
) -> tuple[tuple[Span, ...], ...]:
    """Return the lines as spans, the first with the speaker's name before it."""
    edge = RIGHT_TO_LEFT_MARK if style.right_to_left else ""
    written: list[tuple[Span, ...]] = []
    for line in lines:
        spans = [Span(edge), Span("" if written else style.prefix)]
        for index, unit in enumerate(line):
            blank = " " if unit.space_before and index else ""
            spans += [Span(blank), Span(unit.text, underlined=unit is underlined)]
        spans.append(Span(edge))
        written.append(tuple(span for span in spans if span.text))
    return tuple(written)


def _remove_overlaps(blocks: Sequence[_Block], shortest: int, longest: int) -> tuple[Cue, ...]:
    """Return the cues with each ending before the next begins, lasting from 1 to `longest` milliseconds."""
    laid_out = [cue for block in blocks for cue in block.cues]
    starts = _cue_starts(blocks)
    arranged = []
    for cue, start, following in zip_longest(laid_out, starts, starts[1:]):
        end = max(cue.end, start + shortest)
        if following is not None and following - end < _MIN_GAP_MS:
            end = following
        arranged.append(replace(cue, start=start, end=min(end, start + longest)))
    return tuple(arranged)


def _cue_starts(blocks: Sequence[_Block]) -> list[int]:
    """Return when each cue begins, in strict order.

    What follows within a segment begins with its words. Another segment waits a little if the one before it
    would be gone before anybody could see it.
    """
    starts: list[int] = []
    before: _Block | None = None
    shown_since = 0
    for block in blocks:
        begin = block.cues[0].start
        if before is not None and before.segment != block.segment:
            begin = max(begin, min(shown_since + _MIN_CROWDED_CUE_MS, begin + _MAX_DELAY_MS))
        for cue in block.cues:
            starts.append(max(cue.start, begin, starts[-1] + 1 if starts else 0))
        before, shown_since = block, starts[-len(block.cues)]
    return starts


def _with_markup(span: Span, escape: Callable[[str], str]) -> str:
    return f"<u>{escape(span.text)}</u>" if span.underlined else escape(span.text)
