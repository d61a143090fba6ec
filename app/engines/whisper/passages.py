"""Which language each stretch of speech is in, smoothed over time, and chunks cut where it changes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from app.engines.whisper.speech_chunks import Chunk, within
from app.transcript import Seconds

WINDOW: Seconds = 6.0
"""Speech that is longer is heard in parts of about this length."""
SHORT: Seconds = 3.0
"""Speech that is shorter is heard together with what follows soon."""
SOON: Seconds = 1.0
CHANGE_COST = 6.0
"""Evidence, in nats, that a change of language takes; to interrupt a language takes two changes."""
FIRST_COST = 2.0
"""Evidence that beginning in another language than the main one takes."""
MOST_EVIDENCE = 5.0
"""Nats that one window counts at most: no single sound decides."""
_LEAST_SHARE = 1e-3
_CANDIDATE_SHARE = 0.5
"""Probability that a language must have in some window to be considered beside the main one."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The evidence of one window."""

    start: Seconds
    end: Seconds
    shares: Mapping[str, float]
    """How probable each language is in it, by Whisper's code."""

    @property
    def weight(self) -> float:
        """How much it counts: short windows say little."""
        return min(1.0, (self.end - self.start) / SHORT)

    def evidence(self, code: str) -> float:
        """Return what speaks for a language, in nats, at most MOST_EVIDENCE less than for the likeliest."""
        best = max(self.shares.values(), default=1.0)
        ratio = max(self.shares.get(code, 0.0), _LEAST_SHARE) / max(best, _LEAST_SHARE)
        return self.weight * max(math.log(ratio), -MOST_EVIDENCE)


def windows_of(chunk: Chunk) -> list[tuple[Seconds, Seconds]]:
    """Return the parts of `chunk` whose language is judged, as times in the recording: pauses divide them."""
    windows: list[tuple[Seconds, Seconds]] = []
    for start, end in chunk["segments"] or [(chunk["start"], chunk["end"])]:
        if windows and start - windows[-1][1] < SOON and end - windows[-1][0] <= WINDOW:
            short = min(end - start, windows[-1][1] - windows[-1][0]) < SHORT
            if short:
                windows[-1] = windows[-1][0], end
                continue
        windows += _parts(start, end)
    return windows


def _parts(start: Seconds, end: Seconds) -> Iterator[tuple[Seconds, Seconds]]:
    count = max(1, round((end - start) / WINDOW))
    step = (end - start) / count
    for number in range(count):
        yield start + number * step, start + (number + 1) * step


def smoothed(heard: Sequence[Heard], main: str, before: str | None = None) -> list[str]:
    """Return the language of each window: the Viterbi path on which a change costs CHANGE_COST.

    `main` is the recording's main language, which is taken where nothing speaks clearly against it; `before`
    is that of the window before the first.
    """
    codes = [main, *sorted(_candidates(heard) - {main})]
    change = CHANGE_COST if before else FIRST_COST
    costs = {code: 0.0 if code == (before or main) else change for code in codes}
    came_from: list[dict[str, str]] = []
    for window in heard:
        origin = {
            code: min(codes, key=lambda other: costs[other] + CHANGE_COST * (other != code)) for code in codes
        }
        costs = {
            code: costs[origin[code]] + CHANGE_COST * (origin[code] != code) - window.evidence(code)
            for code in codes
        }
        came_from.append(origin)
    path = [min(codes, key=lambda code: costs[code])]
    for origin in reversed(came_from[1:]):
        path.append(origin[path[-1]])
    return path[::-1][: len(heard)]


def _candidates(heard: Sequence[Heard]) -> set[str]:
    return {code for window in heard for code, share in window.shares.items() if share >= _CANDIDATE_SHARE}


def divided(
    chunk: Chunk, languages: Sequence[tuple[tuple[Seconds, Seconds], str]]
) -> list[tuple[Chunk, str]]:
    """Return `chunk` cut in the middle of the pause where the language of its windows changes."""
    runs = [
        (code, [window for window, _ in run]) for code, run in groupby(languages, key=lambda each: each[1])
    ]
    edges = [chunk["start"]]
    edges += [(before[1][-1][1] + after[1][0][0]) / 2 for before, after in pairwise(runs)]
    edges.append(chunk["end"])
    return [(_cut(chunk, edges[place], edges[place + 1]), code) for place, (code, _) in enumerate(runs)]


def _cut(chunk: Chunk, start: Seconds, end: Seconds) -> Chunk:
    inside, speech = within(chunk["segments"], start, end), within(chunk["speech"], start, end)
    return {"start": start, "end": end, "segments": inside, "speech": speech}
