"""Aggregation of sliding windows to one timeline: frame-wise speaker counts and activations.

The results are those of pyannote's aggregation, but windows are added up one by one, so that no
(windows, frames, speakers) array of floats is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engines.diarization.speaker_activity import SpeakerActivity

BLOCK = 512
"""Windows worked on at once where a step needs temporary arrays."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Frames of a whole recording: frame i begins at i * `step` seconds and lasts `duration` seconds."""

    step: float
    duration: float
    frames: int
    window_frames: int
    """Frames in one window."""
    first_frames: tuple[int, ...]
    """First frame of each window."""

    @classmethod
    def of(
        cls, window_starts: Sequence[float], window_seconds: float, window_frames: int, frame: Any
    ) -> "Timeline":
        """Return the timeline of windows whose frames are like `frame` (pyannote's SlidingWindow).

        `window_starts` are seconds.
        """

        def closest(seconds: float) -> int:
            return int(np.rint((seconds + 0.5 * frame.duration - 0.5 * frame.duration) / frame.step))

        return cls(
            step=frame.step,
            duration=frame.duration,
            frames=closest(window_starts[-1] + window_seconds) + 1,
            window_frames=window_frames,
            first_frames=tuple(closest(start) for start in window_starts),
        )

    def frame_centers(self) -> NDArray[np.float64]:
        """Return the center of every frame in seconds, (frames,)."""
        starts = 0.0 + np.arange(self.frames) * self.step
        return 0.5 * (starts + (starts + self.duration))


def binarize(scores: NDArray[np.float32], threshold: float) -> SpeakerActivity:
    """Return who is active: where `scores` (windows, frames, speakers) exceed `threshold`.

    A score that equals the threshold leaves the state as it was in the frame before, silent at first.
    """
    parts = []
    for start in range(0, len(scores), BLOCK):
        block = np.nan_to_num(scores[start : start + BLOCK])
        on = block > threshold
        undecided = block == threshold
        if undecided.any():
            frame = np.arange(block.shape[1])[None, :, None]
            decided = np.maximum.accumulate(np.where(undecided, -1, frame), axis=1)
            on = np.where(decided < 0, False, np.take_along_axis(on, np.maximum(decided, 0), axis=1))
        parts.append(SpeakerActivity.pack(on))
    return SpeakerActivity.concatenate(parts)


def speaker_counts(activity: SpeakerActivity, timeline: Timeline) -> NDArray[np.uint8]:
    """Return how many people speak in each frame (frames,): the mean over the windows that cover it."""
    total = np.zeros(timeline.frames, dtype=np.float32)
    windows = np.zeros(timeline.frames, dtype=np.float32)
    for first, window in zip(timeline.first_frames, activity, strict=True):
        seen = slice(first, first + timeline.window_frames)
        total[seen] += window.sum(axis=1)
        windows[seen] += 1
    counts: NDArray[np.uint8] = np.rint(total / np.maximum(windows, 1e-12)).astype(np.uint8)
    return counts


def speech_shares(scores: NDArray[np.float32] | SpeakerActivity, timeline: Timeline) -> NDArray[np.float32]:
    """Return how surely anybody speaks in each frame (frames,): the mean over the windows that cover it.

    `scores` are activations in each window (windows, frames, window's speakers).
    """
    total = np.zeros(timeline.frames, dtype=np.float32)
    windows = np.zeros(timeline.frames, dtype=np.float32)
    for first, window in zip(timeline.first_frames, scores, strict=True):
        seen = slice(first, first + timeline.window_frames)
        total[seen] += np.nan_to_num(window.max(axis=1))
        windows[seen] += 1
    return (total / np.maximum(windows, 1.0)).astype(np.float32)


def speaker_activations(
    scores: NDArray[np.float32] | SpeakerActivity, clusters: NDArray[Any], timeline: Timeline
) -> NDArray[np.float32]:
    """Return the activation of each speaker in each frame (frames, speakers), the sum over windows.

    Args:
        scores: activations in each window (windows, frames, window's speakers).
        clusters: the cluster, one per speaker, of each window's speakers (windows, window's speakers);
            -2 for none.
    """
    activations = np.zeros((timeline.frames, int(clusters.max()) + 1), dtype=np.float32)
    for first, window, speakers in zip(timeline.first_frames, scores, clusters, strict=True):
        seen = slice(first, first + timeline.window_frames)
        for cluster in set(speakers.tolist()) - {-2}:
            activations[seen, cluster] += np.nan_to_num(window[:, speakers == cluster].max(axis=1))
    return activations


def most_active_speakers(activations: NDArray[np.float32], counts: NDArray[Any]) -> NDArray[np.bool_]:
    """Return who speaks (frames, speakers): in each frame as many of the strongest as `counts` (frames,)."""
    missing = int(counts.max(initial=0)) - activations.shape[1]
    if missing > 0:
        activations = np.pad(activations, ((0, 0), (0, missing)))
    speaking = np.zeros(activations.shape, dtype=np.bool_)
    ranks = np.arange(activations.shape[1])[None, :]
    for start in range(0, len(activations), 65536):
        block = slice(start, start + 65536)
        order = np.argsort(-activations[block], axis=-1)
        np.put_along_axis(speaking[block], order, ranks < counts[block, None], axis=-1)
    return speaking


def active_regions(speaking: NDArray[np.bool_], centers: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return the regions where `speaking` (frames,) holds, as (start, end) in seconds.

    `centers` (frames,) are those of the frames, in seconds: a region lasts from center to center.
    """
    edges = np.flatnonzero(np.diff(speaking.astype(np.int8)))
    bounds = [0, *(edges + 1).tolist()] if speaking[0] else (edges + 1).tolist()
    if len(bounds) % 2:
        bounds.append(len(speaking) - 1)
    times = centers[bounds].tolist()
    return [(start, end) for start, end in zip(times[::2], times[1::2], strict=True) if end - start > 1e-6]
