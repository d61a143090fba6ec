"""Ours and the libraries: each hears the same samples with the same weights and threads."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.composition import build_engine_stack
from app.options.asr_options import AsrOptions
from app.pipeline import Pipeline
from app.request_context import RequestContext
from app.settings.schema import Settings
from app.transcript import Seconds
from app.work.upload_store import StoredUpload
from benchmarks.speech.recordings import SpeechSet
from benchmarks.whole_pipeline import GivenSound

BATCH_SIZE = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A word or a segment as a system wrote it."""

    start: Seconds
    end: Seconds
    text: str
    language: str | None = None
    score: float | None = None
    """How sure the system is of a word, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a system made of a recording."""

    language: str
    segments: tuple[Piece, ...]
    words: tuple[Piece, ...] = ()
    stages: Mapping[str, Seconds] = field(default_factory=dict)
    """Wall time of each stage, where the system tells them."""

    @property
    def text(self) -> str:
        return " ".join(segment.text.strip() for segment in self.segments)


class System(Protocol):
    """What is measured."""

    def listen(self, samples: Waveform, asked: SpeechSet) -> Heard:
        """Return what it hears in `samples` (samples,) at 16 kHz."""
        ...

    def speech(self, samples: Waveform) -> list[tuple[Seconds, Seconds]]:
        """Return when it believes that somebody speaks."""
        ...


class Ours:
    """The service's own pipeline, from samples to transcript, without speakers."""

    def __init__(self, model: Path) -> None:
        settings = Settings(
            extra_models=(f"measured={model}",),
            default_model="measured",
            preload_model="none",
            hf_hub_offline=True,
        )
        self._stack = build_engine_stack(settings)
        self._spec = self._stack.catalogue.resolve("measured")

    def listen(self, samples: Waveform, asked: SpeechSet) -> Heard:
        """Return the transcript and the time of each stage."""
        options = AsrOptions(
            language=asked.language, task=asked.task, diarize=False, word_timestamps=asked.word_times
        )
        context = RequestContext(self._spec, options)
        pipeline = Pipeline(self._stack.engines, GivenSound(samples), diarize_concurrently=False)
        upload = StoredUpload(os.open(os.devnull, os.O_RDONLY))
        transcript = pipeline.transcribe(upload, context, lambda: None)
        words = [word for segment in transcript.segments for word in segment.words or () if word.span]
        return Heard(
            transcript.language,
            tuple(
                Piece(each.start, each.end, each.text, getattr(each, "language", None))
                for each in transcript.segments
            ),
            tuple(Piece(*word.span, word.text, score=word.score) for word in words if word.span),
            {stage.value: seconds for stage, seconds in context.stage_seconds.items()},
        )

    def speech(self, samples: Waveform) -> list[tuple[Seconds, Seconds]]:
        """Return the stretches that are given to the decoder."""
        from app.engines.whisper.voice_activity import VoiceActivity

        found = VoiceActivity.load("cpu").chunks(samples, 30.0, lambda: None)
        return [span for chunk in found for span in chunk["segments"]]


class WhisperX:
    """whisperX's batched pipeline."""

    def __init__(self, model: Path) -> None:
        self._model = model

    @cached_property
    def _pipeline(self) -> Any:
        import whisperx

        return whisperx.load_model(
            str(self._model), "cpu", compute_type="int8", threads=torch.get_num_threads()
        )

    def listen(self, samples: Waveform, asked: SpeechSet) -> Heard:
        """Return the segments; words would need an aligner for the language."""
        heard = self._pipeline.transcribe(
            to_float32(samples), batch_size=BATCH_SIZE, language=asked.language, task=asked.task
        )
        pieces = (Piece(row["start"], row["end"], row["text"]) for row in heard["segments"])
        return Heard(heard["language"], tuple(pieces))

    def speech(self, samples: Waveform) -> list[tuple[Seconds, Seconds]]:
        """Return the segments of its pyannote detector."""
        vad = self._pipeline.vad_model
        scores = vad({"waveform": vad.preprocess_audio(to_float32(samples)), "sample_rate": SAMPLE_RATE})
        chunks = vad.merge_chunks(scores, 30.0, onset=0.5, offset=0.363)
        return [span for chunk in chunks for span in chunk["segments"]]


class FasterWhisper:
    """faster-whisper with its Silero detector: one chunk after the other, or in batches."""

    def __init__(self, model: Path, batched: bool) -> None:
        self._model = model
        self._batched = batched

    @cached_property
    def _pipeline(self) -> Any:
        import faster_whisper

        model = faster_whisper.WhisperModel(
            str(self._model), device="cpu", compute_type="int8", cpu_threads=torch.get_num_threads()
        )
        return faster_whisper.BatchedInferencePipeline(model) if self._batched else model

    def listen(self, samples: Waveform, asked: SpeechSet) -> Heard:
        """Return the segments, and words timed by cross-attention where they are asked for."""
        mixed = {"multilingual": asked.language is None, "word_timestamps": asked.word_times}
        own = {"batch_size": BATCH_SIZE} if self._batched else {"vad_filter": True}
        found, info = self._pipeline.transcribe(
            to_float32(samples), language=asked.language, task=asked.task, **mixed, **own
        )
        segments = list(found)
        words = (word for segment in segments for word in segment.words or ())
        return Heard(
            info.language,
            tuple(Piece(each.start, each.end, each.text) for each in segments),
            tuple(Piece(word.start, word.end, word.word) for word in words),
        )

    def speech(self, samples: Waveform) -> list[tuple[Seconds, Seconds]]:
        """Return the segments of its detector."""
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        options = VadOptions(max_speech_duration_s=30, min_silence_duration_ms=160) if self._batched else None
        found = get_speech_timestamps(to_float32(samples), options)
        return [(each["start"] / SAMPLE_RATE, each["end"] / SAMPLE_RATE) for each in found]


SYSTEMS: Mapping[str, Callable[[Path], System]] = MappingProxyType(
    {
        "ours": Ours,
        "whisperX": WhisperX,
        "faster-whisper": lambda model: FasterWhisper(model, batched=False),
        "faster-whisper, batched": lambda model: FasterWhisper(model, batched=True),
    }
)


def timed(system: System, samples: Waveform, asked: SpeechSet) -> tuple[Heard, dict[str, Seconds]]:
    """Return what `system` hears, and how long that took, on the clock and on the processors."""
    clocks = {"seconds": time.perf_counter, "processor seconds": time.process_time}
    began = {name: clock() for name, clock in clocks.items()}
    heard = system.listen(samples, asked)
    return heard, {name: clock() - began[name] for name, clock in clocks.items()}
