"""POST /render: a transcript as JSON in, the same in another form out; nothing is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.answer import Document, answer_with, write_document
from app.api.dependencies import Services, ServicesDep
from app.api.intake.body import read_body
from app.api.intake.client_identity import client_of
from app.api.intake.multipart import FieldLimits
from app.api.openapi import TRANSCRIPT_BODY, error_answers, option_parameters, transcript_answer
from app.api.schemas import TranscriptAnswer
from app.api.transcript_body import read_transcript
from app.errors import DocumentTooLarge, UploadTooLarge
from app.options.parsing import OptionReader, ParsedOptions
from app.work.upload_store import StoredUpload

router = APIRouter(tags=["speech to text"])

PATH = "/render"
OPTIONS = (
    "output_format",
    "max_line_width",
    "max_line_count",
    "highlight_words",
    "max_cue_seconds",
    "min_cue_seconds",
)
FILE_NAME = "file_name"
MAX_MEGABYTES = 40
"""What /asr answers for twelve hours comes to 33."""


@dataclass(frozen=True, slots=True)
class AnyModel:
    """Stands for the model that once made the transcript."""

    name: str = ""

    def check(self, *, language: str | None, task: str | None) -> None:
        """Refuse nothing: there is nothing to transcribe."""


@router.post(
    PATH,
    summary="Write a transcript in another form",
    response_class=Response,
    responses={
        200: transcript_answer(TranscriptAnswer),
        **error_answers(400, 401, 403, 408, 413, 500, 503, 507),
    },
    openapi_extra={
        "parameters": [
            *option_parameters(*OPTIONS),
            {
                "name": FILE_NAME,
                "in": "query",
                "description": "Name of the recording, from which the name of the answer is made.",
                "schema": {"type": "string", "maxLength": 1000},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": TRANSCRIPT_BODY}},
        },
    },
)
async def render(request: Request, services: ServicesDep) -> Response:
    """Return what POST /asr would have answered for this transcript."""
    asked = _asked(request)
    async with _received(request, services) as upload, services.renderings:
        document = await asyncio.to_thread(_write, upload, asked)
    return answer_with(document, request.query_params.get(FILE_NAME, ""))


def _asked(request: Request) -> ParsedOptions[AnyModel]:
    """Return the options of the query string, with a warning for each that has no effect here."""
    reader = OptionReader(lambda _name: AnyModel())
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] != FILE_NAME]
    reader.read_query(pairs)
    asked = reader.read_form(())
    idle = sorted(asked.written.difference((*OPTIONS, "diarize")))
    warnings = (*asked.warnings, *(f"{name} has no effect on {PATH}" for name in idle))
    return replace(asked, warnings=warnings)


@asynccontextmanager
async def _received(request: Request, services: Services) -> AsyncIterator[StoredUpload]:
    """Yield the body, on disk: however many clients send one, memory holds few of them.

    Raises:
        DocumentTooLarge, UploadStalled, UploadTooSlow, ClientLeft, StorageFull, TooManyUploads.
    """
    limits = replace(
        services.upload_limits,
        max_file_megabytes=MAX_MEGABYTES,
        fields=FieldLimits(parts=0, field_bytes=0, all_fields_bytes=0),
    )
    with services.uploads_per_client.one_more(client_of(request)):
        upload = await asyncio.to_thread(services.upload_store.new_upload)
        try:
            async for block in read_body(request.receive, limits):
                await asyncio.to_thread(upload.write, block)
            yield upload
        except UploadTooLarge as exc:
            raise DocumentTooLarge(MAX_MEGABYTES) from exc
        finally:
            await asyncio.to_thread(upload.close)


def _write(upload: StoredUpload, asked: ParsedOptions[Any]) -> Document:
    with upload.open() as path:
        transcript = read_transcript(path.read_bytes())
    warnings = (*transcript.warnings, *asked.warnings)
    return write_document(replace(transcript, warnings=warnings), asked)
