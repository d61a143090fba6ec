"""Our three engines with networks of the real sizes, as the defaults of the service build them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from app.engines.alignment.acoustic_models import HuggingFaceModel, Vocabulary
from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.diarization.diarizer import PyannoteDiarizer
from app.engines.diarization.stages import DiarizationStages
from app.engines.platform.device_plan import embedding_windows, segmentation_windows
from app.engines.platform.precision import number_format
from app.engines.whisper.transcriber import Scope, WhisperTranscriber
from benchmarks.full_size import diarization_pipeline, letter_ids, wav2vec2, whisper_of_size


@dataclass(frozen=True, slots=True)
class Choice:
    """What an operator would choose."""

    size: str
    """Of app.models.whisper_shapes."""
    compute_type: str
    batch_size: int

    def __str__(self) -> str:
        return f"{'large-v3' if self.size == 'large' else self.size} {self.compute_type}"


@dataclass(frozen=True, slots=True)
class RealSize:
    """The engines, and the networks in them for those who want to use them otherwise."""

    whisper: Path
    transcriber: WhisperTranscriber
    wav2vec2: Any
    aligner: Wav2Vec2Aligner
    pipeline: Any
    diarizer: PyannoteDiarizer

    @property
    def by_stage(self) -> dict[str, Any]:
        """Return them as benchmarks.whole_pipeline lends them."""
        return {"transcriber": self.transcriber, "aligner": self.aligner, "diarizer": self.diarizer}


def load(choice: Choice, device: str, cache: Path) -> RealSize:
    """Return the engines on `device`; models that are made for it are kept in `cache`."""
    network = wav2vec2("base").to(device)
    windows = (segmentation_windows(None, device), embedding_windows(None, device))
    pipeline = diarization_pipeline(cache / "plda").to(torch.device(device))
    trunk = number_format("auto", device, on_gpu=torch.float32)
    stages = DiarizationStages.from_pipeline(pipeline, windows[1], trunk)
    assert stages is not None
    folder = whisper_of_size(cache, choice.size)
    return RealSize(
        whisper=folder,
        transcriber=transcriber(folder, choice, device, chunk_seconds=30.0),
        wav2vec2=network,
        aligner=Wav2Vec2Aligner(
            HuggingFaceModel(network),
            Vocabulary(letter_ids(), 0),
            language="en",
            device=device,
            batch_size=8,
            dtype=number_format("auto", device, on_gpu=torch.float16),
        ),
        pipeline=pipeline,
        diarizer=PyannoteDiarizer(pipeline, stages.with_batch_sizes(*windows), windows),
    )


def transcriber(folder: Path, choice: Choice, device: str, *, chunk_seconds: float) -> WhisperTranscriber:
    """Return the Whisper in `folder`, loaded."""
    return WhisperTranscriber.load(
        folder,
        device=device,
        compute_type=choice.compute_type,
        batch_size=choice.batch_size,
        cpu_threads=0,
        chunk_seconds=chunk_seconds,
        scope=Scope(guarded=False),
    )
