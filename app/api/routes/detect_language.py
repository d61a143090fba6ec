"""POST /detect-language: a recording in, the name and code of its language out."""

from functools import partial

from fastapi import APIRouter, Request

from app.api.dependencies import ServicesDep
from app.api.intake.submission import receive_submission
from app.api.openapi import error_answers, upload_operation
from app.api.schemas import LanguageAnswer
from app.options.languages import language_name
from app.options.parsing import OptionReader
from app.transcript import LanguageGuess

router = APIRouter(tags=["speech to text"])

PATH = "/detect-language"
OPTIONS = ("model", "encode", "start", "duration", "audio_track")
"""The only options that matter here."""


@router.post(
    PATH,
    summary="Tell which language is spoken",
    responses=error_answers(400, 401, 403, 408, 413, 500, 503, 504, 507),
    openapi_extra=upload_operation(*OPTIONS),
)
async def detect_language(request: Request, services: ServicesDep) -> LanguageAnswer:
    """Return the language that is most probably spoken in the recording.

    Detection takes seconds: it has a thread and a queue of its own, so that it never waits behind a film.
    """
    reader = OptionReader(services.catalogue.resolve, services.catalogue.languages)
    async with receive_submission(request, services, services.detection_worker, reader) as submission:
        work = partial(services.pipeline.detect_language, submission.upload, submission.context)
        guess = await submission.place.run(work)
        return _answer(guess, [*submission.context.warnings, *_without_effect(submission.asked.written)])


def _without_effect(written: frozenset[str]) -> list[str]:
    return [f"{name} has no effect on {PATH}" for name in sorted(written.difference(OPTIONS))]


def _answer(guess: LanguageGuess, warnings: list[str]) -> LanguageAnswer:
    answer: LanguageAnswer = {
        "detected_language": language_name(guess.code),
        "language_code": guess.code,
        "confidence": round(guess.confidence, 4),
    }
    if warnings:
        answer["warnings"] = warnings
    return answer
