"""A text that is known already: its words, each in the stretch of speech in which it is said, with times."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from app.engines.alignment.acoustic_models import Vocabulary
from app.engines.alignment.forced_alignment import Emission
from app.engines.alignment.text_anchors import HeardCharacters, KnownWord, hear, place_words
from app.engines.alignment.words import words_without_times
from app.engines.interfaces import PlacedText
from app.transcript import Seconds, Segment, TextFit, Word

LEAST_EXTRA = 20
"""Characters heard in a row that the text lacks, of which the caller is told."""


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
    words = _known_words(pieces, frozenset(letters.values()), spaced=spaced)
    heard = hear(emissions, letters, vocabulary.blank)
    placement = place_words(words, heard)
    timed: list[Word | None] = [None] * len(words)
    for number, (stretch, emission) in enumerate(zip(speech, emissions, strict=True)):
        said = np.flatnonzero(placement.stretches == number).tolist()
        if said:
            text = " ".join(words[index].text for index in said)
            for index, word in zip(said, words_in(replace(stretch, text=text), emission), strict=True):
                timed[index] = word
    return PlacedText(
        segments=to_segments(pieces, words, timed),
        fit=TextFit(placement.found, float(placement.accounted.mean()) if heard.text else 1.0),
        unexplained=unexplained(heard, placement.accounted, speech),
    )


def _known_words(pieces: Sequence[str], alphabet: frozenset[str], *, spaced: bool) -> list[KnownWord]:
    return [
        KnownWord(word.text, number, "".join(filter(alphabet.__contains__, word.text.lower())))
        for number, piece in enumerate(pieces)
        for word in words_without_times(piece, spaced=spaced)
    ]


def unexplained(
    heard: HeardCharacters, accounted: NDArray[np.bool_], stretches: Sequence[Segment]
) -> tuple[tuple[Seconds, Seconds], ...]:
    """Return where at least LEAST_EXTRA characters in a row are heard that the text does not account for."""
    found = []
    position = 0
    for explained, run in groupby(accounted.tolist()):
        begin, position = position, position + len(list(run))
        if not explained and position - begin >= LEAST_EXTRA:
            found.append((_time(heard, begin, stretches), _time(heard, position - 1, stretches)))
    return tuple(found)


def _time(heard: HeardCharacters, position: int, stretches: Sequence[Segment]) -> Seconds:
    stretch = stretches[heard.stretches[position]]
    return round(float(stretch.start + heard.shares[position] * (stretch.end - stretch.start)), 3)


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
