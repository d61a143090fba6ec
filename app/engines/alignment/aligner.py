"""Word times by CTC forced alignment with a wav2vec2 model: whisperX's, without its per-frame Python loops.

Starts and scores are whisperX's; words end earlier where a pause follows them, see `forced_alignment`.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.alignment.acoustic_models import AcousticModel, Vocabulary, emissions, load_acoustic_model
from app.engines.alignment.forced_alignment import Emission, align_characters
from app.engines.alignment.known_text import pieces_of, place_text
from app.engines.alignment.sentences import SentenceSplitter
from app.engines.alignment.words import (
    AlignableText,
    AlignedText,
    to_sentences,
    to_tokens,
    words_without_times,
)
from app.engines.failures import engine_errors
from app.engines.interfaces import PlacedText
from app.engines.platform.precision import number_format
from app.events import Advance, Listener, advance_of, nobody_listens
from app.options.given_text import GivenText
from app.options.languages import LANGUAGES_WITHOUT_SPACES
from app.stage import Stage
from app.transcript import Segment, Word


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
        model, vocabulary = load_acoustic_model(source, device, model_dir)
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
        self,
        waveform: Waveform,
        segments: tuple[Segment, ...],
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> tuple[Segment, ...]:
        """Return `segments` split into sentences whose words carry times in seconds.

        A segment that cannot be aligned keeps its times, and its words have none.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """
        with engine_errors(Stage.ALIGN.noun):
            texts = [
                to_tokens(segment.text.strip(), self._vocabulary.ids, spaced=self._spaced)
                for segment in segments
            ]
            duration = len(waveform) / SAMPLE_RATE
            alignable = [
                index
                for index, segment in enumerate(segments)
                if len(texts[index].tokens) and 0 <= segment.start < min(segment.end, duration)
            ]
            advance = advance_of(Stage.ALIGN, tell)
            aligned = self._align_segments(waveform, segments, texts, alignable, checkpoint, advance)
            return tuple(
                sentence
                for index, segment in enumerate(segments)
                for sentence in self._sentences(segment, aligned.get(index))
            )

    def place(
        self,
        waveform: Waveform,
        speech: tuple[Segment, ...],
        text: GivenText,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> PlacedText:
        """Return the words of `text` with their times in the stretches of `speech`, whose own text is empty.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """
        with engine_errors(Stage.ALIGN.noun):
            advance = advance_of(Stage.ALIGN, tell)
            computed = dict(self._emissions(waveform, speech, range(len(speech)), checkpoint, advance))
            heard = [computed[index].cpu().numpy() for index in range(len(speech))]
            checkpoint()
            words_in = partial(self._words_in, samples=len(waveform))
            pieces = pieces_of(text, self._splitter)
            return place_text(pieces, speech, heard, self._vocabulary, words_in, spaced=self._spaced)

    def _words_in(self, segment: Segment, emission: Emission, samples: int) -> list[Word]:
        tokens = to_tokens(segment.text, self._vocabulary.ids, spaced=self._spaced)
        aligned = _align_segment(segment, tokens, torch.from_numpy(emission), self._vocabulary, samples)
        return [word for sentence in self._sentences(segment, aligned) for word in sentence.words or ()]

    def _align_segments(
        self,
        waveform: Waveform,
        segments: Sequence[Segment],
        texts: Sequence[AlignableText],
        alignable: Sequence[int],
        checkpoint: Checkpoint,
        advance: Advance,
    ) -> dict[int, AlignedText | None]:
        """Return the texts of the segments with indices `alignable` with times, None where they do not fit.

        CTC alignment runs in a thread beside the network.
        """
        coming: dict[int, Future[AlignedText | None]] = {}
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ctc") as thread:
            for index, emission in self._emissions(waveform, segments, alignable, checkpoint, advance):
                known = segments[index], texts[index], emission
                coming[index] = thread.submit(_align_segment, *known, self._vocabulary, len(waveform))
            return {index: future.result() for index, future in coming.items()}

    def _emissions(
        self,
        waveform: Waveform,
        segments: Sequence[Segment],
        alignable: Sequence[int],
        checkpoint: Checkpoint,
        advance: Advance,
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield each index of `alignable` with the emission (frames, vocabulary) of its segment.

        `advance` counts seconds of speech.
        """
        assert self._model is not None, "the aligner is closed"
        total, done = sum(_seconds(segments[index]) for index in alignable), 0.0
        for batch in self._batches(segments, alignable):
            checkpoint()
            sounds = [_cut(waveform, segments[index]) for index in batch]
            yield from zip(batch, emissions(self._model, sounds, self._device, self._dtype), strict=True)
            done += sum(_seconds(segments[index]) for index in batch)
            advance(done, total)

    def _batches(self, segments: Sequence[Segment], alignable: Sequence[int]) -> Iterator[list[int]]:
        """Yield batches of segments of similar length, longest first: little padding, memory peaks early."""
        ordered = sorted(alignable, key=lambda index: -_seconds(segments[index]))
        for start in range(0, len(ordered), self._batch_size):
            yield ordered[start : start + self._batch_size]

    def _sentences(self, segment: Segment, aligned: AlignedText | None) -> tuple[Segment, ...]:
        if aligned is not None:
            spans = self._splitter.spans(aligned.text)
            sentences = to_sentences(aligned, spans, spaced=self._spaced, avg_logprob=segment.avg_logprob)
            if sentences:
                return tuple(
                    replace(sentence, decoding=segment.decoding, language=segment.language)
                    for sentence in sentences
                )
        return (replace(segment, words=words_without_times(segment.text, spaced=self._spaced)),)


def _seconds(segment: Segment) -> float:
    return segment.end - segment.start


def _cut(waveform: Waveform, segment: Segment) -> Tensor:
    cut = waveform[int(segment.start * SAMPLE_RATE) : int(segment.end * SAMPLE_RATE)]
    return torch.from_numpy(to_float32(cut))


def _align_segment(
    segment: Segment, alignable: AlignableText, emission: Tensor, vocabulary: Vocabulary, samples: int
) -> AlignedText | None:
    """Return the text of `segment` with the times of its characters; None where these do not fit.

    `emission` is (frames, vocabulary); the recording has so many `samples`.
    """
    text = segment.text.strip()
    separator = vocabulary.ids.get("|")
    times = align_characters(emission.cpu().numpy(), alignable.tokens, vocabulary.blank, separator)
    if times is None:
        return None
    end = min(segment.end, samples / SAMPLE_RATE)
    seconds_per_frame = (end - segment.start) / len(emission)
    starts, ends, scores = (np.full(len(text), math.nan) for _ in range(3))
    seconds = np.array([times.starts, times.ends]) * seconds_per_frame + segment.start
    starts[alignable.positions], ends[alignable.positions] = np.round(seconds, 3)
    scores[alignable.positions] = np.round(times.scores, 3)
    return AlignedText(text, starts, ends, scores)
