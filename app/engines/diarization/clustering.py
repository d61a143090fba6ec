"""Which windows' voices belong together: pyannote's clustering, with bounded memory on long recordings.

pyannote starts from a tree over the distances of all pairs of voice vectors: at ten hours some 43,000
vectors, 7 GB and minutes. Up to PAIRWISE_LIMIT vectors its clustering runs as it is. Beyond, the tree is
built on TREE_VECTORS of them, taken evenly over the recording; every other vector joins the nearest branch,
and what follows (VBx over all vectors, centroids, assignment) grows with the recording and no faster.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from app.engines.diarization.speaker_activity import Activity
from app.engines.interfaces import SpeakerCountRange
from app.engines.platform.allocator import return_freed_memory
from app.engines.platform.libraries import pyannote_clustering, pyannote_core, pyannote_vbx

PAIRWISE_LIMIT = 6000
"""Voice vectors (some 70 minutes of talk) up to which all pairs are compared, twice 144 MB of distances."""
TREE_VECTORS = 2000
"""Vectors in the tree of longer recordings: twice 16 MB of distances."""
BLOCK = 4096
"""Vectors worked on at once."""
WINDOWS = 256
"""Windows looked at at once: some megabytes of 64-bit counts."""

Vectors = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Voices:
    """Who is who."""

    clusters: NDArray[np.int64]
    """Voice of each speaker of each window, (windows, speakers)."""
    centroids: Vectors
    """One vector per voice, (voices, dimension)."""


def cluster_voices(
    clustering: Any,
    embeddings: Vectors,
    activity: Activity,
    allowed: SpeakerCountRange,
    limit: int = PAIRWISE_LIMIT,
) -> Voices:
    """Return the voices behind `embeddings` (windows, speakers, dimension).

    Args:
        clustering: pyannote's clustering object, with its parameters set.
        limit: how many vectors are compared in pairs.
    """
    training, windows, speakers = clear_voices(clustering, embeddings, activity)
    if len(training) < 2:
        return _one_voice(embeddings, training)
    allowed = _feasible(allowed, len(training))
    if len(training) <= limit:
        clusters, _, centroids = clustering(
            embeddings=embeddings,
            segmentations=_feature(activity[:]),
            num_clusters=allowed.exact,
            min_clusters=allowed.least,
            max_clusters=allowed.most,
        )
        return Voices(np.asarray(clusters, dtype=np.int64), centroids)
    if isinstance(clustering, pyannote_clustering.VBxClustering):
        return _vbx(clustering, embeddings, training, activity, allowed, min(limit, TREE_VECTORS))
    if allowed.most < 2:
        return _one_voice(embeddings, training)
    chosen = _evenly(len(training), min(limit, TREE_VECTORS))
    labels = _for_a_part(clustering, len(chosen) / len(training)).cluster(
        training[chosen].copy(),
        min_clusters=allowed.least,
        max_clusters=allowed.most,
        num_clusters=allowed.exact,
    )
    clusters, _, centroids = clustering.assign_embeddings(
        embeddings,
        windows[chosen],
        speakers[chosen],
        labels,
        constrained=clustering.constrained_assignment,
    )
    return Voices(np.asarray(clusters, dtype=np.int64), centroids)


def clear_voices(
    clustering: Any, embeddings: Vectors, activity: Activity
) -> tuple[Vectors, NDArray[np.int64], NDArray[np.int64]]:
    """Return the vectors (vectors, dimension) of those who speak alone for long enough; windows; speakers.

    pyannote's own choice, which knows nothing beyond one window, made for some windows at a time: it counts
    frames in 64-bit arrays.
    """
    parts = []
    for start in range(0, len(embeddings), WINDOWS):
        part = slice(start, start + WINDOWS)
        vectors, windows, speakers = clustering.filter_embeddings(
            embeddings[part], segmentations=_feature(activity[part])
        )
        parts.append((vectors, windows + start, speakers))
    vectors, windows, speakers = (np.concatenate(column) for column in zip(*parts, strict=True))
    return vectors, windows, speakers


def _feature(states: NDArray[np.uint8]) -> Any:
    """Return `states` in pyannote's form; when the windows are does not matter to clustering."""
    return pyannote_core.SlidingWindowFeature(states, pyannote_core.SlidingWindow())


