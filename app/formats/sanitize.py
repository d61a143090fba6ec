"""Text that fits on one line of a document, whatever characters it came with."""

import re
from dataclasses import replace

from app.formats.direction import bidi_isolate
from app.transcript import Segment

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def replace_surrogates(text: str) -> str:
    """Return `text` with lone surrogates replaced, so that it can be written as UTF-8."""
    return _SURROGATE.sub("\ufffd", text)


def plain_line(text: str) -> str:
    """Return `text` without line breaks, tabs or control characters, each run of space as one blank."""
    return " ".join(_CONTROL.sub(" ", replace_surrogates(text)).split())


def plain_segment(segment: Segment) -> Segment:
    """Return `segment` with its text and its words as plain lines."""
    words = segment.words
    if words is not None:
        words = tuple(replace(word, text=plain_line(word.text)) for word in words)
    return replace(segment, text=plain_line(segment.text), words=words)


def speaker_prefix(speaker: str | None) -> str:
    """Return what stands before the words of `speaker`."""
    return f"{_bracketed(speaker)}: " if speaker else ""


def right_to_left_speaker_prefix(speaker: str | None) -> str:
    """Return the same for words that are written from right to left."""
    return f"{bidi_isolate(_bracketed(speaker))}: " if speaker else ""


def _bracketed(speaker: str) -> str:
    return f"[{plain_line(speaker)}]"
