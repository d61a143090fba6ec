"""c) Our whole work on a request against the plain whisperX sequence with the same models."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from app.audio.file_decoding import Decoded, Wanted
from app.audio.waveform import Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.alignment.acoustic_models import HuggingFaceModel, Vocabulary
from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.diarization.diarizer import PyannoteDiarizer
from app.engines.diarization.stages import DiarizationStages
from app.engines.platform.device_plan import (
    CPU_BATCH_SIZE,
    GPU_BATCH_SIZE,
    embedding_windows,
    segmentation_windows,
)
from app.engines.platform.precision import number_format
from app.engines.whisper.transcriber import Scope, WhisperTranscriber
from app.models.model_spec import ModelSpec
from app.options.asr_options import AsrOptions
from app.pipeline import Pipeline
from app.request_context import RequestContext
from app.transcript import Segment, Transcript
from app.work.upload_store import StoredUpload
from benchmarks.align import use_our_sentences, whisperx_align
from benchmarks.full_size import diarization_pipeline, letter_ids, wav2vec2, whisper_small
from benchmarks.pairs import Comparison, compare
from benchmarks.scale import Scale
from benchmarks.sounds import long_meeting

T = TypeVar("T")
SPEC = ModelSpec(name="random-small", source="", chunk_seconds=30.0, is_local=True)


@dataclass(frozen=True, slots=True)
class Models:
    """The same weights for both sides."""

    whisper: Any
    wav2vec2: Any
    diarization: Any


@dataclass(frozen=True, slots=True)
class GivenLease:
    """The use of an engine made before."""

    engine: Any

    def run(self, work: Callable[[Any], T]) -> T:
        """Return what `work` makes of the engine."""
        return work(self.engine)


@dataclass(frozen=True, slots=True)
class GivenEngines:
    """Lends engines made before."""

    engines: dict[str, Any]

    @contextmanager
    def transcriber(self, _model: ModelSpec, _checkpoint: Checkpoint) -> Iterator[Any]:
        yield GivenLease(self.engines["transcriber"])

    @contextmanager
    def aligner(self, _model: ModelSpec, _language: str, _checkpoint: Checkpoint) -> Iterator[Any]:
        yield GivenLease(self.engines["aligner"])

    def aligns(self, _model: ModelSpec, _language: str) -> bool:
        return True

    @contextmanager
    def diarizer(self, _model: ModelSpec, _checkpoint: Checkpoint) -> Iterator[Any]:
        yield GivenLease(self.engines["diarizer"])


@dataclass(frozen=True, slots=True)
class GivenSound:
    """Decodes nothing: both sides start from the samples."""

    samples: Waveform

    def read(self, _path: Path, _checkpoint: Checkpoint, _wanted: Wanted, **_: object) -> Decoded:
        return Decoded(self.samples)


def run(scale: Scale) -> list[Comparison]:
    """Return what a request takes: Whisper small, wav2vec2 base and a ResNet34, all of the real size."""
    warnings.filterwarnings("ignore")
    use_our_sentences(scale.cache / "nltk_data")
    seconds = 10.0 if scale.quick else (60.0 if scale.device == "cpu" else 600.0)
    samples, models = long_meeting(seconds), _models(scale)
    sound = to_float32(samples)
    pipeline = Pipeline(
        _our_engines(models, scale), GivenSound(samples), diarize_concurrently=scale.device == "cuda"
    )
    measured = compare(
        f"pipeline, Whisper small {_compute_type(scale)}, wav2vec2 base, ResNet34, {seconds:g} s",
        lambda: whisperx_sequence(models, sound, scale),
        lambda: _ours(pipeline),
        _agreement,
        pairs=scale.pairs,
        goal=3.0 if scale.device == "cuda" else 2.5,
    )
    return [measured]


def whisperx_sequence(models: Models, sound: NDArray[np.float32], scale: Scale) -> dict[str, Any]:
    """Return what whisperX's functions give, one after the other, as its own documentation calls them."""
    from whisperx.diarize import DiarizationPipeline, assign_word_speakers

    transcript = models.whisper.transcribe(sound, batch_size=_batch_size(scale), language="en", chunk_size=30)
    transcript["segments"] = whisperx_align(
        [_as_segment(row) for row in transcript["segments"]],
        models.wav2vec2,
        letter_ids(),
        sound,
        scale.device,
    )
    diarize = DiarizationPipeline.__new__(DiarizationPipeline)
    diarize.model = models.diarization
    answer: dict[str, Any] = assign_word_speakers(diarize(sound), transcript)
    return answer


def _ours(pipeline: Pipeline) -> Transcript:
    context = RequestContext(SPEC, AsrOptions(language="en", diarize=True))
    upload = StoredUpload(os.open(os.devnull, os.O_RDONLY))
    return pipeline.transcribe(upload, context, lambda: None)


def _models(scale: Scale) -> Models:
    import whisperx

    small = whisper_small(scale.cache, _compute_type(scale))
    loaded = whisperx.load_model(
        str(small),
        scale.device,
        compute_type=_compute_type(scale),
        language="en",
        threads=torch.get_num_threads(),
    )
    diarization = diarization_pipeline(scale.cache / "plda").to(torch.device(scale.device))
    return Models(loaded, wav2vec2("base").to(scale.device), diarization)


def _our_engines(models: Models, scale: Scale) -> GivenEngines:
    encoder_dtype = number_format("auto", scale.device, on_gpu=torch.float32)
    windows = (segmentation_windows(None, scale.device), embedding_windows(None, scale.device))
    stages = DiarizationStages.from_pipeline(models.diarization, windows[1], encoder_dtype)
    assert stages is not None
    return GivenEngines(
        {
            "transcriber": WhisperTranscriber.load(
                whisper_small(scale.cache, _compute_type(scale)),
                device=scale.device,
                compute_type=_compute_type(scale),
                batch_size=GPU_BATCH_SIZE if scale.device == "cuda" else CPU_BATCH_SIZE,
                cpu_threads=0,
                chunk_seconds=30.0,
                scope=Scope(guarded=False),
            ),
            "aligner": Wav2Vec2Aligner(
                HuggingFaceModel(models.wav2vec2),
                Vocabulary(letter_ids(), 0),
                language="en",
                device=scale.device,
                batch_size=1 if scale.device == "cpu" else 8,
                dtype=number_format("auto", scale.device, on_gpu=torch.float16),
            ),
            "diarizer": PyannoteDiarizer(models.diarization, stages.with_batch_sizes(*windows), windows),
        }
    )


def _agreement(theirs: dict[str, Any], ours: Transcript) -> str:
    left = " ".join(segment["text"].strip() for segment in theirs["segments"]).split()
    right = " ".join(segment.text for segment in ours.segments).split()
    same = "the same text" if left == right else "TEXT DIFFERS"
    return f"{same}, {len(right)} words"


def _as_segment(row: dict[str, Any]) -> Segment:
    return Segment(row["start"], row["end"], row["text"].strip(), avg_logprob=row.get("avg_logprob"))


def _batch_size(scale: Scale) -> int:
    return 16 if scale.device == "cuda" else 4


def _compute_type(scale: Scale) -> str:
    return "float16" if scale.device == "cuda" else "int8"
