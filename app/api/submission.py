"""From an HTTP request to checked options and a stored recording; nothing is decoded before that."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from app.api.client_identity import client_of
from app.api.dependencies import Services
from app.api.request_record import record_of
from app.api.uploads import ReceivedForm, receive_upload
from app.catalogue import Catalogue, ModelSpec
from app.errors import BadRequest
from app.options import AsrOptions, ModelResolver, ParsedOptions, check_options, parse_options
from app.spool import StoredUpload

FILE_FIELDS = frozenset({"audio_file"})
"""Form fields that may hold the recording."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One recording and what is asked of it; the upload is gone when the request ends."""

    upload: StoredUpload
    file_name: str
    options: AsrOptions
    written: frozenset[str]
    """Names of the options that the client wrote."""
    model: ModelSpec
    warnings: tuple[str, ...]
    client: str


@asynccontextmanager
async def receive_submission(request: Request, services: Services) -> AsyncIterator[Submission]:
    """Yield what `request` asks for.

    What the query string says is checked before the first byte of the upload is read.

    Raises:
        BadRequest, UploadTooLarge, UploadStalled, Unavailable, ClientLeft: before any engine is touched.
    """
    query = request.query_params.multi_items()
    _check_query(query, services.catalogue)
    services.worker.check_open()
    async with receive_upload(request, services.spool, services.upload_limits, FILE_FIELDS) as form:
        parsed, model = _read_options(query, form.fields, services.catalogue)
        record = record_of(request)
        record.file_name, record.model = form.file_name, model.name
        yield Submission(
            upload=_the_file(form),
            file_name=form.file_name,
            options=parsed.options,
            written=parsed.written,
            model=model,
            warnings=parsed.warnings,
            client=client_of(request),
        )


def _check_query(query: list[tuple[str, str]], catalogue: Catalogue) -> None:
    """Refuse what the query string alone proves wrong, whatever the form will say."""
    values = check_options(query, resolve_model=_own_name(catalogue), languages=catalogue.languages)
    if "model" in values:
        _check_ability(catalogue.resolve(str(values["model"])), values)


def _read_options(
    query: list[tuple[str, str]], fields: tuple[tuple[str, str], ...], catalogue: Catalogue
) -> tuple[ParsedOptions, ModelSpec]:
    parsed = parse_options(query, fields, resolve_model=_own_name(catalogue), languages=catalogue.languages)
    model = catalogue.resolve(parsed.options.model)
    _check_ability(model, parsed.options.model_dump())
    return parsed, model


def _own_name(catalogue: Catalogue) -> ModelResolver:
    return lambda name: catalogue.resolve(name).name


def _check_ability(model: ModelSpec, values: Mapping[str, object]) -> None:
    language, task = values.get("language"), values.get("task")
    model.abilities.check(
        model.name, language=str(language) if language else None, task=str(task) if task else None
    )


def _the_file(form: ReceivedForm) -> StoredUpload:
    if form.file is None:
        found = f" (the file came as {form.other_files[0][:40]!r})" if form.other_files else ""
        raise BadRequest(f"audio_file: missing; send the recording in a form field of this name{found}")
    return form.file
