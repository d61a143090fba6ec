"""SubRip subtitles (.srt): numbered cues, decimal comma."""

import re

from app.formats.cues import CueLayout, make_cues
from app.formats.timestamps import clock
from app.transcript import Transcript

# SubRip has no escapes: players take <...> for tags and {...} for styling and hide both, so they are
# written with characters that look alike. It also keeps --> out of the text.
_HARMLESS = str.maketrans("<>{}", "‹›()")
# Some parsers take any line with two clock times for the head of a cue, arrow or not.
_CLOCK_IN_TEXT = re.compile(r"(\d:\d{1,2}:\d{1,2})[.,](\d)")


def render(transcript: Transcript, layout: CueLayout) -> str:
    """Return the transcript as SubRip; an empty text when nothing was said."""
    return "".join(
        f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{cue.text(_escape)}\n\n"
        for number, cue in enumerate(make_cues(transcript, layout), start=1)
    )


def _escape(text: str) -> str:
    return _CLOCK_IN_TEXT.sub(r"\1‚\2", text.translate(_HARMLESS))
