"""The stages of pyannote's speaker diarization, taken from a loaded pipeline and run in our own way.

What is computed is what the stock pipeline computes; how often and in how much memory differs.
"""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.diarization.aggregation import (
    Timeline,
    active_regions,
    binarize,
    most_active_speakers,
    speaker_activations,
    speaker_counts,
    speech_shares,
)
from app.engines.diarization.clustering import SpeakerClusters, cluster_speakers
from app.engines.diarization.embedding_network import split_at_pooling
from app.engines.diarization.embeddings import EmbeddingExtractor, Windows
from app.engines.diarization.speaker_activity import SpeakerActivity
from app.engines.interfaces import SpeakerCountRange, SpeechScores
from app.engines.platform.allocator import return_freed_memory
from app.engines.platform.libraries import pyannote_audio, pyannote_diarization, pyannote_verification
from app.engines.sliding_windows import window_scores
from app.events import Advance, Listener, advance_of, nobody_counts, nobody_listens
from app.stage import Stage

SEGMENTATION, EMBEDDING = (0.0, 0.25), (0.25, 0.95)
"""Which part of the work each of the two networks is, from where to where; clustering is the rest."""

Track: TypeAlias = tuple[float, float, int]
"""Start and end in seconds, and the speaker's row in the centroids."""


@dataclass(frozen=True, slots=True)
class SpeakerTracks:
    """Who speaks when, by the number of the speaker's cluster."""

    exclusive: list[Track]
    overlapping: list[Track]
    centroids: NDArray[np.floating[Any]]
    """(speakers, dimension); a speaker who was only counted, never clustered, has no row."""


@dataclass(frozen=True, slots=True)
class SegmentationOutput:
    """Output of the segmentation network for every sliding window of a recording."""

    sliding_window: Any
    """Duration and step of the windows in seconds, as pyannote's SlidingWindow."""
    activity: SpeakerActivity
    scores: NDArray[np.float32] | SpeakerActivity
    """Activation of each speaker, (windows, frames, speakers); of a powerset network `activity` itself."""


