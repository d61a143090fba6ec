"""Channels are measured while they pass, told apart, and freed from what they hear of each other."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.channel_contents import hold_different_people, hold_the_same
from app.audio.channels import LEVEL_SAMPLES, LevelMeter, Levels, Metered, OneChannel
from app.audio.cross_talk import Flags, leaks_into, measure_leak, noise_floors, own_sound, quieten
from app.audio.decoder import Decoder
from app.audio.excerpt import Excerpt
from app.audio.file_decoding import Wanted
from app.audio.wave_header import ChannelLayout
from app.audio.waveform import SAMPLE_RATE
from tests.audio.sounds import ffmpeg
from tests.audio.test_channels import Sound, speech, steady

SECONDS = 36
HISS = 3e-4
STRETCHES = SAMPLE_RATE // LEVEL_SAMPLES


def turns(seed: int, first: int) -> Sound:
    """Return somebody who speaks for four seconds, listens for four, and so on, no syllable like another."""
    stress = np.random.default_rng(seed).uniform(0.3, 1.0, SECONDS * 4)
    sound: Sound = speech(seed, SECONDS) * np.repeat(stress, SAMPLE_RATE // 4)
    seconds = np.arange(len(sound)) // SAMPLE_RATE
    sound[(seconds // 4) % 2 != first] = 0
    return sound


def as_samples(channels: list[Sound]) -> NDArray[np.int16]:
    """Return them interleaved, with the hiss of a quiet line on each."""
    noisy = [channel + steady(number, HISS, SECONDS) for number, channel in enumerate(channels)]
    return (np.stack(noisy, 1) * 32767).clip(-32768, 32767).astype(np.int16)


def levels_of(samples: NDArray[np.int16]) -> Levels:
    meter = LevelMeter()
    meter.begin(0, samples.shape[1])
    meter.take(samples[: len(samples) // LEVEL_SAMPLES * LEVEL_SAMPLES])
    return meter.levels()


def kept_of(samples: NDArray[np.int16], channel: int) -> Flags:
    levels = levels_of(samples)
    return own_sound(levels, channel, leaks_into(levels, channel))


def late(sound: Sound, seconds: float, decibels: float) -> Sound:
    moved = np.zeros_like(sound)
    samples = round(seconds * SAMPLE_RATE)
    moved[samples:] = sound[: len(sound) - samples]
    return moved * 10 ** (decibels / 20)


@pytest.mark.parametrize("delay", [0.0, 0.06, 0.3])
@pytest.mark.parametrize("decibels", [-12.0, -25.0])
def test_how_much_and_how_late_a_channel_hears_another_is_measured(decibels: float, delay: float) -> None:
    one, other = turns(1, 0), turns(2, 1)
    levels = levels_of(as_samples([one + late(other, delay, decibels), other]))
    leak = measure_leak(levels[:, 0], levels[:, 1], float(noise_floors(levels)[1]))
    assert leak is not None
    assert 10 * np.log10(leak.gain) == pytest.approx(decibels, abs=1.5)
    assert leak.delay / STRETCHES == pytest.approx(delay, abs=0.03)


@pytest.mark.parametrize("delay", [0.0, 0.2])
@pytest.mark.parametrize("decibels", [-12.0, -25.0])
def test_cross_talk_becomes_hiss_and_nobodys_own_speech_does(decibels: float, delay: float) -> None:
    """Even of somebody who speaks at the same time, a third as loud."""
    one, other = turns(1, 0), turns(2, 1)
    meanwhile = np.zeros_like(one)
    meanwhile[21 * SAMPLE_RATE : 23 * SAMPLE_RATE] = 0.3 * speech(3, SECONDS)[: 2 * SAMPLE_RATE]
    samples = as_samples([one + meanwhile + late(other, delay, decibels), other])
    heard = samples[:, 0].copy()
    quieten(heard, kept_of(samples, 0), float(noise_floors(levels_of(samples))[0]))
    own = loudness(one + meanwhile)
    talk = loudness(late(other, delay, decibels))
    before, after = loudness(samples[:, 0] / 32767), loudness(heard / 32767)
    np.testing.assert_array_equal(after[own > 0.02], before[own > 0.02])
    near_own = np.convolve(own > 1e-4, np.ones(31), "same") > 0
    alone = (talk > 0.1 * talk.max()) & ~near_own
    assert np.count_nonzero(alone) > 200
    assert 0.5 * HISS < after[alone].min() < after[alone].max() < 1.5 * HISS


def loudness(sound: Sound) -> Sound:
    """Return the root mean square of each stretch."""
    pieces = sound[: len(sound) // LEVEL_SAMPLES * LEVEL_SAMPLES].reshape(-1, LEVEL_SAMPLES)
    return np.sqrt(np.mean(pieces.astype(np.float64) ** 2, axis=1))


def test_channels_without_cross_talk_stay_as_they_are() -> None:
    samples = as_samples([turns(1, 0), turns(2, 1)])
    for channel in (0, 1):
        kept = kept_of(samples, channel)
        speaking = np.repeat(np.abs(samples[:, channel]).reshape(-1, LEVEL_SAMPLES).max(1) > 300, 1)
        assert kept[speaking].all()


def stereo(one: Sound, other: Sound, spread: float) -> list[Sound]:
    """Return both in a room with two microphones, each nearer to one of them."""
    return [one + late(other, 0.001, spread), late(one, 0.001, spread) + other]


@pytest.mark.parametrize(
    ("channels", "apart"),
    [
        ([turns(1, 0), turns(2, 1)], True),
        ([turns(1, 0) + late(turns(2, 1), 0.05, -25), turns(2, 1) + late(turns(1, 0), 0.05, -25)], True),
        (stereo(turns(1, 0), turns(2, 1), -6.0), False),
        (stereo(turns(1, 0), turns(2, 1), -10.0), False),
        ([turns(1, 0) + turns(2, 1)] * 2, False),
        ([turns(1, 0) + turns(2, 1), np.zeros(SECONDS * SAMPLE_RATE)], False),
        (
            [speech(1, SECONDS) + steady(number, 0.02, SECONDS) for number in (5, 6)],
            False,
        ),
        ([steady(1, 0.1, SECONDS), steady(2, 0.1, SECONDS)], False),
        ([np.zeros(SECONDS * SAMPLE_RATE)] * 2, False),
        ([turns(1, 0)], False),
    ],
)
def test_people_on_channels_of_their_own_are_told_from_stereo(channels: list[Sound], apart: bool) -> None:
    assert hold_different_people(levels_of(as_samples(channels))) == apart


def test_channels_that_hold_the_same_are_found() -> None:
    voice = turns(1, 0)
    same = np.stack([(voice * 32767).astype(np.int16)] * 2, 1)
    assert hold_the_same(levels_of(same))
    assert hold_the_same(levels_of(same * np.array([[1, 0]], np.int16))) is False
    assert not hold_the_same(levels_of(as_samples([turns(1, 0), turns(2, 1)])))


def test_one_channel_comes_out_exactly_however_it_arrives() -> None:
    samples = as_samples([turns(1, 0), turns(2, 1), speech(3, SECONDS)])[: SAMPLE_RATE // 4 + 5]
    content = samples.tobytes()
    for step in (7, 4096, len(content)):
        for channel in (0, 2, 3):
            meter = LevelMeter()
            taken = Metered(OneChannel(3, channel), [meter], 3, 0)
            blocks = [taken.feed(content[at : at + step]) for at in range(0, len(content), step)]
            heard = np.frombuffer(b"".join([*blocks, taken.finish()]), np.int16)
            right = samples[:, channel] if channel < 3 else np.zeros(len(samples), np.int16)
            np.testing.assert_array_equal(heard, right)
            np.testing.assert_array_equal(meter.levels(), levels_of(samples))


def test_levels_lie_where_the_sound_does_in_an_excerpt_and_behind_a_gap(
    tmp_path: Path, decoder: Decoder
) -> None:
    """A second of silence, a second of noise, and so on, in FLAC, sought in its middle."""
    noise = np.random.default_rng(0).normal(0, 3000, 20 * SAMPLE_RATE).astype(np.int16)
    noise[(np.arange(len(noise)) // SAMPLE_RATE) % 2 == 0] = 0
    raw = tmp_path / "raw"
    raw.write_bytes(np.stack([noise, noise // 2], 1).tobytes())
    path = tmp_path / "stereo.flac"
    ffmpeg("-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "2", "-i", str(raw), "-c:a", "flac", str(path))
    meter = LevelMeter()

    def mixing(layout: ChannelLayout, position: int) -> Metered:
        return Metered(OneChannel(layout.channels, 1), [meter], layout.channels, position)

    samples = decoder.read(path, lambda: None, Wanted(Excerpt(9.5, 4.0), mixing=mixing)).samples
    np.testing.assert_array_equal(samples, (noise // 2)[152000:216000])
    levels = meter.levels()[round(9.5 * STRETCHES) :]
    measured = levels[: 4 * STRETCHES, 0] > 0
    expected = np.abs(noise[152000:216000]).reshape(-1, LEVEL_SAMPLES).max(axis=1) > 0
    np.testing.assert_array_equal(measured, expected)
    assert levels[STRETCHES, 0] == pytest.approx(4 * levels[STRETCHES, 1], rel=0.01)
