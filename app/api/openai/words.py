"""Words that all have a time: what the aligner could not place is put between its neighbours."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from app.options.languages import LANGUAGES_WITHOUT_SPACES
from app.transcript import Seconds, Segment, Word


def timed_words(segment: Segment, language: str) -> tuple[Word, ...]:
    """Return the words of `segment`, every one with times from its start to its end, in order."""
    words = segment.words
    if words is None:
        pieces = list(segment.text) if language in LANGUAGES_WITHOUT_SPACES else segment.text.split()
        words = tuple(Word(piece, speaker=segment.speaker) for piece in pieces if piece.strip())
    return tuple(_filled(words, segment.start, segment.end))


def _filled(words: Sequence[Word], start: Seconds, end: Seconds) -> Iterator[Word]:
    """Yield `words`; each run of those without times shares the time between the words around it."""
    at = start
    runs = [(known, list(run)) for known, run in groupby(words, key=_has_times)]
    for place, (known, run) in enumerate(runs):
        if known:
            at = max(at, run[-1].end or at)
            yield from run
        else:
            following = runs[place + 1][1][0].start if place + 1 < len(runs) else end
            until = max(at, end if following is None else following)
            yield from _spread(run, at, until)
            at = until


def _spread(words: Sequence[Word], start: Seconds, end: Seconds) -> Iterator[Word]:
    """Yield `words` with the time from `start` to `end` shared out by their length."""
    letters = sum(len(word.text) for word in words) or 1
    before = 0
    for word in words:
        first, before = before, before + len(word.text)
        yield replace(
            word,
            start=start + (end - start) * first / letters,
            end=start + (end - start) * before / letters,
        )


def _has_times(word: Word) -> bool:
    return word.start is not None and word.end is not None
