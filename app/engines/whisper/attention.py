"""Word times by Whisper's own cross-attention, for text that no aligner can place.

Tokens follow each other without a gap there, so that a pause goes to the word before it or to the one after.
Where speech was found says how much of a word is sound.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.engines.alignment.sentences import SentenceSplitter
from app.engines.alignment.words import AlignedText, is_spoken, to_sentences, words_without_times
from app.engines.whisper.confidence import calibrated
from app.engines.whisper.rows import Reading
from app.options.languages import LANGUAGES_WITHOUT_SPACES
from app.transcript import Decoding, Seconds, Segment, Token, Word

Span = tuple[Seconds, Seconds]

TAIL: Seconds = 0.2
"""What is added to a word before punctuation: attention leaves it before its sound has ended."""
SLACK: Seconds = 0.05
"""How much earlier and later than was found speech may begin and end."""
LATE: Seconds = 0.4
"""How much later than speech the first token in it may begin and still be what it begins with."""


def with_readings(segment: Segment, decoding: Decoding, reading: Reading) -> Segment:
    """Return `segment`, decoded as `decoding`, with the times and probabilities of its tokens.

    They lie where somebody speaks, as far as that is known.
    """
    spans = [
        _spoken_part((segment.start + start, min(segment.start + end, segment.end)), decoding.speech)
        for start, end in pairwise(reading.times)
    ]
    tokens = tuple(
        replace(token, logprob=logprob, start=round(start, 3), end=round(max(start, end), 3))
        for token, logprob, (start, end) in zip(
            decoding.tokens, reading.logprobs, _begun_with_speech(spans, decoding.speech), strict=True
        )
    )
    return replace(segment, decoding=replace(decoding, tokens=tokens))


def _spoken_part(span: Span, speech: Sequence[Span]) -> Span:
    """Return what of `span` lies in the stretch of `speech` that most of it lies in.

    What lies in a pause altogether belongs to what follows, if that is nearer than what went before.
    """
    parts = [(max(span[0], start - SLACK), min(span[1], end + SLACK)) for start, end in speech]
    start, end = max(parts, key=lambda part: part[1] - part[0], default=span)
    if start <= end:
        return start, end
    after = min((first - SLACK for first, _ in speech if first - SLACK >= span[1]), default=math.inf)
    before = max((last + SLACK for _, last in speech if last + SLACK <= span[0]), default=-math.inf)
    return (after, after) if after - span[1] < span[0] - before else span


def _begun_with_speech(spans: Sequence[Span], speech: Sequence[Span]) -> list[Span]:
    """Return `spans`, in order of time; the first in a stretch of `speech` begins with it if LATE at most."""
    begun = list(spans)
    onsets = [start for start, _ in speech]
    before = -math.inf
    for place, (start, end) in enumerate(spans):
        onset = onsets[bisect_right(onsets, start) - 1] if onsets and start > onsets[0] else start
        if before <= onset + SLACK and start - onset <= LATE:
            begun[place] = onset, end
        before = end
    return begun


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
        replace(
            sentence,
            words=tuple(map(_with_confidence, sentence.words or ())),
            decoding=segment.decoding,
            language=segment.language,
        )
        for sentence in sentences
    )


def _with_confidence(word: Word) -> Word:
    return word if word.score is None else replace(word, score=round(calibrated(word.score), 3))


def _with_tails(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Return `tokens`, those before punctuation longer by up to TAIL of its time, until the next one."""
    none = Token(0, b"")
    followed = zip(tokens, (*tokens[1:], none), (*tokens[2:], none, none), strict=False)
    return tuple(
        replace(token, end=_with_tail(token.end, mark, math.inf if after.start is None else after.start))
        if token.end is not None and _is_mark(mark)
        else token
        for token, mark, after in followed
    )


def _with_tail(end: Seconds, mark: Token, following: Seconds) -> Seconds:
    """Return `end`, later by up to TAIL of the time of `mark`, but before what follows."""
    seconds = 0.0 if mark.start is None or mark.end is None else mark.end - mark.start
    return max(end, min(end + min(TAIL, seconds), following))


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
