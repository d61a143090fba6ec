"""Chinese in simplified or traditional characters; Whisper writes either, and sometimes both."""

from collections.abc import Iterable
from dataclasses import replace

from opencc import OpenCC

from app.events import ChunkDecoded, Event, Listener
from app.transcript import Segment, Word, word_spans

_CONVERSIONS = {"hans": "t2s", "hant": "s2t"}
"""Subtag of the script -> OpenCC's name of the conversion into it."""


def in_script(segments: Iterable[Segment], script: str) -> tuple[Segment, ...]:
    """Return `segments` with text and words in `script`, hans or hant; times stay as they are."""
    converter = OpenCC(_CONVERSIONS[script])
    return tuple(_converted(segment, converter) for segment in segments)


def telling_in_script(tell: Listener, script: str) -> Listener:
    """Return a listener that passes text on to `tell` in `script`."""
    converter = OpenCC(_CONVERSIONS[script])

    def told(event: Event) -> None:
        if isinstance(event, ChunkDecoded):
            event = replace(event, segment=_converted(event.segment, converter))
        tell(event)

    return told


def _converted(segment: Segment, converter: OpenCC) -> Segment:
    """Return the segment converted as a whole: which character is right depends on those around it."""
    text = converter.convert(segment.text)
    spans = word_spans(segment) if len(text) == len(segment.text) else None
    words = segment.words
    if words is not None and spans is not None and len(spans) == len(words):
        words = tuple(
            replace(word, text=text[begin:end]) for word, (begin, end) in zip(words, spans, strict=True)
        )
    elif words is not None:
        words = tuple(_alone(word, converter) for word in words)
    return replace(segment, text=text, words=words)


def _alone(word: Word, converter: OpenCC) -> Word:
    return replace(word, text=converter.convert(word.text))
