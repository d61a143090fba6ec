"""Cross-talk is taken away from under somebody's own speech, where it can be foretold from the other side."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.channels import LEVEL_SAMPLES
from app.audio.cross_talk import leaks_into
from app.audio.cross_talk_filter import PIECE_SAMPLES, LeakFilter, LoudPieces, WithoutCrossTalk, leak_filters
from app.audio.waveform import SAMPLE_RATE
from tests.audio.test_channels import Sound, speech
from tests.audio.test_cross_talk import SECONDS, as_samples, late, levels_of, turns


def pieces_of(samples: NDArray[np.int16], step: int = 7 * LEVEL_SAMPLES) -> LoudPieces:
    pieces = LoudPieces()
    pieces.begin(0, samples.shape[1])
    for start in range(0, len(samples), step):
        pieces.take(samples[start : start + step])
    return pieces


def filters_of(samples: NDArray[np.int16], channel: int) -> tuple[LeakFilter, ...]:
    return leak_filters(pieces_of(samples), channel, leaks_into(levels_of(samples), channel))


def without(samples: NDArray[np.int16], filters: tuple[LeakFilter, ...], step: int) -> NDArray[np.int16]:
    """Return the first channel, fed in blocks of `step` bytes."""
    mixer = WithoutCrossTalk(samples.shape[1], 0, filters)
    content = samples.tobytes()
    blocks = [mixer.feed(content[at : at + step]) for at in range(0, len(content), step)]
    return np.frombuffer(b"".join([*blocks, mixer.finish()]), np.int16)


def decibels(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(np.square(sound))))


def echoed(sound: Sound) -> Sound:
    """Return `sound` in a small room."""
    return sound + late(sound, 0.012, -8.0) - late(sound, 0.031, -14.0)


@pytest.mark.parametrize("delay", [0.0, 0.0502, 0.3])
@pytest.mark.parametrize("level", [-12.0, -25.0])
def test_cross_talk_is_taken_away_from_under_own_speech(level: float, delay: float) -> None:
    """Somebody speaks all the time on the first channel, while the other one has turns."""
    own, other = 0.1 * turns(1, 0), turns(2, 1)
    own[20 * SAMPLE_RATE :] = 0.3 * speech(3, SECONDS)[20 * SAMPLE_RATE :]
    leak = late(echoed(other), delay, level)
    clean, spoiled = as_samples([own, other]), as_samples([own + leak, other])
    heard = without(spoiled, filters_of(spoiled, 0), 1 << 16)
    before, after = (each / 32767 - clean[:, 0] / 32767 for each in (spoiled[:, 0], heard))
    together = slice(20 * SAMPLE_RATE, None)
    assert decibels(after[together]) < decibels(before[together]) - 8


def test_blocks_of_any_size_give_the_same() -> None:
    samples = as_samples([turns(1, 0) + late(turns(2, 1), 0.05, -20), turns(2, 1)])
    filters = filters_of(samples, 0)
    assert len(filters) == 1
    short = samples[: 8 * SAMPLE_RATE]
    whole = without(short, filters, 4 * len(short))
    assert len(whole) == len(short)
    for step in (4099, 65536):
        assert np.abs(without(short, filters, step) - whole).max() <= 1


def test_what_cannot_be_foretold_stays_as_it_is() -> None:
    """Somebody else's sound, as loud at each time as the leak would be."""
    other = turns(2, 1)
    loudness = np.sqrt(np.convolve(np.square(other), np.ones(320) / 320, "same"))
    unlike = loudness * np.random.default_rng(0).normal(0, 10 ** (-25 / 20), len(other))
    samples = as_samples([turns(1, 0) + unlike, other])
    assert 1 in leaks_into(levels_of(samples), 0)
    assert filters_of(samples, 0) == ()
    np.testing.assert_array_equal(without(samples, (), 4099), samples[:, 0])


def test_a_track_without_the_other_channel_stays_as_it_is() -> None:
    samples = as_samples([turns(1, 0) + late(turns(2, 1), 0.05, -20), turns(2, 1)])
    alone = samples[:, :1].copy()
    np.testing.assert_array_equal(without(alone, filters_of(samples, 0), 4099), alone[:, 0])


@pytest.mark.parametrize(("channels", "most"), [(2, 20), (5, 10), (16, 0)])
def test_pieces_are_few_and_spread_over_the_recording(channels: int, most: int) -> None:
    """Of an hour in which the first channel speaks all the time."""
    pieces = LoudPieces()
    pieces.begin(0, channels)
    dice = np.random.default_rng(0)
    for number in range(1800):
        piece = np.zeros((PIECE_SAMPLES, channels), np.int16)
        piece[:, 0] = dice.integers(-900, 900, PIECE_SAMPLES)
        piece[0, 1] = number
        pieces.take(piece)
    kept = pieces.of(0)
    assert most // 2 <= len(kept) <= most
    assert len(pieces.of(1)) == 0
    if most:
        apart = np.diff([0, *kept[:, 0, 1].tolist(), 1800])
        assert apart.max() <= 1800 / (most // 2) + 1


def test_a_track_with_other_channels_gives_no_pieces() -> None:
    loud = np.random.default_rng(0).integers(-900, 900, (PIECE_SAMPLES, 3)).astype(np.int16)
    pieces = LoudPieces()
    pieces.begin(0, 2)
    pieces.take(loud[:, :2] * np.array([1, 0], np.int16))
    pieces.begin(PIECE_SAMPLES, 3)
    pieces.take(loud * np.array([1, 0, 0], np.int16))
    assert pieces.of(0).shape == (1, PIECE_SAMPLES, 2)
