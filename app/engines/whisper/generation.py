"""Rows to tokens, by the weights themselves: every call is decoded at once and by itself."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import ctranslate2
import torch

from app.engines.whisper.model import WhisperModel, parts_of, rows_of
from app.engines.whisper.rows import (
    FRAMES_PER_SECOND,
    Decoded,
    Encoded,
    Features,
    Reading,
    Row,
    Search,
    Window,
)
from app.transcript import Seconds

T = TypeVar("T")
_SECONDS_PER_STEP = 0.02
"""Of the encoder's output: two frames of the spectrogram."""
QUIET: Seconds = 3.0
"""How much of the silence behind a chunk is heard with each part of it: the decoder knows sound that ends.

With it the likeliest language of six seconds is right in 96 % of the bench's mixed recordings, 86 % without.
"""


@dataclass(frozen=True, slots=True)
class DirectDecoder:
    """Implements `app.engines.whisper.rows.RowDecoder`; it keeps nothing, so the weights may be shared."""

    model: WhisperModel

    def encode(self, features: Sequence[Features]) -> list[Encoded]:
        """Return what the encoder makes of each chunk."""
        batch = self.model.encode(torch.stack([each.mels for each in features]))
        return [Encoded(batch, place, each.seconds) for place, each in enumerate(features)]

    def languages(self, windows: Sequence[Window]) -> list[Mapping[str, float]]:
        """Return how probable each language, by Whisper's code, is for each window."""
        return [self._languages(window) for window in windows]

    def decode(self, rows: Sequence[Row]) -> list[Decoded]:
        """Return what is written for each row: those that may share a batch together."""
        return _in_groups(len(rows), lambda place: self.group(rows[place]), self._decode_those_of(rows))

    def read_out(self, rows: Sequence[Row], written: Sequence[Sequence[int]]) -> list[Reading]:
        """Return when each of the tokens `written` for each row is said, and how probable it is."""

        def read(places: Sequence[int]) -> list[Reading]:
            return self._read_out([rows[place] for place in places], [written[place] for place in places])

        return _in_groups(len(rows), lambda place: rows[place].prompt, read)

    def _languages(self, window: Window) -> Mapping[str, float]:
        sound = window.sound
        steps = [_steps(window.start, window.end)]
        if window.end < sound.seconds + _SECONDS_PER_STEP:
            steps.append(_steps(sound.seconds, sound.seconds + QUIET))
        part = parts_of(sound.batch, sound.place, steps)
        return {token[2:-2]: float(share) for token, share in self.model.model.detect_language(part)[0]}

    def group(self, row: Row) -> Hashable:
        """Return what CTranslate2 takes one of for a batch; languages, tasks and earlier text may differ."""
        start = row.prompt.index(self.model.start_token)
        return row.search, start, len(row.prompt) - start

    def _decode_those_of(self, rows: Sequence[Row]) -> Callable[[Sequence[int]], list[Decoded]]:
        return lambda places: self._decode([rows[place] for place in places])

    def _decode(self, rows: Sequence[Row]) -> list[Decoded]:
        results = self.model.model.generate(
            _together([row.sound for row in rows]),
            [list(row.prompt) for row in rows],
            max_length=self.model.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            **_options(rows[0].search),
        )
        return [
            Decoded(tuple(each.sequences_ids[0]), _mean_logprob(each), float(each.no_speech_prob))
            for each in results
        ]

    def _read_out(self, rows: Sequence[Row], written: Sequence[Sequence[int]]) -> list[Reading]:
        """Return the readings of rows that have the same prompt."""
        no_timestamps = self.model.no_timestamps_token
        answers = self.model.model.align(
            _together([row.sound for row in rows]),
            [token for token in rows[0].prompt if token != no_timestamps],
            [list(tokens) or [no_timestamps] for tokens in written],
            [max(2, round(row.sound.seconds * FRAMES_PER_SECOND)) for row in rows],
        )
        return [
            Reading(
                tuple(math.log(max(share, 1e-30)) for share in answer.text_token_probs[: len(tokens)]),
                tuple(_onsets(answer.alignments)[: len(tokens) + 1]) if tokens else (),
            )
            for answer, tokens in zip(answers, written, strict=True)
        ]


def _steps(start: Seconds, end: Seconds) -> slice:
    """Return the range of the encoder's steps between two times, one at least."""
    first = round(start / _SECONDS_PER_STEP)
    return slice(first, max(first + 1, round(end / _SECONDS_PER_STEP)))


def _in_groups(
    count: int, key: Callable[[int], Hashable], work: Callable[[Sequence[int]], Iterable[T]]
) -> list[T]:
    """Return what `work` makes of the places 0 to `count`, called once for all of the same `key`."""
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place in range(count):
        groups[key(place)].append(place)
    done: dict[int, T] = {}
    for places in groups.values():
        done |= zip(places, work(places), strict=True)
    return [done[place] for place in range(count)]


def _together(sounds: Sequence[Encoded]) -> ctranslate2.StorageView:
    """Return `sounds` as one batch: as they were encoded, where they are still together."""
    batch, places = sounds[0].batch, [sound.place for sound in sounds]
    if all(sound.batch is batch for sound in sounds) and places == list(range(batch.shape[0])):
        return batch
    return rows_of([(sound.batch, sound.place) for sound in sounds])


def _options(search: Search) -> dict[str, Any]:
    suppressed = {"suppress_tokens": [-1, *search.suppressed]}
    if search.temperature == 0:
        return {"beam_size": search.beam_size, **suppressed}
    return {
        "beam_size": 1,
        **suppressed,
        "num_hypotheses": search.best_of,
        "sampling_topk": 0,
        "sampling_temperature": search.temperature,
    }


def _mean_logprob(result: Any) -> float:
    length = len(result.sequences_ids[0])
    return float(result.scores[0] * length / (length + 1))


def _onsets(path: Sequence[tuple[int, int]]) -> list[float]:
    """Return when each token begins, in seconds, from the (token, step) pairs of the path through both."""
    return [next(steps)[1] * _SECONDS_PER_STEP for _, steps in groupby(path, key=lambda pair: pair[0])]
