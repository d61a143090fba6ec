"""Who said which word.

The rule: within a segment, the speakers are chosen so that as little speech as possible goes to the wrong
person, where every change of speaker counts as much as 0.35 s given to the wrong one. So a back-channel or a
frame of overlap inside a sentence must last 0.7 s to interrupt it (there and back), and 0.35 s at its edge.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, groupby
from typing import TypeAlias

from app.transcript import Seconds, Segment, Turn, Word, word_spans

Speech: TypeAlias = Mapping[str, Seconds]
"""How long each speaker speaks during a word or a segment; those who do not are left out."""

_CHANGE_PENALTY: Seconds = 0.35
_LEAST_SPEECH: Seconds = 1e-3
"""What a turn counts that a word only touches, or that is nearest to a word outside every turn.

It decides only where nothing else does.
"""


def assign_speakers(
    segments: Sequence[Segment], turns: Sequence[Turn], *, split: bool = True, fill_nearest: bool = True
) -> tuple[Segment, ...]:
    """Return `segments` with speakers on words and segments, in the order given; takes O(n log n).

    `turns` are exclusive. With `split` a segment ends where the speaker changes, else it goes to the person
    who speaks longest in it. A word outside every turn gets the nearest one, or none without `fill_nearest`.
    A segment without word times is never split: it goes to the person who speaks longest during it. One that
    does not occur has no speaker.
    """
    if not turns:
        return tuple(segments)
    index = _TurnIndex(turns)
    return tuple(
        part for segment in segments for part in _assign(segment, index, split=split, fill=fill_nearest)
    )


def _assign(segment: Segment, index: "_TurnIndex", *, split: bool, fill: bool) -> list[Segment]:
    if not segment.occurs:
        return [segment]
    spans = [word.span for word in segment.words or ()]
    if segment.words is None or not any(spans):
        return [_assign_whole(segment, index, fill=fill)]
    inside = [index.speech(*span) if span else {} for span in spans]
    evidence = [
        {index.nearest(*span): _LEAST_SPEECH} if span and not speech else speech
        for span, speech in zip(spans, inside, strict=True)
    ]
    speakers = _most_likely_speakers(evidence)
    words = tuple(
        replace(word, speaker=speaker if fill or speech or not span else None)
        for word, speaker, speech, span in zip(segment.words, speakers, inside, spans, strict=True)
    )
    if not split:
        return [replace(segment, words=words, speaker=_main_speaker(words))]
    runs = [list(run) for _, run in groupby(range(len(words)), key=speakers.__getitem__)]
    return _split(segment, words, [(run[0], run[-1] + 1) for run in runs])


def _assign_whole(segment: Segment, index: "_TurnIndex", *, fill: bool) -> Segment:
    speech = index.speech(segment.start, segment.end)
    speaker = max(speech, key=speech.__getitem__, default=None)
    if speaker is None and fill:
        speaker = index.nearest(segment.start, segment.end)
    words = segment.words
    if words is not None:
        words = tuple(replace(word, speaker=speaker) for word in words)
    return replace(segment, words=words, speaker=speaker)


def _most_likely_speakers(evidence: Sequence[Speech]) -> list[str]:
    """Return one speaker per word: the Viterbi path at the cost that the rule above gives it.

    A word in which nobody speaks goes with the word before it, else with the one after it.
    """
    candidates = list(dict.fromkeys(label for speech in evidence for label in speech))
    if len(candidates) == 1:
        return candidates * len(evidence)
    costs = dict.fromkeys(candidates, 0.0)
    steps: list[dict[str, str]] = []
    for speech in evidence:
        cheapest = min(candidates, key=costs.__getitem__)
        change = costs[cheapest] + _CHANGE_PENALTY
        steps.append({label: label if costs[label] < change else cheapest for label in candidates})
        most = max(speech.values(), default=0.0)
        costs = {label: min(costs[label], change) + (most - speech.get(label, 0.0)) for label in candidates}
    label = min(candidates, key=costs.__getitem__)
    chosen = [label]
    for step in reversed(steps[1:]):
        label = step[label]
        chosen.append(label)
    return chosen[::-1]


def _main_speaker(words: Iterable[Word]) -> str | None:
    """Return who speaks longest in `words`; of equals the first."""
    spoken: dict[str, Seconds] = {}
    for word in words:
        if word.speaker is not None:
            start, end = word.span or (0.0, 0.0)
            spoken[word.speaker] = spoken.get(word.speaker, 0.0) + end - start
    return max(spoken, key=spoken.__getitem__, default=None)


def _split(segment: Segment, words: tuple[Word, ...], runs: Sequence[tuple[int, int]]) -> list[Segment]:
    """Return one segment per run of words; the first starts and the last ends with `segment`."""
    positions = word_spans(segment)
    parts = []
    for begin, end in runs:
        own = words[begin:end]
        first, last = begin == 0, end == len(words)
        if positions:
            rest = None if last else positions[end][0]
            text = segment.text[None if first else positions[begin][0] : rest].strip()
        else:
            text = " ".join(word.text.strip() for word in own)
        spans = [word.span for word in own if word.span]
        start = segment.start if first else min(start for start, _ in spans)
        latest = segment.end if last else max(end for _, end in spans)
        parts.append(
            replace(
                segment,
                start=start,
                end=max(start, latest),
                text=segment.text if first and last else text,
                words=own,
                speaker=next((word.speaker for word in own if word.speaker), None),
            )
        )
    return parts


class _TurnIndex:
    """Turns ordered by start, ready to be searched by time."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: turn.start)
        self._starts = [turn.start for turn in self._turns]
        self._latest_ends = list(accumulate((turn.end for turn in self._turns), max))

    def speech(self, start: Seconds, end: Seconds) -> Speech:
        """Return how long each person speaks between `start` and `end`, without those who do not.

        A moment (start equal to end) inside a turn counts as next to nothing, but counts.
        """
        spoken: dict[str, Seconds] = {}
        first = bisect_left(self._latest_ends, start)
        for index in range(first, bisect_right(self._starts, end)):
            turn = self._turns[index]
            shared = min(end, turn.end) - max(start, turn.start)
            if shared > 0 or start == end == max(turn.start, min(start, turn.end)):
                spoken[turn.speaker] = spoken.get(turn.speaker, 0.0) + max(shared, _LEAST_SPEECH)
        return spoken

    def nearest(self, start: Seconds, end: Seconds) -> str:
        """Return who speaks nearest to the stretch from `start` to `end`, if in doubt the earlier one."""
        following = bisect_left(self._starts, end)
        near = self._turns[max(0, following - 1) : following + 1]
        return min(near, key=lambda turn: max(turn.start - end, start - turn.end)).speaker
