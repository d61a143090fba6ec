"""What an acoustic model hears by itself, matched with a text that is known: the anchors.

Memory grows with the length of both, time with their product divided by the width of a machine word: some two
seconds for three hours. A piece of the text that has too few anchors is not said in the recording.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from app.engines.alignment.forced_alignment import Emission

_LARGEST_GAP = 2
"""So many characters in a row may differ in either text without ending a run."""
_LEAST_RUN = 5
_LEAST_DENSITY = 0.6
"""Runs that match fewer characters, or a smaller share of them, match by chance."""
_LEAST_CHANCE = 0.3
"""A character is heard where it is at least so probable as this share of the blank."""
_LEAST_FOUND = 0.25
"""Share of the characters of a piece that must be matched for it to count as said."""
_LEAST_LIKENESS = 55.0
"""Of a piece to the most alike part of what is heard between its neighbours, out of 100; chance gives 45."""
_SHORT = 8
"""A piece of fewer characters proves nothing: it is said if a neighbour is."""


@dataclass(frozen=True, slots=True)
class HeardCharacters:
    """What an acoustic model hears in the stretches of speech of one recording, one after another."""

    text: str
    stretches: NDArray[np.int64]
    """The stretch that each character was heard in, (characters,)."""
    shares: NDArray[np.float64]
    """When it was heard, from 0 at the start of its stretch to 1 at its end, (characters,)."""


@dataclass(frozen=True, slots=True)
class KnownWord:
    """A word of the text."""

    text: str
    piece: int
    """Number of the piece that it stands in."""
    characters: str
    """Those that the acoustic model can hear."""


@dataclass(frozen=True, slots=True)
class WordPlacement:
    """Where the words of a text are said."""

    stretches: NDArray[np.int64]
    """The stretch of speech of each word, never falling; -1: the word is not said; (words,)."""
    found: float
    """Share of the text's characters that were heard, 0 to 1."""
    accounted: NDArray[np.bool_]
    """Which of the heard characters the text accounts for, (heard,)."""


