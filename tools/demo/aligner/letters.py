"""The aligner's symbols and where in time each belongs."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tools.demo.synthesis.speech import SpokenWord

PUNCTUATION = ".,?"  # in the vocabulary, so that aligning needs no wildcard for it
BOUNDARY = "|"
SYMBOLS = ("<pad>", "<s>", "</s>", "<unk>", BOUNDARY, *"abcdefghijklmnopqrstuvwxyzäöüß'", *PUNCTUATION)
INDEX = {symbol: index for index, symbol in enumerate(SYMBOLS)}

INEXACT_WEIGHT, SYMBOL_WEIGHT = 0.3, 3.0
SILENT_PUNCTUATION_SHARE = 0.1  # of the clips whose text goes without punctuation


@dataclass(frozen=True, slots=True)
class FrameTargets:
    """`labels` and `weights`: one per frame; `sequence`: the symbols in order."""

    labels: list[int]
    weights: list[float]
    sequence: list[int]


def frame_targets(
    rng: random.Random, words: Sequence[SpokenWord], frames: int, seconds: float
) -> FrameTargets:
    """Spikes: a word's first letter at its start, the boundary at its end, the letters between spread evenly.

    An aligner that reads times off such spikes gets word times rather than letter centres.
    """
    labels, weights, sequence = [0] * frames, [1.0] * frames, []
    punctuated = rng.random() >= SILENT_PUNCTUATION_SHARE
    rate = frames / seconds

    def place(symbol: str, frame: int) -> None:
        frame = min(frame, frames - 1)
        labels[frame] = labels[frame] or INDEX[symbol]
        sequence.append(INDEX[symbol])

    for number, word in enumerate(words):
        is_last = number + 1 == len(words)
        following = frames if is_last else round(words[number + 1].start * rate)
        start, end = (min(frames - 1, round(at * rate)) for at in (word.start, word.end))
        symbols = [c for c in word.text.lower() if c in INDEX]
        letters = [c for c in symbols if c not in PUNCTUATION]
        tail = [c for c in symbols if c in PUNCTUATION] if punctuated else []
        after = end - 1 if following <= end else end  # frame of the first symbol after the letters
        for position, letter in enumerate(letters):
            place(letter, start + position * max(1, after - start) // len(letters))
        for position, symbol in enumerate(tail if is_last else [*tail, BOUNDARY]):
            place(symbol, min(after + position, max(following - 1, after)))
        if not word.exact:
            weights[start : end + 1] = [INEXACT_WEIGHT] * (end + 1 - start)
    weights = [w * SYMBOL_WEIGHT if label else w for w, label in zip(weights, labels, strict=True)]
    return FrameTargets(labels, weights, sequence)
