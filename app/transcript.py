"""What was said, when and by whom: the frozen values that travel between the stages.

Every number in them is finite: what an engine does not know is None, never NaN.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Seconds: TypeAlias = float
"""Time from the start of the recording, in seconds."""


@dataclass(frozen=True, slots=True)
class Word:
    """One written word; times are None where no stage could tell them."""

    text: str
    start: Seconds | None = None
    end: Seconds | None = None
    score: float | None = None
    """Mean probability of the aligned characters, 0 to 1."""
    speaker: str | None = None

    def __post_init__(self) -> None:
        """Turn times and scores that are NaN or infinite into None."""
        for name in ("start", "end", "score"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                object.__setattr__(self, name, None)

    @property
    def span(self) -> tuple[Seconds, Seconds] | None:
        """Start and end, in this order; None where either is unknown."""
        if self.start is None or self.end is None:
            return None
        return self.start, max(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text as the decoder writes it: a word, or a part of one."""

    number: int
    """Its id in the model's vocabulary."""
    text: bytes
    """UTF-8; a character may be spread over several tokens."""
    logprob: float | None = None
    """Log of the probability it had after the tokens before it."""
    start: Seconds | None = None
    end: Seconds | None = None
    """When it is said, as far as the decoder's attention tells."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the stretch of speech was decoded that a segment is from, or a part of."""

    tokens: tuple[Token, ...]
    """Those of the text alone, of the whole stretch."""
    temperature: float = 0.0
    no_speech_prob: float = 0.0
    """How probable it was, before the first token, that nobody speaks."""
    compression_ratio: float = 0.0
    """How many times smaller zlib makes the text: high where words repeat."""
    written: tuple[int, ...] = ()
    """All numbers in the order in which they were decoded, those of times among them."""
    speech: tuple[tuple[Seconds, Seconds], ...] = ()
    """From when to when somebody speaks in that stretch, in order of time; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text, at best one sentence of one speaker."""

    start: Seconds
    end: Seconds
    text: str
    words: tuple[Word, ...] | None = None
    """None: the segment was never aligned; a word without times could not be placed."""
    speaker: str | None = None
    avg_logprob: float | None = None
    """Mean log probability of the decoded tokens."""
    decoding: Decoding | None = None
    """Of the whole stretch of speech, which other segments may share."""
    language: str | None = None
    """Whisper's code of what is spoken in it."""
    occurs: bool = True
    """False: a part of a text that the caller gave which is not said; its times mean nothing."""

    def __post_init__(self) -> None:
        """Raise ValueError for a time that is NaN or infinite."""
        _check_finite(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of time in which one person speaks."""

    start: Seconds
    end: Seconds
    speaker: str

    def __post_init__(self) -> None:
        """Raise ValueError for a time that is NaN or infinite."""
        _check_finite(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Diarization:
    """Who spoke when, labels SPEAKER_00, SPEAKER_01, ... in order of first appearance."""

    turns: tuple[Turn, ...]
    """Exclusive: at most one speaker at any time, ordered by start."""
    overlapping_turns: tuple[Turn, ...] = ()
    """The ordinary diarization, in which people may speak at once, ordered by start."""
    embeddings: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """One voice vector per label, where there is one; its numbers are finite."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One of the sound tracks of a file."""

    number: int
    """From 1 on."""
    codec: str
    channels: int | None = None
    language: str | None = None
    """As the file names it, mostly a code of three letters."""
    title: str | None = None


@dataclass(frozen=True, slots=True)
class TextFit:
    """How well a text that the caller gave fits the recording; shares of characters, 0 to 1."""

    found: float
    """Of the text: heard in the recording."""
    accounted: float
    """Heard in the recording: in the text."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The finished answer, before it is written in a format."""

    segments: tuple[Segment, ...]
    language: str
    """Whisper's code of the spoken language (for translate: of the speech, not of the text)."""
    duration: Seconds
    model: str
    speaker_embeddings: Mapping[str, tuple[float, ...]] | None = None
    tracks: tuple[AudioTrack, ...] = ()
    """All sound tracks of the file."""
    warnings: tuple[str, ...] = ()
    fit: TextFit | None = None
    """Known where the caller gave the text."""
    languages: Mapping[str, float] = field(default_factory=dict)
    """Which share of the speech is in which language, by Whisper's codes, the largest first."""


def _check_finite(*times: Seconds) -> None:
    if not all(map(math.isfinite, times)):
        raise ValueError(f"times must be finite: {times}")


def word_spans(segment: Segment) -> tuple[tuple[int, int], ...] | None:
    """Return where each word stands in the segment's text, as half-open ranges of characters in order.

    None: the segment has no words, or they are not the words of its text.
    """
    spans = []
    cursor = 0
    for word in segment.words or ():
        written = word.text.strip()
        begin = segment.text.find(written, cursor)
        if begin < 0:
            return None
        cursor = begin + len(written)
        spans.append((begin, cursor))
    return tuple(spans) or None


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """A detected language and how sure the model is, 0 to 1."""

    code: str
    confidence: float
    passed_over: str | None = None
    """A likelier language, which the operator does not allow."""


def language_shares(spoken: Iterable[tuple[str, Seconds]]) -> dict[str, float]:
    """Return which share of the time each language has, by Whisper's code, the largest first.

    None has any where nothing lasts.
    """
    seconds: dict[str, Seconds] = {}
    for code, length in spoken:
        seconds[code] = seconds.get(code, 0.0) + length
    whole = sum(seconds.values())
    return {code: seconds[code] / whole for code in sorted(seconds, key=lambda each: -seconds[each]) if whole}
