"""What one channel hears of the others, and the recording without it.

Headsets and telephone lines let the other side through, quieter and perhaps later. How much and how late is
the same all the time, so it can be measured: while the other side speaks, a channel hears mostly that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from app.audio.channels import LEVEL_SAMPLES, Levels
from app.audio.waveform import Waveform

Flags = NDArray[np.bool_]

_LATEST = 30
"""Stretches, 0.6 s: cross-talk comes no later."""
_FLOOR_PERCENTILE = 10
_SILENCE_POWER = 1.0
_ACTIVE = 10.0
"""Power over the noise floor from which on somebody may be speaking."""
QUIETER = 0.25
"""Cross-talk has at most this part of the power of its source, 6 dB less."""
MARGIN = 8.0
"""Sound of this many times the power that cross-talk has on average, 9 dB more, is somebody's own."""
_OWN = 0.5
"""Sound of this part of the other side's power is somebody's own, however much leaks."""
_OVER_NOISE = 4.0
"""Own sound has at least this many times the power of the noise."""
_SMEAR = 5
"""Stretches for which cross-talk may last longer than its source: rooms echo."""
_LEAST_OWN = 3
"""Stretches of own sound among five; fewer are a click."""
_HOLD = 12
"""Stretches, 0.24 s, around own sound that are kept: words begin and end softly."""
_BLOCK_SAMPLES = 1 << 20
_LEAST_MEASURED = 50
"""Stretches, a second, of the other side's speech that are needed to measure anything."""


@dataclass(frozen=True, slots=True)
class Leak:
    """How one channel hears another."""

    gain: float
    """Of power."""
    delay: int
    """Stretches."""


def noise_floors(levels: Levels) -> NDArray[np.float32]:
    """Return the power of each channel when nothing is on it, shape (channels,)."""
    floors: NDArray[np.float32] = np.percentile(levels, _FLOOR_PERCENTILE, axis=0).astype(np.float32)
    return np.maximum(floors, np.float32(_SILENCE_POWER))


def measure_leak(channel: NDArray[np.float32], other: NDArray[np.float32], floor: float) -> Leak | None:
    """Return how `channel` hears `other`, both powers in time, `floor` that of the other's noise.

    At the right delay the loudness of the two goes together best. None: too little is heard to tell.
    """
    speaking = np.flatnonzero(other > _ACTIVE * floor)
    if len(speaking) < _LEAST_MEASURED:
        return None
    most = -1.0
    found: Leak | None = None
    for delay in range(_LATEST + 1):
        at = speaking[speaking + delay < len(channel)]
        heard = channel[at + delay] + _SILENCE_POWER
        quiet = heard < QUIETER * other[at]
        loud = quiet & (other[at] >= np.median(other[speaking]))
        heard, source = heard[loud], other[at][loud]
        if len(heard) < _LEAST_MEASURED or np.ptp(heard) == 0:
            continue
        together = float(np.corrcoef(np.log(heard), np.log(source))[0, 1])
        if together > most:
            most, found = together, Leak(float(np.median(heard / source)), delay)
    return found


def leaks_into(levels: Levels, channel: int) -> dict[int, Leak]:
    """Return how `channel` hears each of the others that it hears."""
    floors = noise_floors(levels)
    others = set(range(levels.shape[1])) - {channel}
    measured = {
        other: measure_leak(levels[:, channel], levels[:, other], float(floors[other])) for other in others
    }
    return {other: leak for other, leak in measured.items() if leak is not None}


def own_sound(levels: Levels, channel: int, leaks: Mapping[int, Leak]) -> Flags:
    """Return in which stretches `channel` is to be heard: all but those with cross-talk and nothing else."""
    floors = noise_floors(levels)
    expected, most = np.zeros((2, len(levels)), np.float32)
    for other, leak in leaks.items():
        source = _source(levels[:, other], float(floors[other]), leak.delay)
        expected = np.maximum(expected, leak.gain * source)
        most = np.maximum(most, min(MARGIN * leak.gain, _OWN) * source)
    heard = expected > floors[channel]
    own = levels[:, channel] > np.maximum(most, _OVER_NOISE * floors[channel])
    steady = moving_sum(own, 2) >= _LEAST_OWN
    kept: Flags = _held(steady) | ~_held(heard)
    return kept


def _held(flags: Flags) -> Flags:
    """Return the flags with some time around each."""
    wider: Flags = moving_sum(flags, _HOLD) > 0
    return wider


def moving_sum(values: NDArray[Any], around: int) -> NDArray[np.float32]:
    """Return the sum of each of `values` (values,) and of so many on either side of it."""
    sums: NDArray[np.float32] = np.convolve(values, np.ones(2 * around + 1, np.float32))
    return sums[around : around + len(values)]


def _source(other: NDArray[np.float32], floor: float, delay: int) -> NDArray[np.float32]:
    """Return the power of the `other` channel's speech when it is heard, as long as it may be."""
    speech = np.where(other > _ACTIVE * floor, other, np.float32(0))
    arriving = np.concatenate([np.zeros(delay, np.float32), speech])[: len(speech)]
    padded = np.pad(arriving, (_SMEAR - 1, 1))
    source: NDArray[np.float32] = sliding_window_view(padded, _SMEAR + 1).max(axis=1)
    return source


def quieten(samples: Waveform, kept: Flags, floor: float) -> None:
    """Put noise of power `floor`, in place, where `samples` are not kept, with soft edges.

    Silence in its place would change what is recognised beside it, as the hiss that was there does not.
    """
    if kept.all():
        return
    centers = (np.arange(len(kept)) + 0.5) * LEVEL_SAMPLES
    dice = np.random.default_rng(0)
    for start in range(0, len(samples), _BLOCK_SAMPLES):
        block = samples[start : start + _BLOCK_SAMPLES]
        gains = np.interp(np.arange(start, start + len(block)), centers, kept.astype(np.float32))
        hiss = dice.standard_normal(len(block), np.float32) * np.sqrt(np.float32(floor / 2))
        block[:] = np.rint(block * gains + hiss * np.sqrt(1 - gains * gains)).clip(-32768, 32767)
