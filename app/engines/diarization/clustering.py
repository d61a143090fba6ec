"""Clustering of speaker embeddings: pyannote's, with bounded memory on long recordings.

pyannote starts with agglomerative clustering over the distances of all pairs of embeddings: at ten hours some
43,000 embeddings, 7 GB and minutes. Up to PAIRWISE_LIMIT of them its clustering runs as it is. Beyond, the
dendrogram is built on TREE_VECTORS of them, taken evenly over the recording; every other embedding joins the
nearest cluster, and what follows (VBx over all embeddings, centroids, assignment) takes time in proportion to
the recording's length.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from app.engines.diarization.speaker_activity import SpeakerActivity
from app.engines.interfaces import SpeakerCountRange
from app.engines.platform.allocator import return_freed_memory
from app.engines.platform.libraries import pyannote_clustering, pyannote_core, pyannote_vbx

PAIRWISE_LIMIT = 6000
"""Embeddings (some 70 minutes of talk) up to which all pairs are compared: twice 144 MB of distances."""
TREE_VECTORS = 2000
"""Embeddings in the dendrogram of longer recordings: twice 16 MB of distances."""
BLOCK = 4096
"""Embeddings worked on at once."""
WINDOWS_PER_BLOCK = 256
"""Windows filtered at once: some megabytes of 64-bit counts."""

Embeddings = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class SpeakerClusters:
    """Which speakers of the windows are the same person: each cluster is one."""

    clusters: NDArray[np.int64]
    """Cluster of each speaker of each window, (windows, speakers)."""
    centroids: Embeddings
    """One embedding per cluster, (clusters, dimension)."""


def cluster_speakers(
    clustering: Any,
    embeddings: Embeddings,
    activity: SpeakerActivity,
    allowed: SpeakerCountRange,
    limit: int = PAIRWISE_LIMIT,
) -> SpeakerClusters:
    """Return the clusters of `embeddings` (windows, speakers, dimension).

    Args:
        clustering: pyannote's clustering object, with its parameters set.
        limit: how many embeddings are compared in pairs.
    """
    training, windows, speakers = filter_clean_embeddings(clustering, embeddings, activity)
    if len(training) < 2:
        return _single_cluster(embeddings, training)
    allowed = _attainable(allowed, len(training))
    if len(training) <= limit:
        clusters, _, centroids = clustering(
            embeddings=embeddings,
            segmentations=_as_feature(activity[:]),
            num_clusters=allowed.exact,
            min_clusters=allowed.least,
            max_clusters=allowed.most,
        )
        return SpeakerClusters(np.asarray(clusters, dtype=np.int64), centroids)
    if isinstance(clustering, pyannote_clustering.VBxClustering):
        return _run_vbx(clustering, embeddings, training, activity, allowed, min(limit, TREE_VECTORS))
    if allowed.most < 2:
        return _single_cluster(embeddings, training)
    chosen = _evenly_spaced(len(training), min(limit, TREE_VECTORS))
    labels = _scaled_to_sample(clustering, len(chosen) / len(training)).cluster(
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
    return SpeakerClusters(np.asarray(clusters, dtype=np.int64), centroids)


def filter_clean_embeddings(
    clustering: Any, embeddings: Embeddings, activity: SpeakerActivity
) -> tuple[Embeddings, NDArray[np.int64], NDArray[np.int64]]:
    """Return the embeddings (embeddings, dimension) of who speaks alone long enough; their windows; speakers.

    pyannote's `filter_embeddings`, which looks at each window by itself, called for some windows at a time:
    it counts frames in 64-bit arrays.
    """
    parts = []
    for start in range(0, len(embeddings), WINDOWS_PER_BLOCK):
        part = slice(start, start + WINDOWS_PER_BLOCK)
        vectors, windows, speakers = clustering.filter_embeddings(
            embeddings[part], segmentations=_as_feature(activity[part])
        )
        parts.append((vectors, windows + start, speakers))
    vectors, windows, speakers = (np.concatenate(column) for column in zip(*parts, strict=True))
    return vectors, windows, speakers


def _as_feature(states: NDArray[np.uint8]) -> Any:
    """Return `states` (windows, frames, speakers) as SlidingWindowFeature; clustering needs no times."""
    return pyannote_core.SlidingWindowFeature(states, pyannote_core.SlidingWindow())


def _scaled_to_sample(clustering: Any, share: float) -> Any:
    """Return an agglomerative clustering like `clustering` with a `share` of its `min_cluster_size`."""
    parameters = clustering.parameters(instantiated=True)
    if "min_cluster_size" in parameters:
        parameters["min_cluster_size"] = max(1, round(parameters["min_cluster_size"] * share))
    scaled = type(clustering)(
        metric=clustering.metric, constrained_assignment=clustering.constrained_assignment
    )
    scaled.instantiate(parameters)
    return scaled


def _single_cluster(embeddings: Embeddings, training: Embeddings) -> SpeakerClusters:
    windows, speakers, dimension = embeddings.shape
    centroid = training.mean(axis=0, keepdims=True) if len(training) else np.zeros((1, dimension))
    return SpeakerClusters(np.zeros((windows, speakers), dtype=np.int64), centroid)


def _attainable(allowed: SpeakerCountRange, vectors: int) -> SpeakerCountRange:
    """Return `allowed` within what `vectors` embeddings can give: there are no more clusters than those."""
    return SpeakerCountRange(min(allowed.least, vectors), max(min(allowed.most, vectors), 1))


def _run_vbx(
    clustering: Any,
    embeddings: Embeddings,
    training: Embeddings,
    activity: SpeakerActivity,
    allowed: SpeakerCountRange,
    size: int,
) -> SpeakerClusters:
    """VBx as pyannote runs it, initialised by agglomerative clustering of `size` embeddings, not all."""
    start = _initial_clusters(_unit_length(training), size, clustering.threshold)
    return_freed_memory()
    responsibilities, priors = pyannote_vbx.cluster_vbx(
        start,
        _plda_transformed(clustering.plda, training),
        clustering.plda.phi,
        Fa=clustering.Fa,
        Fb=clustering.Fb,
        maxIters=20,
    )
    weights = responsibilities[:, priors > 1e-7]
    centroids = weights.T @ training / weights.sum(axis=0, keepdims=True).T
    wanted = _count_to_force(allowed, len(centroids))
    if wanted is not None:
        labels = KMeans(n_clusters=wanted, n_init=3, random_state=42).fit_predict(_unit_length(training))
        centroids = np.vstack([training[labels == cluster].mean(axis=0) for cluster in range(wanted)])
    similarity = _similarity(embeddings, centroids, clustering.metric)
    if not clustering.constrained_assignment or wanted is not None:
        return SpeakerClusters(similarity.argmax(axis=2), centroids)
    similarity[~activity.active_speakers()] = similarity.min() - 1.0
    return SpeakerClusters(np.asarray(clustering.constrained_argmax(similarity), dtype=np.int64), centroids)


def _plda_transformed(plda: Any, vectors: Embeddings) -> Embeddings:
    """Return `vectors` (vectors, dimension) transformed by `plda`, which treats each by itself."""
    blocks = [plda(vectors[start : start + BLOCK]) for start in range(0, len(vectors), BLOCK)]
    projected: Embeddings = np.concatenate(blocks)
    return projected


def _unit_length(vectors: Embeddings) -> Embeddings:
    normed: Embeddings = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normed


def _initial_clusters(normed: Embeddings, size: int, threshold: float) -> NDArray[np.int64]:
    """Return the cluster of each of `normed` (vectors, dimension): `size` form clusters, others join them."""
    chosen = _evenly_spaced(len(normed), size)
    tree = linkage(normed[chosen], method="centroid", metric="euclidean")
    _, labels = np.unique(fcluster(tree, threshold, criterion="distance"), return_inverse=True)
    centroids = np.vstack(
        [normed[chosen][labels == cluster].mean(axis=0) for cluster in range(labels.max() + 1)]
    )
    clusters = np.empty(len(normed), dtype=np.int64)
    for start in range(0, len(normed), BLOCK):
        clusters[start : start + BLOCK] = cdist(normed[start : start + BLOCK], centroids).argmin(axis=1)
    clusters[chosen] = labels
    _, renumbered = np.unique(clusters, return_inverse=True)
    return renumbered


def _count_to_force(allowed: SpeakerCountRange, found: int) -> int | None:
    """Return the number of clusters to force; None where the `found` ones are within what is allowed."""
    wanted = allowed.exact
    if found < allowed.least:
        wanted = allowed.least
    elif found > allowed.most:
        wanted = int(allowed.most)
    return None if wanted == found else wanted


def _similarity(embeddings: Embeddings, centroids: Embeddings, metric: str) -> NDArray[np.float64]:
    """Return 2 - distance of every embedding to every centroid, (windows, speakers, clusters)."""
    windows, speakers, dimension = embeddings.shape
    flat = embeddings.reshape(windows * speakers, dimension)
    similarity = np.empty((len(flat), len(centroids)))
    for start in range(0, len(flat), BLOCK):
        similarity[start : start + BLOCK] = 2 - cdist(flat[start : start + BLOCK], centroids, metric=metric)
    return similarity.reshape(windows, speakers, len(centroids))


def _evenly_spaced(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))
