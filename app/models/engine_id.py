"""Which engine is meant, wherever it runs, and who is told how its loads and runs end."""

from dataclasses import dataclass, field
from typing import Protocol

from app.models.loaded_model import ModelKey
from app.models.model_spec import ModelSpec, shown_source
from app.stage import Stage


@dataclass(frozen=True, slots=True)
class EngineId:
    """An engine by stage, name and source, with the model and language through which it is asked for."""

    stage: Stage
    name: str
    source: str
    model: ModelSpec = field(compare=False, repr=False)
    language: str | None = field(default=None, compare=False)

    def on(self, device: str) -> ModelKey:
        """Return under which key the pool holds it on `device`."""
        return ModelKey(self.stage, self.name, self.source, device)


def transcriber_of(model: ModelSpec) -> EngineId:
    """Return the Whisper model itself."""
    return EngineId(Stage.TRANSCRIBE, model.name, model.source, model)


def aligner_of(model: ModelSpec, language: str, source: str) -> EngineId:
    """Return the aligner from `source` that times the words of `language`."""
    return EngineId(Stage.ALIGN, f"aligner-{language}", source, model, language)


def diarizer_of(model: ModelSpec, source: str) -> EngineId:
    """Return the diarization pipeline from `source`."""
    return EngineId(Stage.DIARIZE, shown_source(source), source, model)


class EngineObserver(Protocol):
    """Told how loads and runs of engines ended; called from any thread, returns at once."""

    def record_load(self, engine_id: EngineId, failure: BaseException | None) -> None:
        """Take note of a load's end; None: it worked."""
        ...

    def record_run(self, engine_id: EngineId, failure: BaseException | None) -> None:
        """Take note of a run's end; None: it worked."""
        ...


class NullObserver:
    """An observer that forgets what it is told."""

    def record_load(self, engine_id: EngineId, failure: BaseException | None) -> None:
        """Do nothing."""

    def record_run(self, engine_id: EngineId, failure: BaseException | None) -> None:
        """Do nothing."""
