"""b) Diarization against pyannote's stock pipeline, with an embedding network of the real size."""

import warnings
from typing import Any

import torch

from app.audio.waveform import Waveform
from app.engines.diarization.diarizer import PyannoteDiarizer, run_pyannote_pipeline, with_speaker_labels
from app.engines.diarization.stages import DiarizationStages
from app.engines.interfaces import SpeakerCountRange
from app.transcript import Diarization
from benchmarks.full_size import diarization_pipeline
from benchmarks.pairs import Comparison, compare
from benchmarks.scale import Scale
from benchmarks.sounds import DEMO, long_meeting

ANYONE = SpeakerCountRange()
BATCH_SIZE = 32


def run(scale: Scale) -> list[Comparison]:
    """Return what diarization takes in float32, with a bfloat16 encoder, and with the bundle's networks."""
    warnings.filterwarnings("ignore", module="pyannote|torch")
    seconds = 8.0 if scale.quick else (30.0 if scale.device == "cpu" else 600.0)
    sound = long_meeting(seconds)
    pipeline = diarization_pipeline(scale.cache / "plda").to(torch.device(scale.device))
    measured = [
        _against_stock(pipeline, sound, dtype, goal, scale)
        for dtype, goal in ((torch.float32, 2.5), (torch.bfloat16, 4.0))
    ]
    return [*measured, _bundle(scale)]


def _against_stock(
    pipeline: Any, sound: Waveform, dtype: torch.dtype, goal: float, scale: Scale
) -> Comparison:
    stages = DiarizationStages.from_pipeline(pipeline, BATCH_SIZE, dtype)
    assert stages is not None
    return compare(
        f"diarize, whole stage, ResNet34 {str(dtype).removeprefix('torch.')}, {len(sound) // 16000} s",
        lambda: with_speaker_labels(run_pyannote_pipeline(pipeline, sound, ANYONE, lambda: None)),
        lambda: with_speaker_labels(stages.run(sound, ANYONE, lambda: None)),
        agreement,
        pairs=scale.pairs,
        goal=goal,
    )


def _bundle(scale: Scale) -> Comparison:
    diarizer = PyannoteDiarizer.load(
        DEMO / "diarization",
        device=scale.device,
        segmentation_batch_size=BATCH_SIZE,
        embedding_batch_size=BATCH_SIZE,
        precision="float32",
        clustering_threshold=None,
        min_duration_off=None,
    )
    samples = long_meeting(10.0 if scale.quick else 30.0)
    return compare(
        f"diarize, whole stage, the bundle's networks, {len(samples) // 16000} s",
        lambda: with_speaker_labels(run_pyannote_pipeline(diarizer.pipeline, samples, ANYONE, lambda: None)),
        lambda: diarizer.diarize(samples, ANYONE, lambda: None),
        agreement,
        pairs=scale.pairs,
    )


def agreement(stock: Diarization, ours: Diarization) -> str:
    """Return whether turns and labels are equal, and how far the vectors are apart."""
    if ours.turns != stock.turns or ours.overlapping_turns != stock.overlapping_turns:
        return f"TURNS DIFFER: {len(ours.turns)} against {len(stock.turns)}"
    gap = max(
        (
            abs(a - b)
            for label, vector in ours.embeddings.items()
            for a, b in zip(vector, stock.embeddings[label], strict=True)
        ),
        default=0.0,
    )
    return f"{len(ours.turns)} turns of {len(ours.embeddings)} voices equal, vectors within {gap:.1e}"
