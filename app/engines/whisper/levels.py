"""Quiet speech made as loud as Whisper needs it: whom a microphone hardly reaches is heard beside the others.

Whisper's spectrogram keeps the level of what it is given, and the decoder has learned from speech of usual
levels. Only what is too quiet is raised; the rest stays as it is, bit for bit.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32

FRAME = SAMPLE_RATE // 50
QUIET = 0.02
"""Level (root of the mean square, full scale 1) of the loudest part of a word; below it speech is raised."""
MOST_GAIN = 32.0
_SYLLABLES = 12
"""Frames on either side among which the loudest gives the level: words have quiet sounds in them."""
_OVER_FLOOR = 3.0
"""What is not so many times louder than the quietest tenth is a pause, whose noise is not raised."""


def evened(samples: Waveform) -> NDArray[np.float32]:
    """Return `samples` (samples,) as numbers from -1 to 1, what is below QUIET raised by up to MOST_GAIN."""
    numbers = to_float32(samples)
    levels = _levels(numbers)
    if len(levels) == 0:
        return numbers
    speech = np.flatnonzero(levels > _OVER_FLOOR * np.percentile(levels, 10))
    gains = np.clip(QUIET / np.maximum(_loudest_near(levels)[speech], 1e-9), 1.0, MOST_GAIN)
    if len(speech) == 0 or gains.max() <= 1.0:
        return numbers
    middles = (speech + 0.5) * FRAME
    curve = np.interp(np.arange(len(numbers)), middles, gains).astype(np.float32)
    raised: NDArray[np.float32] = np.clip(numbers * curve, -1.0, 1.0)
    return raised


def _levels(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the level of each whole frame, (frames,)."""
    whole = numbers[: len(numbers) // FRAME * FRAME].reshape(-1, FRAME)
    levels: NDArray[np.float32] = np.sqrt(np.mean(whole * whole, axis=1))
    return levels


def _loudest_near(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    loudest: NDArray[np.float32] = sliding_window_view(np.pad(levels, _SYLLABLES), 2 * _SYLLABLES + 1).max(
        axis=1
    )
    return loudest
