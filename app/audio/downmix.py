"""Many channels to one, so that nobody who speaks on one of them is lost.

Plain averaging cancels a channel against its inverted copy and buries one speaker of sixteen under fifteen
silent microphones. Here every channel keeps a fixed part of the average, and the rest goes to the channels
that are active in the band of speech at the time, as in an automatic microphone mixer (gain sharing); the
weights always add up to one. Channels whose sound is the inverse of a louder one's are turned round. Memory
does not grow with the length.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from app.audio.waveform import SAMPLE_RATE

Floats = NDArray[np.float32]

_BLOCK_SAMPLES = 2048
"""Samples, 128 ms: the time for which one set of weights is measured."""
_BATCH_BLOCKS = 8
"""Blocks that are worked on at a time, about a second; polarity is judged once for each batch."""
_HOLD_BLOCKS = 4
"""Blocks before and behind for which a channel that was active keeps its weight."""
_SPEECH_BINS = slice(300 * _BLOCK_SAMPLES // SAMPLE_RATE, 3400 * _BLOCK_SAMPLES // SAMPLE_RATE)
"""Bins of the spectrum that carry speech, those of a telephone line."""

_EQUAL_SHARE = 0.5
"""Part of the weights that is the same for all channels, whoever speaks."""
_EQUAL_SHARE_OF_FILM = 0.2
_CENTRE_GAIN = 16.0
"""How much louder the centre of a film counts: dialogue is there, and music and effects around it."""

_FLOOR_RISE = 1.05
"""By how much a block may raise the noise floor: 1.7 dB per second."""
_FLOOR_MARGIN = 2.0
"""Power up to this many times the floor is noise."""
_NOISE_WEIGHT = 0.001
"""The part of a noise's power that still counts as activity."""
_SILENCE_POWER = 1e3
"""Of a block whose samples are 16-bit numbers: less is silence."""
_MIN_CORRELATION = 0.5
"""Correlation from which on the polarity of two channels is known."""
_CORRELATION_DECAY = 0.1
"""What a batch's correlations still count in the next one."""


