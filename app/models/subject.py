"""Whom health keeps account of: one engine by its source, wherever it runs."""

from dataclasses import dataclass, field
from typing import Protocol

from app.models.catalogue import ModelSpec, shown_source
from app.models.loaded_model import EngineKey
from app.stage import Stage


@dataclass(frozen=True, slots=True)
class Subject:
    """An engine, and the model and language through which it can be asked for; equal sources are one."""

    stage: Stage
    name: str
    source: str
    model: ModelSpec = field(compare=False, repr=False)
    language: str | None = field(default=None, compare=False)

    def on(self, device: str) -> EngineKey:
        """Return under which key the pool holds it on `device`."""
        return EngineKey(self.stage.engine_kind, self.name, self.source, device)


def transcriber_of(model: ModelSpec) -> Subject:
    """Return the Whisper model itself."""
    return Subject(Stage.TRANSCRIBE, model.name, model.source, model)


def aligner_of(model: ModelSpec, language: str, source: str) -> Subject:
    """Return the aligner from `source` that times the words of `language`."""
    return Subject(Stage.ALIGN, f"aligner-{language}", source, model, language)


def diarizer_of(model: ModelSpec, source: str) -> Subject:
    """Return the diarization pipeline from `source`."""
    return Subject(Stage.DIARIZE, shown_source(source), source, model)


class Observer(Protocol):
    """Told how loads and runs of engines ended; called from any thread, returns at once."""

    def loaded(self, subject: Subject, failure: BaseException | None) -> None:
        """Take note of a load's end; None: it worked."""
        ...

    def ran(self, subject: Subject, failure: BaseException | None) -> None:
        """Take note of a run's end; None: it worked."""
        ...


class Unobserved:
    """An observer that forgets what it is told."""

    def loaded(self, subject: Subject, failure: BaseException | None) -> None:
        """Do nothing."""

    def ran(self, subject: Subject, failure: BaseException | None) -> None:
        """Do nothing."""
