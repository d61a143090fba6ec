"""Who spoke when, with pyannote.audio's speaker diarization."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.diarization.stages import (
    EMBEDDING,
    SEGMENTATION,
    DiarizationStages,
    SpeakerTracks,
    Track,
)
from app.engines.failures import engine_errors
from app.engines.interfaces import Listening, SpeakerCountRange
from app.engines.platform.libraries import pyannote_audio
from app.engines.platform.precision import number_format
from app.events import Listener, advance_of, nobody_listens
from app.stage import Stage
from app.transcript import Diarization, Turn


class PyannoteDiarizer:
    """A pyannote pipeline over shared weights; usable from several threads at once.

    Pipelines built from parts known here run in our own stages, others as pyannote runs them.
    """

    def __init__(self, pipeline: Any, stages: DiarizationStages | None, batch_sizes: tuple[int, int]) -> None:
        self.pipeline = pipeline
        self.stages = stages
        self._batch_sizes = batch_sizes

    @classmethod
    def load(
        cls,
        source: Path,
        *,
        device: str,
        segmentation_batch_size: int,
        embedding_batch_size: int,
        precision: str,
        clustering_threshold: float | None,
        min_duration_off: float | None,
    ) -> "PyannoteDiarizer":
        """Load the pipeline whose config.yaml lies in directory `source`; nothing is downloaded.

        Args:
            device: "cpu" or "cuda".
            precision: "float32", "bfloat16", "float16" for the embedding encoder, or "auto".
            clustering_threshold: distance below which embeddings are one speaker's; None: the pipeline's own.
            min_duration_off: pauses shorter than this many seconds are filled; None: the pipeline's own.
        """
        pipeline = pyannote_audio.Pipeline.from_pretrained(source)
        pipeline.to(torch.device(device))
        _set_parameters(pipeline, clustering_threshold, min_duration_off)
        dtype = number_format(precision, device, on_gpu=torch.float32)
        stages = DiarizationStages.from_pipeline(pipeline, embedding_batch_size, dtype)
        sizes = (segmentation_batch_size, embedding_batch_size)
        pipeline.segmentation_batch_size, pipeline.embedding_batch_size = sizes
        return cls(pipeline, stages, sizes)

    def with_batch_size(self, batch_size: int) -> "PyannoteDiarizer":
        """Return a view over the same weights that works on at most `batch_size` windows at a time."""
        if self.stages is None:
            return self
        segmentation, embedding = (min(size, batch_size) for size in self._batch_sizes)
        stages = self.stages.with_batch_sizes(segmentation, embedding)
        return PyannoteDiarizer(self.pipeline, stages, (segmentation, embedding))

    def close(self) -> None:
        """Let go of the weights."""
        self.pipeline = self.stages = None

    def listen(
        self, waveform: Waveform, checkpoint: Checkpoint, tell: Listener = nobody_listens
    ) -> Listening | None:
        """Return what the segmentation network makes of `waveform` (samples,) at 16 kHz.

        None where pyannote runs the pipeline as a whole.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """
        if len(waveform) == 0 or self.stages is None:
            return None
        with engine_errors(Stage.DIARIZE.noun):
            advance = advance_of(Stage.DIARIZE, tell, *SEGMENTATION)
            segmented = self.stages.segment(waveform, checkpoint, advance)
            return Listening(self.stages.speech(segmented), segmented)

    def diarize(
        self,
        waveform: Waveform,
        speakers: SpeakerCountRange,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
        heard: Listening | None = None,
    ) -> Diarization:
        """Return the turns and speaker embeddings of the people in `waveform` (samples,) at 16 kHz.

        The segmentation network is not run again where it was `heard` before.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """
        if len(waveform) == 0:
            return Diarization(())
        with engine_errors(Stage.DIARIZE.noun):
            asked = waveform, speakers, checkpoint, tell
            if self.stages is not None:
                segmented = heard.windows if heard else None
                return with_speaker_labels(self.stages.run(*asked, segmented))
            return with_speaker_labels(run_pyannote_pipeline(self.pipeline, *asked))


def run_pyannote_pipeline(
    pipeline: Any,
    waveform: Waveform,
    speakers: SpeakerCountRange,
    checkpoint: Checkpoint,
    tell: Listener = nobody_listens,
) -> SpeakerTracks:
    """Return who speaks when in `waveform` (samples,) at 16 kHz, computed by pyannote's own `pipeline`."""

    parts = {"segmentation": SEGMENTATION, "embeddings": EMBEDDING}

    def passed(step: str, *_: Any, total: int | None = None, completed: int | None = None, **__: Any) -> None:
        checkpoint()
        if step in parts and total and completed is not None:
            advance_of(Stage.DIARIZE, tell, *parts[step])(completed, total)

    output = pipeline(
        {"waveform": torch.from_numpy(to_float32(waveform)).unsqueeze(0), "sample_rate": SAMPLE_RATE},
        num_speakers=speakers.exact,
        min_speakers=speakers.least,
        max_speakers=speakers.most,
        hook=passed,
    )
    rows = {label: row for row, label in enumerate(output.speaker_diarization.labels())}
    centroids = output.speaker_embeddings
    return SpeakerTracks(
        exclusive=_to_tracks(output.exclusive_speaker_diarization, rows),
        overlapping=_to_tracks(output.speaker_diarization, rows),
        centroids=np.zeros((0, 0)) if centroids is None else centroids,
    )


def with_speaker_labels(tracks: SpeakerTracks) -> Diarization:
    """Return `tracks` as turns with labels SPEAKER_00, SPEAKER_01, ... in order of first appearance."""
    order = dict.fromkeys(speaker for _, _, speaker in [*tracks.exclusive, *tracks.overlapping])
    labels = {speaker: f"SPEAKER_{number:02d}" for number, speaker in enumerate(order)}
    embeddings = {
        label: tuple(map(float, tracks.centroids[speaker]))
        for speaker, label in labels.items()
        if speaker < len(tracks.centroids) and _is_embedding(tracks.centroids[speaker])
    }
    return Diarization(
        turns=_to_turns(tracks.exclusive, labels),
        overlapping_turns=_to_turns(tracks.overlapping, labels),
        embeddings=embeddings,
    )


def _to_tracks(annotation: Any, rows: dict[str, int]) -> list[Track]:
    return sorted(
        (float(segment.start), float(segment.end), rows[label])
        for segment, _, label in annotation.itertracks(yield_label=True)
    )


def _to_turns(tracks: Iterable[Track], labels: dict[int, str]) -> tuple[Turn, ...]:
    return tuple(Turn(start, end, labels[speaker]) for start, end, speaker in tracks)


def _is_embedding(vector: Any) -> bool:
    """Return whether `vector` is an embedding: pyannote fills in zeros or NaN where it has none."""
    return bool(np.isfinite(vector).all() and np.any(vector))


def _set_parameters(pipeline: Any, threshold: float | None, min_duration_off: float | None) -> None:
    """Set the operator's values among `pipeline`'s own parameters."""
    parameters = pipeline.parameters(instantiated=True)
    if threshold is not None and "threshold" in parameters.get("clustering", {}):
        parameters["clustering"]["threshold"] = threshold
    if min_duration_off is not None and "min_duration_off" in parameters.get("segmentation", {}):
        parameters["segmentation"]["min_duration_off"] = min_duration_off
    pipeline.instantiate(parameters)
