"""How /openapi.json describes the routes of OpenAI's API."""

from typing import Any

from app.api.openai.audio_request import FORMS, Task
from app.api.openapi import AUDIO_FILE, EVENT_SCHEMA, SECURITY, error_answers, option_schemas
from app.api.schemas import OpenAiErrorAnswer

_PASSED_ON = ("diarize", "num_speakers", "min_speakers", "max_speakers", "hotwords")
"""Our own options that say something on /v1/audio; there are more."""


def audio_operation(task: Task) -> dict[str, Any]:
    """Return the description of the form that a route takes."""
    properties = {"file": AUDIO_FILE, **_shared(task)}
    if task == "transcribe":
        options = option_schemas()
        properties |= _transcriptions_only() | {name: options[name] for name in _PASSED_ON}
        properties["diarize"] = {**properties["diarize"], "default": False}
    form = {"type": "object", "required": ["file"], "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "security": SECURITY,
    }


def audio_answers(task: Task) -> dict[int | str, dict[str, Any]]:
    """Return the description of what a route may answer."""
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
    content |= {kind: {"schema": {"type": "string"}} for kind in ("text/plain", "text/vtt")}
    if task == "transcribe":
        content["text/event-stream"] = {"schema": EVENT_SCHEMA}
    described = "What is said, in the form that response_format asks for."
    return {200: {"description": described, "content": content}, **openai_errors()}


def openai_errors() -> dict[int | str, dict[str, Any]]:
    """Return the description of the errors of /v1, which have OpenAI's form."""
    described = error_answers(400, 401, 403, 408, 413, 500, 503, 504, 507)
    described[404] = {"description": "There is no such model. Codes: model_not_found."}
    return {status: {**answer, "model": OpenAiErrorAnswer} for status, answer in described.items()}


def _shared(task: Task) -> dict[str, Any]:
    options = option_schemas()
    forms = FORMS if task == "transcribe" else FORMS[:-1]
    return {
        "model": {
            **options["model"],
            "description": "A model, or one of OpenAI's names for the default one.",
        },
        "prompt": {**options["initial_prompt"], "maxLength": 4 << 20},
        "response_format": {"type": "string", "enum": list(forms), "default": "json"},
        "temperature": options["temperature"],
        "language": options["language"],
    }


def _transcriptions_only() -> dict[str, Any]:
    return {
        "languages": _list("Languages that the recording may be in; with one it is the language."),
        "keywords": _list("Names and terms to listen for."),
        "timestamp_granularities": _list("With verbose_json: what has times.", ["word", "segment"]),
        "include": _list("With json: the tokens with their log probabilities.", ["logprobs"]),
        "stream": {
            "type": "boolean",
            "default": False,
            "description": "Answer with events while it is decoded.",
        },
        "chunking_strategy": {"type": "string", "description": "Understood, and without effect."},
        "known_speaker_names": _list("With diarized_json: what known voices are called."),
        "known_speaker_references": _list("A data URL for each, with 2 to 10 seconds of the voice."),
    }


def _list(description: str, choices: list[str] | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "string"} | ({"enum": choices} if choices else {})
    return {"type": "array", "items": entry, "description": description}
