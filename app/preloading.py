"""What is loaded at start: Whisper, the aligner of the usual language, the diarization pipeline."""

from collections.abc import Callable

from app.catalogue import Catalogue, ModelSpec
from app.engines import Engines
from app.engines.loader import ALIGNMENT, DIARIZATION, TRANSCRIPTION
from app.errors import ModelUnavailable, UnknownModel
from app.readiness import Part

_RETRY_SECONDS = 300


def parts_to_preload(
    catalogue: Catalogue,
    engines: Callable[[], Engines],
    *,
    model: str,
    language: str | None,
    diarization: bool,
) -> tuple[Part, ...]:
    """Return the parts of the model called `model`; without `language`, no aligner.

    `engines` is asked when a part is loaded, not before: the engines report to whoever preloads them.
    """

    def spec() -> ModelSpec:
        return _preloaded(catalogue, model)

    parts = [Part(TRANSCRIPTION, "transcription", True, lambda: _load_transcriber(spec(), engines()))]
    if language is not None:
        parts.append(
            Part(
                ALIGNMENT,
                f"word times for {language}",
                False,
                lambda: _load_aligner(spec(), engines(), language),
            )
        )
    if diarization:
        parts.append(Part(DIARIZATION, "speakers", False, lambda: _load_diarizer(spec(), engines())))
    return tuple(parts)


def _preloaded(catalogue: Catalogue, name: str) -> ModelSpec:
    """Return the model called `name`.

    Raises:
        ModelUnavailable: it is not in the catalogue, which is the operator's fault and no client's.
    """
    try:
        return catalogue.resolve(name)
    except UnknownModel as exc:
        raise ModelUnavailable(name, catalogue.no_such_default, _RETRY_SECONDS) from exc


def _load_transcriber(model: ModelSpec, engines: Engines) -> None:
    with engines.transcriber(model, _wait):
        pass


def _load_aligner(model: ModelSpec, engines: Engines, language: str) -> None:
    with engines.aligner(model, language, _wait) as aligner:
        if aligner is None:
            reason = f"none is known; name one with ALIGN_MODELS={language}=<model>"
            raise ModelUnavailable(f"aligner-{language}", reason, _RETRY_SECONDS)


def _load_diarizer(model: ModelSpec, engines: Engines) -> None:
    with engines.diarizer(model, _wait):
        pass


def _wait() -> None:
    """The checkpoint of preloading: nothing ends its wait."""
