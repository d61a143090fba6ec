"""Packed into bits, activity is what it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from app.engines.diarization.speaker_activity import SpeakerActivity

STATES = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=20), elements=st.integers(0, 1))


@settings(max_examples=100, deadline=None)
@given(STATES, st.data())
def test_what_is_unpacked_is_what_was_packed(states: np.ndarray, data: st.DataObject) -> None:
    activity = SpeakerActivity.pack(states)
    chosen = np.array(data.draw(st.lists(st.integers(0, len(states) - 1))), dtype=np.int64)
    assert activity.shape == states.shape
    np.testing.assert_array_equal(activity[:], states)
    np.testing.assert_array_equal(activity[chosen], states[chosen])
    np.testing.assert_array_equal(activity.active_speakers(), states.any(axis=1))
    np.testing.assert_array_equal(
        SpeakerActivity.concatenate([activity, activity])[:], np.concatenate([states, states])
    )


@pytest.mark.parametrize("windows", [1, 512, 1300])
def test_windows_come_one_after_the_other(windows: int) -> None:
    states = np.random.default_rng(windows).integers(0, 2, (windows, 9, 2), dtype=np.uint8)
    one_by_one = list(SpeakerActivity.pack(states))
    np.testing.assert_array_equal(np.stack(one_by_one), states)


def test_a_minute_of_windows_takes_an_eighth_of_its_bytes() -> None:
    states = np.ones((60, 592, 3), dtype=np.uint8)
    assert SpeakerActivity.pack(states).bits.nbytes * 8 == states.nbytes
