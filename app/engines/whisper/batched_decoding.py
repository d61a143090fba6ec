"""One request's way through whisperX's batched pipeline, over weights that all requests share."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import torch

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.platform.libraries import whisper_tokenizer, whisper_transcribe, whisperx_asr
from app.engines.whisper.levels import evened
from app.engines.whisper.voice_activity import OFFSET, ONSET, Chunk, GivenChunks


class RequestPipeline(whisperx_asr.FasterWhisperPipeline):  # type: ignore[misc]
    """whisperX's pipeline for a single request: its options, tokenizer and chunks live here and nowhere else.

    The mel spectrograms of the next batch are computed while the current one is decoded.
    """

    def __init__(
        self,
        model: "whisperx_asr.WhisperModel",
        chunks: list[Chunk],
        tokenizer: "whisper_tokenizer.Tokenizer",
        options: "whisper_transcribe.TranscriptionOptions",
        checkpoint: Checkpoint,
    ) -> None:
        super().__init__(
            model=model,
            vad=GivenChunks(chunks),
            vad_params={"vad_onset": ONSET, "vad_offset": OFFSET},
            options=options,
            tokenizer=tokenizer,
            language=tokenizer.language_code,
        )
        self._checkpoint = checkpoint

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
            output = self._forward({"inputs": features})
            for text, avg_logprob in zip(output["text"], output["avg_logprob"], strict=True):
                # whisperX expects lists of one when the batch size is one
                if batch_size <= 1:
                    yield {"text": [text], "avg_logprob": [avg_logprob]}
                else:
                    yield {"text": text, "avg_logprob": avg_logprob}

    def preprocess(self, audio: dict[str, Waveform]) -> dict[str, Any]:
        """Return the mel spectrogram of the samples of one chunk."""
        prepared: dict[str, Any] = super().preprocess({"inputs": evened(audio["inputs"])})
        return prepared

    def _batches(self, inputs: Iterator[dict[str, Any]], size: int) -> Iterator[torch.Tensor]:
        while batch := list(islice(inputs, size)):
            yield torch.stack([self.preprocess(chunk)["inputs"] for chunk in batch])


def _ahead(items: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield `items`, computing the next one in a thread while the caller works on the current one."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mel") as thread:
        coming: Future[torch.Tensor | None] = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
