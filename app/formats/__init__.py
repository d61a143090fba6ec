"""The forms of an answer: one file per format and one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.formats import docx, json_format, md, srt, tsv, txt, vtt
from app.formats.content_disposition import content_disposition
from app.formats.cues import CueLayout
from app.transcript import Transcript

__all__ = ["FORMATS", "CueLayout", "Format", "content_disposition"]


@dataclass(frozen=True, slots=True)
class Format:
    """How a transcript is written, and the type and name of the result."""

    render: Callable[[Transcript, CueLayout], str | bytes]
    media_type: str
    extension: str
    """Without the dot."""
    label: str
    """What people call it."""


_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(json_format.render, "application/json", "json", "JSON"),
        "text": Format(txt.render, "text/plain", "txt", "Text"),
        "srt": Format(srt.render, "application/x-subrip", "srt", "Subtitles (SRT)"),
        "vtt": Format(vtt.render, "text/vtt", "vtt", "Subtitles (WebVTT)"),
        "tsv": Format(tsv.render, "text/tab-separated-values", "tsv", "Table (TSV)"),
        "md": Format(md.render, "text/markdown", "md", "Markdown"),
        "docx": Format(docx.render, _WORD, "docx", "Word"),
    }
)
