"""Tab-separated values (.tsv): start, end, text, speaker; times in whole milliseconds."""

from app.formats.cues import CueLayout
from app.formats.sanitize import plain_line
from app.formats.timestamps import milliseconds
from app.transcript import Segment, Transcript


def render(transcript: Transcript, _layout: CueLayout) -> str:
    """Return a header and one row per segment that occurs.

    Tabs and line breaks become blanks, nothing is quoted.
    """
    rows = (_row(segment) for segment in transcript.segments if segment.occurs)
    return "".join(["start\tend\ttext\tspeaker\n", *rows])


def _row(segment: Segment) -> str:
    start, end = milliseconds(segment.start), milliseconds(segment.end)
    return f"{start}\t{max(start, end)}\t{plain_line(segment.text)}\t{plain_line(segment.speaker or '')}\n"
