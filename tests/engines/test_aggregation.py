"""The timeline of speakers is pyannote's own, computed window by window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyannote.audio.core.inference import Inference
from pyannote.audio.pipelines.utils import SpeakerDiarizationMixin
from pyannote.audio.utils.signal import binarize as pyannote_binarize
from pyannote.core import SlidingWindow, SlidingWindowFeature

from app.engines.diarization.aggregation import (
    Timeline,
    active_regions,
    binarize,
    most_active_speakers,
    speaker_activations,
    speaker_counts,
)

WINDOW = SlidingWindow(start=0.0, duration=5.0, step=0.5)
FRAME = SlidingWindow(start=0.0, duration=0.0619375, step=0.016875)
FRAMES = 293


def scores_of(seed: int, windows: int = 14, speakers: int = 3) -> np.ndarray:
    """Slowly changing scores (windows, frames, speakers), some of them exactly the threshold."""
    steps = np.random.default_rng(seed).normal(0, 0.08, (windows, FRAMES, speakers))
    scores = np.clip(0.5 + np.cumsum(steps, axis=1), 0, 1).astype(np.float32)
    scores[:, ::7] = np.where(np.abs(scores[:, ::7] - 0.5) < 0.05, np.float32(0.5), scores[:, ::7])
    return scores


def timeline_of(windows: int = 14) -> Timeline:
    return Timeline.of([WINDOW[place].start for place in range(windows)], 5.0, FRAMES, FRAME)


def feature(data: np.ndarray) -> SlidingWindowFeature:
    return SlidingWindowFeature(data.copy(), WINDOW)


@pytest.mark.parametrize("seed", range(5))
def test_states_are_those_of_pyannote(seed: int) -> None:
    theirs = pyannote_binarize(feature(scores_of(seed)), onset=0.5, initial_state=False).data
    np.testing.assert_array_equal(binarize(scores_of(seed), 0.5)[:], theirs)


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_pyannote(seed: int) -> None:
    activity = binarize(scores_of(seed), 0.5)
    theirs = SpeakerDiarizationMixin.speaker_count(feature(1.0 * activity[:]), FRAME, warm_up=(0.0, 0.0))
    np.testing.assert_array_equal(speaker_counts(activity, timeline_of()), theirs.data[:, 0])


@pytest.mark.parametrize("seed", range(5))
def test_activations_and_the_most_active_speakers_are_those_of_pyannote(seed: int) -> None:
    scores = scores_of(seed)
    rng = np.random.default_rng(seed)
    clusters = np.array([rng.permutation([0, 1, 2, 3, -2])[:3] for _ in scores])
    by_cluster = np.full((*scores.shape[:2], 4), np.nan)
    for window, members in enumerate(clusters):
        for speaker, cluster in enumerate(members):
            if cluster >= 0:
                by_cluster[window, :, cluster] = scores[window, :, speaker]
    counts = speaker_counts(binarize(scores, 0.5), timeline_of())
    count_feature = SlidingWindowFeature(counts[:, None].astype(np.int8), FRAME)
    theirs = Inference.aggregate(feature(by_cluster), FRAME, hamming=False, missing=0.0, skip_average=True)
    ours = speaker_activations(scores, clusters, timeline_of())
    np.testing.assert_array_equal(ours, theirs.data)
    speaking = SpeakerDiarizationMixin.to_diarization(feature(by_cluster), count_feature)
    np.testing.assert_array_equal(most_active_speakers(ours, counts), speaking.data > 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=40))
def test_regions_are_those_of_pyannote(speaking: list[bool]) -> None:
    states = np.array(speaking)
    annotation = SpeakerDiarizationMixin.to_annotation(SlidingWindowFeature(1.0 * states[:, None], FRAME))
    frame_centers = np.array([FRAME[place].middle for place in range(len(states))])
    theirs = [(segment.start, segment.end) for segment in annotation.itersegments()]
    assert active_regions(states, frame_centers) == theirs


def test_more_speakers_counted_than_clusters_known_are_still_shown() -> None:
    speaking = most_active_speakers(np.ones((3, 1), np.float32), np.array([0, 1, 2]))
    assert speaking.sum(axis=1).tolist() == [0, 1, 2]


def test_centers_of_frames_are_those_of_pyannote() -> None:
    frame_centers = timeline_of().frame_centers()
    assert frame_centers.tolist() == [FRAME[place].middle for place in range(len(frame_centers))]
