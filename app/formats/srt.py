"""SubRip subtitles (.srt): numbered cues, decimal comma."""

from app.formats.cues import CueLayout, cues
from app.formats.timestamps import clock
from app.transcript import Transcript

# SubRip has no escapes: players take <...> for tags and {...} for styling and hide both, so they are
# written with characters that look alike. It also keeps --> out of the text.
_HARMLESS = str.maketrans("<>{}", "‹›()")


def render(transcript: Transcript, layout: CueLayout) -> str:
    """Return the transcript as SubRip; an empty text when nothing was said."""
    return "".join(
        f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{cue.text(_escape)}\n\n"
        for number, cue in enumerate(cues(transcript, layout), start=1)
    )


def _escape(text: str) -> str:
    return text.translate(_HARMLESS)
