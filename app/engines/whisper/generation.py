"""Rows to tokens, by the weights themselves: every call is decoded at once and by itself."""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ctranslate2
import torch

from app.engines.whisper.model import WhisperModel, rows_of
from app.engines.whisper.rows import Decoded, Encoded, Features, Row


@dataclass(frozen=True, slots=True)
class DirectDecoder:
    """Implements `app.engines.whisper.rows.RowDecoder`; it keeps nothing, so the weights may be shared."""

    model: WhisperModel

    def encode(self, features: Sequence[Features]) -> list[Encoded]:
        """Return what the encoder makes of each chunk."""
        batch = self.model.encode(torch.stack([each.mels for each in features]))
        return [Encoded(batch, place, each.seconds) for place, each in enumerate(features)]

    def languages(self, sounds: Sequence[Encoded]) -> list[Mapping[str, float]]:
        """Return how probable each language, by Whisper's code, is for each chunk."""
        answers = self.model.model.detect_language(_together(sounds))
        return [{token[2:-2]: float(share) for token, share in answer} for answer in answers]

    def decode(self, rows: Sequence[Row]) -> list[Decoded]:
        """Return what is written for each row: those that may share a batch together."""
        groups: defaultdict[object, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            groups[self.group(row)].append(place)
        written: dict[int, Decoded] = {}
        for places in groups.values():
            written |= zip(places, self._decode_together([rows[place] for place in places]), strict=True)
        return [written[place] for place in range(len(rows))]

    def group(self, row: Row) -> Hashable:
        """Return what CTranslate2 takes one of for a batch; languages, tasks and earlier text may differ."""
        start = row.prompt.index(self.model.start_token)
        return row.search, start, len(row.prompt) - start

    def _decode_together(self, rows: Sequence[Row]) -> list[Decoded]:
        sounds = _together([row.sound for row in rows])
        results = self.model.model.generate(
            sounds,
            [list(row.prompt) for row in rows],
            max_length=self.model.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            **_search(rows[0]),
        )
        logprobs = self._logprobs(rows, [result.sequences_ids[0] for result in results])
        return [
            Decoded(
                tuple(result.sequences_ids[0]),
                _mean_logprob(result),
                float(result.no_speech_prob),
                logprobs.get(place),
            )
            for place, result in enumerate(results)
        ]

    def _logprobs(self, rows: Sequence[Row], written: Sequence[list[int]]) -> Mapping[int, tuple[float, ...]]:
        """Return the log probability of every token `written` for the rows that ask for it.

        They are found by reading the tokens out once more, all that follow the same prompt together.
        """
        prompts: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            if row.detail.logprobs:
                prompts[row.prompt].append(place)
        known: dict[int, tuple[float, ...]] = {}
        for prompt, places in prompts.items():
            sounds = _together([rows[place].sound for place in places])
            tokens = [written[place] for place in places]
            known |= zip(places, self._read_out(sounds, prompt, tokens), strict=True)
        return known

    def _read_out(
        self, sounds: ctranslate2.StorageView, prompt: Sequence[int], written: Sequence[list[int]]
    ) -> list[tuple[float, ...]]:
        no_timestamps = self.model.no_timestamps_token
        start = [token for token in prompt if token != no_timestamps]
        answers = self.model.model.align(
            sounds, start, [tokens or [no_timestamps] for tokens in written], sounds.shape[1] * 2
        )
        return [
            tuple(math.log(max(share, 1e-30)) for share in answer.text_token_probs[: len(tokens)])
            for answer, tokens in zip(answers, written, strict=True)
        ]


def _together(sounds: Sequence[Encoded]) -> ctranslate2.StorageView:
    """Return `sounds` as one batch: as they were encoded, where they are still together."""
    batch, places = sounds[0].batch, [sound.place for sound in sounds]
    if all(sound.batch is batch for sound in sounds) and places == list(range(batch.shape[0])):
        return batch
    return rows_of([(sound.batch, sound.place) for sound in sounds])


def _search(row: Row) -> dict[str, Any]:
    search = row.search
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
