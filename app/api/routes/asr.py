"""POST /asr: a recording in, a transcript out."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from app.api.dependencies import ServicesDep
from app.api.intake.submission import Submission, receive_submission
from app.api.openapi import error_answers, transcript_answer, upload_operation
from app.api.schemas import TranscriptAnswer
from app.api.work import run_submission
from app.audio.waveform import Waveform
from app.formats import FORMATS, CueLayout, content_disposition
from app.formats.json_format import render_with_plain_text
from app.options.asr_options import AsrOptions
from app.pipeline import Run
from app.transcript import Transcript

router = APIRouter(tags=["speech to text"])

WARNINGS_HEADER = "X-Asr-Warnings"
LONGEST_HEADER = 4000
"""Characters; proxies refuse answers with longer header lines."""


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
    async with receive_submission(request, services, services.worker) as submission:
        options, model = submission.options, submission.model

        def work(waveform: Waveform, run: Run) -> tuple[bytes, tuple[str, ...]]:
            transcript = services.pipeline.transcribe(waveform, model, options, run)
            return _document(transcript, submission).encode(), transcript.warnings

        document, warnings = await run_submission(request, services, submission, work)
        return _answer(document, warnings, submission)


def _document(transcript: Transcript, submission: Submission) -> str:
    """Return the transcript in the form that was asked for.

    `output` is whisper-asr-webservice's name of the option: whoever sends it wants JSON as it is there, with
    the text as one string.
    """
    options = submission.options
    if options.output_format == "json" and "output" in submission.spellings:
        asked_for_speakers = options.diarize and "diarize" in submission.written
        return render_with_plain_text(transcript, name_speakers=asked_for_speakers)
    return FORMATS[options.output_format].render(transcript, _layout(options))


def _layout(options: AsrOptions) -> CueLayout:
    return replace(
        CueLayout(),
        max_line_width=options.max_line_width,
        max_line_count=options.max_line_count,
        highlight_words=options.highlight_words,
    )


def _answer(document: bytes, warnings: tuple[str, ...], submission: Submission) -> Response:
    form = FORMATS[submission.options.output_format]
    media_type, headers = form.media_type, {}
    if submission.options.output_format != "json":
        media_type += "; charset=utf-8"
        headers["Content-Disposition"] = content_disposition(submission.file_name, form.extension)
        if warnings:
            headers[WARNINGS_HEADER] = _one_line(warnings)
    return Response(document, media_type=media_type, headers=headers)


def _one_line(warnings: tuple[str, ...]) -> str:
    """Return the warnings as a header value: printable ASCII, bounded."""
    line = " | ".join(warnings).encode("ascii", "backslashreplace").decode("ascii")
    return "".join(character if character.isprintable() else " " for character in line)[:LONGEST_HEADER]
