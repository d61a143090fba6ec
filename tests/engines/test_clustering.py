"""Above the limit of pairwise comparison the voices are the same as below it."""

from typing import Any

import numpy as np
import pytest
from pyannote.audio.pipelines.clustering import AgglomerativeClustering, VBxClustering
from pyannote.core import SlidingWindow, SlidingWindowFeature

from app.engines.diarization.clustering import WINDOWS_PER_BLOCK, cluster_speakers, filter_clean_embeddings
from app.engines.diarization.speaker_activity import SpeakerActivity
from app.engines.interfaces import SpeakerCountRange
from tests.engines.conftest import DEMO, recordings, samples_of
from tests.engines.long_recordings import voices_of_a_long_meeting

FREE = SpeakerCountRange()


@pytest.fixture(scope="module")
def vbx() -> VBxClustering:
    from pyannote.audio.core.plda import PLDA

    clustering = VBxClustering(PLDA.from_pretrained(DEMO / "diarization" / "plda"))
    clustering.instantiate({"threshold": 0.9, "Fa": 0.07, "Fb": 0.8})
    return clustering


@pytest.fixture(scope="module")
def agglomerative() -> AgglomerativeClustering:
    clustering = AgglomerativeClustering()
    clustering.instantiate({"method": "centroid", "min_cluster_size": 12, "threshold": 0.7})
    return clustering


@pytest.fixture(scope="module")
def long_meeting(diarizer: Any) -> tuple[np.ndarray, SpeakerActivity]:
    """Some 1,500 vectors of the bundle's own voices, with the spread that the recordings show."""
    sounds = [samples_of(path) for path in recordings("conversation-en-3-voices-*")]
    return voices_of_a_long_meeting(diarizer, sounds, repeats=6)


def feature(activity: SpeakerActivity) -> SlidingWindowFeature:
    return SlidingWindowFeature(activity[:], SlidingWindow(duration=10.0, step=1.0))


def same_partition(left: np.ndarray, right: np.ndarray, activity: SpeakerActivity) -> float:
    """Share of active speakers of windows that are in the same group both times, groups paired by size."""
    active = activity.active_speakers()
    pairs = list(zip(left[active].tolist(), right[active].tolist(), strict=True))
    best = {
        voice: max((pair for pair in pairs if pair[0] == voice), key=pairs.count)[1]
        for voice in set(left[active])
    }
    assert len(set(best.values())) == len(best)
    return sum(best[voice] == other for voice, other in pairs) / len(pairs)


@pytest.mark.parametrize("kind", ["vbx", "agglomerative"])
@pytest.mark.parametrize("bounds", [FREE, SpeakerCountRange(2, 2)], ids=["free", "two"])
def test_a_tenth_of_the_vectors_leads_to_the_same_voices(
    kind: str,
    bounds: SpeakerCountRange,
    long_meeting: tuple[np.ndarray, SpeakerActivity],
    request: pytest.FixtureRequest,
) -> None:
    vectors, activity = long_meeting
    clustering = request.getfixturevalue(kind)
    whole = cluster_speakers(clustering, vectors, activity, bounds)
    part = cluster_speakers(clustering, vectors, activity, bounds, limit=150)
    assert len(whole.centroids) == len(part.centroids)
    assert same_partition(whole.clusters, part.clusters, activity) >= 0.995


def test_voices_are_chosen_part_by_part_as_pyannote_chooses_them(
    vbx: VBxClustering, long_meeting: tuple[np.ndarray, SpeakerActivity]
) -> None:
    vectors, activity = long_meeting
    times = 2 * WINDOWS_PER_BLOCK // len(vectors) + 1
    vectors = np.tile(vectors, (times, 1, 1))
    activity = SpeakerActivity.concatenate([activity] * times)
    ours = filter_clean_embeddings(vbx, vectors, activity)
    for mine, theirs in zip(
        ours, vbx.filter_embeddings(vectors, segmentations=feature(activity)), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_below_the_limit_it_is_pyannotes_own_answer(
    vbx: VBxClustering, long_meeting: tuple[np.ndarray, SpeakerActivity]
) -> None:
    vectors, activity = long_meeting
    ours = cluster_speakers(vbx, vectors, activity, FREE)
    clusters, _, centroids = vbx(vectors, feature(activity), min_clusters=1, max_clusters=np.inf)
    np.testing.assert_array_equal(ours.clusters, clusters)
    np.testing.assert_array_equal(ours.centroids, centroids)


def few(vectors: int, size: int) -> tuple[np.ndarray, SpeakerActivity]:
    activity = np.zeros((4, 50, 2), dtype=np.uint8)
    activity[:vectors, :, 0] = 1
    drawn = np.random.default_rng(1).normal(size=(4, 2, size)).astype(np.float32)
    return drawn, SpeakerActivity.pack(activity)


@pytest.mark.parametrize("vectors", [0, 1, 2, 3])
def test_more_people_asked_for_than_vectors_there_are_is_no_failure(
    vbx: VBxClustering, long_meeting: tuple[np.ndarray, SpeakerActivity], vectors: int
) -> None:
    size = long_meeting[0].shape[-1]
    clusters = cluster_speakers(vbx, *few(vectors, size), SpeakerCountRange(8, 8))
    assert 1 <= len(clusters.centroids) <= max(1, vectors)
