"""The answer of POST /asr: a transcript in the form that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from app.formats import FORMATS, CueLayout, Format, content_disposition
from app.formats.json_format import render_with_plain_text
from app.options.asr_options import AsrOptions
from app.options.parsing import ParsedOptions
from app.transcript import Transcript

WARNINGS_HEADER = "X-Asr-Warnings"
LONGEST_HEADER = 4000
"""Characters; proxies refuse answers with longer header lines."""


@dataclass(frozen=True, slots=True)
class Document:
    """A transcript, written."""

    format_name: str
    content: str | bytes
    warnings: tuple[str, ...]
    """JSON holds them itself."""

    @property
    def form(self) -> Format:
        """Return the format that it is written in."""
        return FORMATS[self.format_name]


def write_document(transcript: Transcript, asked: ParsedOptions[Any]) -> Document:
    """Return `transcript` as the request asks for it; may take a second."""
    options = asked.options
    return Document(options.output_format, _content(transcript, asked), transcript.warnings)


def answer_with(document: Document, upload_name: str) -> Response:
    """Return the document with its headers; JSON is not saved as a file."""
    form = document.form
    if document.format_name == "json":
        return Response(document.content, media_type=form.media_type)
    headers = {"Content-Disposition": content_disposition(upload_name, form.extension)}
    if document.warnings:
        headers[WARNINGS_HEADER] = warnings_line(document.warnings)
    charset = "; charset=utf-8" if isinstance(document.content, str) else ""
    return Response(document.content, media_type=f"{form.media_type}{charset}", headers=headers)


def _content(transcript: Transcript, asked: ParsedOptions[Any]) -> str | bytes:
    """Return the content of the answer.

    `output` is whisper-asr-webservice's name of the option: whoever sends it wants JSON as it is there, with
    the text as one string.
    """
    options = asked.options
    if options.output_format == "json" and "output" in asked.spellings:
        asked_for_speakers = options.diarize and "diarize" in asked.written
        return render_with_plain_text(transcript, name_speakers=asked_for_speakers)
    return FORMATS[options.output_format].render(transcript, cue_layout(options))


def cue_layout(options: AsrOptions) -> CueLayout:
    """Return how the options want subtitles to be laid out."""
    usual = CueLayout()
    longest = usual.max_seconds if options.max_cue_seconds is None else options.max_cue_seconds
    shortest = usual.min_seconds if options.min_cue_seconds is None else options.min_cue_seconds
    return CueLayout(
        max_line_width=options.max_line_width,
        max_line_count=options.max_line_count,
        highlight_words=options.highlight_words,
        max_seconds=longest,
        min_seconds=min(shortest, longest),
    )


def warnings_line(warnings: Sequence[str]) -> str:
    """Return the warnings as a header value: printable ASCII, bounded, without white space at its ends.

    HTTP forbids that white space, and the server would close the connection instead of sending such a line.
    """
    line = " | ".join(warnings).encode("ascii", "backslashreplace").decode("ascii")
    printable = "".join(character if character.isprintable() else " " for character in line)
    return printable.strip()[:LONGEST_HEADER].rstrip()
