"""The units of a text between which a line may break, each with its time.

A reduced form of Unicode's line breaking (UAX #14): breaks at blanks, and in scripts written without them
between characters, but never before closing or after opening punctuation.
"""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from app.transcript import Seconds, Segment, word_spans

_UNSPACED = (
    r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Thai, Lao, Tibetan, Burmese, Khmer, kana and Han, which are written without spaces."""
_LEADING = r"「『（【〈《〔｛“‘(\u0e40-\u0e44\u0ec0-\u0ec4"
_TRAILING = (
    r"、。，．・：；？！」』）】〉》〕｝”’…,.!?;:)%ー々ゝゞぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ"
    r"\u3099\u309a\uff70\uff9e\uff9f\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec6-\u0ece"
    r"\u0f0b-\u0f14\u0f71-\u0fbc\u102b-\u103e\u1056-\u1060\u17b4-\u17d3\ufe00-\ufe0f\u200b-\u200d"
)
_UNIT = re.compile(rf"[{_LEADING}]*[{_UNSPACED}](?:\u17d2.|[{_TRAILING}])*|[^\s{_UNSPACED}]+|\S")


@dataclass(frozen=True, slots=True)
class TextUnit:
    """A word, or one character of a script without spaces, with the punctuation that must stay with it."""

    text: str
    start: Seconds
    end: Seconds
    space_before: bool
    spoken: bool
    """Whether it belongs to a word that has times of its own."""


def split_into_units(segment: Segment) -> tuple[TextUnit, ...]:
    """Return the units of a segment of plain text, in order.

    Times come from the words; where none are known, from the share of characters in between.
    """
    times = _CharacterTimes(segment)
    found = []
    for match in _UNIT.finditer(segment.text):
        begin, end = match.span()
        found.append(
            TextUnit(
                text=match.group(),
                start=times.at_start_of(begin),
                end=times.at_end_of(end),
                space_before=begin > 0 and segment.text[begin - 1].isspace(),
                spoken=times.is_spoken(begin),
            )
        )
    return tuple(found)


class _CharacterTimes:
    """Maps a position in the text to a time that never runs backwards nor leaves the segment."""

    def __init__(self, segment: Segment) -> None:
        self._spoken_begins: list[int] = []
        self._spoken_ends: list[int] = []
        anchors = [(0, segment.start)]
        for (begin, end), word in zip(word_spans(segment) or (), segment.words or (), strict=False):
            if word.span is not None:
                anchors += [(begin, word.span[0]), (end, word.span[1])]
                self._spoken_begins.append(begin)
                self._spoken_ends.append(end)
        anchors.append((len(segment.text), segment.end))
        self._positions = [position for position, _ in anchors]
        self._times: list[Seconds] = []
        for _, time in anchors:
            earliest = self._times[-1] if self._times else segment.start
            self._times.append(min(max(time, earliest), segment.end))

    def at_start_of(self, position: int) -> Seconds:
        """Return the time at which the character at `position` begins."""
        return self._interpolated(bisect_right(self._positions, position) - 1, position)

    def at_end_of(self, position: int) -> Seconds:
        """Return the time at which the character before `position` ends."""
        after = bisect_left(self._positions, position)
        if self._positions[after] == position:
            return self._times[after]
        return self._interpolated(after - 1, position)

    def is_spoken(self, position: int) -> bool:
        """Say whether a word with times covers the character at `position`."""
        index = bisect_right(self._spoken_begins, position) - 1
        return index >= 0 and position < self._spoken_ends[index]

    def _interpolated(self, index: int, position: int) -> Seconds:
        begin, end = self._positions[index], self._positions[index + 1]
        share = (position - begin) / (end - begin)
        return self._times[index] + share * (self._times[index + 1] - self._times[index])