@dataclass(frozen=True, slots=True)
class DiarizationStages:
    """The parts of one pipeline; they hold no state of a request."""

    segmentation: Any
    """pyannote's Inference of the segmentation network over sliding windows."""
    embedding_extractor: EmbeddingExtractor
    clustering: Any
    threshold: float | None
    """Activation above which a speaker is active; None for a powerset network, which decides itself."""
    min_duration_off: float
    """Pauses of one speaker shorter than this many seconds are filled."""

    @classmethod
    def from_pipeline(
        cls, pipeline: Any, embedding_batch_size: int, dtype: torch.dtype
    ) -> "DiarizationStages | None":
        """Return the stages of a loaded pyannote `pipeline`; None where it is of a kind not known here."""
        if type(pipeline) is not pyannote_diarization.SpeakerDiarization:
            return None
        embedding = getattr(pipeline, "_embedding", None)
        if not isinstance(embedding, pyannote_verification.PyannoteAudioPretrainedSpeakerEmbedding):
            return None
        network = split_at_pooling(embedding.model_)
        if network is None or pipeline.clustering.expects_num_clusters:
            return None
        powerset = pipeline._segmentation.model.specifications.powerset
        return cls(
            segmentation=pipeline._segmentation,
            embedding_extractor=EmbeddingExtractor(
                network=network,
                dimension=embedding.dimension,
                device=embedding.device,
                dtype=dtype,
                batch_size=embedding_batch_size,
                min_samples=embedding.min_num_samples,
                exclude_overlap=pipeline.embedding_exclude_overlap,
            ),
            clustering=pipeline.clustering,
            threshold=None if powerset else float(pipeline.segmentation.threshold),
            min_duration_off=float(pipeline.segmentation.min_duration_off),
        )

    def with_batch_sizes(self, segmentation: int, embedding: int) -> "DiarizationStages":
        """Return the same stages with other batch sizes, over the same weights."""
        inference = pyannote_audio.Inference(
            self.segmentation.model,
            duration=self.segmentation.duration,
            step=self.segmentation.step,
            skip_aggregation=True,
            device=self.segmentation.device,
            batch_size=segmentation,
        )
        embedding_extractor = replace(self.embedding_extractor, batch_size=embedding)
        return replace(self, segmentation=inference, embedding_extractor=embedding_extractor)

    def run(
        self,
        waveform: Waveform,
        speakers: SpeakerCountRange,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
        segmented: SegmentationOutput | None = None,
    ) -> SpeakerTracks:
        """Return who speaks when in `waveform` (samples,) at 16 kHz, which may have been segmented before."""
        if segmented is None:
            segmented = self.segment(waveform, checkpoint, advance_of(Stage.DIARIZE, tell, *SEGMENTATION))
        timeline = self._timeline(segmented)
        counts = speaker_counts(segmented.activity, timeline)
        if not counts.any():
            return SpeakerTracks([], [], np.zeros((0, self.embedding_extractor.dimension)))
        return_freed_memory()
        windows, advance = self.embedding_windows(segmented), advance_of(Stage.DIARIZE, tell, *EMBEDDING)
        embeddings = self.embedding_extractor.extract(waveform, windows, checkpoint, advance)
        return_freed_memory()
        checkpoint()
        clusters = cluster_speakers(self.clustering, embeddings, segmented.activity, speakers)
        return_freed_memory()
        checkpoint()
        return self._tracks(segmented, counts, clusters, speakers, timeline)

    def segment(
        self, waveform: Waveform, checkpoint: Checkpoint, advance: Advance = nobody_counts
    ) -> SegmentationOutput:
        """Return the output of the segmentation network for `waveform` (samples,) at 16 kHz.

        A powerset network, which classifies each frame as one set of speakers, gives 0 and 1; others give
        activations, which count as active above `threshold`.
        """
        if self.threshold is None:
            decided = window_scores(self.segmentation, waveform, checkpoint, _as_bytes, advance=advance)
            activity = SpeakerActivity.pack(decided.data)
            return SegmentationOutput(decided.sliding_window, activity, activity)
        scores = window_scores(self.segmentation, waveform, checkpoint, advance=advance)
        return SegmentationOutput(scores.sliding_window, binarize(scores.data, self.threshold), scores.data)

    def speech(self, segmented: SegmentationOutput) -> SpeechScores:
        """Return how surely anybody speaks, as all windows together have it."""
        timeline = self._timeline(segmented)
        shares = speech_shares(segmented.scores, timeline)
        return SpeechScores(shares, timeline.duration / 2, timeline.step)

    def _tracks(
        self,
        segmented: SegmentationOutput,
        counts: NDArray[np.uint8],
        clustered: SpeakerClusters,
        speakers: SpeakerCountRange,
        timeline: Timeline,
    ) -> SpeakerTracks:
        clusters = np.where(segmented.activity.active_speakers(), clustered.clusters, -2)
        activations = speaker_activations(segmented.scores, clusters, timeline)
        counts = np.minimum(counts, speakers.most).astype(np.int8)
        centers = timeline.frame_centers()
        return SpeakerTracks(
            exclusive=self._tracks_of(most_active_speakers(activations, np.minimum(counts, 1)), centers),
            overlapping=self._tracks_of(most_active_speakers(activations, counts), centers),
            centroids=clustered.centroids,
        )

    def _tracks_of(self, speaking: NDArray[np.bool_], centers: NDArray[np.float64]) -> list[Track]:
        """Return the tracks of `speaking` (frames, speakers), ordered by time, short pauses filled."""
        tracks = []
        for speaker in range(speaking.shape[1]):
            regions = active_regions(speaking[:, speaker], centers)
            tracks += [(*region, speaker) for region in _fill_pauses(regions, self.min_duration_off)]
        return sorted(tracks)

    def _timeline(self, segmented: SegmentationOutput) -> Timeline:
        window, activity = segmented.sliding_window, segmented.activity
        starts = [window[place].start for place in range(len(activity))]
        return Timeline.of(starts, window.duration, activity.frames, self.segmentation.model.receptive_field)

    def embedding_windows(self, segmented: SegmentationOutput) -> Windows:
        """Return the windows of `segmented`, their starts and length in samples, with who is active."""
        window, samples = segmented.sliding_window, self.segmentation.model.audio.get_num_samples
        starts = tuple(samples(window[place].start, SAMPLE_RATE) for place in range(len(segmented.activity)))
        return Windows(starts, samples(window.duration, SAMPLE_RATE), segmented.activity)


def _as_bytes(decisions: NDArray[np.float32]) -> NDArray[np.uint8]:
    return decisions.astype(np.uint8)


def _fill_pauses(regions: list[tuple[float, float]], pause: float) -> list[tuple[float, float]]:
    """Return `regions` of one speaker with pauses shorter than `pause` seconds filled."""
    joined: list[tuple[float, float]] = []
    for start, end in regions:
        if pause > 0 and joined and start - joined[-1][1] < pause:
            start = joined.pop()[0]
        joined.append((start, end))
    return joined
