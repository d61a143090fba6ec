"""What is loaded at start: Whisper, the aligner of the usual language, the diarization pipeline."""

from collections.abc import Callable

from app.catalogue import Catalogue
from app.engines import Engines
from app.engines.loader import ALIGNMENT, DIARIZATION, TRANSCRIPTION
from app.errors import ModelUnavailable
from app.readiness import Part

_RETRY_SECONDS = 300


def parts_to_preload(
    catalogue: Catalogue, engines: Callable[[], Engines], *, language: str | None, diarization: bool
) -> tuple[Part, ...]:
    """Return the parts of the catalogue's default model; without `language`, no aligner.

    `engines` is asked when a part is loaded, not before: the engines report to whoever preloads them.
    """
    parts = [Part(TRANSCRIPTION, "transcription", True, lambda: _load_transcriber(catalogue, engines()))]
    if language is not None:
        parts.append(
            Part(
                ALIGNMENT,
                f"word times for {language}",
                False,
                lambda: _load_aligner(catalogue, engines(), language),
            )
        )
    if diarization:
        parts.append(Part(DIARIZATION, "speakers", False, lambda: _load_diarizer(catalogue, engines())))
    return tuple(parts)


def _load_transcriber(catalogue: Catalogue, engines: Engines) -> None:
    with engines.transcriber(catalogue.resolve(), _wait):
        pass


def _load_aligner(catalogue: Catalogue, engines: Engines, language: str) -> None:
    with engines.aligner(catalogue.resolve(), language, _wait) as aligner:
        if aligner is None:
            reason = f"none is known; name one with ALIGN_MODELS={language}=<model>"
            raise ModelUnavailable(f"aligner-{language}", reason, _RETRY_SECONDS)


def _load_diarizer(catalogue: Catalogue, engines: Engines) -> None:
    with engines.diarizer(catalogue.resolve(), _wait):
        pass


def _wait() -> None:
    """The checkpoint of preloading: nothing ends its wait."""
