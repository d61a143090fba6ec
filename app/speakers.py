"""Who said which word.

The rule: within a segment, the speakers are chosen so that as little speech as possible goes to the wrong
person, where every change of speaker counts as much as 0.35 s given to the wrong one. So a back-channel or a
frame of overlap inside a sentence must last 0.7 s to interrupt it (there and back), and 0.35 s at its edge.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate, groupby

from app.transcript import Seconds, Segment, Turn, Word, word_spans

_COST_OF_CHANGE: Seconds = 0.35
_HINT: Seconds = 1e-3
"""What the nearest turn counts for a word outside every turn: it decides only where nothing else does."""


def assign_speakers(
    segments: Sequence[Segment], turns: Sequence[Turn], *, split: bool = True, fill_nearest: bool = True
) -> tuple[Segment, ...]:
    """Return `segments` with speakers on words and segments, in the order given; takes O(n log n).

    `turns` are exclusive. With `split` a segment ends where the speaker changes, else it goes to the person
    who speaks longest in it. A word outside every turn gets the nearest one, or none without `fill_nearest`.
    A segment without word times is never split: it goes to the person who speaks longest during it.
    """
    if not turns:
        return tuple(segments)
    timeline = _Timeline(turns)
    return tuple(
        part for segment in segments for part in _assign(segment, timeline, split=split, fill=fill_nearest)
    )


def _assign(segment: Segment, timeline: "_Timeline", *, split: bool, fill: bool) -> list[Segment]:
    times = [_times(word) for word in segment.words or ()]
    if segment.words is None or not any(times):
        return [_assign_whole(segment, timeline, fill=fill)]
    evidence = [timeline.speech(*time) if time else {} for time in times]
    hints = [
        {timeline.nearest(*time): _HINT} if time and not heard else heard
        for time, heard in zip(times, evidence, strict=True)
    ]
    speakers = _least_wrong(hints)
    words = tuple(
        replace(word, speaker=speaker if fill or heard or not time else None)
        for word, speaker, heard, time in zip(segment.words, speakers, evidence, times, strict=True)
    )
    if not split:
        return [replace(segment, words=words, speaker=_most_heard(words))]
    runs = [list(run) for _, run in groupby(range(len(words)), key=speakers.__getitem__)]
    return _parts(segment, words, [(run[0], run[-1] + 1) for run in runs])


def _assign_whole(segment: Segment, timeline: "_Timeline", *, fill: bool) -> Segment:
    heard = timeline.speech(segment.start, segment.end)
    speaker = max(heard, key=heard.__getitem__) if heard else None
    if speaker is None and fill:
        speaker = timeline.nearest(segment.start, segment.end)
    words = segment.words
    if words is not None:
        words = tuple(replace(word, speaker=speaker) for word in words)
    return replace(segment, words=words, speaker=speaker)


def _least_wrong(evidence: Sequence[dict[str, Seconds]]) -> list[str]:
    """Return one speaker per word, by dynamic programming over the cost of the rule above.

    A word that nobody is heard in goes with the word before it, else with the one after it.
    """
    candidates = list(dict.fromkeys(label for heard in evidence for label in heard))
    if len(candidates) == 1:
        return candidates * len(evidence)
    costs = dict.fromkeys(candidates, 0.0)
    steps: list[dict[str, str]] = []
    for heard in evidence:
        cheapest = min(candidates, key=costs.__getitem__)
        change = costs[cheapest] + _COST_OF_CHANGE
        steps.append({label: label if costs[label] < change else cheapest for label in candidates})
        most = max(heard.values(), default=0.0)
        costs = {label: min(costs[label], change) + (most - heard.get(label, 0.0)) for label in candidates}
    label = min(candidates, key=costs.__getitem__)
    chosen = [label]
    for step in reversed(steps[1:]):
        label = step[label]
        chosen.append(label)
    return chosen[::-1]


def _most_heard(words: Iterable[Word]) -> str | None:
    heard: dict[str, Seconds] = {}
    for word in words:
        if word.speaker is not None:
            start, end = _times(word) or (0.0, 0.0)
            heard[word.speaker] = heard.get(word.speaker, 0.0) + end - start
    return max(heard, key=heard.__getitem__, default=None)


def _parts(segment: Segment, words: tuple[Word, ...], runs: Sequence[tuple[int, int]]) -> list[Segment]:
    """Return one segment per run of words; the first starts and the last ends with `segment`."""
    spans = word_spans(segment)
    parts = []
    for begin, end in runs:
        own = words[begin:end]
        first, last = begin == 0, end == len(words)
        if spans:
            text = segment.text[None if first else spans[begin][0] : None if last else spans[end][0]].strip()
        else:
            text = " ".join(word.text.strip() for word in own)
        times = [time for time in map(_times, own) if time]
        starts_at = segment.start if first else min(start for start, _ in times)
        ends_at = segment.end if last else max(end for _, end in times)
        parts.append(
            replace(
                segment,
                start=starts_at,
                end=max(starts_at, ends_at),
                text=segment.text if first and last else text,
                words=own,
                speaker=next((word.speaker for word in own if word.speaker), None),
            )
        )
    return parts


def _times(word: Word) -> tuple[Seconds, Seconds] | None:
    """Return start and end of a word that could be placed."""
    if word.start is None or word.end is None or not math.isfinite(word.start + word.end):
        return None
    return word.start, max(word.start, word.end)


class _Timeline:
    """Turns ordered by start, ready to be searched."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: turn.start)
        self._starts = [turn.start for turn in self._turns]
        self._latest_ends = list(accumulate((turn.end for turn in self._turns), max))

    def speech(self, start: Seconds, end: Seconds) -> dict[str, Seconds]:
        """Return how long each person speaks between `start` and `end`, without those who do not.

        A moment (start equal to end) inside a turn counts as next to nothing, but counts.
        """
        heard: dict[str, Seconds] = {}
        first = bisect_left(self._latest_ends, start)
        for index in range(first, bisect_right(self._starts, end)):
            turn = self._turns[index]
            shared = min(end, turn.end) - max(start, turn.start)
            if shared > 0 or start == end == max(turn.start, min(start, turn.end)):
                heard[turn.speaker] = heard.get(turn.speaker, 0.0) + max(shared, _HINT)
        return heard

    def nearest(self, start: Seconds, end: Seconds) -> str:
        """Return who speaks nearest to the stretch from `start` to `end`, if in doubt the earlier one."""
        following = bisect_left(self._starts, end)
        near = self._turns[max(0, following - 1) : following + 1]
        return min(near, key=lambda turn: max(turn.start - end, start - turn.end)).speaker