class Downmix:
    """Mixes interleaved s16le at SAMPLE_RATE to mono; `centre` is the channel of a film's dialogue."""

    def __init__(self, channels: int, centre: int | None = None) -> None:
        self._channels = channels
        self._equal_share = _EQUAL_SHARE if centre is None else _EQUAL_SHARE_OF_FILM
        self._amplitude = np.ones(channels, np.float32)
        if centre is not None:
            self._amplitude[centre] = _CENTRE_GAIN
        self._window = np.hanning(_BLOCK_SAMPLES).astype(np.float32)
        self._ramp = np.linspace(0, 1, _BLOCK_SAMPLES, endpoint=False, dtype=np.float32)
        self._rest = b""
        self._floor: Floats | None = None
        self._last_weights: Floats | None = None
        self._signs = np.ones(channels, np.float32)
        self._correlation = np.zeros((channels, channels), np.float32)
        self._blocks = np.zeros((channels, 0, _BLOCK_SAMPLES), np.float32)
        self._block_signs = np.zeros((0, channels), np.float32)
        self._activity = np.zeros((0, channels), np.float32)

    def feed(self, block: bytes) -> bytes:
        """Take samples and return as many mixed ones, s16le, as can be judged by now."""
        batch_bytes = _BATCH_BLOCKS * _BLOCK_SAMPLES * self._channels * 2
        samples = self._rest + block if self._rest else block
        mixed = []
        for start in range(0, len(samples) - batch_bytes + 1, batch_bytes):
            self._measure(samples[start : start + batch_bytes])
            mixed.append(self._mix(self._blocks.shape[1] - _HOLD_BLOCKS))
        self._rest = samples[len(samples) // batch_bytes * batch_bytes :]
        return b"".join(mixed)

    def finish(self) -> bytes:
        """Return the mix of all that is left."""
        frames = len(self._rest) // (2 * self._channels)
        waiting = self._blocks.shape[1] * _BLOCK_SAMPLES
        if frames:
            whole = -(-frames // _BLOCK_SAMPLES) * _BLOCK_SAMPLES
            used = self._rest[: frames * 2 * self._channels]
            self._measure(used.ljust(whole * 2 * self._channels, b"\0"))
        self._rest = b""
        return self._mix(self._blocks.shape[1])[: 2 * (waiting + frames)]

    def _measure(self, samples: bytes) -> None:
        """Take whole blocks into the queue, with the activity and the polarity of every channel."""
        interleaved = np.frombuffer(samples, "<i2").reshape(-1, self._channels)
        blocks = interleaved.T.astype(np.float32, order="C").reshape(self._channels, -1, _BLOCK_SAMPLES)
        spectra = rfft(blocks * self._window)[:, :, _SPEECH_BINS]
        power = np.sum(spectra.real**2 + spectra.imag**2, axis=2).T
        flat = np.ascontiguousarray(spectra).view(np.float32).reshape(self._channels, -1)
        self._correlation = flat @ flat.T + _CORRELATION_DECAY * self._correlation
        self._signs = polarities(self._correlation, self._signs)
        self._blocks = np.concatenate([self._blocks, blocks], axis=1)
        self._block_signs = np.concatenate([self._block_signs, np.tile(self._signs, (len(power), 1))])
        self._activity = np.concatenate([self._activity, self._above_noise_floor(power)])

    def _above_noise_floor(self, power: Floats) -> Floats:
        """Return what of the power, shape (blocks, channels), is more than its channel's steady noise."""
        floors = np.empty_like(power)
        floor = power[0] if self._floor is None else self._floor
        for number, now in enumerate(power):
            floor = np.minimum(now, floor * np.float32(_FLOOR_RISE))
            floors[number] = floor
            floor = np.maximum(floor, np.float32(_SILENCE_POWER))
        self._floor = floor
        active: Floats = np.maximum(power - _FLOOR_MARGIN * floors, _NOISE_WEIGHT * power)
        return active

    def _mix(self, ready: int) -> bytes:
        """Return the mix of the first `ready` blocks that wait, and let them go."""
        if ready <= 0:
            return b""
        done = len(self._activity) - self._blocks.shape[1]
        weights = self._weights(done, done + ready) * self._block_signs[:ready]
        first = weights[:1] if self._last_weights is None else self._last_weights
        before = np.concatenate([first, weights[:-1]])
        gains = before.T[:, :, None] + (weights - before).T[:, :, None] * self._ramp
        mixed = np.sum(self._blocks[:, :ready] * gains, axis=0)
        self._last_weights = weights[-1:]
        self._blocks = self._blocks[:, ready:].copy()
        self._block_signs = self._block_signs[ready:]
        self._activity = self._activity[max(0, done + ready - _HOLD_BLOCKS) :]
        rounded = np.clip(np.rint(mixed), -32768, 32767).astype("<i2")
        return bytes(rounded.tobytes())

    def _weights(self, start: int, stop: int) -> Floats:
        """Return the weight of every channel, shape (blocks, channels), adding up to one in each block."""
        near = [
            self._activity[max(0, block - _HOLD_BLOCKS) : block + _HOLD_BLOCKS + 1].max(axis=0)
            for block in range(start, stop)
        ]
        share = self._amplitude * np.sqrt(np.stack(near) + np.float32(_SILENCE_POWER))
        share /= share.sum(axis=1, keepdims=True)
        weights: Floats = np.float32(self._equal_share / self._channels) + (1 - self._equal_share) * share
        return weights.astype(np.float32)


def polarities(correlation: Floats, before: Floats) -> Floats:
    """Return +1 or -1 for every channel, so that none is the inverse of the louder one that it is most like.

    `correlation`, shape (channels, channels), is that of their sounds, `before` what held until now; it goes
    on to hold for channels that are like no other.
    """
    size = np.sqrt(np.maximum(np.diag(correlation), _SILENCE_POWER))
    alike = correlation / np.outer(size, size)
    if np.all(before > 0) and alike.min() > -_MIN_CORRELATION:
        return before
    signs = before.copy()
    order = np.argsort(-size, kind="stable")
    for place in range(1, len(order)):
        channel, louder = order[place], order[:place]
        most = louder[np.argmax(np.abs(alike[channel, louder]))]
        if abs(alike[channel, most]) > _MIN_CORRELATION:
            signs[channel] = signs[most] * np.sign(alike[channel, most])
    return signs
