"""Requests to /v1/audio as lists of parts, for what no client library would send."""

import base64
from typing import Any

import httpx
from starlette.testclient import TestClient

TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"


def send(
    client: httpx.Client | TestClient, recording: bytes, *fields: tuple[str, str], path: str = TRANSCRIPTIONS
) -> Any:
    """Send a recording with fields, of which a name may come again and again, before it."""
    parts: list[tuple[str, Any]] = [(name, (None, text)) for name, text in fields]
    return client.post(path, files=[*parts, ("file", ("meeting.wav", recording, "audio/wav"))])


def data_url(recording: bytes, kind: str = "audio/wav") -> str:
    return f"data:{kind};base64,{base64.b64encode(recording).decode()}"


def error_of(answer: Any, status: int) -> dict[str, Any]:
    """Return the error of an answer with this status, after a look at its form."""
    assert answer.status_code == status, answer.text
    (key,) = answer.json()
    error: dict[str, Any] = answer.json()[key]
    assert (key, set(error)) == ("error", {"message", "type", "param", "code"})
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert answer.headers["x-request-id"]
    return error
