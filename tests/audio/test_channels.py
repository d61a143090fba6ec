"""Whoever speaks on any channel is heard, whatever is on the others."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.decoder import Decoder
from app.audio.downmix import Downmix
from app.audio.waveform import SAMPLE_RATE, to_float32
from tests.audio.sounds import ffmpeg, known_sound, write_wave

SECONDS = 12
Sound = NDArray[np.float64]


def speech(seed: int, seconds: int = SECONDS) -> Sound:
    """Return noise in the band and in the rhythm of speech: four syllables per second, and pauses."""
    dice = np.random.default_rng(seed)
    times = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    spectrum = np.fft.rfft(dice.normal(0, 1, len(times)))
    hertz = np.fft.rfftfreq(len(times), 1 / SAMPLE_RATE)
    spectrum[(hertz < 300) | (hertz > 3000)] = 0
    syllables = np.sin(2 * np.pi * 2 * times) ** 2 * (times % 3 < 2.4)
    sound: Sound = np.fft.irfft(spectrum) * syllables
    return 0.2 * sound / np.abs(sound).max()


def steady(seed: int, level: float, seconds: int = SECONDS) -> Sound:
    return np.random.default_rng(seed).normal(0, level, seconds * SAMPLE_RATE)


def mixed(channels: list[Sound], centre: int | None = None, step: int = 1 << 18) -> Sound:
    content = (np.stack(channels, 1) * 32767).clip(-32768, 32767).astype("<i2").tobytes()
    mix = Downmix(len(channels), centre)
    blocks = [mix.feed(content[start : start + step]) for start in range(0, len(content), step)]
    waveform = np.frombuffer(b"".join([*blocks, mix.finish()]), "<i2")
    assert len(waveform) == len(channels[0])
    return waveform / 32767


def heard(mix: Sound, voice: Sound) -> tuple[float, float]:
    """Return the gain of the voice in the mix, and by how many decibels it is louder than all the rest."""
    gain = float(mix @ voice / (voice @ voice))
    rest = mix - gain * voice
    return gain, float(10 * np.log10((gain * voice) @ (gain * voice) / max(rest @ rest, 1e-9)))


@pytest.mark.parametrize("gain", [1.0, 0.8, 0.5, 0.1])
def test_an_inverted_channel_does_not_cancel_the_other(gain: float) -> None:
    voice = speech(1)
    level, clean = heard(mixed([voice, -gain * voice]), voice)
    assert 0.5 < abs(level) <= 1.01
    assert clean > 30


def test_a_channel_that_is_inverted_for_a_while_only_is_turned_round_then() -> None:
    voice = speech(1)
    turned = np.where(np.arange(len(voice)) // (4 * SAMPLE_RATE) == 1, -voice, voice)
    mix = mixed([voice, turned])
    for start, stop in ((0, 3.5), (5.3, 7), (9.3, 12)):
        part = slice(int(start * SAMPLE_RATE), int(stop * SAMPLE_RATE))
        assert abs(heard(mix[part], voice[part])[0]) > 0.95


def test_two_inverted_channels_among_many_do_not_cancel_each_other() -> None:
    voice, other = speech(1), speech(2)
    mix = mixed([other, other, voice, -voice, steady(3, 0.001)])
    assert abs(heard(mix, voice)[0]) > 0.3
    assert abs(heard(mix, other)[0]) > 0.3


@pytest.mark.parametrize(("channels", "seconds"), [(4, 12), (8, 12), (16, 12), (64, 4)])
def test_one_speaker_of_many_channels_is_not_drowned(channels: int, seconds: int) -> None:
    voice = speech(1, seconds)
    for at in (0, channels // 2, channels - 1):
        noisy = [steady(number, 0.003, seconds) for number in range(channels)]
        noisy[at] = noisy[at] + voice
        level, clean = heard(mixed(noisy), voice)
        assert level > 0.45
        assert clean > heard(noisy[at], voice)[1] - 1


def test_a_loud_steady_noise_on_one_channel_does_not_drown_the_other() -> None:
    voice = speech(1)
    noise = steady(2, 0.1)
    assert heard(mixed([voice, noise]), voice)[1] > heard((voice + noise) / 2, voice)[1] + 3


def test_people_who_speak_in_turn_are_all_heard_from_their_first_syllable() -> None:
    turn = np.arange(SECONDS * SAMPLE_RATE) // (2 * SAMPLE_RATE) % 2
    for quiet in (1.0, 0.1):
        loud_one, quiet_one = speech(1) * (turn == 0), quiet * speech(2) * (turn == 1)
        mix = mixed([loud_one + steady(3, 1e-4), quiet_one + steady(4, 1e-4)])
        assert heard(mix, loud_one)[0] > 0.6
        for second in (2, 6, 10):
            first = slice(second * SAMPLE_RATE, int((second + 0.4) * SAMPLE_RATE))
            assert heard(mix[first], quiet_one[first])[0] > 0.25


def test_people_who_speak_at_once_are_both_heard() -> None:
    first, second = speech(1), speech(2)
    mix = mixed([first, second])
    assert heard(mix, first)[0] > 0.35
    assert heard(mix, second)[0] > 0.35


def test_a_film_s_dialogue_stands_out_of_the_music_around_it() -> None:
    voice = speech(1)
    music = [0.7 * speech(number) for number in range(2, 6)]
    low = np.zeros_like(voice)
    mix = mixed([music[0], music[1], voice, low, music[2], music[3]], centre=2)
    plain = (voice + 0.7 * (music[0] + music[1]) + 0.5 * (music[2] + music[3])) / 3.4
    assert heard(mix, voice)[0] > 0.5
    assert heard(mix, voice)[1] > heard(plain, voice)[1] + 8


def test_speech_beside_a_silent_centre_is_heard() -> None:
    voice = speech(1)
    silent = [steady(number, 1e-4) for number in range(2, 7)]
    assert heard(mixed([voice, *silent], centre=2), voice)[0] > 0.6


def test_equal_channels_come_out_exactly() -> None:
    voice = speech(1)
    stored = (voice * 32767).astype("<i2")
    for channels in (2, 4):
        np.testing.assert_array_equal(np.rint(mixed([voice] * channels) * 32767), stored)


def test_usual_stereo_is_as_good_as_the_average() -> None:
    left, right = speech(1), speech(2)
    room = steady(3, 0.002), steady(4, 0.002)
    stereo = [left + 0.4 * right + room[0], 0.4 * left + right + room[1]]
    mix, plain = mixed(stereo), (stereo[0] + stereo[1]) / 2
    for voice in (left, right):
        assert heard(mix, voice)[0] > heard(plain, voice)[0] - 0.08


def test_the_mix_does_not_depend_on_how_the_samples_arrive() -> None:
    channels = [speech(1), speech(2)]
    whole = mixed(channels)
    for step in (7, 4096, 65537):
        np.testing.assert_array_equal(mixed([channel[:40000] for channel in channels], step=step), mixed(
            [channel[:40000] for channel in channels]))  # fmt: skip
    np.testing.assert_array_equal(mixed(channels, step=65537), whole)


def test_memory_does_not_grow_with_the_length() -> None:
    mix = Downmix(2)
    block = np.random.default_rng(0).integers(-3000, 3000, 1 << 17).astype("<i2").tobytes()
    given, returned = 0, 0
    for _ in range(40):
        given += len(block) // 2
        returned += len(mix.feed(block))
        assert given - returned < 6 * SAMPLE_RATE * 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("inverted.wav", "-af pan=stereo|c0=c0|c1=-1*c0"),
        ("inverted.flac", "-af pan=stereo|c0=c0|c1=-1*c0"),
        ("centre.wav", "-af pan=5.1|FC=c0"),
        ("centre.flac", "-af pan=5.1|FC=c0"),
        ("last.wav", "-af pan=16c|c15=c0"),
        ("left.mp3", "-af pan=stereo|c0=c0"),
        ("centre.ac3", "-af pan=5.1|FC=c0"),
    ],
)
def test_the_decoder_hears_a_voice_on_one_channel(
    name: str, options: str, tmp_path: Path, decoder: Decoder
) -> None:
    mono = write_wave(tmp_path / "mono.wav", known_sound())
    ffmpeg("-i", str(mono), *options.split(), str(tmp_path / name))
    complaints: list[str] = []
    waveform = decoder.decode(tmp_path / name, lambda: None, warn=complaints.append)
    plain = to_float32(decoder.decode(mono, lambda: None))
    level = float(np.std(to_float32(waveform)) / np.std(plain))
    assert 0.45 < level < 1.1
    assert complaints == []
