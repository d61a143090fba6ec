"""Automatic gain for quiet speech, so that a person far from the microphone is transcribed beside the others.

Whisper's log-mel spectrogram keeps the level of its input, and the decoder has learned from speech of usual
levels. Only what is too quiet is raised; the rest stays as it is, bit for bit.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32

FRAME_SAMPLES = SAMPLE_RATE // 50
"""Samples in a frame of 20 ms."""
QUIET_RMS = 0.02
"""RMS level (full scale 1) of the loudest frame of a word; below it speech is raised."""
MAX_GAIN = 32.0
_NEIGHBOUR_FRAMES = 12
"""Frames on either side among which the loudest gives the level: a word has quiet sounds in it."""
_OVER_NOISE_FLOOR = 3.0
"""Frames not so many times louder than the noise floor, the 10th percentile, are a pause and not raised."""


def evened(samples: Waveform) -> NDArray[np.float32]:
    """Return `samples` (samples,) at 16 kHz as -1 to 1, speech below QUIET_RMS raised by up to MAX_GAIN."""
    numbers = to_float32(samples)
    levels = _frame_rms(numbers)
    if len(levels) == 0:
        return numbers
    speech = np.flatnonzero(levels > _OVER_NOISE_FLOOR * np.percentile(levels, 10))
    gains = np.clip(QUIET_RMS / np.maximum(_peak_rms_nearby(levels)[speech], 1e-9), 1.0, MAX_GAIN)
    if len(speech) == 0 or gains.max() <= 1.0:
        return numbers
    centers = (speech + 0.5) * FRAME_SAMPLES
    curve = np.interp(np.arange(len(numbers)), centers, gains).astype(np.float32)
    raised: NDArray[np.float32] = np.clip(numbers * curve, -1.0, 1.0)
    return raised


def _frame_rms(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the RMS level of each whole frame, (frames,)."""
    whole = numbers[: len(numbers) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    levels: NDArray[np.float32] = np.sqrt(np.mean(whole * whole, axis=1))
    return levels


def _peak_rms_nearby(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the highest of `levels` (frames,) around each frame, (frames,)."""
    loudest: NDArray[np.float32] = sliding_window_view(
        np.pad(levels, _NEIGHBOUR_FRAMES), 2 * _NEIGHBOUR_FRAMES + 1
    ).max(axis=1)
    return loudest
