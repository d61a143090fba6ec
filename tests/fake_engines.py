"""Engines that answer at once, for tests of what surrounds them; they write down what they were asked."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from app.audio.file_decoding import Decoded, Wanted
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import (
    Listening,
    PlacedText,
    SpeakerCountRange,
    Transcription,
    TranscriptionRequest,
)
from app.engines.lending.pool import Pool
from app.events import ChunkDecoded, Listener, StageAdvanced, nobody_listens
from app.models.loaded_model import Expect, LoadedEngine, ModelKey
from app.models.model_spec import ModelSpec
from app.options.given_text import GivenText
from app.stage import Stage
from app.transcript import Diarization, LanguageGuess, Segment, TextFit, Turn, Word
from app.work.upload_store import StoredUpload

T = TypeVar("T")


@dataclass
class FakeEngines:
    """Says "hello there", first word by SPEAKER_00, second by SPEAKER_01, whatever the recording holds.

    An initial prompt or hotwords are said in their place. While `gate` is closed, the stage `waits_in` waits
    and checks its checkpoint, as a long job does.
    """

    language: str = "en"
    passed_over: str | None = None
    failure: BaseException | None = None
    align_failure: Exception | None = None
    diarize_failure: Exception | None = None
    score: float = 0.9
    requests: list[TranscriptionRequest] = field(default_factory=list)
    bounds: list[SpeakerCountRange] = field(default_factory=list)
    heard: list[Waveform] = field(default_factory=list)
    entered: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    waits_in: str = "transcribe"
    tells_early: bool = False
    """Text is told of before the gate and before a failure."""

    def __post_init__(self) -> None:
        self.gate.set()

    def _pass_gate(self, stage: str, checkpoint: Checkpoint) -> None:
        if stage == self.waits_in:
            self.entered.set()
            while not self.gate.wait(0.01):
                checkpoint()

    @contextmanager
    def transcriber(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator["FakeEngines"]:
        yield self

    @contextmanager
    def aligner(
        self, model: ModelSpec, language: str, checkpoint: Checkpoint
    ) -> Iterator["FakeEngines | None"]:
        yield self if language == "en" else None

    def aligns(self, model: ModelSpec, language: str) -> bool:
        return language == "en"

    @contextmanager
    def diarizer(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator["FakeEngines"]:
        yield self

    def run(self, work: Callable[["FakeEngines"], T]) -> T:
        """Do `work`, as a lease does."""
        return work(self)

    def transcribe(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        self.requests.append(request)
        self.heard.append(waveform)
        end = max(1.0, len(waveform) / SAMPLE_RATE)
        said = " ".join(filter(None, (request.initial_prompt, request.hotwords))) or "hello there"
        segment = Segment(0.0, end, said)
        tell(StageAdvanced(Stage.TRANSCRIBE, 0.5))
        if self.tells_early:
            tell(ChunkDecoded(segment, 0, request.language or self.language))
        self._pass_gate("transcribe", checkpoint)
        if self.failure is not None:
            raise self.failure
        if not self.tells_early:
            tell(ChunkDecoded(segment, 0, request.language or self.language))
        return Transcription((segment,), request.language or self.language, self.passed_over)

    def find_speech(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        found = self.transcribe(waveform, request, checkpoint, tell)
        return replace(found, segments=tuple(replace(segment, text="") for segment in found.segments))

    def detect_language(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageGuess:
        self._pass_gate("detect", checkpoint)
        self.heard.append(waveform)
        return LanguageGuess(self.language, 0.97, self.passed_over)

    def align(
        self,
        waveform: Waveform,
        segments: tuple[Segment, ...],
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> tuple[Segment, ...]:
        tell(StageAdvanced(Stage.ALIGN, 0.5))
        self._pass_gate("align", checkpoint)
        if self.align_failure is not None:
            raise self.align_failure
        return tuple(replace(segment, words=_words(segment, self.score)) for segment in segments)

    def listen(self, waveform: Waveform, checkpoint: Checkpoint, tell: Listener = nobody_listens) -> None:
        """Hear nothing before it tells people apart."""

    def place(
        self,
        waveform: Waveform,
        speech: tuple[Segment, ...],
        text: GivenText,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> PlacedText:
        whole = tuple(replace(speech[0], text=piece) for piece in text.pieces)
        return PlacedText(self.align(waveform, whole, checkpoint, tell), TextFit(0.98, 0.9))

    def recognise_and_place(
        self, waveform: Waveform, request: TranscriptionRequest, text: GivenText, checkpoint: Checkpoint
    ) -> PlacedText:
        heard = self.transcribe(waveform, request, checkpoint).segments[0]
        pieces = (replace(heard, text=piece) for piece in text.pieces)
        placed = (replace(piece, words=_words(piece, self.score)) for piece in pieces)
        return PlacedText(tuple(placed), TextFit(0.98, 0.9))

    def time_words(
        self, waveform: Waveform, segments: tuple[Segment, ...], task: str, checkpoint: Checkpoint
    ) -> tuple[Segment, ...]:
        return tuple(replace(segment, words=_words(segment, self.score)) for segment in segments)

    def diarize(
        self,
        waveform: Waveform,
        speakers: SpeakerCountRange,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
        heard: Listening | None = None,
    ) -> Diarization:
        self.bounds.append(speakers)
        tell(StageAdvanced(Stage.DIARIZE, 0.5))
        self._pass_gate("diarize", checkpoint)
        if self.diarize_failure is not None:
            raise self.diarize_failure
        turns = (Turn(0.0, 0.5, "SPEAKER_00"), Turn(0.5, 1.0, "SPEAKER_01"))
        return Diarization(turns, turns, {"SPEAKER_00": (0.1, 0.2), "SPEAKER_01": (0.3, 0.4)})


@dataclass
class GivenSound:
    """A decoder that finds the same second of silence in every upload."""

    samples: Waveform = field(default_factory=lambda: np.zeros(SAMPLE_RATE, dtype=np.int16))

    def decode(self, path: Path, checkpoint: Checkpoint, **_: object) -> Waveform:
        return self.samples

    def read(self, path: Path, checkpoint: Checkpoint, wanted: Wanted, **_: object) -> Decoded:
        return Decoded(self.samples)


def some_upload() -> StoredUpload:
    """Return an upload whose content does not matter."""
    return StoredUpload(os.open(os.devnull, os.O_RDONLY))


@dataclass
class LoadedFakes(FakeEngines):
    """The same out of a real pool: loading them lasts until `arrived` is set."""

    arrived: threading.Event = field(default_factory=threading.Event)
    loads: list[str] = field(default_factory=list)
    pool: Pool = field(default_factory=Pool)

    @contextmanager
    def transcriber(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator[FakeEngines]:
        def load(expect: Expect) -> LoadedEngine[FakeEngines]:
            self.loads.append(model.name)
            self.arrived.wait()
            return LoadedEngine(self, lambda: None)

        key = ModelKey(Stage.TRANSCRIBE, model.name, model.source, "cpu")
        with self.pool.lease(key, load, checkpoint) as lent:
            yield lent


def _words(segment: Segment, score: float) -> tuple[Word, ...]:
    """Place the words half a second apart."""
    starts = (number / 2 for number in range(len(segment.text)))
    return tuple(
        Word(text, start, start + 0.4, score)
        for text, start in zip(segment.text.split(), starts, strict=False)
    )
