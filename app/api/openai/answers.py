"""A transcript as the answer of /v1/audio, in the form that was asked for."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from app.api.answer import WARNINGS_HEADER, cue_layout, warnings_line
from app.api.event_stream import compact_json
from app.api.openai.audio_request import AudioRequest
from app.api.openai.documents import (
    diarized_document,
    diarized_segments,
    json_document,
    languages_of,
    plain_text,
    verbose_document,
)
from app.api.openai.tokens import logprobs
from app.formats import FORMATS
from app.transcript import Transcript

_MEDIA_TYPES = {"text": "text/plain", "srt": "text/plain", "vtt": "text/vtt"}
"""As OpenAI answers; a browser does not save the subtitles of an API."""


def render_answer(transcript: Transcript, asked: AudioRequest) -> Response:
    """Return the answer; warnings travel in a header, for OpenAI's documents have no place for them."""
    headers = {WARNINGS_HEADER: warnings_line(transcript.warnings)} if transcript.warnings else {}
    if asked.form in _MEDIA_TYPES:
        media_type = f"{_MEDIA_TYPES[asked.form]}; charset=utf-8"
        return Response(text_document(transcript, asked), media_type=media_type, headers=headers)
    document = compact_json(json_form(transcript, asked))
    return Response(document, media_type="application/json", headers=headers)


def text_document(transcript: Transcript, asked: AudioRequest) -> str:
    """Return text, srt or vtt; who speaks stands in it if the client asked for that."""
    options = asked.options
    if asked.form == "text" and not options.diarize:
        return plain_text(transcript.segments, _written_language(transcript, asked)) + "\n"
    document = FORMATS[asked.form].render(transcript, cue_layout(options))
    assert isinstance(document, str)
    return f"{document}\n" if asked.form == "srt" and document else document


def json_form(transcript: Transcript, asked: AudioRequest) -> Mapping[str, Any]:
    """Return json, verbose_json or diarized_json."""
    translated = asked.task == "translate"
    if asked.form == "diarized_json":
        return diarized_document(transcript, names_given(asked))
    if asked.form == "verbose_json":
        return verbose_document(
            transcript,
            translated=translated,
            with_segments=asked.with_segments,
            with_words=asked.with_words,
        )
    return json_document(transcript, translated=translated, with_logprobs=asked.with_logprobs)


def done_event(transcript: Transcript, asked: AudioRequest, text: str) -> dict[str, Any]:
    """Return the last event of a stream; `text` is what its deltas come to.

    Segments, and what verbose_json has beside them, are our own: Subtitle Edit looks for segments there.
    """
    event: dict[str, Any] = {
        "type": "transcript.text.done",
        "text": text,
        "languages": languages_of(transcript),
    }
    if asked.with_logprobs:
        event["logprobs"] = logprobs(transcript.segments)
    if transcript.warnings:
        event["warnings"] = list(transcript.warnings)
    if asked.form == "verbose_json":
        rest = json_form(transcript, asked)
        return event | {key: rest[key] for key in rest if key not in ("text", "usage")}
    if asked.form == "json":
        event["segments"] = [
            {key: segment[key] for key in ("id", "start", "end", "text")}
            for segment in diarized_segments(transcript, ())
        ]
    return event


def names_given(asked: AudioRequest) -> tuple[str, ...]:
    """Return the names of known speakers and of channels."""
    return (*(sample.name for sample in asked.known), *asked.options.names_of_channels)


def _written_language(transcript: Transcript, asked: AudioRequest) -> str:
    return "en" if asked.task == "translate" else transcript.language
