"""From how surely somebody speaks to the chunks that are decoded."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from app.engines.interfaces import SpeechBounds
from app.engines.whisper.silero import FRAME
from app.transcript import Seconds

PAUSE: Seconds = 2.0
"""A shorter one belongs to the speech around it."""
CUT_PAUSE: Seconds = 0.5
"""Chunks are cut in one that is no shorter."""
BREATH: Seconds = 0.2
"""A shorter gap is no pause: the lips are closed."""

Span = tuple[int, int]
"""Half-open range of frames."""


class Chunk(TypedDict):
    """A stretch of speech to decode at once; times in seconds."""

    start: float
    end: float
    segments: list[tuple[float, float]]
    """The speech in it, pauses shorter than PAUSE included, each as much wider as is heard around it."""
    speech: list[tuple[float, float]]
    """From when to when somebody speaks, between pauses of BREATH or more; empty where that is not known."""


def chunks_of(
    scores: NDArray[np.float32], bounds: SpeechBounds, duration: Seconds, longest: Seconds
) -> list[Chunk]:
    """Return the speech of a recording that lasts `duration` in chunks of at most `longest`, if any.

    `scores` (frames,) tell how surely somebody speaks. A chunk and the speech in it begin and end
    `bounds.pad` before and after the speech that was found, within the recording.
    """
    pad = round(bounds.pad / FRAME)
    whole = duration / FRAME
    found = spans(active(scores, bounds))
    wider = [(max(0, start - pad), min(end + pad, whole)) for start, end in found]
    speech = [
        piece
        for span in _joined(wider, round(CUT_PAUSE / FRAME))
        for piece in _cut(scores, span, longest / FRAME)
    ]
    spoken = [(start * FRAME, end * FRAME) for start, end in _joined(found, round(BREATH / FRAME))]
    merged = _merged([(start * FRAME, end * FRAME) for start, end in speech], longest)
    return [chunk | {"speech": within(spoken, chunk["start"], chunk["end"])} for chunk in merged]


def within(
    speech: Sequence[tuple[Seconds, Seconds]], start: Seconds, end: Seconds
) -> list[tuple[Seconds, Seconds]]:
    """Return what of `speech` lies between two times."""
    return [(max(start, first), min(end, last)) for first, last in speech if first < end and last > start]


def active(scores: NDArray[np.float32], bounds: SpeechBounds) -> NDArray[np.bool_]:
    """Return where somebody speaks (frames,): from above the onset until below the offset."""
    decided = (scores > bounds.onset) | (scores < bounds.offset)
    latest = np.maximum.accumulate(np.where(decided, np.arange(len(scores)), -1))
    speaking: NDArray[np.bool_] = (latest >= 0) & (scores[latest] > bounds.onset)
    return speaking


def spans(speaking: NDArray[np.bool_]) -> list[Span]:
    """Return the ranges of frames in which `speaking` (frames,) holds."""
    edges = np.flatnonzero(np.diff(speaking.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _joined(wider: Sequence[tuple[int, float]], pause: int) -> Iterator[tuple[int, float]]:
    """Yield `wider`, those closer than `pause` frames as one."""
    begun: tuple[int, float] | None = None
    for start, end in wider:
        if begun is not None and start - begun[1] < pause:
            begun = begun[0], end
            continue
        if begun is not None:
            yield begun
        begun = start, end
    if begun is not None:
        yield begun


def _cut(scores: NDArray[np.float32], span: tuple[int, float], longest: float) -> Iterator[tuple[int, float]]:
    """Yield `span` in pieces of at most `longest` frames, cut in the second half at the lowest score."""
    start, end = span
    while end - start > longest:
        middle = start + int(longest) // 2
        lowest = middle + int(np.argmin(scores[middle : start + int(longest)]))
        yield start, lowest
        start = lowest
    yield start, end


def _merged(speech: Sequence[tuple[Seconds, Seconds]], longest: Seconds) -> list[Chunk]:
    """Return as much `speech` in each chunk as fits into `longest`."""
    chunks: list[Chunk] = []
    for start, end in speech:
        if not chunks or end - chunks[-1]["start"] > longest:
            chunks.append({"start": start, "end": end, "segments": [(start, end)], "speech": []})
            continue
        segments = chunks[-1]["segments"]
        begun = segments.pop()[0] if start - segments[-1][1] < PAUSE else start
        segments.append((begun, end))
        chunks[-1]["end"] = end
    return chunks
