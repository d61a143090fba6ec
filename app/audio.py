"""Any recording to 16 kHz mono samples, with ffmpeg kept on a short leash."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.errors import AudioTooLong, AudioUnreadable, EmptyUpload, NoAudioTrack
from app.ffmpeg import PcmProcess, find_ffmpeg, knows_fd_protocol
from app.file_signature import foreign_kind, is_wave
from app.sample_buffer import SAMPLE_BYTES, SampleBuffer

SAMPLE_RATE = 16000
"""Samples per second of every waveform in the service."""

Waveform: TypeAlias = NDArray[np.int16]
"""Mono samples, shape (samples,), at SAMPLE_RATE.

They stay as ffmpeg delivers them, 115 MB per hour; networks get `amplitudes` of the stretch they work on.
"""

_BLOCK_BYTES = 1 << 18
_SCRAP_SECONDS = 0.1
"""What a damaged file must give at least to count as a recording."""


def amplitudes(samples: Waveform) -> NDArray[np.float32]:
    """Return `samples`, of any shape, as numbers from -1 to 1."""
    return np.multiply(samples, np.float32(1 / 32768))


class Decoder:
    """Decodes uploads within fixed limits; safe to share between threads."""

    def __init__(
        self,
        ffmpeg: str | None = None,
        *,
        max_minutes: float = 720,
        timeout_seconds: float = 900,
        max_memory_bytes: int = 3 << 30,
    ) -> None:
        """Use `ffmpeg`, or the one on PATH, or the one of the imageio-ffmpeg wheel.

        Raises:
            FileNotFoundError: there is no ffmpeg.
        """
        self._ffmpeg = ffmpeg or find_ffmpeg()
        self._through_fd = knows_fd_protocol(self._ffmpeg)
        self._max_minutes = max_minutes
        self._max_samples = int(max_minutes * 60 * SAMPLE_RATE)
        self._timeout_seconds = timeout_seconds
        self._max_memory_bytes = max_memory_bytes

    def decode(
        self,
        path: Path,
        checkpoint: Callable[[], None],
        raw_pcm: bool = False,
        warn: Callable[[str], None] = lambda _: None,
    ) -> Waveform:
        """Return the samples of the recording at `path`.

        With `raw_pcm` the file is headerless s16le at SAMPLE_RATE, mono; a WAV is still read as a WAV.
        A damaged or truncated file gives what can be decoded of it, and `warn` is told. Of several tracks the
        one marked as default is taken, else the one with most channels.

        Raises:
            EmptyUpload, AudioUnreadable, NoAudioTrack, AudioTooLong: and whatever `checkpoint` raises.
        """
        with path.open("rb") as source:
            head = source.read(64)
        if not head:
            raise EmptyUpload
        if raw_pcm and not is_wave(head):
            return self._read_raw(path, checkpoint)
        kind = foreign_kind(head)
        if kind is not None:
            raise AudioUnreadable(f"not a recording but {kind}")
        return self._decode_with_ffmpeg(path, checkpoint, warn)

    def _read_raw(self, path: Path, checkpoint: Callable[[], None]) -> Waveform:
        size = path.stat().st_size
        if size % SAMPLE_BYTES:
            raise AudioUnreadable("raw PCM (encode=false) must have an even number of bytes: 16-bit samples")
        if size // SAMPLE_BYTES > self._max_samples:
            raise AudioTooLong(self._max_minutes)
        buffer = SampleBuffer(self._max_samples, expected=size // SAMPLE_BYTES)
        with path.open("rb", buffering=0) as source:
            while block := source.read(_BLOCK_BYTES):
                checkpoint()
                buffer.append_s16(block)
        return buffer.finish()

    def _decode_with_ffmpeg(
        self, path: Path, checkpoint: Callable[[], None], warn: Callable[[str], None]
    ) -> Waveform:
        buffer = SampleBuffer(self._max_samples)
        deadline = time.monotonic() + self._timeout_seconds
        with (
            path.open("rb") as source,
            PcmProcess(
                self._ffmpeg,
                source,
                sample_rate=SAMPLE_RATE,
                through_fd=self._through_fd,
                max_seconds=self._max_minutes * 60 + 1,
                max_cpu_seconds=self._timeout_seconds,
                max_memory_bytes=self._max_memory_bytes,
            ) as process,
        ):
            while (block := process.read(_BLOCK_BYTES, wait_seconds=0.1)) is not None:
                checkpoint()
                if time.monotonic() > deadline:
                    raise AudioUnreadable(f"decoding took longer than {self._timeout_seconds:g} seconds")
                if block and not buffer.append_s16(block):
                    raise AudioTooLong(self._max_minutes)
            verdict = process.verdict()
        if buffer.samples == 0 and verdict.no_audio_track:
            raise NoAudioTrack
        if buffer.samples == 0 or (verdict.damaged and buffer.samples < _SCRAP_SECONDS * SAMPLE_RATE):
            raise AudioUnreadable(verdict.reason)
        if verdict.damaged:
            warn("the recording is damaged: parts of it could not be decoded and are missing")
        return buffer.finish()
