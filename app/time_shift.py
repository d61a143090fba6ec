"""Times of a part of a recording, as those of the whole."""

from collections.abc import Iterable
from dataclasses import replace

from app.transcript import Seconds, Segment, Word


def later(segments: Iterable[Segment], seconds: Seconds) -> tuple[Segment, ...]:
    """Return `segments` with everything in them so much later."""
    return tuple(_segment(segment, seconds) for segment in segments)


def _segment(segment: Segment, seconds: Seconds) -> Segment:
    words = None if segment.words is None else tuple(_word(word, seconds) for word in segment.words)
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)


def _word(word: Word, seconds: Seconds) -> Word:
    start = None if word.start is None else word.start + seconds
    return replace(word, start=start, end=None if word.end is None else word.end + seconds)