Anchors: TypeAlias = NDArray[np.int64]
"""Matched characters, as rising positions in the known text and in what was heard (anchors, 2)."""
_NONE: Anchors = np.empty((0, 2), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Text:
    """The characters of all words in a row."""

    characters: str
    pieces: NDArray[np.int64]
    """The piece that each character is in (characters,)."""
    starts: NDArray[np.int64]
    """Where the characters of each piece start, and where those of the last one end (pieces + 1,)."""
    middles: NDArray[np.float64]
    """The middle of each word, in characters (words,)."""
    word_pieces: NDArray[np.int64]
    """The piece that each word is in (words,)."""

    @classmethod
    def of(cls, words: Sequence[KnownWord]) -> "_Text":
        lengths = np.array([len(word.characters) for word in words], dtype=np.int64)
        pieces = np.array([word.piece for word in words], dtype=np.int64)
        ends = np.cumsum(lengths)
        counts = np.bincount(pieces, weights=lengths).astype(np.int64)
        return cls(
            characters="".join(word.characters for word in words),
            pieces=np.repeat(pieces, lengths),
            starts=np.concatenate([[0], np.cumsum(counts)]),
            middles=ends - (lengths + 1) / 2,
            word_pieces=pieces,
        )


def hear(emissions: Sequence[Emission], labels: Mapping[int, str], blank: int) -> HeardCharacters:
    """Return the likeliest characters of each of `emissions`, one a stretch: (frames, vocabulary).

    `labels` are the characters by id; others are not heard.
    """
    texts, stretches, shares = [], [], []
    for number, emission in enumerate(emissions):
        scores = emission.copy()
        scores[:, blank] += math.log(_LEAST_CHANCE)
        likeliest = scores.argmax(axis=1)
        begins = np.flatnonzero((likeliest != np.roll(likeliest, 1)) & (likeliest != blank))
        frames = [frame for frame in begins if int(likeliest[frame]) in labels]
        texts += [labels[int(likeliest[frame])] for frame in frames]
        stretches += [number] * len(frames)
        shares += [frame / len(emission) for frame in frames]
    return HeardCharacters("".join(texts), np.array(stretches, dtype=np.int64), np.array(shares))


def place_words(
    words: Sequence[KnownWord], heard: HeardCharacters, *, together: bool = False
) -> WordPlacement:
    """Return in which stretch of speech each of `words` is said, if it is.

    With `together` the words at either end of a piece that are not heard are said where those next to them
    are: speech pauses between sentences rather than in them.
    """
    text = _Text.of(words)
    anchors = _with_misheard(text, heard.text, _anchors(text.characters, heard.text))
    said = _said_pieces(text, anchors)
    anchors = anchors[said[text.pieces[anchors[:, 0]]]]
    stretches = np.full(len(words), -1)
    kept = np.array([said[word.piece] for word in words], dtype=bool)
    if len(anchors):
        stretches[kept] = heard.stretches[_nearest(text, anchors, len(heard.text), together=together)][kept]
    accounted = np.zeros(len(heard.text), dtype=bool)
    accounted[anchors[:, 1]] = True
    return WordPlacement(stretches, len(anchors) / max(1, len(text.characters)), accounted)


def _matches(known: str, heard: str) -> Anchors:
    """Return the characters of both that stay the same where one is edited into the other."""
    pairs = [
        pair
        for code in Levenshtein.opcodes(known, heard)
        if code.tag == "equal"
        for pair in zip(
            range(code.src_start, code.src_end), range(code.dest_start, code.dest_end), strict=True
        )
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _anchors(known: str, heard: str) -> Anchors:
    """Return the characters of both that match in runs too long and dense to match by chance."""
    matched = _matches(known, heard)
    apart = np.flatnonzero((np.diff(matched, axis=0) > _LARGEST_GAP + 1).any(axis=1)) + 1
    return np.concatenate([_NONE, *(run for run in np.split(matched, apart) if _is_dense(run))])


def _is_dense(run: Anchors) -> bool:
    return len(run) >= _LEAST_RUN and len(run) >= _LEAST_DENSITY * (np.ptp(run, axis=0).max() + 1)


def _with_misheard(text: _Text, heard: str, anchors: Anchors) -> Anchors:
    """Return `anchors` with those of pieces that were missed because more is said around them than is known.

    Where much is heard between two anchors the characters of a piece match it everywhere; what is most like
    the piece as a whole is looked for.
    """
    found = [anchors]
    begin = 0
    for piece in np.flatnonzero(~_said_pieces(text, anchors, neighbours=False)):
        first, end = text.starts[piece], text.starts[piece + 1]
        before, behind = np.searchsorted(anchors[:, 0], [first, end])
        begin = max(begin, int(anchors[before - 1, 1]) + 1 if before else 0)
        stop = int(anchors[behind, 1]) if behind < len(anchors) else len(heard)
        own = text.characters[first:end]
        if _SHORT <= len(own) <= stop - begin:
            alike = fuzz.partial_ratio_alignment(own, heard[begin:stop], score_cutoff=_LEAST_LIKENESS)
            if alike is not None:
                part = heard[begin + alike.dest_start : begin + alike.dest_end]
                found.append(np.add(_matches(own, part), (first, begin + alike.dest_start)))
                begin += alike.dest_end
    together = np.concatenate(found)
    return together[np.argsort(together[:, 0], kind="stable")]


def _said_pieces(text: _Text, anchors: Anchors, *, neighbours: bool = True) -> NDArray[np.bool_]:
    """Return of which pieces enough was matched (pieces,), with `neighbours` also short ones beside those."""
    lengths = np.diff(text.starts)
    found = np.bincount(text.pieces[anchors[:, 0]], minlength=len(lengths))
    said: NDArray[np.bool_] = found >= _LEAST_FOUND * np.maximum(lengths, 1)
    if neighbours:
        beside = np.append(said[1:], False) | np.insert(said[:-1], 0, False)
        said |= beside & (lengths < _SHORT)
    return said


def _nearest(text: _Text, anchors: Anchors, heard: int, *, together: bool) -> NDArray[np.int64]:
    """Return which of so many heard characters the middle of each word is nearest to (words,)."""
    known = np.concatenate([[-1], anchors[:, 0], [len(text.characters)]])
    places = np.concatenate([[0], anchors[:, 1], [heard - 1]])
    nearest: NDArray[np.int64] = np.rint(np.interp(text.middles, known, places)).astype(np.int64)
    if not together:
        return nearest
    pieces = text.pieces[anchors[:, 0]]
    first, end = (np.searchsorted(pieces, text.word_pieces, side) for side in ("left", "right"))
    held = np.clip(nearest, anchors[np.minimum(first, len(anchors) - 1), 1], anchors[end - 1, 1])
    there: NDArray[np.int64] = np.where(first < end, held, nearest)
    return there
