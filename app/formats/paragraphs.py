"""A transcript as people read it: paragraphs, each of one speaker, with the time at which it begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import east_asian_width

from app.formats.sanitize import plain_line
from app.transcript import Seconds, Segment, Transcript

LONGEST: Seconds = 60.0
"""A paragraph ends with the segment that reaches this, so that there is a time to look for on every page."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What somebody says in one go."""

    start: Seconds
    speaker: str
    """Empty where it is not known."""
    text: str


def paragraphs_of(transcript: Transcript) -> Iterator[Paragraph]:
    """Yield the paragraphs, in the order of the segments; segments without text leave none."""
    gathered: list[Segment] = []
    for segment in transcript.segments:
        if not plain_line(segment.text):
            continue
        if gathered and _begins_anew(gathered, segment):
            yield _paragraph(gathered)
            gathered = []
        gathered.append(segment)
    if gathered:
        yield _paragraph(gathered)


def _begins_anew(gathered: list[Segment], segment: Segment) -> bool:
    first, last = gathered[0], gathered[-1]
    return segment.speaker != first.speaker or last.end - first.start >= LONGEST


def _paragraph(segments: list[Segment]) -> Paragraph:
    text = ""
    for line in (plain_line(segment.text) for segment in segments):
        text += line if not text or (_is_wide(text[-1]) and _is_wide(line[0])) else f" {line}"
    return Paragraph(segments[0].start, plain_line(segments[0].speaker or ""), text)


def _is_wide(character: str) -> bool:
    """Return whether `character` is of a script that is written without blanks, as Chinese is."""
    return east_asian_width(character) in "WF"
