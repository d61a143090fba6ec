"""Plain text (.txt): one line per segment, the speaker's name before it where one is known."""

from app.formats.cues import CueLayout
from app.formats.direction import mark_right_to_left, reads_right_to_left
from app.formats.sanitize import plain_line, right_to_left_speaker_prefix, speaker_prefix
from app.transcript import Segment, Transcript


def render(transcript: Transcript, _layout: CueLayout) -> str:
    """Return the lines; segments without text leave none."""
    return "".join(f"{line}\n" for line in map(_line, transcript.segments) if line)


def _line(segment: Segment) -> str:
    line = plain_line(segment.text)
    if not line:
        return ""
    if segment.speaker and reads_right_to_left(line):
        return mark_right_to_left(right_to_left_speaker_prefix(segment.speaker) + line)
    return speaker_prefix(segment.speaker) + line
