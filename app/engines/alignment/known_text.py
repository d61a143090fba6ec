"""A text that is known already: its words, each in the stretch of speech in which it is said, with times."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.engines.alignment.acoustic_models import Vocabulary
from app.engines.alignment.forced_alignment import Emission
from app.engines.alignment.sentences import SentenceSplitter
from app.engines.alignment.text_anchors import (
    HeardCharacters,
    KnownWord,
    WordPlacement,
    hear,
    place_words,
)
from app.engines.alignment.words import words_without_times
from app.engines.interfaces import PlacedText
from app.options.given_text import GivenText
from app.transcript import Seconds, Segment, TextFit, Word

LEAST_EXTRA = 20
"""Characters heard in a row that the text lacks, of which the caller is told."""


Span: TypeAlias = tuple[Seconds, Seconds]


def pieces_of(text: GivenText, splitter: SentenceSplitter) -> list[str]:
    """Return the cues of `text`, or the sentences of its lines."""
    if text.whole:
        return list(text.pieces)
    return [line[start:end] for line in text.pieces for start, end in splitter.spans(line)]


def place_text(
    pieces: Sequence[str],
    speech: Sequence[Segment],
    emissions: Sequence[Emission],
    vocabulary: Vocabulary,
    words_in: Callable[[Segment, Emission], list[Word]],
    *,
    spaced: bool,
) -> PlacedText:
    """Return `pieces` of a text as segments, with the times of their words in the stretches of `speech`.

    Args:
        emissions: one for each stretch.
        words_in: aligns the text of a segment, which has the times of a stretch, with its emission.
        spaced: whether blanks separate words.
    """
    letters = {
        number: label for label, number in vocabulary.ids.items() if len(label) == 1 and label.isalnum()
    }
    words = _known_words(pieces, frozenset(letters.values()).__contains__, spaced=spaced)
    heard = hear(emissions, letters, vocabulary.blank)
    placement = place_words(words, heard, together=True)
    timed: list[Word | None] = [None] * len(words)
    for number, (stretch, emission) in enumerate(zip(speech, emissions, strict=True)):
        said = np.flatnonzero(placement.stretches == number).tolist()
        if said:
            text = " ".join(words[index].text for index in said)
            for index, word in zip(said, words_in(replace(stretch, text=text), emission), strict=True):
                timed[index] = word
    spans = [(stretch.start, stretch.end) for stretch in speech]
    return _placed(pieces, words, timed, placement, heard, spans)


def place_by_words(pieces: Sequence[str], recognised: Sequence[Word], *, spaced: bool) -> PlacedText:
    """Return `pieces` of a text as segments whose words have the times of the recognised ones they match.

    Words between two that match have those of what was recognised in their place.
    """
    said = [(word, word.span) for word in recognised if word.span is not None]
    letters = ["".join(filter(str.isalnum, word.text.lower())) for word, _ in said]
    heard = HeardCharacters(
        "".join(letters),
        np.repeat(np.arange(len(said)), [len(each) for each in letters]),
        np.concatenate([np.zeros(0), *(np.arange(len(each)) / len(each) for each in letters if each)]),
    )
    words = _known_words(pieces, str.isalnum, spaced=spaced)
    placement = place_words(words, heard)
    timed = [
        replace(said[number][0], text=word.text) if number >= 0 else None
        for word, number in zip(words, placement.stretches.tolist(), strict=True)
    ]
    return _placed(pieces, words, timed, placement, heard, [span for _, span in said])


def _placed(
    pieces: Sequence[str],
    words: Sequence[KnownWord],
    timed: Sequence[Word | None],
    placement: WordPlacement,
    heard: HeardCharacters,
    spans: Sequence[Span],
) -> PlacedText:
    return PlacedText(
        segments=to_segments(pieces, words, timed),
        fit=TextFit(placement.found, float(placement.accounted.mean()) if heard.text else 1.0),
        unexplained=unexplained(heard, placement.accounted, spans),
    )


def _known_words(pieces: Sequence[str], is_heard: Callable[[str], bool], *, spaced: bool) -> list[KnownWord]:
    return [
        KnownWord(word.text, number, "".join(filter(is_heard, word.text.lower())))
        for number, piece in enumerate(pieces)
        for word in words_without_times(piece, spaced=spaced)
    ]


def unexplained(
    heard: HeardCharacters, accounted: NDArray[np.bool_], stretches: Sequence[Span]
) -> tuple[Span, ...]:
    """Return where at least LEAST_EXTRA characters in a row are heard that the text does not account for."""
    found = []
    position = 0
    for explained, run in groupby(accounted.tolist()):
        begin, position = position, position + len(list(run))
        if not explained and position - begin >= LEAST_EXTRA:
            found.append((_time(heard, begin, stretches), _time(heard, position - 1, stretches)))
    return tuple(found)


def _time(heard: HeardCharacters, position: int, stretches: Sequence[Span]) -> Seconds:
    start, end = stretches[heard.stretches[position]]
    return round(float(start + heard.shares[position] * (end - start)), 3)


def to_segments(
    pieces: Sequence[str], words: Sequence[KnownWord], timed: Sequence[Word | None]
) -> tuple[Segment, ...]:
    """Return each of `pieces` as a segment with its words, where `timed` (words,) is None for one not said.

    A piece that is not said, or of which no word could be placed, stands at the end of the one before it.
    """
    members: list[list[int]] = [[] for _ in pieces]
    for index, word in enumerate(words):
        members[word.piece].append(index)
    segments: list[Segment] = []
    for text, indices in zip(pieces, members, strict=True):
        occurs = any(timed[index] is not None for index in indices)
        own = tuple(timed[index] or Word(words[index].text) for index in indices)
        spans = [word.span for word in own if word.span]
        before = segments[-1].end if segments else 0.0
        start, end = (spans[0][0], max(span[1] for span in spans)) if spans else (before, before)
        segments.append(Segment(start, end, text, own, occurs=occurs))
    return tuple(segments)
