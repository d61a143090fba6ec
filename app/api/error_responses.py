"""The only table from failures to HTTP status codes, and the JSON body all of them share."""

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app import errors
from app.api.openai import error_envelope as openai_errors
from app.api.paths import Paths
from app.api.request_record import record_of

logger = logging.getLogger(__name__)

STATUS: dict[type[errors.AsrError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.CrossSiteRequest: 403,
    errors.UploadStalled: 408,
    errors.UploadTooSlow: 408,
    errors.UploadTooLarge: 413,
    errors.DocumentTooLarge: 413,
    errors.AudioTooLong: 413,
    errors.ClientLeft: 499,
    errors.Unavailable: 503,
    errors.StorageFull: 507,
    errors.DeadlineExceeded: 504,
    errors.EngineFailed: 500,
    errors.InternalError: 500,
}


LONGEST_RETRY_AFTER_SECONDS = 60
"""What clients heed: several take a longer Retry-After for none and come again at once."""


def status_of(kind: type[errors.AsrError]) -> int:
    """Return the status of the nearest class of `kind` that the table holds."""
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)


def error_response(request: Request, exc: errors.AsrError) -> JSONResponse:
    """Return the answer for `exc`; a 500 never carries the exception's own words."""
    status, detail = status_of(type(exc)), told_of(exc)
    headers, content = {}, None
    if openai_errors.is_below(request.url.path):
        status = openai_errors.status_below(exc, status)
        content, headers = openai_errors.envelope_of(exc, status, detail), openai_errors.retry_headers(exc)
    if isinstance(exc, errors.Unavailable):
        headers["Retry-After"] = str(min(exc.retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS))
    response = _body(request, status, exc.code, detail, headers, content)
    if isinstance(exc, errors.Unauthorized):
        # A line each: Chromium reads one challenge per line, and asks for a password where it finds Basic.
        for challenge in ('Basic realm="asr"', "Bearer"):
            response.headers.append("WWW-Authenticate", challenge)
    return response


def told_of(exc: errors.AsrError) -> str:
    """Return what a client may know of `exc`: of an unforeseen one, nothing."""
    unforeseen = status_of(type(exc)) == 500
    return "internal error; the log of the service has the cause" if unforeseen else str(exc)


def failure_event(request: Request, exc: Exception) -> dict[str, Any]:
    """Return what a stream that has begun tells of `exc`, which is noted and, if need be, logged."""
    answer: dict[str, Any] = json.loads(bytes(_failure(request, exc).body))
    return answer


def failure_with_status(request: Request, exc: Exception) -> dict[str, Any]:
    """Return the same with what the head of an answer would have said."""
    answer = _failure(request, exc)
    after = answer.headers.get("Retry-After")
    later = {} if after is None else {"retry_after": int(after)}
    return {"status": answer.status_code, **json.loads(bytes(answer.body)), **later}


def _failure(request: Request, exc: Exception) -> JSONResponse:
    failure = exc if isinstance(exc, errors.AsrError) else errors.InternalError()
    if status_of(type(failure)) == 500:
        logger.error("request failed: %s", exc, exc_info=exc)
    return error_response(request, failure)


def install_error_handlers(app: FastAPI, paths: Paths) -> None:
    """Answer every exception that leaves a route with the shared JSON body."""

    async def on_http_exception(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, HTTPException)
        return _http_response(request, exc, paths)

    app.add_exception_handler(errors.AsrError, _on_asr_error)
    app.add_exception_handler(HTTPException, on_http_exception)


async def _on_asr_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, errors.AsrError)
    if status_of(type(exc)) == 500:
        logger.error("request failed: %s", exc, exc_info=exc)
    return error_response(request, exc)


def _http_response(request: Request, exc: HTTPException, paths: Paths) -> JSONResponse:
    """Return the answer for what the router refuses, with what to do instead."""
    detail, headers = str(exc.detail), dict(exc.headers or {})
    if exc.status_code == 404:
        detail = f"{exc.detail}: {paths.advice(request.url.path)}"
    elif exc.status_code == 405:
        headers["Allow"] = headers.get("Allow", "").replace("GET", "GET, HEAD")
        detail = f"{exc.detail}: {request.method} is not answered here; use {headers['Allow']}"
    code, content = f"http_{exc.status_code}", None
    if openai_errors.is_below(request.url.path):
        content = openai_errors.envelope(exc.status_code, detail, code)
    return _body(request, exc.status_code, code, detail, headers, content)


def _body(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: dict[str, str],
    content: dict[str, Any] | None,
) -> JSONResponse:
    """Return the answer with `content`, or with ours where another API does not have its own."""
    record = record_of(request)
    record.outcome = code
    ours = {"detail": detail, "code": code, "request_id": record.request_id}
    return JSONResponse(content or ours, status_code=status, headers=headers)
