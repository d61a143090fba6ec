"""POST /v1/audio/transcriptions and /v1/audio/translations: OpenAI's way to ask for what POST /asr does."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app.api.answer import WARNINGS_HEADER, warnings_line
from app.api.dependencies import Services, ServicesDep
from app.api.error_responses import failure_event
from app.api.intake.multipart import FieldLimits
from app.api.intake.submission import Submission, receive_submission
from app.api.live_work import LiveWork, answer_in_events
from app.api.openai.answers import render_answer
from app.api.openai.audio_request import ALIASES, AudioRequest, AudioRequestReader, Task
from app.api.openai.description import audio_answers, audio_operation
from app.api.openai.known_samples import store_samples
from app.api.openai.stream import transcription_events
from app.checkpoint import Checkpoint
from app.options.parsing import OptionReader
from app.transcript import Transcript

router = APIRouter(tags=["OpenAI's API"])

FIELD_LIMITS = FieldLimits(parts=200, field_bytes=4 << 20, all_fields_bytes=20 << 20)
"""Ten seconds of 48 kHz stereo are 2.6 MB in base64, and there may be several voices."""


@router.post(
    "/v1/audio/transcriptions",
    summary="Transcribe as OpenAI does",
    response_class=Response,
    responses=audio_answers("transcribe"),
    openapi_extra=audio_operation("transcribe"),
)
async def create_transcription(request: Request, services: ServicesDep) -> Response:
    """Return what is said in the recording."""
    return await _answer(request, services, "transcribe")


@router.post(
    "/v1/audio/translations",
    summary="Translate as OpenAI does",
    response_class=Response,
    responses=audio_answers("translate"),
    openapi_extra=audio_operation("translate"),
)
async def create_translation(request: Request, services: ServicesDep) -> Response:
    """Return in English what is said in the recording."""
    return await _answer(request, services, "translate")


async def _answer(request: Request, services: Services, task: Task) -> Response:
    catalogue = services.catalogue
    reader = AudioRequestReader(
        OptionReader(catalogue.resolve, catalogue.languages, ALIASES), catalogue.languages, task
    )
    limits = replace(services.upload_limits, fields=FIELD_LIMITS)
    async with AsyncExitStack() as stack:
        receiving = receive_submission(request, services, services.worker, reader, limits)
        submission = await stack.enter_async_context(receiving)
        known = await store_samples(submission.asked.known, services.upload_store, stack)
        submission.context.extras = replace(submission.asked.extras, known_speakers=known)
        work = partial(services.pipeline.transcribe, submission.upload, submission.context)
        if submission.asked.stream:
            return await _stream(request, submission, work, stack)
        transcript = await submission.place.run(work)
        return await run_in_threadpool(render_answer, transcript, submission.asked)


async def _stream(
    request: Request,
    submission: Submission[AudioRequest],
    work: Callable[[Checkpoint], Transcript],
    stack: AsyncExitStack,
) -> Response:
    """Return an answer in events; what goes wrong before it begins is raised."""

    def headers() -> dict[str, str]:
        warnings = submission.context.warnings
        return {WARNINGS_HEADER: warnings_line(warnings)} if warnings else {}

    live = LiveWork(submission.place, submission.context, work, stack.pop_all())
    events = transcription_events(live, submission.asked, partial(failure_event, request))
    return await answer_in_events(live, events, headers)
