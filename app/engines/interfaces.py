"""What the pipeline asks of an engine; the implementations live beside this file.

torch, whisperx and pyannote are imported by the implementations only, never here, so that everything
else can be tested without them.
"""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.models.model_spec import ModelSpec
from app.transcript import Diarization, LanguageGuess, Segment


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """What one request asks of a transcriber; it never touches the shared weights."""

    task: str = "transcribe"
    """"transcribe" or "translate" (into English)."""
    language: str | None = None
    """Whisper's language code; None: detect."""
    initial_prompt: str | None = None
    hotwords: str | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """Text of the recording in VAD chunks: segment times are right, words are None."""

    segments: tuple[Segment, ...]
    language: str
    passed_over: str | None = None
    """A likelier language, which the operator does not allow."""


@dataclass(frozen=True, slots=True)
class SpeakerCountRange:
    """How many people speak: from `least` to `most`."""

    least: int = 1
    most: float = math.inf

    @property
    def exact(self) -> int | None:
        """Return the number of people where it is known."""
        return self.least if self.least == self.most else None


class Transcriber(Protocol):
    """Speech to text."""

    def transcribe(
        self, waveform: Waveform, request: TranscriptionRequest, checkpoint: Checkpoint
    ) -> Transcription:
        """Return the text of `waveform` (samples,) at 16 kHz, in order of time."""
        ...

    def detect_language(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageGuess:
        """Return the most probable spoken language of `waveform`."""
        ...


class Aligner(Protocol):
    """Word times for text that is already known."""

    def align(
        self, waveform: Waveform, segments: tuple[Segment, ...], checkpoint: Checkpoint
    ) -> tuple[Segment, ...]:
        """Return `segments` split into sentences whose words carry times in seconds."""
        ...


class Diarizer(Protocol):
    """Who spoke when."""

    def diarize(self, waveform: Waveform, speakers: SpeakerCountRange, checkpoint: Checkpoint) -> Diarization:
        """Return the turns and voice vectors of the people in `waveform`."""
        ...


class Engines(Protocol):
    """Lends engines: each is usable inside its `with` block only.

    Entering raises ModelUnavailable when the model cannot be loaded now, OutOfMemory when there is no room
    for it, and what the checkpoint raises, which is called about every half second while the model is loaded.
    """

    def transcriber(self, model: ModelSpec, checkpoint: Checkpoint) -> AbstractContextManager[Transcriber]:
        """Lend the transcriber of `model`."""
        ...

    def aligner(
        self, model: ModelSpec, language: str, checkpoint: Checkpoint
    ) -> AbstractContextManager[Aligner | None]:
        """Lend the aligner for `language`; None where no aligner is known for it."""
        ...

    def diarizer(self, model: ModelSpec, checkpoint: Checkpoint) -> AbstractContextManager[Diarizer]:
        """Lend the diarizer that goes with `model`."""
        ...
