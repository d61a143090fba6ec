"""Who spoke when, with pyannote.audio's speaker diarization."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.audio import SAMPLE_RATE, Waveform
from app.engines import Checkpoint, SpeakerBounds
from app.engines.failures import translated
from app.engines.third_party import pyannote_audio
from app.transcript import Diarization, Turn


class PyannoteDiarizer:
    """A pyannote pipeline over shared weights; usable from several threads at once."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

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
        """Load the pipeline whose config.yaml lies in directory `source`; nothing is downloaded."""
        pipeline = pyannote_audio.Pipeline.from_pretrained(source)
        pipeline.to(torch.device(device))
        pipeline.segmentation_batch_size = segmentation_batch_size
        pipeline.embedding_batch_size = embedding_batch_size
        return cls(pipeline)

    def with_batch_size(self, batch_size: int) -> "PyannoteDiarizer":
        """Return a view over the same weights."""
        return self

    def close(self) -> None:
        """Let go of the weights."""
        self._pipeline = None

    def diarize(self, waveform: Waveform, speakers: SpeakerBounds, checkpoint: Checkpoint) -> Diarization:
        """Return the turns and voice vectors of the people in `waveform` (samples,) at 16 kHz.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """

        def passed(*_: Any, **__: Any) -> None:
            checkpoint()

        if len(waveform) == 0:
            return Diarization(())
        samples = torch.from_numpy(waveform).unsqueeze(0)
        with translated("diarization"):
            output = self._pipeline(
                {"waveform": samples, "sample_rate": SAMPLE_RATE},
                num_speakers=speakers.exact,
                min_speakers=speakers.at_least,
                max_speakers=speakers.at_most,
                hook=passed,
            )
            return named(output)


def named(output: Any) -> Diarization:
    """Return pyannote's `output` as our own values, with labels in order of first appearance."""
    exclusive = _tracks(output.exclusive_speaker_diarization)
    overlapping = _tracks(output.speaker_diarization)
    order = dict.fromkeys(label for _, _, label in [*exclusive, *overlapping])
    names = {label: f"SPEAKER_{place:02d}" for place, label in enumerate(order)}
    vectors = zip(output.speaker_diarization.labels(), _rows(output.speaker_embeddings), strict=False)
    voices = {names[label]: vector for label, vector in vectors if vector is not None}
    return Diarization(
        turns=_turns(exclusive, names),
        overlapping_turns=_turns(overlapping, names),
        embeddings={name: voices[name] for name in names.values() if name in voices},
    )


def _tracks(annotation: Any) -> list[tuple[float, float, str]]:
    tracks = [
        (float(segment.start), float(segment.end), label)
        for segment, _, label in annotation.itertracks(yield_label=True)
    ]
    return sorted(tracks, key=lambda track: track[:2])


def _turns(tracks: Iterable[tuple[float, float, str]], names: dict[str, str]) -> tuple[Turn, ...]:
    return tuple(Turn(start, end, names[label]) for start, end, label in tracks)


def _rows(embeddings: "np.ndarray[Any, Any] | None") -> list[tuple[float, ...] | None]:
    """Return one voice vector per speaker; None where pyannote could only fill in zeros or NaN."""
    if embeddings is None:
        return []
    return [tuple(map(float, row)) if np.isfinite(row).all() and np.any(row) else None for row in embeddings]
