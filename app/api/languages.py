"""POST /detect-language: a recording in, the name and code of its language out."""

from collections.abc import Callable

from fastapi import APIRouter, Request

from app.api.answers import LanguageAnswer
from app.api.dependencies import Services, ServicesDep
from app.api.openapi import error_answers, upload_operation
from app.api.request_record import RequestRecord, record_of
from app.api.server_timing import record_stages
from app.api.submission import Submission, receive_submission
from app.audio import SAMPLE_RATE
from app.engines import Checkpoint, LanguageGuess
from app.languages import LANGUAGES
from app.pipeline import Run

router = APIRouter(tags=["speech to text"])


@router.post(
    "/detect-language",
    summary="Tell which language is spoken",
    responses=error_answers(400, 401, 408, 413, 500, 503, 504, 507),
    openapi_extra=upload_operation("model", "encode"),
)
async def detect_language(request: Request, services: ServicesDep) -> LanguageAnswer:
    """Return the language that is most probably spoken in the recording."""
    async with receive_submission(request, services) as submission:
        stage_seconds: dict[str, float] = {}
        work = _work(submission, services, record_of(request), stage_seconds)
        try:
            finished = await services.worker.run(work, client=submission.client)
        finally:
            record_stages(request, stage_seconds)
        record_stages(request, {"queue": finished.queue_seconds})
        return _answer(finished.value, submission.warnings)


def _work(
    submission: Submission, services: Services, record: RequestRecord, stage_seconds: dict[str, float]
) -> Callable[[Checkpoint], LanguageGuess]:
    """Return the blocking part: decode and listen."""
    raw_pcm = not submission.options.encode

    def work(checkpoint: Checkpoint) -> LanguageGuess:
        run = Run(checkpoint, stage_seconds=stage_seconds)
        with run.stage("decode"), submission.upload.borrow() as path:
            waveform = services.decoder.decode(path, checkpoint, raw_pcm=raw_pcm)
        record.audio_seconds = len(waveform) / SAMPLE_RATE
        return services.pipeline.detect_language(waveform, submission.model, run)

    return work


def _answer(guess: LanguageGuess, warnings: tuple[str, ...]) -> LanguageAnswer:
    answer: LanguageAnswer = {
        "detected_language": LANGUAGES[guess.code],
        "language_code": guess.code,
        "confidence": round(guess.confidence, 4),
    }
    if warnings:
        answer["warnings"] = list(warnings)
    return answer
