"""How /openapi.json describes the routes that read their own form: made from the options and the errors."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app import errors
from app.api.error_responses import status_of
from app.api.schemas import ErrorAnswer
from app.api.transcript_body import TranscriptBody
from app.options.asr_options import AsrOptions

API_INFO: Mapping[str, Any] = {
    "title": "WhisperX ASR API",
    "summary": "Speech to text with word times and speakers.",
    "description": (
        "Send a recording to **POST /asr** and get back what was said, when and by whom. "
        "Every option may be sent as a form field or as a query parameter; an unknown one is ignored "
        "and named in `warnings`. Every answer carries `X-Request-ID` and `Server-Timing`."
    ),
    "license_info": {"name": "MIT", "identifier": "MIT"},
    "openapi_tags": [
        {"name": "speech to text", "description": "Transcripts, subtitles and spoken languages."},
        {"name": "OpenAI's API", "description": "The same by the routes, fields and forms of OpenAI."},
        {"name": "service", "description": "What this server can do and how it is."},
    ],
    "generate_unique_id_function": lambda route: route.name,
}
"""What the constructor of the application is given."""

AUDIO_FILE = {
    "type": "string",
    "format": "binary",
    "description": "The recording, or a video with an audio track, in any usual format; "
    "with encode=false raw 16-bit little-endian PCM, 16 kHz, mono.",
}
_REFERENCE = "#/components/schemas/{model}"
_BODIES = models_json_schema([(TranscriptBody, "validation")], ref_template=_REFERENCE)[1]["$defs"]
TRANSCRIPT_BODY = {"$ref": _REFERENCE.format(model=TranscriptBody.__name__)}
"""What POST /render takes."""
_MEDIA_TYPES = {
    "text/plain": "[SPEAKER_00]: Good morning.\n",
    "application/x-subrip": "1\n00:00:00,520 --> 00:00:01,480\n[SPEAKER_00]: Good morning.\n",
    "text/vtt": "WEBVTT\n\n00:00:00.520 --> 00:00:01.480\n[SPEAKER_00]: Good morning.\n",
    "text/tab-separated-values": "start\tend\ttext\tspeaker\n520\t1480\tGood morning.\tSPEAKER_00\n",
    "text/markdown": "**SPEAKER_00** 0:00\n\nGood morning.\n",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "PK...",
}
_EVENT = 'event: progress\ndata: {"stage":"align","done":0.5,"all":0.9,"seconds_left":3}\n\n'
EVENT_SCHEMA = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
    "description": "One server-sent event; its data is JSON, or [DONE].",
}
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "API_KEY of the server, where it has one."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any user name; the key as password."},
}
SECURITY: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"header": []}, {"basic": []}]


def upload_operation(*option_names: str) -> dict[str, Any]:
    """Return what describes a route that takes `audio_file` and the named options, by form or by query."""
    options = {name: schema for name, schema in option_schemas().items() if name in option_names}
    form = {
        "type": "object",
        "required": ["audio_file"],
        "properties": {"audio_file": AUDIO_FILE, **options},
    }
    return {
        "parameters": option_parameters(*option_names),
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "security": SECURITY,
    }


def option_parameters(*option_names: str) -> list[dict[str, Any]]:
    """Return the description of the named options as parameters of the query string."""
    return [_as_parameter(name, schema) for name, schema in option_schemas().items() if name in option_names]


def option_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of every option; one that is unset by default has no default."""
    return {
        name: _without_null(schema) for name, schema in AsrOptions.model_json_schema()["properties"].items()
    }


def transcript_answer(model: type, *, streams: bool = False) -> dict[str, Any]:
    """Return the description of a transcript: JSON as `model`, a bare document, or events if it `streams`."""
    documents: dict[str, Any] = {
        media_type: {"schema": {"type": "string"}, "example": example}
        for media_type, example in _MEDIA_TYPES.items()
    }
    if streams:
        documents["text/event-stream"] = {"schema": EVENT_SCHEMA, "example": _EVENT}
    return {
        "model": model,
        "description": "The transcript, in the form that output_format asks for.",
        "content": documents,
        "headers": {
            "Content-Disposition": _header("File name made from the upload's; not with json."),
            "X-Asr-Warnings": _header("The warnings, where the document itself has no place for them."),
        },
    }


def error_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of the errors a route may answer."""
    return {status: _error_answer(status) for status in statuses}


def install_openapi(app: FastAPI) -> None:
    """Add to the description what FastAPI cannot know: bodies, keys, and the headers of every answer."""
    generate = app.openapi

    def described() -> dict[str, Any]:
        schema = generate()
        schema["components"]["schemas"] |= _BODIES
        schema["components"]["securitySchemes"] = _SECURITY_SCHEMES
        for operations in schema["paths"].values():
            for operation in operations.values():
                for answer in operation["responses"].values():
                    answer.setdefault("headers", {}).update(_HEADERS_OF_ALL)
        return schema

    app.openapi = described  # type: ignore[method-assign]


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


_HEADERS_OF_ALL = {
    "X-Request-ID": _header("Name of the request, taken over from it where it is sane."),
    "Server-Timing": _header("Milliseconds per stage: queue, decode, transcribe, align, diarize, total."),
}


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of what can be written: unset is written by leaving an option out."""
    written = {key: value for key, value in schema.items() if key not in ("anyOf", "title")}
    for each in schema.get("anyOf", ()):
        written |= each if each != {"type": "null"} else {}
    if written.get("default", ...) is None:
        del written["default"]
    return written


def _as_parameter(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"name": name, "in": "query", "required": False, "description": schema["description"]}
    return {**described, "schema": {key: value for key, value in schema.items() if key != "description"}}


def _error_answer(status: int) -> dict[str, Any]:
    codes = sorted({cls.code for cls in errors.error_classes() if status_of(cls) == status})
    description = f"{_REASONS[status]} Codes: {', '.join(codes)}."
    answer: dict[str, Any] = {"model": ErrorAnswer, "description": description}
    if status in (503, 507):
        answer["headers"] = {"Retry-After": _header("Seconds after which to try again.")}
    return answer


_REASONS = {
    400: "The request cannot be carried out as sent; `detail` says what to change.",
    401: "The server wants a key and this is none.",
    403: "A web page of another site sent it.",
    408: "The upload stalled.",
    413: "The upload is too large, or the recording too long.",
    500: "Something broke; the log of the service has the cause.",
    503: "Not now: the queue is full, a model is not available, or the service is stopping.",
    504: "The work took longer than the operator allows.",
    507: "There is no room for the upload.",
}
