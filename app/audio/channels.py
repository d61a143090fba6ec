"""One channel out of many, and how loud each of them is while they pass."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.audio.downmix import Downmix
from app.audio.wave_header import ChannelLayout
from app.audio.waveform import SAMPLE_RATE

LEVEL_SAMPLES = SAMPLE_RATE // 50
"""Samples, 20 ms, of which one level is taken."""
Levels: TypeAlias = NDArray[np.float32]
"""Mean power of each channel in each stretch of LEVEL_SAMPLES, shape (stretches, channels).

The power is that of the differences between samples: voices are in them, the hum of the mains is not.
"""


class Mixer(Protocol):
    """Makes mono of interleaved s16le."""

    def feed(self, block: bytes) -> bytes:
        """Take samples and return as many mono ones as are ready."""
        ...

    def finish(self) -> bytes:
        """Return the rest."""
        ...


class Meter(Protocol):
    """Measures the channels of a recording, track by track."""

    def begin(self, position: int, channels: int) -> None:
        """Go on with a track that begins at this sample of the recording."""
        ...

    def take(self, samples: NDArray[np.int16]) -> None:
        """Measure whole stretches of samples, shape (samples, channels)."""
        ...


Mixing: TypeAlias = Callable[[ChannelLayout, int], Mixer | None]
"""Given the channels of a track and the sample of the recording with which it begins; None: it is mono."""


def downmixed(layout: ChannelLayout, _position: int) -> Mixer | None:
    """Return what mixes all channels."""
    return Downmix(layout.channels, layout.centre) if layout.channels > 1 else None


class OneChannel:
    """Takes one channel, by its number from 0 on; one that a track lacks is silent."""

    def __init__(self, channels: int, channel: int) -> None:
        self._channels = channels
        self._channel = channel
        self._rest = b""

    def feed(self, block: bytes) -> bytes:
        """Take samples and return those of the channel."""
        samples, self._rest = whole_frames(self._rest + block, self._channels, 1)
        if self._channel >= self._channels:
            return bytes(2 * len(samples))
        return samples[:, self._channel].tobytes()

    def finish(self) -> bytes:
        """Return nothing: a piece of a sample is none."""
        return b""


class LevelMeter:
    """Measures the channels of a recording while it is decoded; that takes 720 kB per channel and hour."""

    def __init__(self) -> None:
        self._measured: list[Levels] = []
        self._stretches = 0

    @property
    def channels(self) -> int:
        """Return how many channels the first track has; 0 before it is there."""
        return self._measured[0].shape[1] if self._measured else 0

    def levels(self) -> Levels:
        """Return what was measured so far."""
        if not self._measured:
            return np.zeros((0, 0), np.float32)
        return np.concatenate([_widened(each, self.channels) for each in self._measured])

    def begin(self, position: int, channels: int) -> None:
        """Go on with a track that begins at this sample of the recording."""
        missing = round(position / LEVEL_SAMPLES) - self._stretches
        if missing > 0 or not self._measured:
            self._add(np.zeros((max(0, missing), channels), np.float32))

    def take(self, samples: NDArray[np.int16]) -> None:
        """Measure whole stretches of samples, shape (samples, channels)."""
        stretches = samples.reshape(-1, LEVEL_SAMPLES, samples.shape[1]).astype(np.float32)
        steps = np.diff(stretches, axis=1)
        self._add(np.mean(steps * steps, axis=1))

    def _add(self, levels: Levels) -> None:
        self._measured.append(levels)
        self._stretches += len(levels)


class Metered:
    """A mixer whose channels are measured on their way in."""

    def __init__(self, mixer: Mixer, meters: Sequence[Meter], channels: int, position: int) -> None:
        self._mixer = mixer
        self._meters = meters
        self._channels = channels
        self._rest = b""
        for meter in meters:
            meter.begin(position, channels)

    def feed(self, block: bytes) -> bytes:
        """Take samples and return what the mixer makes of them."""
        samples, self._rest = whole_frames(self._rest + block, self._channels, LEVEL_SAMPLES)
        for meter in self._meters:
            meter.take(samples)
        return self._mixer.feed(block)

    def finish(self) -> bytes:
        """Return the rest; it is too short to be measured."""
        return self._mixer.finish()


def whole_frames(block: bytes, channels: int, frames: int) -> tuple[NDArray[np.int16], bytes]:
    """Return the samples, shape (samples, channels), in multiples of `frames`, and the bytes left over."""
    unit = 2 * channels * frames
    usable = len(block) // unit * unit
    return np.frombuffer(block[:usable], "<i2").reshape(-1, channels), block[usable:]


def _widened(levels: Levels, channels: int) -> Levels:
    """Return the levels of that many channels; those of a later track with fewer are silent."""
    return np.pad(levels[:, :channels], ((0, 0), (0, max(0, channels - levels.shape[1]))))
