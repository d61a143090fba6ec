"""Which engines the service is expected to have, and what its answers lack without each."""

from dataclasses import dataclass

from app.models.catalogue import Catalogue
from app.models.engine_id import EngineId, aligner_of, diarizer_of, transcriber_of


@dataclass(frozen=True, slots=True)
class ExpectedEngine:
    """One engine that the service is expected to have."""

    id: EngineId
    capability: str
    """What an answer lacks without it: "speakers", say."""
    essential: bool
    """Whether nothing works without it."""
    preloaded: bool = True
    """Whether it is loaded at start; otherwise at need."""

    @property
    def download_pending(self) -> str:
        """The sentence for files that are not on disk, while the hub has them."""
        name = self.id.name
        return f"{self.capability} not on disk: {name} is downloaded when it is first needed"


def expected_engines(
    catalogue: Catalogue, *, preloaded: str | None, language: str | None, diarization: bool
) -> tuple[ExpectedEngine, ...]:
    """Return what the service is to have: the default model, the preloaded one, and what goes with that.

    Without `preloaded` nothing is loaded at start; without `language` no aligner is; without `diarization`
    the pipeline is not, but its files are looked for.

    Raises:
        ModelUnavailable, UnknownModel: the catalogue has no such model.
    """
    default = catalogue.resolve()
    model = default if preloaded is None else catalogue.resolve(preloaded)
    at_start = preloaded is not None
    engines = [ExpectedEngine(transcriber_of(default), "transcription", True, at_start and model == default)]
    if model != default:
        engines.append(ExpectedEngine(transcriber_of(model), f"transcription with {model.name}", False))
    if at_start and language is not None:
        aligner = aligner_of(model, language, catalogue.aligner_source(model, language) or "")
        engines.append(ExpectedEngine(aligner, f"word times for {language}", False))
    diarizer = diarizer_of(model, catalogue.diarizer_source(model))
    engines.append(ExpectedEngine(diarizer, "speakers", False, at_start and diarization))
    return tuple(engines)
