"""Log-mel spectrograms, made for the next batch while the decoder works on this one."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from whisperx.audio import N_SAMPLES, log_mel_spectrogram

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.engines.whisper.levels import evened
from app.engines.whisper.rows import Features
from app.engines.whisper.speech_chunks import Chunk

T = TypeVar("T")


def features_of(waveform: Waveform, chunk: Chunk, mels: int) -> Features:
    """Return the spectrogram of `chunk`, of its first 30 s at most, with `mels` bands, its level evened."""
    start, end = int(chunk["start"] * SAMPLE_RATE), int(chunk["end"] * SAMPLE_RATE)
    cut = waveform[start : min(end, start + N_SAMPLES)]
    spectrogram = log_mel_spectrogram(evened(cut), n_mels=mels, padding=N_SAMPLES - len(cut))
    return Features(spectrogram, len(cut) / SAMPLE_RATE)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield `items`, computing the next one in a thread while the caller works on the current one."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mel") as thread:
        coming: Future[T | None] = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
