"""Any recording to 16 kHz mono samples, with ffmpeg kept on a short leash."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

from app.audio.decoded_track import Outcome, TrackReader, warnings
from app.audio.ffmpeg import PcmProcess, Task, find_ffmpeg, knows_fd_protocol
from app.audio.file_signature import foreign_kind, is_broadcast, is_wave, lacks_its_beginning
from app.audio.recording_parts import find_parts
from app.audio.sample_buffer import SAMPLE_BYTES, SampleBuffer
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.errors import AudioTooLong, AudioUnreadable, BadRequest, EmptyUpload, NoAudioTrack

_BLOCK_BYTES = 1 << 18
_SCRAP_SECONDS = 0.1
"""What a damaged file must give at least to count as a recording."""
_MOST_TRACKS = 64
_SEARCHED_BYTES = 1 << 22
_BROADCAST_HOLE_SECONDS = 10.0


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
        first that can be decoded is taken; recordings that were joined into one file follow one another.

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
        with path.open("rb", buffering=0) as source:
            size = source.seek(0, os.SEEK_END)
            parts = find_parts(source, size)
            outcomes = []
            for part in parts:
                whole = part.start == 0 and part.end == size
                first = Task(
                    track=0,
                    span=None if whole else (part.start, part.end),
                    read_on=part.read_on,
                    longest_hole_seconds=self._longest_hole(source),
                )
                outcomes.append(self._decode_part(source, first, part.padded, buffer, checkpoint, deadline))
            if not buffer.samples:
                raise self._refusal(source, outcomes[0])
        for warning in warnings(outcomes):
            warn(warning)
        return buffer.finish()

    def _decode_part(
        self,
        source: IO[bytes],
        task: Task,
        padded: bool,
        buffer: SampleBuffer,
        checkpoint: Callable[[], None],
        deadline: float,
    ) -> Outcome:
        """Add the samples of the first track that gives any."""
        refused: Outcome | None = None
        for track in range(_MOST_TRACKS):
            outcome = self._decode_track(
                source, replace(task, track=track), padded, buffer, checkpoint, deadline
            )
            if outcome.samples:
                return outcome
            if outcome.verdict.no_such_track:
                break
            refused = refused or outcome
            if outcome.verdict.killed or outcome.verdict.unopened:
                break
        return refused or outcome

    def _decode_track(
        self,
        source: IO[bytes],
        task: Task,
        padded: bool,
        buffer: SampleBuffer,
        checkpoint: Callable[[], None],
        deadline: float,
    ) -> Outcome:
        before = buffer.samples
        with PcmProcess(
            self._ffmpeg,
            source,
            task,
            sample_rate=SAMPLE_RATE,
            through_fd=self._through_fd,
            max_seconds=self._max_minutes * 60 + 1,
            max_cpu_seconds=max(0.0, deadline - time.monotonic()),
            max_memory_bytes=self._max_memory_bytes,
        ) as process:
            track = TrackReader(process.messages, buffer)
            while (block := process.read(_BLOCK_BYTES, wait_seconds=0.1)) is not None:
                checkpoint()
                if time.monotonic() > deadline:
                    raise AudioUnreadable(f"decoding took longer than {self._timeout_seconds:g} seconds")
                if block and process.layout is not None and not track.take(block, process.layout):
                    raise AudioTooLong(self._max_minutes)
            verdict = process.verdict()
        if not track.finish():
            raise AudioTooLong(self._max_minutes)
        damaged = verdict.damaged(padded)
        if damaged and buffer.samples - before < _SCRAP_SECONDS * SAMPLE_RATE:
            buffer.truncate(before)
        return Outcome(task, verdict, before, buffer.samples - before, process.messages.timeline, damaged)

    def _longest_hole(self, source: IO[bytes]) -> float:
        """Return how long a hole is filled, in seconds; the clocks of broadcasts jump without a meaning."""
        source.seek(0)
        return _BROADCAST_HOLE_SECONDS if is_broadcast(source.read(512)) else self._max_minutes * 60

    def _refusal(self, source: IO[bytes], outcome: Outcome) -> BadRequest:
        source.seek(0)
        if outcome.verdict.no_such_track:
            return NoAudioTrack()
        if lacks_its_beginning(source.read(_SEARCHED_BYTES)):
            return AudioUnreadable(
                "this is a piece of a recording without its beginning; send the pieces joined in their order"
            )
        return AudioUnreadable(outcome.verdict.reason)
