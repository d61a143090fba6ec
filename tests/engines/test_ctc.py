"""Character times are those of the textbook dynamic programme, found without a loop over frames."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.engines.ctc import WILDCARD, align_characters

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
    times = align_characters(emission_of(1, 20), np.array([1, 2, 3]), BLANK)
    assert times is not None
    assert times.ends[:-1].tolist() == times.starts[1:].tolist()
    assert times.ends[-1] == times.starts[-1] + 1


def test_the_score_is_the_mean_probability_of_the_frames() -> None:
    emission = emission_of(3, 12)
    times = align_characters(emission, np.array([2, 4]), BLANK)
    assert times is not None
    start, end = int(times.starts[0]), int(times.ends[0])
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
