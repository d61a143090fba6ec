"""Word times by Whisper's own cross-attention, for text that no aligner can place.

Tokens follow each other without a gap there, so that a pause goes to the word before it or to the one after.
Where speech was found says how much of a word is sound.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.engines.alignment.sentences import SentenceSplitter
from app.engines.alignment.words import AlignedText, is_spoken, to_sentences, words_without_times
from app.engines.whisper.rows import Reading
from app.options.languages import LANGUAGES_WITHOUT_SPACES
from app.transcript import Decoding, Seconds, Segment, Token

TAIL: Seconds = 0.2
"""What is added to a word before punctuation: attention leaves it before its sound has ended."""
SLACK: Seconds = 0.05
"""How much earlier and later than was found speech may begin and end."""


def with_readings(
    segment: Segment, decoding: Decoding, reading: Reading, speech: Sequence[tuple[Seconds, Seconds]]
) -> Segment:
    """Return `segment`, decoded as `decoding`, with the times and probabilities of its tokens.

    They lie within `speech`, where it is known: from when to when somebody speaks, in order of time.
    """
    spans = (
        _spoken_part((segment.start + start, min(segment.start + end, segment.end)), speech)
        for start, end in pairwise(reading.times)
    )
    tokens = tuple(
        replace(token, logprob=logprob, start=round(start, 3), end=round(max(start, end), 3))
        for token, logprob, (start, end) in zip(decoding.tokens, reading.logprobs, spans, strict=True)
    )
    return replace(segment, decoding=replace(decoding, tokens=tokens))


def _spoken_part(
    span: tuple[Seconds, Seconds], speech: Sequence[tuple[Seconds, Seconds]]
) -> tuple[Seconds, Seconds]:
    """Return what of `span` lies in the stretch of `speech` that most of it lies in; all of it if in none."""
    parts = [(max(span[0], start - SLACK), min(span[1], end + SLACK)) for start, end in speech]
    start, end = max(parts, key=lambda part: part[1] - part[0], default=span)
    return (start, end) if start < end else span


def sentences_of(segment: Segment, language: str) -> tuple[Segment, ...]:
    """Return `segment`, whose tokens have times, split into sentences whose words have times.

    `language` is that of the text.
    """
    spaced = language not in LANGUAGES_WITHOUT_SPACES
    aligned = _aligned(_with_tails(segment.decoding.tokens if segment.decoding else ()))
    spans = SentenceSplitter(language).spans(aligned.text)
    sentences = to_sentences(aligned, spans, spaced=spaced, avg_logprob=segment.avg_logprob)
    if not sentences:
        return (replace(segment, words=words_without_times(segment.text, spaced=spaced)),)
    return tuple(
        replace(sentence, decoding=segment.decoding, language=segment.language) for sentence in sentences
    )


def _with_tails(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Return `tokens`, those before punctuation longer by up to TAIL of its time."""
    return tuple(
        replace(token, end=token.end + min(TAIL, mark.end - mark.start))
        if token.end is not None and mark.start is not None and mark.end is not None and _is_mark(mark)
        else token
        for token, mark in pairwise((*tokens, Token(0, b"")))
    )


def _is_mark(token: Token) -> bool:
    """Return whether `token` is punctuation alone."""
    text = token.text.decode("utf-8", "replace").strip()
    return bool(text) and not is_spoken(text)


def _aligned(tokens: tuple[Token, ...]) -> AlignedText:
    """Return the text of `tokens` with the times of its characters; punctuation has none of its own."""
    owners = [token for token in tokens for _ in token.text]
    text, starts, ends, scores = "", [], [], []
    first = 0
    for character in b"".join(token.text for token in tokens).decode("utf-8", "replace"):
        last = first + len(character.encode()) - 1
        known = is_spoken(character) and not character.isspace() and last < len(owners)
        text += character
        starts.append(_number(owners[first].start if known else None))
        ends.append(_number(owners[last].end if known else None))
        scores.append(math.exp(_number(owners[first].logprob if known else None)))
        first = last + 1
    return _stripped(text, *(np.array(numbers, dtype=float) for numbers in (starts, ends, scores)))


def _stripped(
    text: str, starts: NDArray[np.float64], ends: NDArray[np.float64], scores: NDArray[np.float64]
) -> AlignedText:
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    kept = slice(begin, max(begin, end))
    return AlignedText(text[kept], starts[kept], ends[kept], scores[kept])


def _number(known: float | None) -> float:
    return math.nan if known is None else known
