"""Quiet speech is raised, everything else stays as it is."""

import numpy as np
import pytest

from app.audio.waveform import Waveform, to_float32
from app.engines.whisper.levels import MAX_GAIN, QUIET_RMS, evened
from tests.engines.conftest import recordings, samples_of


def level(numbers: np.ndarray) -> float:
    return float(np.sqrt(np.mean(numbers.astype(float) ** 2)))


def hum(amplitude: float, seconds: float) -> Waveform:
    """A sound that comes and goes five times a second, as syllables do."""
    moments = np.arange(round(16000 * seconds)) / 16000
    syllables = np.maximum(np.sin(2 * np.pi * 2.5 * moments) ** 2, 0.05)
    return np.round(32767 * amplitude * syllables * np.sin(2 * np.pi * 200 * moments)).astype(np.int16)


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 321, 1000])
def test_any_length_gives_as_many_finite_numbers(samples: int) -> None:
    for sound in (np.zeros(samples, np.int16), np.full(samples, 3, np.int16)):
        numbers = evened(sound)
        assert numbers.dtype == np.float32
        assert numbers.shape == (samples,)
        assert np.isfinite(numbers).all()


def test_speech_of_a_usual_level_is_left_alone() -> None:
    sound = hum(0.3, 4.0)
    assert np.array_equal(evened(sound), to_float32(sound))


def test_silence_stays_silence_and_noise_by_itself_is_not_raised() -> None:
    assert not evened(np.zeros(32000, np.int16)).any()
    noise = np.random.default_rng(1).normal(0, 30, 64000).astype(np.int16)
    assert np.array_equal(evened(noise), to_float32(noise))


def test_quiet_speech_is_raised_and_loud_speech_beside_it_is_not() -> None:
    sound = np.concatenate([hum(0.3, 3.0), hum(0.003, 3.0), hum(0.3, 3.0)])
    numbers = evened(sound)
    middle = slice(4 * 16000, 5 * 16000)
    assert level(numbers[middle]) > 5 * level(to_float32(sound[middle]))
    assert level(numbers[middle]) <= QUIET_RMS
    assert np.array_equal(numbers[: 2 * 16000], to_float32(sound[: 2 * 16000]))


def test_the_noise_of_a_pause_is_raised_no_more_than_the_speech_around_it() -> None:
    noise = np.random.default_rng(1).normal(0, 3, 32000).astype(np.int16)
    numbers = evened(np.concatenate([hum(0.2, 3.0), noise, hum(0.2, 3.0)]))
    assert level(numbers[4 * 16000 - 8000 : 4 * 16000 + 8000]) < 4 / 32768


def test_what_can_hardly_be_heard_is_raised_within_bounds() -> None:
    (path,) = recordings("conversation-de")
    sound = (samples_of(path) // 500).astype(np.int16)
    numbers = evened(sound)
    assert 1.0 < level(numbers) / level(to_float32(sound)) <= MAX_GAIN
    assert np.abs(numbers).max() <= 1.0
