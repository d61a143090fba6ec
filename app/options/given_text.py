"""A transcript that the caller has already: plain text, SRT, VTT or JSON of POST /asr, read as pieces."""

import html
import io
import json
from dataclasses import dataclass
from typing import Any

import webvtt
from webvtt.errors import MalformedFileError


@dataclass(frozen=True, slots=True)
class GivenText:
    """What is said in a recording, without its times."""

    pieces: tuple[str, ...]
    """In order, none empty, with single blanks between the words."""
    whole: bool
    """Each piece stays one segment, as a cue does; else it is split into sentences."""


def read_given_text(text: str) -> GivenText:
    """Return the cues of SRT or VTT, the segments of our JSON, or the lines of any other text.

    Raises:
        ValueError: no word is in it, or it is JSON or subtitles of another form.
    """
    text = text.lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        pieces, whole = _segments(text), True
    elif "-->" in text:
        pieces, whole = _cues(text), True
    else:
        pieces, whole = text.splitlines(), False
    written = tuple(filter(None, (" ".join(piece.split()) for piece in pieces)))
    if not written:
        raise ValueError("no word is in it")
    return GivenText(written, whole)


def _segments(text: str) -> list[str]:
    try:
        document: Any = json.loads(text)
        pieces = [segment["text"] for segment in document["segments"]]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise ValueError("JSON needs a list `segments` whose members have a `text`") from exc
    if not all(isinstance(piece, str) for piece in pieces):
        raise ValueError("the text of a segment is no string")
    return pieces


def _cues(text: str) -> list[str]:
    is_vtt = text.startswith("WEBVTT")
    try:
        cues = webvtt.from_buffer(io.StringIO(text), format="vtt" if is_vtt else "srt").captions
    except MalformedFileError as exc:
        raise ValueError("it looks like subtitles, but is neither SRT nor VTT") from exc
    return [html.unescape(cue.text) if is_vtt else cue.text for cue in cues]
