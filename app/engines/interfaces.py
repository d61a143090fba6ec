"""What the pipeline asks of an engine; the implementations live beside this file.

torch, whisperx and pyannote are imported by the implementations only, never here, so that everything
else can be tested without them.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.events import Listener, nobody_listens
from app.models.model_spec import ModelSpec
from app.options.given_text import GivenText
from app.transcript import Diarization, LanguageGuess, Seconds, Segment, TextFit

E_co = TypeVar("E_co", covariant=True)
T = TypeVar("T")


def never(_language: str) -> bool:
    """Return False, whatever the language."""
    return False


def always(_language: str) -> bool:
    """Return True, whatever the language."""
    return True


@dataclass(frozen=True, slots=True)
class SpeechBounds:
    """Where speech begins and ends in scores from 0 to 1, how surely somebody speaks."""

    onset: float = 0.5
    """Speech begins above it,"""
    offset: float = 0.35
    """and ends below it."""
    pad: Seconds = 0.2
    """Sound that is heard before and after: first and last sounds are soft."""

    def changed(
        self, onset: float | None = None, offset: float | None = None, pad: Seconds | None = None
    ) -> "SpeechBounds":
        """Return them with what is given; the offset is at most the onset."""
        onset = self.onset if onset is None else onset
        offset = self.offset if offset is None else offset
        return SpeechBounds(onset, min(offset, onset), self.pad if pad is None else pad)


USUAL_BOUNDS = SpeechBounds()


@dataclass(frozen=True, slots=True)
class SpeechScores:
    """How surely somebody speaks, 0 to 1, in frames that follow each other from the recording's start."""

    scores: NDArray[np.float32]
    """(frames,)."""
    first: Seconds
    """Middle of the first frame."""
    step: Seconds
    """From one frame to the next."""


@dataclass(frozen=True, slots=True)
class Listening:
    """What a diarizer has heard of a recording before it looks for the people in it."""

    speech: SpeechScores
    windows: Any = None
    """Its own; only the diarizer that heard them can read them."""


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """What one request asks of a transcriber; it never touches the shared weights."""

    task: str = "transcribe"
    """"transcribe" or "translate" (into English)."""
    language: str | None = None
    """Whisper's language code; None: detect."""
    initial_prompt: str | None = None
    hotwords: str | None = None
    temperature: float = 0.0
    beam_size: int = 5
    """How many texts are followed at once at temperature 0."""
    suppress_numerals: bool = False
    """Numbers are to be written as words."""
    soon: bool = False
    """The first text is awaited: speech is looked for and decoded by turns, in small batches first."""
    languages: tuple[str, ...] = ()
    """Codes among which languages are detected; none: all that the transcriber may detect."""
    vad_onset: float | None = None
    vad_offset: float | None = None
    vad_pad: Seconds | None = None
    """Bounds of speech that the request chose."""
    speech: SpeechScores | None = None
    """Where somebody has already been heard to speak."""
    times_words: Callable[[str], bool] = never
    """Whether words spoken in the language of this code are to be timed by the transcriber itself."""
    token_logprobs: bool = False
    """The probability of each token is to be known, which takes one more look of the decoder."""


