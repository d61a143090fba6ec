"""Sounds in which nobody speaks, made here: noise, hum, tones, silence; a minute of each."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.transcript import Seconds

SECONDS = 60
_TIMES = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE


def white(level: float) -> Waveform:
    """Return white noise at the RMS level `level` of full scale."""
    return _as_samples(level * _random())


def pink(level: float) -> Waveform:
    """Return noise whose power falls with its frequency, as that of rooms and streets does."""
    spectrum = np.fft.rfft(_random())
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    sound = np.fft.irfft(spectrum, len(_TIMES))
    return _as_samples(level * sound / sound.std())


def hum() -> Waveform:
    """Return what the mains do to a bad cable."""
    return _as_samples(0.1 * _tone(50) + 0.03 * _tone(150) + 0.01 * _tone(250) + 0.002 * _random())


def tone(*frequencies: float, on: Seconds, period: Seconds) -> Waveform:
    """Return a telephone's tone of these frequencies in Hz, `on` for so long in every `period`."""
    return _as_samples(0.2 * sum(map(_tone, frequencies)) * (_TIMES % period < on))


def silence() -> Waveform:
    return np.zeros(len(_TIMES), dtype=np.int16)


NOISES: Mapping[str, Callable[[], Waveform]] = MappingProxyType(
    {
        "silence": silence,
        "noise, white, loud": partial(white, 0.1),
        "noise, white, soft": partial(white, 0.003),
        "noise, pink": partial(pink, 0.05),
        "hum": hum,
        "tone, ringing, European": partial(tone, 425, on=1, period=5),
        "tone, ringing, American": partial(tone, 440, 480, on=2, period=6),
        "tone, busy": partial(tone, 425, on=0.5, period=1),
        "tone, dial": partial(tone, 425, on=1, period=1),
    }
)


def _random() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=len(_TIMES))


def _tone(frequency: float) -> NDArray[np.float64]:
    wave: NDArray[np.float64] = np.sin(2 * np.pi * frequency * _TIMES)
    return wave


def _as_samples(sound: NDArray[np.float64]) -> Waveform:
    return np.clip(sound * 32767, -32768, 32767).astype(np.int16)
