"""POST /asr: a recording in, a transcript out."""

from functools import partial

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app.api.answer import render_answer
from app.api.dependencies import ServicesDep
from app.api.intake.submission import receive_submission
from app.api.openapi import error_answers, transcript_answer, upload_operation
from app.api.schemas import TranscriptAnswer
from app.options.asr_options import AsrOptions
from app.options.parsing import OptionReader

router = APIRouter(tags=["speech to text"])


@router.post(
    "/asr",
    summary="Transcribe a recording",
    response_class=Response,
    responses={
        200: transcript_answer(TranscriptAnswer),
        **error_answers(400, 401, 403, 408, 413, 500, 503, 504, 507),
    },
    openapi_extra=upload_operation(*AsrOptions.model_fields),
)
async def transcribe(request: Request, services: ServicesDep) -> Response:
    """Return what is said in the recording, when and by whom."""
    reader = OptionReader(services.catalogue.resolve, services.catalogue.languages)
    async with receive_submission(request, services, services.worker, reader) as submission:
        work = partial(services.pipeline.transcribe, submission.upload, submission.context)
        transcript = await submission.place.run(work)
        # In a thread: the subtitles of a day are no matter of milliseconds.
        return await run_in_threadpool(render_answer, transcript, submission.asked, submission.file_name)
