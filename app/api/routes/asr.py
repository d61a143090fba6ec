"""POST /asr: a recording in, a transcript out."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeAlias

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app.api.answer import answer_with, write_document
from app.api.asr_stream import AsrStream
from app.api.dependencies import Services, ServicesDep
from app.api.error_responses import failure_with_status
from app.api.intake.submission import Submission, receive_submission
from app.api.live_work import LiveWork, answer_in_events
from app.api.openapi import error_answers, transcript_answer, upload_operation
from app.api.request_record import record_of
from app.api.schemas import TranscriptAnswer
from app.checkpoint import Checkpoint
from app.models.model_spec import ModelSpec
from app.options.asr_options import AsrOptions
from app.options.parsing import OptionReader, ParsedOptions
from app.progress import progress_of
from app.transcript import Transcript

router = APIRouter(tags=["speech to text"])

Work: TypeAlias = Callable[[Checkpoint], Transcript]


@router.post(
    "/asr",
    summary="Transcribe a recording",
    response_class=Response,
    responses={
        200: transcript_answer(TranscriptAnswer, streams=True),
        **error_answers(400, 401, 403, 408, 413, 500, 503, 504, 507),
    },
    openapi_extra=upload_operation(*AsrOptions.model_fields),
)
async def transcribe(request: Request, services: ServicesDep) -> Response:
    """Return what is said in the recording, when and by whom."""
    reader = OptionReader(services.catalogue.resolve, services.catalogue.languages)
    async with AsyncExitStack() as stack:
        receiving = receive_submission(request, services, services.worker, reader)
        submission = await stack.enter_async_context(receiving)
        work = partial(services.pipeline.transcribe, submission.upload, submission.context)
        if submission.asked.options.stream:
            return await _stream(request, services, submission, work, stack)
        transcript = await submission.place.run(work)
        # In a thread: the subtitles of a day are no matter of milliseconds.
        document = await run_in_threadpool(write_document, transcript, submission.asked)
        return answer_with(document, submission.file_name)


async def _stream(
    request: Request,
    services: Services,
    submission: Submission[ParsedOptions[ModelSpec]],
    work: Work,
    stack: AsyncExitStack,
) -> Response:
    """Return an answer in events; what goes wrong before it begins is raised."""
    asked = submission.asked
    progress = progress_of(asked.options, asked.model.name, services.pace)
    error_of = partial(failure_with_status, request)
    stream = AsrStream(submission, progress, record_of(request), error_of)
    live = LiveWork(submission.place, submission.context, work, stack.pop_all())
    return await answer_in_events(live, stream.events(live))
