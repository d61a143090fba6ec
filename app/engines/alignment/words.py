"""From text to the characters that are aligned, and from their times back to words and sentences.

The rules are whisperX's: every character but the blanks between words is aligned, those outside the model's
vocabulary as wildcards; words end at blanks, or with each character in languages written without blanks;
a word without times takes those of the nearest word of its sentence, the earlier of two equally near.

Two are our own. In languages written without blanks, words and numbers of other scripts stay whole. And a
mark that is not spoken may be aligned anywhere in the pause beside its word: one that lies apart from it does
not lengthen the word.
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

LANGUAGES_WITHOUT_SPACES = frozenset({"ja", "yue", "zh"})

_IDEOGRAPHS = "\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
"""Chinese characters, kana and the marks among them, for a class of a regular expression."""
_OTHER = rf"[^\W{_IDEOGRAPHS}]"
_WORD_OR_CHARACTER = re.compile(
    rf"[$€£¥#@]?{_OTHER}(?:[\u0300-\u036f]|{_OTHER}|[-'’.,:/@&+_](?={_OTHER}))*[%+#°]*"
    r"|\S[\u3099\u309a\ufe00-\ufe0f]*"
)
"""A word or number of another script with what joins its parts, or any other character by itself."""
_SPOKEN_MARKS = "%&@#"

Timed = TypeVar("Timed", Word, "Sentence")


@dataclass(frozen=True, slots=True)
class Wording:
    """The aligned characters of a text."""

    tokens: NDArray[np.int64]
    """Vocabulary ids or WILDCARD, (characters,)."""
    places: NDArray[np.int64]
    """Position of each in the text, (characters,)."""


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A text whose characters have times in seconds; NaN where one was not aligned; arrays (len(text),)."""

    text: str
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence under way: its times may still be missing."""

    text: str
    words: tuple[Word, ...]
    start: Seconds | None
    end: Seconds | None


def wording_of(text: str, vocabulary: Mapping[str, int], *, spaced: bool) -> Wording:
    """Return what of `text`, which neither starts nor ends with white space, is to be aligned."""
    tokens, places = [], []
    for place, character in enumerate(text.lower() if len(text.lower()) == len(text) else text):
        key = "|" if spaced and character == " " else character
        token = vocabulary.get(key, WILDCARD)
        if token != WILDCARD or key not in (" ", "|"):
            tokens.append(token)
            places.append(place)
    return Wording(np.array(tokens, dtype=np.int64), np.array(places, dtype=np.int64))


def sentences_of(
    placed: PlacedText, spans: Sequence[tuple[int, int]], *, spaced: bool, avg_logprob: float | None
) -> tuple[Segment, ...]:
    """Return the sentences at `spans` of `placed` with their words; () where no character has a time."""
    cut = [_sentence(placed, first, beyond, spaced=spaced) for first, beyond in spans]
    joined = _join_simultaneous(_filled(cut), spaced=spaced)
    return tuple(
        Segment(sentence.start, sentence.end, sentence.text, sentence.words, avg_logprob=avg_logprob)
        for sentence in joined
        if sentence.start is not None and sentence.end is not None
    )


def unplaced_words(text: str, *, spaced: bool) -> tuple[Word, ...]:
    """Return the words of `text` without times."""
    return tuple(Word(text[first:beyond]) for first, beyond in _word_spans(text, 0, len(text), spaced=spaced))


def _sentence(placed: PlacedText, first: int, beyond: int, *, spaced: bool) -> Sentence:
    spans = _word_spans(placed.text, first, beyond, spaced=spaced)
    words = _drawn_to_words(_filled([_word(placed, *span) for span in spans]))
    timed = [word for word in words if word.start is not None]
    return Sentence(
        text=placed.text[first:beyond],
        words=tuple(words),
        start=timed[0].start if timed else None,
        end=timed[-1].end if timed else None,
    )


def _word_spans(text: str, first: int, beyond: int, *, spaced: bool) -> list[tuple[int, int]]:
    if not spaced:
        return [found.span() for found in _WORD_OR_CHARACTER.finditer(text, first, beyond)]
    spans = []
    for piece in text[first:beyond].split(" "):
        stripped = piece.strip()
        if stripped:
            start = first + piece.index(stripped)
            spans.append((start, start + len(stripped)))
        first += len(piece) + 1
    return spans


def _word(placed: PlacedText, first: int, beyond: int) -> Word:
    text = placed.text[first:beyond]
    known = np.flatnonzero(~np.isnan(placed.starts[first:beyond])) + first
    if len(known) == 0:
        return Word(text)
    heard = _heard_together(placed, known)
    return Word(
        text,
        start=float(placed.starts[heard[0]]),
        end=float(placed.ends[heard[-1]]),
        score=round(float(placed.scores[known].mean()), 3),
    )


def _heard_together(placed: PlacedText, known: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the characters `known` of a word without the silent marks at its edges that lie apart."""
    spoken = [order for order, place in enumerate(known) if not _is_silent(placed.text[place])]
    if not spoken:
        return known
    begin, end = spoken[0], spoken[-1]
    while begin > 0 and placed.ends[known[begin - 1]] >= placed.starts[known[begin]]:
        begin -= 1
    while end + 1 < len(known) and placed.starts[known[end + 1]] <= placed.ends[known[end]]:
        end += 1
    return known[begin : end + 1]


def _is_silent(character: str) -> bool:
    """Return whether nobody speaks `character`: a mark such as a comma, a quote or a bracket."""
    return unicodedata.category(character).startswith("P") and character not in _SPOKEN_MARKS


def _drawn_to_words(words: Sequence[Word]) -> list[Word]:
    """Return `words` of which those of silent marks alone, where they lie apart, lean on the one before.

    At the beginning of a sentence they lean on the one after.
    """
    leaning = list(words)
    for place, word in enumerate(words):
        if word.start is None or word.end is None or not all(map(_is_silent, word.text)):
            continue
        before = leaning[place - 1].end if place else None
        after = next((other.start for other in words[place:] if not all(map(_is_silent, other.text))), None)
        if before is not None and word.start > before:
            leaning[place] = replace(word, start=before, end=before)
        elif not place and after is not None and word.end < after:
            leaning[place] = replace(word, start=after, end=after)
    return leaning


def _filled(items: Sequence[Timed]) -> list[Timed]:
    """Return `items` with missing times taken from the nearest item that has them."""
    known = [place for place, item in enumerate(items) if item.start is not None]
    if not known or len(known) == len(items):
        return list(items)
    filled = list(items)
    for place, item in enumerate(items):
        if item.start is None:
            nearest = items[min(known, key=lambda other: (abs(other - place), other))]
            filled[place] = replace(item, start=nearest.start, end=nearest.end)
    return filled


def _join_simultaneous(sentences: Sequence[Sentence], *, spaced: bool) -> list[Sentence]:
    """Return `sentences` with neighbours of the same times made one."""
    joined: list[Sentence] = []
    for sentence in sentences:
        if joined and (joined[-1].start, joined[-1].end) == (sentence.start, sentence.end):
            before = joined.pop()
            text = (" " if spaced else "").join([before.text, sentence.text])
            sentence = replace(before, text=text, words=before.words + sentence.words)
        joined.append(sentence)
    return joined
