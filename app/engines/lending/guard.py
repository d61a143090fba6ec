"""Engines as the pipeline gets them: each call follows the memory policy, and its outcome is reported."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.failures import is_engine_failure
from app.engines.interfaces import (
    Aligner,
    Diarizer,
    SpeakerCountRange,
    Transcriber,
    Transcription,
    TranscriptionRequest,
)
from app.engines.lending.memory_policy import run_with_memory_policy
from app.transcript import Diarization, LanguageGuess, Segment

E = TypeVar("E")
T = TypeVar("T")

Outcome: TypeAlias = Callable[[BaseException | None], None]
"""Told how a run failed, or None when it succeeded."""


@dataclass(frozen=True, slots=True)
class Guard(Generic[E]):
    """Runs one stage on an engine, with smaller batches and at last on the CPU when memory runs out."""

    stage: str
    with_batch_size: Callable[[int], E]
    batch_size: int
    free: Callable[[], None]
    on_cpu: Callable[[], AbstractContextManager[E]] | None
    """Lends the same engine on the CPU; None where that is not allowed or the engine is there already."""
    observe: Outcome

    def run(self, work: Callable[[E], T]) -> T:
        """Return `work(engine)`.

        Raises:
            OutOfMemory: memory sufficed nowhere.
            EngineFailed: the engine broke.
        """
        try:
            answer = run_with_memory_policy(
                self.stage,
                lambda size: work(self.with_batch_size(size)),
                self.batch_size,
                self.free,
                None if self.on_cpu is None else lambda: self._run_on_cpu(work),
            )
        except BaseException as exc:
            if is_engine_failure(exc):
                self.observe(exc)
            raise
        self.observe(None)
        return answer

    def _run_on_cpu(self, work: Callable[[E], T]) -> T:
        assert self.on_cpu is not None
        with self.on_cpu() as engine:
            return work(engine)


@dataclass(frozen=True, slots=True)
class GuardedTranscriber:
    """A transcriber under the memory policy."""

    guard: Guard[Transcriber]

    def transcribe(
        self, waveform: Waveform, request: TranscriptionRequest, checkpoint: Checkpoint
    ) -> Transcription:
        """Return the text of `waveform` (samples,) at 16 kHz, in order of time."""
        return self.guard.run(lambda engine: engine.transcribe(waveform, request, checkpoint))

    def detect_language(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageGuess:
        """Return the most probable spoken language of `waveform`."""
        return self.guard.run(lambda engine: engine.detect_language(waveform, checkpoint))


@dataclass(frozen=True, slots=True)
class GuardedAligner:
    """An aligner under the memory policy."""

    guard: Guard[Aligner]

    def align(
        self, waveform: Waveform, segments: tuple[Segment, ...], checkpoint: Checkpoint
    ) -> tuple[Segment, ...]:
        """Return `segments` split into sentences whose words carry times in seconds."""
        return self.guard.run(lambda engine: engine.align(waveform, segments, checkpoint))


@dataclass(frozen=True, slots=True)
class GuardedDiarizer:
    """A diarizer under the memory policy."""

    guard: Guard[Diarizer]

    def diarize(self, waveform: Waveform, speakers: SpeakerCountRange, checkpoint: Checkpoint) -> Diarization:
        """Return the turns and voice vectors of the people in `waveform`."""
        return self.guard.run(lambda engine: engine.diarize(waveform, speakers, checkpoint))
