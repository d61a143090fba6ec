"""Rows of a batch: what a request hands over to be decoded, and the one thing that decodes it.

Nothing that makes rows knows the weights. Rows of several chunks, languages, tasks and requests may be handed
over together; the decoder sees to what may share a batch.
"""

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from app.transcript import Seconds

FRAMES_PER_SECOND = 100
"""Frames of the log-mel spectrogram."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The log-mel spectrogram of one chunk."""

    mels: torch.Tensor
    """(mels, frames), padded to the 30 s that the encoder takes."""
    seconds: Seconds
    """Length of the sound in it, without the padding."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What the encoder made of one chunk, kept where it was made; only the decoder looks into it."""

    batch: Any
    """The encoder's output for the chunks that were encoded together, CTranslate2's StorageView."""
    place: int
    """Of this chunk among them."""
    seconds: Seconds


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A part of one chunk, in seconds from its start."""

    sound: Encoded
    start: Seconds
    end: Seconds


@dataclass(frozen=True, slots=True)
class Search:
    """How tokens are chosen; the same for all rows that are decoded together."""

    temperature: float = 0.0
    """0: the likeliest by beam search; above: the best of several drawn ones."""
    beam_size: int = 5
    best_of: int = 5
    suppressed: tuple[int, ...] = ()
    """Tokens that are never chosen, beside those that the model itself leaves out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One chunk to decode."""

    sound: Encoded
    prompt: tuple[int, ...]
    """Tokens before the text: what went before, language, task, and whether there are timestamps."""
    search: Search = Search()


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was written for one row."""

    tokens: tuple[int, ...]
    avg_logprob: float
    """Mean log probability of the tokens and of the end after them."""
    no_speech_prob: float
    """How probable it was, before the first token, that nobody speaks."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of each token once the text is read out to the decoder."""

    logprobs: tuple[float, ...]
    """Of each token after those before it."""
    times: tuple[Seconds, ...]
    """When each token begins, from the start of the chunk, and when the last one ends.

    Found by the decoder's cross-attention: tokens follow each other without a gap, in steps of 20 ms.
    """

    def only(self, kept: Sequence[bool]) -> "Reading":
        """Return the reading of the tokens that are `kept`; the time of others goes to those before them."""
        starts = itertools.compress(self.times, kept)
        return Reading(tuple(itertools.compress(self.logprobs, kept)), (*starts, *self.times[-1:]))


class RowDecoder(Protocol):
    """Whisper's weights at work; usable from several threads at once."""

    def encode(self, features: Sequence[Features]) -> list[Encoded]:
        """Return what the encoder makes of each chunk."""
        ...

    def languages(self, windows: Sequence[Window]) -> list[Mapping[str, float]]:
        """Return how probable each language, by Whisper's code, is for each window.

        The model must be multilingual.
        """
        ...

    def decode(self, rows: Sequence[Row]) -> list[Decoded]:
        """Return what is written for each row, in their order, whatever they have in common."""
        ...

    def group(self, row: Row) -> Hashable:
        """Return what rows must have in common to be decoded in one batch."""
        ...

    def read_out(self, rows: Sequence[Row], written: Sequence[Sequence[int]]) -> list[Reading]:
        """Return when each of the tokens `written` for each row is said, and how probable it is."""
        ...
