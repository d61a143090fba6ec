"""From an HTTP request to checked options and a stored recording; nothing is decoded before that."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from fastapi import Request

from app.api.dependencies import Services
from app.api.intake.body import UploadLimits
from app.api.intake.client_identity import client_of
from app.api.intake.receive_upload import ReceivedForm, receive_upload
from app.api.request_record import record_of
from app.errors import AudioUnreadable, FileMissing
from app.models.model_spec import ModelSpec
from app.options.asr_options import OPTION_ALIASES, AsrOptions
from app.request_context import RequestContext
from app.work.upload_store import StoredUpload
from app.work.worker import Place, Worker

FILE_FIELDS = frozenset({"audio_file", "file"})
"""Form fields that may hold the recording: ours, and the name that OpenAI's clients use."""
_LONGEST_FILE_NAME = 4096
"""Bytes; a path on Linux is no longer."""
_SHORTEST_RECORDING = 2
"""Bytes: a sample."""
_MOST_FILES_NAMED = 10


class Asked(Protocol):
    """What a reader makes of the options of a request."""

    @property
    def options(self) -> AsrOptions:
        """The options, checked."""
        ...

    @property
    def model(self) -> ModelSpec:
        """The model that they name."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the client should know about them."""
        ...


A = TypeVar("A", bound=Asked)
A_co = TypeVar("A_co", bound=Asked, covariant=True)


class Reader(Protocol[A_co]):
    """Reads the options of one request, as one API writes them."""

    def read_query(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take those of the query string, and refuse what is wrong whatever the form will say."""
        ...

    def read_form(self, pairs: Iterable[tuple[str, str]]) -> A_co:
        """Take those of the form, and return all of them, judged together."""
        ...


@dataclass(frozen=True, slots=True)
class Submission(Generic[A]):
    """One recording and what is asked of it; the upload is gone when the request ends."""

    upload: StoredUpload
    file_name: str
    asked: A
    """The options, and how the client wrote them."""
    context: RequestContext
    place: Place
    """Where the work is to be done; taken before the upload was received."""


@asynccontextmanager
async def receive_submission(
    request: Request,
    services: Services,
    worker: Worker,
    reader: Reader[A],
    limits: UploadLimits | None = None,
) -> AsyncIterator[Submission[A]]:
    """Yield what `request` asks for, read by `reader`, with a place in `worker` for it.

    The place, and what the query string says, are settled before the first byte of the body is read.

    Raises:
        BadRequest, UploadTooLarge, UploadStalled, Unavailable, ClientLeft: before any engine is touched.
    """
    client = client_of(request)
    reader.read_query(request.query_params.multi_items())
    async with AsyncExitStack() as stack:
        place = stack.enter_context(worker.place(client))
        with services.uploads_per_client.one_more(client):
            allowed = limits or services.upload_limits
            receiving = receive_upload(request, services.upload_store, allowed, FILE_FIELDS)
            form = await stack.enter_async_context(receiving)
        upload = await asyncio.to_thread(_the_file, form)
        asked = reader.read_form(form.fields)
        record = record_of(request)
        record.file_name, record.model = form.file_name, asked.model.name
        context = RequestContext(asked.model, asked.options, [*asked.warnings, *_left_out(form)])
        try:
            yield Submission(upload, form.file_name, asked, context, place)
        finally:
            record.note(context, place.queue_seconds)


def _the_file(form: ReceivedForm) -> StoredUpload:
    """Return the recording; may wait for the disk.

    Raises:
        FileMissing: there is none, or its name came in its place.
        AudioUnreadable: it cannot be a recording.
    """
    if form.file is None:
        found = f" (the file came as {form.other_files[0][:40]!r})" if form.other_files else ""
        raise FileMissing(f"audio_file: missing; send the recording in a form field of this name{found}")
    if form.file.size < _SHORTEST_RECORDING:
        raise AudioUnreadable(f"the file has {form.file.size} byte; send a recording")
    if not form.file_name and form.file.size <= _LONGEST_FILE_NAME:
        with form.file.open() as path:
            _refuse_a_name(form.field_name, path.read_bytes())
    return form.file


def _refuse_a_name(field_name: str, content: bytes) -> None:
    """Refuse a line of text: curl sends the name itself where the @ before it is missing."""
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        return
    if text.isprintable():
        found = "a file name" if re.search(r"[./\\]", text) else "text"
        raise FileMissing(
            f"{field_name} holds {found}, not a file: with curl write @ before the name, "
            f"as in -F {field_name}=@meeting.mp3"
        )


def _left_out(form: ReceivedForm) -> list[str]:
    """Return warnings about the files of the form that are not the recording."""
    names = list(dict.fromkeys(form.other_files))
    remarks = []
    for name in names[:_MOST_FILES_NAMED]:
        shown = ascii(name if len(name) <= 40 else name[:37] + "...")
        if name in OPTION_ALIASES or name in AsrOptions.model_fields:
            remarks.append(f"{name} was sent as a file and was ignored; send it as a plain form field")
        else:
            remarks.append(f"the file {shown} was ignored; the recording is {form.field_name}")
    if len(names) > _MOST_FILES_NAMED:
        remarks.append(f"{len(names) - _MOST_FILES_NAMED} more files were ignored")
    return remarks
