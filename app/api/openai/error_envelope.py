"""Errors in the form that OpenAI's clients read: for everything below /v1."""

from collections.abc import Mapping
from typing import Any

from app import errors
from app.api.openai.form_fields import base_name

PREFIX = "/v1"
_VALUES_OF_THE_FORM = frozenset({"response_format", "stream"})
_ABOUT_THE_FILE = (errors.EmptyUpload, errors.AudioUnreadable, errors.NoAudioTrack, errors.FileMissing)
_CODES: Mapping[type[errors.AsrError], str] = {
    errors.Unauthorized: "invalid_api_key",
    errors.UnknownModel: "model_not_found",
    errors.FileMissing: "missing_required_parameter",
    errors.BadRequest: "invalid_value",
}
"""OpenAI's codes where it has one; else our own are sent."""
_HOPELESS = (errors.EngineFailed, errors.InternalError, errors.DeadlineExceeded)
"""Failures of the server that the same request will meet again."""


def is_below(path: str) -> bool:
    """Return whether `path` belongs to OpenAI's API."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def envelope_of(exc: errors.AsrError, status: int, message: str) -> dict[str, Any]:
    """Return the body for `exc`; `message` is what may be told of it."""
    if isinstance(exc, errors.UnknownModel):
        message = f"The model `{exc.name[:80]}` does not exist; use one of {', '.join(exc.known)}"
    elif isinstance(exc, errors.UploadTooLarge):
        limit = int(exc.limit_mb * 1_000_000)
        message = f"Maximum content size limit ({limit}) exceeded (MAX_FILE_SIZE_MB): {message}"
    elif isinstance(exc, errors.FileMissing):
        message = message.replace("audio_file", "file")
    elif isinstance(exc, errors.Unauthorized):
        message = "Incorrect API key provided."
    return envelope(status, message, code_of(exc), parameter_of(exc))


def envelope(status: int, message: str, code: str, parameter: str | None = None) -> dict[str, Any]:
    """Return the body of an error: all four keys, always."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": parameter, "code": code}}


def code_of(exc: errors.AsrError) -> str:
    """Return OpenAI's code for `exc`, or ours where it has none."""
    if isinstance(exc, errors.BadParameter) and exc.parameter in _VALUES_OF_THE_FORM:
        return "unsupported_value"
    return next((code for kind, code in _CODES.items() if isinstance(exc, kind)), exc.code)


def parameter_of(exc: errors.AsrError) -> str | None:
    """Return the field that is to blame, without brackets."""
    if isinstance(exc, errors.BadParameter | errors.ParameterConflict):
        return base_name(exc.parameter)
    if isinstance(exc, errors.UnknownModel):
        return "model"
    return "file" if isinstance(exc, _ABOUT_THE_FILE) else None


def status_below(exc: errors.AsrError, status: int) -> int:
    """Return the status on /v1: a model that does not exist is not found."""
    return 404 if isinstance(exc, errors.UnknownModel) else status


def retry_headers(exc: errors.AsrError) -> dict[str, str]:
    """Return the header that keeps SDKs from sending a recording three times for nothing."""
    return {"x-should-retry": "false"} if isinstance(exc, _HOPELESS) else {}
