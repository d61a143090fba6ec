"""Subtitle cues that people can read: short enough in time and text, one speaker each, never overlapping."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from unicodedata import east_asian_width

from app.formats.atoms import Atom, atoms
from app.formats.plain_text import plain_segment, speaker_mark
from app.formats.timestamps import milliseconds
from app.formats.wrapping import Room, cut, wrap
from app.transcript import Seconds, Segment, Transcript


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


def cues(transcript: Transcript, layout: CueLayout) -> tuple[Cue, ...]:
    """Return the cues of `transcript`, ordered by time, none of them empty, too long or overlapping."""
    laid_out: list[Cue] = []
    for segment in _in_order(transcript.segments):
        mark = speaker_mark(segment.speaker)
        width = layout.max_line_width or _usual_width(segment.text)
        room = Room(width, layout.max_line_count or 2, layout.max_seconds, indent=len(mark))
        for pieces in cut(atoms(segment), room):
            lines = wrap(pieces, room)
            spoken = [piece for piece in pieces if piece.spoken] if layout.highlight_words else []
            laid_out += (
                _word_by_word(pieces, spoken, lines, mark) if spoken else [_whole(pieces, lines, mark)]
            )
    return _side_by_side(laid_out, milliseconds(layout.max_seconds))


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


def _whole(pieces: Sequence[Atom], lines: Sequence[Sequence[Atom]], mark: str) -> Cue:
    return Cue(milliseconds(pieces[0].start), milliseconds(pieces[-1].end), _spans(lines, mark, None))


def _word_by_word(
    pieces: Sequence[Atom], spoken: Sequence[Atom], lines: Sequence[Sequence[Atom]], mark: str
) -> Iterator[Cue]:
    plain = _whole(pieces, lines, mark)
    shown_until = plain.start
    for word in spoken:
        start, end = milliseconds(word.start), milliseconds(word.end)
        if start > shown_until:
            yield replace(plain, start=shown_until, end=start)
        yield Cue(start, end, _spans(lines, mark, word))
        shown_until = end
    if plain.end > shown_until:
        yield replace(plain, start=shown_until)


def _spans(lines: Sequence[Sequence[Atom]], mark: str, spoken: Atom | None) -> tuple[tuple[Span, ...], ...]:
    """Return the lines as spans, only `spoken` underlined."""
    written: list[tuple[Span, ...]] = []
    for line in lines:
        spans = [Span(mark)] if mark and not written else []
        for index, piece in enumerate(line):
            blank = " " if piece.space_before and index else ""
            spans += [Span(blank), Span(piece.text, underlined=piece is spoken)]
        written.append(tuple(span for span in spans if span.text))
    return tuple(written)


def _side_by_side(laid_out: Sequence[Cue], longest: int) -> tuple[Cue, ...]:
    """Return the cues with each ending before the next begins, lasting from 1 to `longest` milliseconds."""
    starts: list[int] = []
    for cue in laid_out:
        starts.append(max(cue.start, starts[-1] + 1) if starts else cue.start)
    arranged = []
    for index, cue in enumerate(laid_out):
        start = starts[index]
        end = min(max(cue.end, start + 1), start + longest)
        if index + 1 < len(starts):
            end = min(end, starts[index + 1])
        arranged.append(replace(cue, start=start, end=end))
    return tuple(arranged)


def _marked_up(span: Span, escape: Callable[[str], str]) -> str:
    return f"<u>{escape(span.text)}</u>" if span.underlined else escape(span.text)
