"""WebVTT subtitles (.vtt): a header, cues without numbers, decimal point."""

from html import escape

from app.formats.cues import CueLayout, make_cues
from app.formats.timestamps import clock
from app.transcript import Transcript


def render(transcript: Transcript, layout: CueLayout) -> str:
    """Return the transcript as WebVTT; the header alone when nothing was said."""
    return "WEBVTT\n\n" + "".join(
        f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n{cue.text(_escape)}\n\n"
        for cue in make_cues(transcript, layout)
    )


def _escape(text: str) -> str:
    return escape(text, quote=False)
