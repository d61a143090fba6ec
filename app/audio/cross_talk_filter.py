"""Cross-talk taken away from under somebody's own speech: what a channel hears of another is that, filtered.

While only the other one speaks, the filter between the two is found by least squares; it is believed if it
foretells what is heard at times that it was not made from. Pieces of such times are kept while the recording
is measured, a few of each channel, so that no channel need be in memory as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import uniform_filter1d
from scipy.signal import oaconvolve
from scipy.sparse.linalg import LinearOperator, lsqr

from app.audio.channels import LEVEL_SAMPLES, whole_frames
from app.audio.cross_talk import MARGIN, QUIETER, Leak
from app.audio.waveform import SAMPLE_RATE

Floats = NDArray[np.float32]
Samples = NDArray[np.int16]

PIECE_SAMPLES = 2 * SAMPLE_RATE
_MOST_PIECES = 20
"""Of each channel."""
_MOST_SOUNDS = 250
"""Pieces times channels, over all channels: 16 MB."""
_LEAST_PIECES = 2
_LEAST_LISTENING = 0.5
"""Share of a piece in which every other channel is quieter."""
_ACTIVE_POWER = 100.0
_TAPS = 6 * LEVEL_SAMPLES
"""Samples, 120 ms: rooms and lines that echo no longer are followed."""
_BEFORE = 2 * LEVEL_SAMPLES
"""The filter begins so much before the delay that the loudness shows."""
_ITERATIONS = 30
_LEAST_EXPLAINED = 0.1
"""Of the power that is heard; noise, which nothing foretells, is part of it."""


@dataclass(frozen=True, slots=True)
class LeakFilter:
    """What a channel hears of another: that, `delay` samples later, filtered by `taps`."""

    source: int
    """Number of the other channel."""
    delay: int
    taps: Floats

    @property
    def reach(self) -> int:
        """Return how many samples back it looks."""
        return self.delay + len(self.taps) - 1


class LoudPieces:
    """Keeps pieces in which one channel is louder than all others, spread over the recording."""

    def __init__(self) -> None:
        self._channels = self._most = 0
        self._filling: list[Samples] = []
        self._pieces: list[list[Samples]] = []
        self._every: list[int] = []
        self._seen: list[int] = []

    def of(self, channel: int) -> Samples:
        """Return those of `channel`, shape (pieces, samples, channels)."""
        kept = self._pieces[channel] if self._pieces else []
        return np.stack(kept) if kept else np.empty((0, PIECE_SAMPLES, self._channels), np.int16)

    def begin(self, _position: int, channels: int) -> None:
        """Go on with another track; only those with as many channels as the first count."""
        self._filling = []
        if not self._channels:
            self._channels = channels
            self._most = min(_MOST_PIECES, _MOST_SOUNDS // channels**2) if channels > 1 else 0
            self._pieces = [[] for _ in range(channels)]
            self._every, self._seen = [1] * channels, [0] * channels

    def take(self, samples: Samples) -> None:
        """Look at whole stretches of samples, shape (samples, channels)."""
        if samples.shape[1] != self._channels or self._most < _LEAST_PIECES:
            return
        waiting = np.concatenate([*self._filling, samples])
        usable = len(waiting) // PIECE_SAMPLES * PIECE_SAMPLES
        for piece in waiting[:usable].reshape(-1, PIECE_SAMPLES, self._channels):
            self._judge(piece)
        self._filling = [waiting[usable:].copy()]

    def _judge(self, piece: Samples) -> None:
        steps = np.diff(piece.reshape(-1, LEVEL_SAMPLES, self._channels).astype(np.float32), axis=1)
        levels = np.mean(np.square(steps), axis=1)
        loudest = levels.argmax(axis=1)
        second = np.sort(levels, axis=1)[:, -2]
        alone = (second < QUIETER * levels.max(axis=1)) & (levels.max(axis=1) > _ACTIVE_POWER)
        shares = np.bincount(loudest[alone], minlength=self._channels) / len(levels)
        if shares.max() >= _LEAST_LISTENING:
            self._keep(int(shares.argmax()), piece)

    def _keep(self, channel: int, piece: Samples) -> None:
        """Keep every so many; when they are too many, every second one is dropped."""
        if self._seen[channel] % self._every[channel] == 0:
            self._pieces[channel].append(piece.copy())
            if len(self._pieces[channel]) > self._most:
                del self._pieces[channel][1::2]
                self._every[channel] *= 2
        self._seen[channel] += 1


def leak_filters(pieces: LoudPieces, channel: int, leaks: Mapping[int, Leak]) -> tuple[LeakFilter, ...]:
    """Return how `channel` hears each of the others, where that can be foretold."""
    found = (leak_filter(pieces.of(source), channel, source, leak) for source, leak in leaks.items())
    return tuple(each for each in found if each is not None)


def leak_filter(pieces: Samples, channel: int, source: int, leak: Leak) -> LeakFilter | None:
    """Return how `channel` hears `source`, from `pieces` in which that is louder (pieces, samples, channels).

    None: what is heard cannot be foretold from it.
    """
    if len(pieces) < _LEAST_PIECES:
        return None
    delay = max(0, leak.delay * LEVEL_SAMPLES - _BEFORE)
    most = MARGIN * leak.gain
    one, other = (_Problem.of(half, channel, source, delay, most) for half in (pieces[::2], pieces[1::2]))
    if min(one.explained(other.solved()), other.explained(one.solved())) < _LEAST_EXPLAINED:
        return None
    return LeakFilter(source, delay, _Problem.of(pieces, channel, source, delay, most).solved())


@dataclass(frozen=True, slots=True)
class _Problem:
    """Least squares over pieces: the filter whose output is nearest to what is heard, where that counts."""

    spectra: NDArray[np.complex64]
    """Of the source, delayed (pieces, bins)."""
    heard: Floats
    """On the channel, 0 where it does not count (pieces, samples)."""
    counts: NDArray[np.bool_]
    size: int
    """Samples of each transform: nothing wraps round."""

    @classmethod
    def of(cls, pieces: Samples, channel: int, source: int, delay: int, most: float) -> "_Problem":
        """Count what has at most this part of the power of the source."""
        steps = np.diff(pieces.astype(np.float32), axis=1, prepend=0)
        late = np.pad(steps[:, : PIECE_SAMPLES - delay, source], ((0, 0), (delay, 0)))
        counts = _around(np.square(steps[:, :, channel])) < most * _around(np.square(late))
        counts[:, : delay + _TAPS] = False
        size = next_fast_len(PIECE_SAMPLES + _TAPS, real=True)
        return cls(rfft(late, size), steps[:, :, channel] * counts, counts, size)

    def solved(self) -> Floats:
        """Return the filter."""
        shape = (self.heard.size, _TAPS)
        problem = LinearOperator(shape, matvec=self._foretold, rmatvec=self._correlated, dtype=np.float32)
        taps: Floats = lsqr(problem, self.heard.ravel(), iter_lim=_ITERATIONS)[0].astype(np.float32)
        return taps

    def explained(self, taps: Floats) -> float:
        """Return which part of the power that is heard `taps` foretell; below 0: they add to it."""
        left = self.heard.ravel() - self._foretold(taps)
        return 1 - float(left @ left) / max(1.0, float(np.square(self.heard).sum()))

    def _foretold(self, taps: Floats) -> Floats:
        filtered = irfft(self.spectra * rfft(taps.astype(np.float32), self.size), self.size)
        foretold: Floats = (filtered[:, :PIECE_SAMPLES] * self.counts).ravel()
        return foretold

    def _correlated(self, values: Floats) -> Floats:
        spectra = rfft(values.reshape(self.heard.shape).astype(np.float32), self.size)
        correlated: Floats = irfft(self.spectra.conj() * spectra, self.size)[:, :_TAPS].sum(axis=0)
        return correlated


def _around(powers: Floats) -> Floats:
    """Return the mean of the power around each sample, both of shape (pieces, samples)."""
    smooth: Floats = uniform_filter1d(powers, LEVEL_SAMPLES, axis=1, mode="constant")
    return smooth


class WithoutCrossTalk:
    """Takes one channel out of interleaved s16le, without what `filters` foretell of it."""

    def __init__(self, channels: int, channel: int, filters: Sequence[LeakFilter]) -> None:
        self._channels = channels
        self._channel = channel
        self._filters = [each for each in filters if max(each.source, channel) < channels]
        self._before = np.zeros((max((each.reach for each in self._filters), default=0), channels), np.int16)
        self._rest = b""

    def feed(self, block: bytes) -> bytes:
        """Take samples and return those of the channel."""
        samples, self._rest = whole_frames(self._rest + block, self._channels, 1)
        if self._channel >= self._channels:
            return bytes(2 * len(samples))
        if not self._filters or not len(samples):
            return samples[:, self._channel].tobytes()
        known = np.concatenate([self._before, samples])
        own = samples[:, self._channel].astype(np.float32)
        for each in self._filters:
            end = len(known) - each.delay
            source = known[end - len(samples) - len(each.taps) + 1 : end, each.source]
            own -= oaconvolve(source.astype(np.float32), each.taps, "valid")
        self._before = known[len(known) - len(self._before) :]
        return np.rint(own).clip(-32768, 32767).astype("<i2").tobytes()

    def finish(self) -> bytes:
        """Return nothing: a piece of a sample is none."""
        return b""
