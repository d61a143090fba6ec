"""Character times are those of the textbook dynamic programme, found without a loop over frames."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.engines.alignment.forced_alignment import WILDCARD, align_characters

BLANK = 0
VOCABULARY = 5


def emission_of(seed: int, frames: int) -> NDArray[np.float32]:
    scores = np.random.default_rng(seed).normal(0, 3, (frames, VOCABULARY))
    log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return log_probs.astype(np.float32)


def slow_places(emission: NDArray[np.float32], tokens: list[int]) -> list[int]:
    """Frame of every character by the trellis of whisperX: frame by frame, state by state."""
    frames, count = len(emission), len(tokens)

    def score(frame: int, token: int) -> float:
        row = emission[frame].astype(float)
        return float(row[1:].max() if token == WILDCARD else row[token])

    best = [[-math.inf] * (count + 1) for _ in range(frames + 1)]
    best[0][0] = 0.0
    for frame in range(frames):
        for done in range(count + 1):
            stay = best[frame][done] + score(frame, BLANK)
            step = best[frame][done - 1] + score(frame, tokens[done - 1]) if done else -math.inf
            best[frame + 1][done] = max(stay, step)
    end = max(range(frames + 1), key=lambda frame: (best[frame][count], -frame))
    places: list[int] = []
    done = count
    for frame in range(end, 0, -1):
        stay = best[frame - 1][done] + score(frame - 1, BLANK)
        step = best[frame - 1][done - 1] + score(frame - 1, tokens[done - 1])
        if step > stay:
            places.insert(0, frame - 1)
            done -= 1
            if done == 0:
                break
    return places


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    tokens=st.lists(st.sampled_from([1, 2, 3, 4, WILDCARD]), min_size=1, max_size=8),
    spare=st.integers(0, 12),
)
def test_places_are_those_of_the_trellis(seed: int, tokens: list[int], spare: int) -> None:
    emission = emission_of(seed, len(tokens) + spare)
    times = align_characters(emission, np.array(tokens), BLANK)
    assert times is not None
    assert times.starts.tolist() == slow_places(emission, tokens)


def test_a_character_lasts_until_the_next_and_the_last_one_a_frame() -> None:
    """Where something is heard in every frame."""
    times = align_characters(emission_of(1, 20), np.array([1, 2, 3]), BLANK)
    assert times is not None
    assert times.ends[:-1].tolist() == times.starts[1:].tolist()
    assert times.ends[-1] == times.starts[-1] + 1


SEPARATOR = 4


def spoken(frames: int, heard: dict[int, int], murmur: dict[int, float] | None = None) -> NDArray[np.float32]:
    """An emission in which the tokens of `heard` are spoken in their frames and nothing in all others.

    `murmur` is the probability with which token 1 sounds on in further frames.
    """
    probabilities = np.full((frames, VOCABULARY), 0.001)
    probabilities[:, BLANK] = 1 - 0.001 * (VOCABULARY - 1)
    for frame, token in heard.items():
        probabilities[frame] = 0.01
        probabilities[frame, token] = 1 - 0.01 * (VOCABULARY - 1)
    for frame, probability in (murmur or {}).items():
        probabilities[frame, 1] = probability
        probabilities[frame, BLANK] = 1 - probability - 0.001 * (VOCABULARY - 2)
    return np.log(probabilities).astype(np.float32)


@pytest.mark.parametrize("late", [12, 40, 143, 400])
def test_a_word_of_one_letter_ends_soon_however_late_the_blank_behind_it_is_heard(late: int) -> None:
    emission = spoken(late + 20, {3: 1, late: SEPARATOR, late + 2: 2})
    times = align_characters(emission, np.array([1, SEPARATOR, 2]), BLANK, SEPARATOR)
    assert times is not None
    assert times.starts.tolist() == [3, late, late + 2]
    assert times.ends[0] - times.starts[0] <= 10


def test_a_word_ends_where_the_blank_is_heard_if_that_is_soon() -> None:
    emission = spoken(40, {3: 1, 5: SEPARATOR, 30: 2})
    times = align_characters(emission, np.array([1, SEPARATOR, 2]), BLANK, SEPARATOR)
    assert times is not None
    assert times.ends[0] == 5


def test_hearing_the_blank_between_words_all_the_time_is_hearing_nothing() -> None:
    pause = dict.fromkeys(range(6, 60), SEPARATOR)
    emission = spoken(80, {3: 1, **pause, 70: 2})
    emission[30, SEPARATOR] = -0.001  # here it is surest, so here the path puts it
    times = align_characters(emission, np.array([1, SEPARATOR, 2]), BLANK, SEPARATOR)
    assert times is not None
    assert times.ends[0] <= 10


def test_a_vowel_that_is_drawn_out_belongs_to_its_word() -> None:
    drawn_out = dict.fromkeys((8, 12, 15, 17), 0.15)
    emission = spoken(100, {3: 1, 80: SEPARATOR, 82: 2}, drawn_out)
    times = align_characters(emission, np.array([1, SEPARATOR, 2]), BLANK, SEPARATOR)
    assert times is not None
    assert 18 <= times.ends[0] <= 22


def test_a_noise_in_the_pause_does_not_belong_to_the_word() -> None:
    emission = spoken(100, {3: 1, 80: SEPARATOR, 82: 2}, {30: 0.2, 31: 0.2})
    times = align_characters(emission, np.array([1, SEPARATOR, 2]), BLANK, SEPARATOR)
    assert times is not None
    assert times.ends[0] <= 10


def test_noise_without_a_pause_draws_a_letter_out_for_a_moment_only() -> None:
    emission = spoken(100, {3: 1, 80: SEPARATOR, 82: 2}, dict.fromkeys(range(4, 80), 0.2))
    times = align_characters(emission, np.array([1, SEPARATOR, 2]), BLANK, SEPARATOR)
    assert times is not None
    assert times.ends[0] - times.starts[0] <= 25


def test_a_number_lasts_as_long_as_its_name_is_heard() -> None:
    """One sign may stand for a long name; what is heard meanwhile are letters that are not in the text."""
    name = dict.fromkeys(range(8, 60, 5), 0.3)
    emission = spoken(100, {3: 2, 80: SEPARATOR, 82: 3}, name)
    times = align_characters(emission, np.array([WILDCARD, SEPARATOR, 3]), BLANK, SEPARATOR)
    assert times is not None
    assert 59 <= times.ends[0] <= 63


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    tokens=st.lists(st.sampled_from([1, 2, 3, 4, WILDCARD]), min_size=1, max_size=8),
    spare=st.integers(0, 60),
    quiet=st.floats(0, 1),
)
def test_every_character_ends_behind_its_start_and_before_the_next(
    seed: int, tokens: list[int], spare: int, quiet: float
) -> None:
    emission = emission_of(seed, len(tokens) + spare)
    silent = np.random.default_rng(seed).random(len(emission)) < quiet
    emission[silent] = np.log([0.996, 0.001, 0.001, 0.001, 0.001]).astype(np.float32)
    times = align_characters(emission, np.array(tokens), BLANK, SEPARATOR)
    assert times is not None
    assert (times.ends > times.starts).all()
    assert (times.ends[:-1] <= times.starts[1:]).all()
    assert times.ends[-1] == times.starts[-1] + 1


def test_the_score_is_the_mean_probability_of_the_frames() -> None:
    emission = emission_of(3, 12)
    times = align_characters(emission, np.array([2, 4]), BLANK)
    assert times is not None
    start, end = int(times.starts[0]), int(times.starts[1])
    probabilities = [math.exp(emission[start, 2])] + [
        math.exp(value) for value in emission[start + 1 : end, BLANK]
    ]
    assert times.scores[0] == pytest.approx(sum(probabilities) / len(probabilities), rel=1e-5)


def test_repeated_characters_are_heard_one_after_the_other() -> None:
    times = align_characters(emission_of(5, 4), np.array([1, 1, 1, 1]), BLANK)
    assert times is not None
    assert times.starts.tolist() == [0, 1, 2, 3]


def test_more_characters_than_frames_cannot_be_aligned() -> None:
    assert align_characters(emission_of(1, 3), np.array([1, 2, 3, 4]), BLANK) is None


def test_no_characters_cannot_be_aligned() -> None:
    assert align_characters(emission_of(1, 3), np.array([], dtype=np.int64), BLANK) is None


def test_an_emission_that_is_not_a_number_cannot_be_aligned() -> None:
    emission = emission_of(1, 6)
    emission[2, 1] = np.nan
    assert align_characters(emission, np.array([1, 2]), BLANK) is None
