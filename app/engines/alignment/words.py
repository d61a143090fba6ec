"""Tokens of a text for CTC forced alignment, and words and sentences from the times of its characters.

The rules are whisperX's: every character but the blanks between words is aligned, those outside the model's
vocabulary as wildcards; words end at blanks, or with each character in languages written without blanks;
a word without times takes those of the nearest word of its sentence, the earlier of two equally near.

Two are our own. In languages written without blanks, words and numbers of other scripts stay whole. And
punctuation, which is not spoken, may be aligned anywhere in the pause beside its word: where it lies apart
from the word, it does not lengthen it.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.engines.alignment.forced_alignment import WILDCARD
from app.transcript import Seconds, Segment, Word

_IDEOGRAPHS = "\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
"""Chinese characters, kana and the marks among them, for a class of a regular expression."""
_OTHER = rf"[^\W{_IDEOGRAPHS}]"
_WORD_OR_CHARACTER = re.compile(
    rf"[$€£¥#@]?{_OTHER}(?:[\u0300-\u036f]|{_OTHER}|[-'’.,:/@&+_](?={_OTHER}))*[%+#°]*"
    r"|\S[\u3099\u309a\ufe00-\ufe0f]*"
)
"""A word or number of another script with what joins its parts, or any other character by itself."""
_SPOKEN_SYMBOLS = "%&@#"

Timed = TypeVar("Timed", Word, "Sentence")


@dataclass(frozen=True, slots=True)
class AlignableText:
    """The characters of a text that are aligned."""

    tokens: NDArray[np.int64]
    """Vocabulary ids or WILDCARD, (characters,)."""
    positions: NDArray[np.int64]
    """Index of each in the text, (characters,)."""


@dataclass(frozen=True, slots=True)
class AlignedText:
    """A text with the times of its characters in seconds, NaN for one not aligned; arrays (len(text),)."""

    text: str
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, in seconds, whose times may still be missing."""

    text: str
    words: tuple[Word, ...]
    start: Seconds | None
    end: Seconds | None


def to_tokens(text: str, vocabulary: Mapping[str, int], *, spaced: bool) -> AlignableText:
    """Return the characters of `text`, which neither starts nor ends with white space, as tokens.

    `vocabulary` maps characters in lower case to ids; `spaced` says whether blanks separate words.
    """
    tokens, positions = [], []
    for position, character in enumerate(text.lower() if len(text.lower()) == len(text) else text):
        key = "|" if spaced and character == " " else character
        token = vocabulary.get(key, WILDCARD)
        if token != WILDCARD or key not in (" ", "|"):
            tokens.append(token)
            positions.append(position)
    return AlignableText(np.array(tokens, dtype=np.int64), np.array(positions, dtype=np.int64))


def to_sentences(
    aligned: AlignedText, spans: Sequence[tuple[int, int]], *, spaced: bool, avg_logprob: float | None
) -> tuple[Segment, ...]:
    """Return the sentences at `spans` of `aligned` with their words; () where no character has a time."""
    sentences = [_sentence(aligned, start, end, spaced=spaced) for start, end in spans]
    joined = _join_simultaneous(_fill_missing_times(sentences), spaced=spaced)
    return tuple(
        Segment(sentence.start, sentence.end, sentence.text, sentence.words, avg_logprob=avg_logprob)
        for sentence in joined
        if sentence.start is not None and sentence.end is not None
    )


def words_without_times(text: str, *, spaced: bool) -> tuple[Word, ...]:
    """Return the words of `text` without times."""
    return tuple(Word(text[start:end]) for start, end in _word_spans(text, 0, len(text), spaced=spaced))


def _sentence(aligned: AlignedText, start: int, end: int, *, spaced: bool) -> Sentence:
    spans = _word_spans(aligned.text, start, end, spaced=spaced)
    words = _attach_punctuation(_fill_missing_times([_word(aligned, *span) for span in spans]))
    timed = [word for word in words if word.start is not None]
    return Sentence(
        text=aligned.text[start:end],
        words=tuple(words),
        start=timed[0].start if timed else None,
        end=timed[-1].end if timed else None,
    )


def _word_spans(text: str, start: int, end: int, *, spaced: bool) -> list[tuple[int, int]]:
    """Return the words between `start` and `end` as (start, end) positions in `text`."""
    if not spaced:
        return [found.span() for found in _WORD_OR_CHARACTER.finditer(text, start, end)]
    spans = []
    for piece in text[start:end].split(" "):
        stripped = piece.strip()
        if stripped:
            first = start + piece.index(stripped)
            spans.append((first, first + len(stripped)))
        start += len(piece) + 1
    return spans


def _word(aligned: AlignedText, start: int, end: int) -> Word:
    text = aligned.text[start:end]
    known = np.flatnonzero(~np.isnan(aligned.starts[start:end])) + start
    if len(known) == 0:
        return Word(text)
    timed = _without_distant_punctuation(aligned, known)
    return Word(
        text,
        start=float(aligned.starts[timed[0]]),
        end=float(aligned.ends[timed[-1]]),
        score=round(float(aligned.scores[known].mean()), 3),
    )


def _without_distant_punctuation(aligned: AlignedText, known: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions `known` of a word without punctuation at its edges that lies apart in time."""
    spoken = [order for order, index in enumerate(known) if is_spoken(aligned.text[index])]
    if not spoken:
        return known
    begin, end = spoken[0], spoken[-1]
    while begin > 0 and aligned.ends[known[begin - 1]] >= aligned.starts[known[begin]]:
        begin -= 1
    while end + 1 < len(known) and aligned.starts[known[end + 1]] <= aligned.ends[known[end]]:
        end += 1
    return known[begin : end + 1]


def is_spoken(text: str) -> bool:
    """Return whether `text` is more than punctuation that nobody speaks: commas, quotes or brackets."""
    return any(
        character in _SPOKEN_SYMBOLS or not unicodedata.category(character).startswith("P")
        for character in text
    )


def _attach_punctuation(words: Sequence[Word]) -> list[Word]:
    """Return `words` with those of punctuation alone moved to the one before, if they lie apart from it.

    At the beginning of a sentence they are moved to the start of the first spoken one.
    """
    attached = list(words)
    for index, word in enumerate(words):
        if word.start is None or word.end is None or is_spoken(word.text):
            continue
        before = attached[index - 1].end if index else None
        after = next((other.start for other in words[index:] if is_spoken(other.text)), None)
        if before is not None and word.start > before:
            attached[index] = replace(word, start=before, end=before)
        elif not index and after is not None and word.end < after:
            attached[index] = replace(word, start=after, end=after)
    return attached


def _fill_missing_times(items: Sequence[Timed]) -> list[Timed]:
    """Return `items` with missing times taken from the nearest item that has them."""
    known = [index for index, item in enumerate(items) if item.start is not None]
    if not known or len(known) == len(items):
        return list(items)
    filled = list(items)
    for index, item in enumerate(items):
        if item.start is None:
            nearest = items[min(known, key=lambda other: (abs(other - index), other))]
            filled[index] = replace(item, start=nearest.start, end=nearest.end)
    return filled


def _join_simultaneous(sentences: Sequence[Sentence], *, spaced: bool) -> list[Sentence]:
    """Return `sentences` with neighbours that have the same times joined."""
    joined: list[Sentence] = []
    for sentence in sentences:
        if joined and (joined[-1].start, joined[-1].end) == (sentence.start, sentence.end):
            before = joined.pop()
            text = (" " if spaced else "").join([before.text, sentence.text])
            sentence = replace(before, text=text, words=before.words + sentence.words)
        joined.append(sentence)
    return joined
