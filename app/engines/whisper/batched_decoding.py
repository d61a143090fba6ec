"""One request's way through whisperX's batched pipeline, over weights that all requests share."""

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import torch

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.platform.libraries import whisperx_asr
from app.engines.whisper.generation import Decoded, Generator
from app.engines.whisper.levels import evened
from app.engines.whisper.voice_activity import OFFSET, ONSET, Chunk, GivenChunks
from app.events import ChunkDecoded, Listener, nobody_listens
from app.transcript import Segment


class RequestPipeline(whisperx_asr.FasterWhisperPipeline):  # type: ignore[misc]
    """whisperX's pipeline for a single request: its options, tokenizer and chunks live here and nowhere else.

    The mel spectrograms of the next batch are computed while the current one is decoded.
    """

    def __init__(
        self,
        generator: Generator,
        chunks: list[Chunk],
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
        told: int = 0,
    ) -> None:
        """Decode `chunks`; `tell` hears of each, in order, after the `told` chunks before them.

        If somebody listens, the first ones come sooner.
        """
        super().__init__(
            model=generator.model,
            vad=GivenChunks(chunks),
            vad_params={"vad_onset": ONSET, "vad_offset": OFFSET},
            options=generator.options,
            tokenizer=generator.tokenizer,
            language=generator.tokenizer.language_code,
        )
        self._generator = generator
        self._chunks = chunks
        self._checkpoint = checkpoint
        self._tell = tell
        self._told = told
        self._segments: list[Segment] = []
        """One for each chunk so far, in order."""

    def segments(self, waveform: Waveform, batch_size: int, chunk_seconds: float) -> list[Segment]:
        """Return a segment for each chunk of `waveform` (samples,), even where its text is empty."""
        self._duration = len(waveform) / SAMPLE_RATE
        self.transcribe(waveform, batch_size=batch_size, chunk_size=chunk_seconds)
        return self._segments

    def get_iterator(
        self,
        inputs: Iterable[dict[str, Any]],
        _num_workers: int,
        batch_size: int,
        *_stage_params: dict[str, Any],
    ) -> Iterator[dict[str, Any]]:
        """Yield one output per chunk, decoding `batch_size` chunks at a time."""
        for features in _ahead(self._batches(iter(inputs), max(1, batch_size))):
            self._checkpoint()
            for piece in self._generator.decode(features):
                self._note(piece)
                # whisperX expects lists of one when the batch size is one
                if batch_size <= 1:
                    yield {"text": [piece.text], "avg_logprob": [piece.avg_logprob]}
                else:
                    yield {"text": piece.text, "avg_logprob": piece.avg_logprob}

    def preprocess(self, audio: dict[str, Waveform]) -> dict[str, Any]:
        """Return the mel spectrogram of the samples of one chunk."""
        prepared: dict[str, Any] = super().preprocess({"inputs": evened(audio["inputs"])})
        return prepared

    def _note(self, piece: Decoded) -> None:
        number = len(self._segments)
        chunk = self._chunks[number]
        self._segments.append(_segment(chunk, piece, self._duration))
        self._tell(
            ChunkDecoded(self._segments[-1], self._told + number, self._generator.tokenizer.language_code)
        )

    def _batches(self, inputs: Iterator[dict[str, Any]], most: int) -> Iterator[torch.Tensor]:
        """Yield the spectrograms of `most` chunks at a time; fewer at first if somebody waits for text."""
        size = most if self._tell is nobody_listens else 1
        while batch := list(islice(inputs, size)):
            yield torch.stack([self.preprocess(chunk)["inputs"] for chunk in batch])
            size = min(2 * size, most)


def _segment(chunk: Chunk, piece: Decoded, duration: float) -> Segment:
    start = min(max(0.0, float(chunk["start"])), duration)
    return Segment(
        start=round(start, 3),
        end=round(max(start, min(float(chunk["end"]), duration)), 3),
        text=piece.text.strip(),
        avg_logprob=piece.avg_logprob if math.isfinite(piece.avg_logprob) else None,
        decoding=piece.decoding,
    )


def _ahead(items: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield `items`, computing the next one in a thread while the caller works on the current one."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mel") as thread:
        coming: Future[torch.Tensor | None] = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
