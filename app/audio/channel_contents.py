"""Whether the channels of a recording hold different people, or one scene in stereo.

People on channels of their own take turns: one channel is far louder than the others, then another one, and
each is silent for a good part of the time. Stereo of a room or of music has about the same on all channels.
"""

import numpy as np
from numpy.typing import NDArray

from app.audio.channels import LEVEL_SAMPLES, Levels
from app.audio.cross_talk import moving_sum, noise_floors
from app.audio.waveform import SAMPLE_RATE

_LEAST_SECONDS = 5.0
"""Sound that is needed to tell anything."""
_FAR_LOUDER = 16.0
"""Power, 12 dB: so much louder than every other channel is the one where somebody speaks."""
_LEAST_SHARE_OF_ONE = 0.6
"""Of the time in which there is sound, one channel is far louder for so much."""
_LEAST_SHARE_OF_EACH = 0.1
_LEAST_PAUSES = 0.25
"""For so much of the time a channel of one person is silent."""
_MOST_CORRELATION = 0.2
"""Of the levels of two channels in time."""
_ABOVE_FLOOR = 10.0
_SMOOTHING = 2
"""Stretches on either side; 0.1 s in all."""
_SAME_SOUND = 0.9
_SAME_DECIBELS = 1.5


def hold_different_people(levels: Levels) -> bool:
    """Return whether people speak on channels of their own; False where that is not sure."""
    if levels.shape[1] < 2 or len(levels) * LEVEL_SAMPLES < _LEAST_SECONDS * SAMPLE_RATE:
        return False
    power, sounding = _smooth(levels), _sounding(levels)
    if np.count_nonzero(sounding) * LEVEL_SAMPLES < _LEAST_SECONDS * SAMPLE_RATE:
        return False
    heard = power[sounding]
    loudest, second = np.argmax(heard, axis=1), np.sort(heard, axis=1)[:, -2]
    far = heard.max(axis=1) > _FAR_LOUDER * (second + 1)
    shares = np.bincount(loudest[far], minlength=levels.shape[1]) / len(heard)
    people = np.flatnonzero(shares >= _LEAST_SHARE_OF_EACH)
    if len(people) < 2 or shares.sum() < _LEAST_SHARE_OF_ONE:
        return False
    pauses = 1 - np.mean(power[:, people] > _ABOVE_FLOOR * noise_floors(levels)[people], axis=0)
    alike = np.corrcoef(np.log(heard[:, people] + 1).T)
    np.fill_diagonal(alike, -1)
    return bool(pauses.min() >= _LEAST_PAUSES and alike.max() <= _MOST_CORRELATION)


def hold_the_same(levels: Levels) -> bool:
    """Return whether all channels hold one sound: then there is nothing to split."""
    if not len(levels) or not np.any(sounding := _sounding(levels)):
        return True
    decibels = 10 * np.log10(levels[sounding] + 1)
    steps = np.abs(decibels - decibels[:, :1])
    return bool(np.mean(steps.max(axis=1) < _SAME_DECIBELS) > _SAME_SOUND)


def _sounding(levels: Levels) -> NDArray[np.bool_]:
    """Return in which stretches there is sound on any channel."""
    power = _smooth(levels)
    flags: NDArray[np.bool_] = np.any(power > _ABOVE_FLOOR * noise_floors(levels), axis=1)
    return flags


def _smooth(levels: Levels) -> Levels:
    sums = [moving_sum(channel, _SMOOTHING) for channel in levels.T]
    return np.stack(sums, axis=1) / np.float32(2 * _SMOOTHING + 1)
