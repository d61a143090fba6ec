"""Markdown (.md): a paragraph for each turn, under the speaker's name and the time."""

import re

from app.formats.cues import CueLayout
from app.formats.paragraphs import Paragraph, paragraphs_of
from app.formats.timestamps import short_clock
from app.transcript import Transcript

_MARKS = re.compile(r"[\\`*\[\]<>#|~&$]|(?<![^\W_])_|_(?![^\W_])")
"""Whatever could become markup, HTML or a formula; an underscore within a word is none of these."""
_LINE_BEGIN = re.compile(r"^(\d{1,9}(?=[.)])|(?=[-+=]))")
"""What makes a line a list or a heading."""


def render(transcript: Transcript, _layout: CueLayout) -> str:
    """Return the paragraphs, their words as plain text whatever is in them."""
    return "\n".join(map(_written, paragraphs_of(transcript)))


def _written(paragraph: Paragraph) -> str:
    name = f"**{_escape(paragraph.speaker)}** " if paragraph.speaker else ""
    text = _LINE_BEGIN.sub(r"\1\\", _escape(paragraph.text))
    return f"{name}{short_clock(paragraph.start)}\n\n{text}\n"


def _escape(text: str) -> str:
    return _MARKS.sub(lambda mark: f"\\{mark.group()}", text)
