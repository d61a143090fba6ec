"""The answer of POST /asr: a transcript in the form that was asked for."""

from collections.abc import Sequence

from fastapi import Response

from app.formats import FORMATS, CueLayout, content_disposition
from app.formats.json_format import render_with_plain_text
from app.models.model_spec import ModelSpec
from app.options.parsing import ParsedOptions
from app.transcript import Transcript

WARNINGS_HEADER = "X-Asr-Warnings"
LONGEST_HEADER = 4000
"""Characters; proxies refuse answers with longer header lines."""


def render_answer(transcript: Transcript, asked: ParsedOptions[ModelSpec], upload_name: str) -> Response:
    """Return the document with its headers; JSON holds the warnings itself and is not saved as a file."""
    name = asked.options.output_format
    document, form = _document(transcript, asked), FORMATS[name]
    if name == "json":
        return Response(document, media_type=form.media_type)
    headers = {"Content-Disposition": content_disposition(upload_name, form.extension)}
    if transcript.warnings:
        headers[WARNINGS_HEADER] = warnings_line(transcript.warnings)
    return Response(document, media_type=f"{form.media_type}; charset=utf-8", headers=headers)


def _document(transcript: Transcript, asked: ParsedOptions[ModelSpec]) -> str:
    """Return the text of the answer.

    `output` is whisper-asr-webservice's name of the option: whoever sends it wants JSON as it is there, with
    the text as one string.
    """
    options = asked.options
    if options.output_format == "json" and "output" in asked.spellings:
        asked_for_speakers = options.diarize and "diarize" in asked.written
        return render_with_plain_text(transcript, name_speakers=asked_for_speakers)
    layout = CueLayout(options.max_line_width, options.max_line_count, options.highlight_words)
    return FORMATS[options.output_format].render(transcript, layout)


def warnings_line(warnings: Sequence[str]) -> str:
    """Return the warnings as a header value: printable ASCII, bounded."""
    line = " | ".join(warnings).encode("ascii", "backslashreplace").decode("ascii")
    return "".join(character if character.isprintable() else " " for character in line)[:LONGEST_HEADER]
