"""Word times from a wav2vec2 model: whisperX's results without its per-frame and per-character Python.

Starts and scores are whisperX's; words end earlier where a pause follows them, see `ctc`.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.alignment.acoustic_models import AcousticModel, Vocabulary, emissions, load_acoustic
from app.engines.alignment.forced_alignment import align_characters
from app.engines.alignment.sentences import SentenceSplitter
from app.engines.alignment.words import (
    LANGUAGES_WITHOUT_SPACES,
    PlacedText,
    Wording,
    sentences_of,
    unplaced_words,
    wording_of,
)
from app.engines.failures import engine_errors
from app.engines.platform.precision import number_format
from app.stage import Stage
from app.transcript import Segment


class Wav2Vec2Aligner:
    """Aligns text of one language; usable from several threads at once."""

    def __init__(
        self,
        model: AcousticModel,
        vocabulary: Vocabulary,
        *,
        language: str,
        device: str,
        batch_size: int,
        dtype: torch.dtype,
    ) -> None:
        self._model: AcousticModel | None = model
        self._vocabulary = vocabulary
        self._language = language
        self._spaced = language not in LANGUAGES_WITHOUT_SPACES
        self._splitter = SentenceSplitter(language)
        self._device = device
        self._dtype = dtype
        self._batch_size = batch_size if torch.device(device).type == "cuda" else 1

    @classmethod
    def load(
        cls,
        source: Path | str,
        *,
        language: str,
        device: str,
        batch_size: int,
        precision: str,
        model_dir: Path | None = None,
    ) -> "Wav2Vec2Aligner":
        """Load a local Hugging Face directory, or the torchaudio pipeline `source` kept in `model_dir`.

        `precision` is "float32", "bfloat16", "float16" or "auto".

        On a CPU segments are aligned one by one, whatever `batch_size`: there the padding of a batch costs
        more than the batch gains.
        """
        model, vocabulary = load_acoustic(source, device, model_dir)
        dtype = number_format(precision, device, on_gpu=torch.float16)
        return cls(model, vocabulary, language=language, device=device, batch_size=batch_size, dtype=dtype)

    def with_batch_size(self, batch_size: int) -> "Wav2Vec2Aligner":
        """Return a view over the same weights that aligns `batch_size` segments together."""
        assert self._model is not None, "the aligner is closed"
        return Wav2Vec2Aligner(
            self._model,
            self._vocabulary,
            language=self._language,
            device=self._device,
            batch_size=batch_size,
            dtype=self._dtype,
        )

    def close(self) -> None:
        """Let go of the weights."""
        self._model = None

    def align(
        self, waveform: Waveform, segments: tuple[Segment, ...], checkpoint: Checkpoint
    ) -> tuple[Segment, ...]:
        """Return `segments` split into sentences whose words carry times in seconds.

        A segment that cannot be aligned keeps its times, and its words have none.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """
        with engine_errors(Stage.ALIGN.noun):
            wordings = [
                wording_of(segment.text.strip(), self._vocabulary.ids, spaced=self._spaced)
                for segment in segments
            ]
            duration = len(waveform) / SAMPLE_RATE
            alignable = [
                place
                for place, segment in enumerate(segments)
                if len(wordings[place].tokens) and 0 <= segment.start < min(segment.end, duration)
            ]
            placed = self._placed(waveform, segments, wordings, alignable, checkpoint)
            return tuple(
                sentence
                for place, segment in enumerate(segments)
                for sentence in self._sentences(segment, placed.get(place))
            )

    def _placed(
        self,
        waveform: Waveform,
        segments: Sequence[Segment],
        wordings: Sequence[Wording],
        alignable: Sequence[int],
        checkpoint: Checkpoint,
    ) -> dict[int, PlacedText | None]:
        """Return the texts of the `alignable` segments with times, placed while the network goes on."""
        assert self._model is not None, "the aligner is closed"
        coming: dict[int, Future[PlacedText | None]] = {}
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ctc") as thread:
            for batch in self._batches(segments, alignable):
                checkpoint()
                stretches = [_cut(waveform, segments[place]) for place in batch]
                heard = emissions(self._model, stretches, self._device, self._dtype)
                for place, emission in zip(batch, heard, strict=True):
                    known = segments[place], wordings[place], emission
                    coming[place] = thread.submit(_place, *known, self._vocabulary, len(waveform))
            return {place: future.result() for place, future in coming.items()}

    def _batches(self, segments: Sequence[Segment], alignable: Sequence[int]) -> Iterator[list[int]]:
        """Yield batches of neighbours in length, the longest first: little padding, memory peaks at once."""
        ordered = sorted(alignable, key=lambda place: segments[place].start - segments[place].end)
        for start in range(0, len(ordered), self._batch_size):
            yield ordered[start : start + self._batch_size]

    def _sentences(self, segment: Segment, placed: PlacedText | None) -> tuple[Segment, ...]:
        if placed is not None:
            spans = self._splitter.spans(placed.text)
            sentences = sentences_of(placed, spans, spaced=self._spaced, avg_logprob=segment.avg_logprob)
            if sentences:
                return sentences
        return (replace(segment, words=unplaced_words(segment.text, spaced=self._spaced)),)


def _cut(waveform: Waveform, segment: Segment) -> Tensor:
    cut = waveform[int(segment.start * SAMPLE_RATE) : int(segment.end * SAMPLE_RATE)]
    return torch.from_numpy(to_float32(cut))


def _place(
    segment: Segment, wording: Wording, emission: Tensor, vocabulary: Vocabulary, samples: int
) -> PlacedText | None:
    """Return the text of `segment` with the times of its characters; None where they do not fit."""
    text = segment.text.strip()
    separator = vocabulary.ids.get("|")
    times = align_characters(emission.cpu().numpy(), wording.tokens, vocabulary.blank, separator)
    if times is None:
        return None
    end = min(segment.end, samples / SAMPLE_RATE)
    seconds_per_frame = (end - segment.start) / len(emission)
    starts, ends, scores = (np.full(len(text), math.nan) for _ in range(3))
    seconds = np.array([times.starts, times.ends]) * seconds_per_frame + segment.start
    starts[wording.places], ends[wording.places] = np.round(seconds, 3)
    scores[wording.places] = np.round(times.scores, 3)
    return PlacedText(text, starts, ends, scores)
