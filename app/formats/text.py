"""Plain text (.txt): one line per segment, the speaker's name before it where one is known."""

from app.formats.cues import CueLayout
from app.formats.plain_text import plain_line, speaker_mark
from app.transcript import Transcript


def render(transcript: Transcript, _layout: CueLayout) -> str:
    """Return the lines; segments without text leave none."""
    lines = ((speaker_mark(segment.speaker), plain_line(segment.text)) for segment in transcript.segments)
    return "".join(f"{mark}{line}\n" for mark, line in lines if line)