def _for_a_part(clustering: Any, share: float) -> Any:
    """Return an agglomerative clustering like `clustering`, whose smallest voice is `share` as large."""
    parameters = clustering.parameters(instantiated=True)
    if "min_cluster_size" in parameters:
        parameters["min_cluster_size"] = max(1, round(parameters["min_cluster_size"] * share))
    scaled = type(clustering)(
        metric=clustering.metric, constrained_assignment=clustering.constrained_assignment
    )
    scaled.instantiate(parameters)
    return scaled


def _one_voice(embeddings: Vectors, training: Vectors) -> Voices:
    windows, speakers, dimension = embeddings.shape
    centroid = training.mean(axis=0, keepdims=True) if len(training) else np.zeros((1, dimension))
    return Voices(np.zeros((windows, speakers), dtype=np.int64), centroid)


def _feasible(allowed: SpeakerCountRange, vectors: int) -> SpeakerCountRange:
    """Return `allowed` that `vectors` vectors can meet: more voices than vectors there cannot be."""
    return SpeakerCountRange(min(allowed.least, vectors), max(min(allowed.most, vectors), 1))


def _vbx(
    clustering: Any,
    embeddings: Vectors,
    training: Vectors,
    activity: Activity,
    allowed: SpeakerCountRange,
    size: int,
) -> Voices:
    """VBx as pyannote runs it, started from a tree over `size` vectors instead of all."""
    start = _branches(_normed(training), size, clustering.threshold)
    return_freed_memory()
    responsibilities, priors = pyannote_vbx.cluster_vbx(
        start,
        _projected(clustering.plda, training),
        clustering.plda.phi,
        Fa=clustering.Fa,
        Fb=clustering.Fb,
        maxIters=20,
    )
    weights = responsibilities[:, priors > 1e-7]
    centroids = weights.T @ training / weights.sum(axis=0, keepdims=True).T
    wanted = _wanted(allowed, len(centroids))
    if wanted is not None:
        labels = KMeans(n_clusters=wanted, n_init=3, random_state=42).fit_predict(_normed(training))
        centroids = np.vstack([training[labels == voice].mean(axis=0) for voice in range(wanted)])
    similarity = _similarity(embeddings, centroids, clustering.metric)
    if not clustering.constrained_assignment or wanted is not None:
        return Voices(similarity.argmax(axis=2), centroids)
    similarity[~activity.speaking()] = similarity.min() - 1.0
    return Voices(np.asarray(clustering.constrained_argmax(similarity), dtype=np.int64), centroids)


def _projected(plda: Any, vectors: Vectors) -> Vectors:
    """Return `vectors` (vectors, dimension) in the space of `plda`, which looks at one at a time."""
    blocks = [plda(vectors[start : start + BLOCK]) for start in range(0, len(vectors), BLOCK)]
    projected: Vectors = np.concatenate(blocks)
    return projected


def _normed(vectors: Vectors) -> Vectors:
    normed: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normed


def _branches(normed: Vectors, size: int, threshold: float) -> NDArray[np.int64]:
    """Return the branch of each of `normed` (vectors, dimension), from a tree over `size` of them."""
    chosen = _evenly(len(normed), size)
    tree = linkage(normed[chosen], method="centroid", metric="euclidean")
    _, labels = np.unique(fcluster(tree, threshold, criterion="distance"), return_inverse=True)
    middles = np.vstack([normed[chosen][labels == branch].mean(axis=0) for branch in range(labels.max() + 1)])
    branches = np.empty(len(normed), dtype=np.int64)
    for start in range(0, len(normed), BLOCK):
        branches[start : start + BLOCK] = cdist(normed[start : start + BLOCK], middles).argmin(axis=1)
    branches[chosen] = labels
    _, renumbered = np.unique(branches, return_inverse=True)
    return renumbered


def _wanted(allowed: SpeakerCountRange, found: int) -> int | None:
    """Return the number of voices to force; None where `found` voices are within what is allowed."""
    wanted = allowed.exact
    if found < allowed.least:
        wanted = allowed.least
    elif found > allowed.most:
        wanted = int(allowed.most)
    return None if wanted == found else wanted


def _similarity(embeddings: Vectors, centroids: Vectors, metric: str) -> NDArray[np.float64]:
    """Return 2 - distance of every vector to every centroid, (windows, speakers, voices)."""
    windows, speakers, dimension = embeddings.shape
    flat = embeddings.reshape(windows * speakers, dimension)
    similarity = np.empty((len(flat), len(centroids)))
    for start in range(0, len(flat), BLOCK):
        similarity[start : start + BLOCK] = 2 - cdist(flat[start : start + BLOCK], centroids, metric=metric)
    return similarity.reshape(windows, speakers, len(centroids))


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))
