"""Subtitle cues that people can read: short enough in time and text, one speaker each, never overlapping."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from unicodedata import east_asian_width

from app.formats.direction import RIGHT_TO_LEFT_MARK, reads_right_to_left
from app.formats.line_breaking import Room, cut, wrap
from app.formats.sanitize import plain_segment, right_to_left_speaker_mark, speaker_mark
from app.formats.text_units import Atom, atoms
from app.formats.timestamps import milliseconds
from app.transcript import Seconds, Segment, Transcript

_SHORTEST = 800
"""Milliseconds that a cue is shown at least where the next one leaves room."""
_CROWDED = 500
"""Milliseconds that a cue is shown at least when the next segment begins at almost the same moment."""
_LATEST = 2000
"""Milliseconds; no cue begins later than that after its words to make room for the ones before."""
_TINY_GAP = 200
"""Milliseconds; a shorter pause between two cues is no pause but a flicker."""


@dataclass(frozen=True, slots=True)
class CueLayout:
    """How srt and vtt are laid out; None takes what suits the script."""

    max_line_width: int | None = None
    """Characters; the speaker's name counts."""
    max_line_count: int | None = None
    highlight_words: bool = False
    """Underline each word while it is spoken, in one cue per word."""
    max_seconds: Seconds = 7.0


@dataclass(frozen=True, slots=True)
class Span:
    """Text of one line with one look."""

    text: str
    underlined: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from `start` until before `end`, in milliseconds."""

    start: int
    end: int
    lines: tuple[tuple[Span, ...], ...]

    def text(self, escape: Callable[[str], str]) -> str:
        """Return the lines with `escape` applied to everything but our own markup."""
        return "\n".join("".join(_marked_up(span, escape) for span in line) for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Block:
    """The cues that show one text: one, or one per word that is underlined in it."""

    segment: int
    """Number of the segment that the text belongs to."""
    cues: tuple[Cue, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """How the lines of a segment are written."""

    speaker: str | None
    right_to_left: bool

    @property
    def mark(self) -> str:
        """Return what stands before the words."""
        return (right_to_left_speaker_mark if self.right_to_left else speaker_mark)(self.speaker)


def cues(transcript: Transcript, layout: CueLayout) -> tuple[Cue, ...]:
    """Return the cues of `transcript`, ordered by time, none of them empty, too long or overlapping."""
    blocks: list[_Block] = []
    for number, segment in enumerate(_in_order(transcript.segments)):
        look = _Look(segment.speaker, reads_right_to_left(segment.text))
        width = layout.max_line_width or _usual_width(segment.text)
        indent = len(speaker_mark(segment.speaker))
        room = Room(width, layout.max_line_count or 2, layout.max_seconds, indent)
        for pieces in cut(atoms(segment), room):
            lines = wrap(pieces, room)
            spoken = [piece for piece in pieces if piece.spoken] if layout.highlight_words else []
            shown = _word_by_word(pieces, spoken, lines, look) if spoken else [_whole(pieces, lines, look)]
            blocks.append(_Block(number, tuple(shown)))
    blocks.sort(key=lambda block: block.cues[0].start)
    return _side_by_side(blocks, milliseconds(layout.max_seconds))


def _usual_width(text: str) -> int:
    """Return the characters of a line; half as many where most of them are as wide as high."""
    wide = sum(east_asian_width(character) in "WF" for character in text)
    return 21 if 2 * wide > len(text) else 42


def _in_order(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Yield plain segments with finite times, ordered by start."""
    latest: Seconds = 0.0
    timed = []
    for segment in segments:
        start = segment.start if math.isfinite(segment.start) else latest
        latest = max(start, segment.end) if math.isfinite(segment.end) else start
        timed.append(replace(segment, start=start, end=latest))
    for segment in sorted(timed, key=lambda segment: segment.start):
        yield plain_segment(segment)


def _whole(pieces: Sequence[Atom], lines: Sequence[Sequence[Atom]], look: _Look) -> Cue:
    return Cue(milliseconds(pieces[0].start), milliseconds(pieces[-1].end), _spans(lines, look, None))


def _word_by_word(
    pieces: Sequence[Atom], spoken: Sequence[Atom], lines: Sequence[Sequence[Atom]], look: _Look
) -> Iterator[Cue]:
    """Yield a cue for each spoken word, and one without underlining for each pause that is worth seeing."""
    plain = _whole(pieces, lines, look)
    shown_until = plain.start
    for word in spoken:
        start, end = milliseconds(word.start), milliseconds(word.end)
        if start - shown_until >= _TINY_GAP:
            yield replace(plain, start=shown_until, end=start)
        yield Cue(start, end, _spans(lines, look, word))
        shown_until = end
    if plain.end - shown_until >= _TINY_GAP:
        yield replace(plain, start=shown_until)


def _spans(lines: Sequence[Sequence[Atom]], look: _Look, spoken: Atom | None) -> tuple[tuple[Span, ...], ...]:
    """Return the lines as spans, only `spoken` underlined."""
    edge = RIGHT_TO_LEFT_MARK if look.right_to_left else ""
    written: list[tuple[Span, ...]] = []
    for line in lines:
        spans = [Span(edge), Span("" if written else look.mark)]
        for index, piece in enumerate(line):
            blank = " " if piece.space_before and index else ""
            spans += [Span(blank), Span(piece.text, underlined=piece is spoken)]
        spans.append(Span(edge))
        written.append(tuple(span for span in spans if span.text))
    return tuple(written)


def _side_by_side(blocks: Sequence[_Block], longest: int) -> tuple[Cue, ...]:
    """Return the cues with each ending before the next begins, lasting from 1 to `longest` milliseconds."""
    laid_out = [cue for block in blocks for cue in block.cues]
    starts = _starts(blocks)
    arranged = []
    for cue, start, following in zip_longest(laid_out, starts, starts[1:]):
        end = max(cue.end, start + _SHORTEST)
        if following is not None and following - end < _TINY_GAP:
            end = following
        arranged.append(replace(cue, start=start, end=min(end, start + longest)))
    return tuple(arranged)


def _starts(blocks: Sequence[_Block]) -> list[int]:
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
            begin = max(begin, min(shown_since + _CROWDED, begin + _LATEST))
        for cue in block.cues:
            starts.append(max(cue.start, begin, starts[-1] + 1 if starts else 0))
        before, shown_since = block, starts[-len(block.cues)]
    return starts


def _marked_up(span: Span, escape: Callable[[str], str]) -> str:
    return f"<u>{escape(span.text)}</u>" if span.underlined else escape(span.text)