@dataclass(frozen=True, slots=True)
class Transcription:
    """Text of the recording: stretches of speech, or sentences with timed words where asked for."""

    segments: tuple[Segment, ...]
    """Each with its language."""
    language: str
    """That of most of the speech."""
    passed_over: str | None = None
    """A likelier language, which the operator does not allow."""
    left_out: tuple[tuple[Seconds, Seconds], ...] = ()
    """From when to when something was heard that was improbable or went in circles."""


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A text that was known already, with the times of its words."""

    segments: tuple[Segment, ...]
    """The whole text, in its order; those that are not said have no times."""
    fit: TextFit
    unexplained: tuple[tuple[Seconds, Seconds], ...] = ()
    """Where more is said than the text holds."""


@dataclass(frozen=True, slots=True)
class SpeakerCountRange:
    """How many people speak: from `least` to `most`."""

    least: int = 1
    most: float = math.inf

    @property
    def exact(self) -> int | None:
        """Return the number of people where it is known."""
        return self.least if self.least == self.most else None


class Engine(Protocol):
    """A model with the code that runs it; usable from several threads at once."""

    def with_batch_size(self, batch_size: int) -> Self:
        """Return a view over the same weights that works on at most `batch_size` pieces at a time."""
        ...


class Transcriber(Engine, Protocol):
    """Speech to text."""

    def transcribe(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        """Return the text of `waveform` (samples,) at 16 kHz, in order of time.

        `tell` hears of every ChunkDecoded and StageAdvanced as soon as there is one.
        """
        ...

    def find_speech(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        """Return the stretches that `transcribe` would decode, with empty texts, and the language."""
        ...

    def recognise_and_place(
        self, waveform: Waveform, request: TranscriptionRequest, text: GivenText, checkpoint: Checkpoint
    ) -> PlacedText:
        """Return the words of `text` with the times of those that are recognised in their place."""
        ...

    def time_words(
        self, waveform: Waveform, segments: tuple[Segment, ...], task: str, checkpoint: Checkpoint
    ) -> tuple[Segment, ...]:
        """Return `segments`, as they were transcribed, split into sentences whose words carry times."""
        ...

    def detect_language(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageGuess:
        """Return the most probable spoken language of `waveform`."""
        ...


class Aligner(Engine, Protocol):
    """Word times for text that is already known."""

    def align(
        self,
        waveform: Waveform,
        segments: tuple[Segment, ...],
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> tuple[Segment, ...]:
        """Return `segments` split into sentences whose words carry times in seconds.

        `tell` hears of every StageAdvanced.
        """
        ...

    def place(
        self,
        waveform: Waveform,
        speech: tuple[Segment, ...],
        text: GivenText,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> PlacedText:
        """Return where the words of `text` are said in the stretches of `speech`, which have no text yet."""
        ...


class Diarizer(Engine, Protocol):
    """Who spoke when."""

    def listen(
        self, waveform: Waveform, checkpoint: Checkpoint, tell: Listener = nobody_listens
    ) -> Listening | None:
        """Return what it hears before it tells people apart; None where it does all at once.

        `tell` hears of every StageAdvanced.
        """
        ...

    def diarize(
        self,
        waveform: Waveform,
        speakers: SpeakerCountRange,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
        heard: Listening | None = None,
    ) -> Diarization:
        """Return the turns and voice vectors of the people in `waveform`, to which it may have listened.

        `tell` hears of every StageAdvanced.
        """
        ...


class EngineLease(Protocol[E_co]):
    """The use of one engine; while it lasts the engine stays loaded."""

    def run(self, work: Callable[[E_co], T]) -> T:
        """Return `work(engine)`, which is called again with a smaller engine when memory runs out.

        Raises:
            OutOfMemory: memory sufficed nowhere.
            EngineFailed: the engine broke.
        """
        ...


class Engines(Protocol):
    """Leases engines, each for the time of a `with` block.

    Entering raises ModelUnavailable when the model cannot be loaded now, OutOfMemory when there is no room
    for it, and what the checkpoint raises, which is called about every half second while the model is loaded.
    """

    def transcriber(
        self, model: ModelSpec, checkpoint: Checkpoint
    ) -> AbstractContextManager[EngineLease[Transcriber]]:
        """Lease the transcriber of `model`."""
        ...

    def aligner(
        self, model: ModelSpec, language: str, checkpoint: Checkpoint
    ) -> AbstractContextManager[EngineLease[Aligner] | None]:
        """Lease the aligner for `language`; None where no aligner is known for it."""
        ...

    def aligns(self, model: ModelSpec, language: str) -> bool:
        """Return whether an aligner is known for `language`, which need not mean that it can be had."""
        ...

    def diarizer(
        self, model: ModelSpec, checkpoint: Checkpoint
    ) -> AbstractContextManager[EngineLease[Diarizer]]:
        """Lease the diarizer that goes with `model`."""
        ...
