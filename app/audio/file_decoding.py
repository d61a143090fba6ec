"""One file on its way through ffmpeg: each recording in it, of that the first track that can be decoded."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO

from app.audio.decoded_track import TrackOutcome, TrackReader, decode_warnings
from app.audio.ffmpeg_command import DecodeTask, pcm_command
from app.audio.ffmpeg_process import FfmpegProcess
from app.audio.file_signature import is_mpeg_stream, starts_mid_stream
from app.audio.recording_spans import RecordingSpan, find_recordings
from app.audio.sample_buffer import SampleBuffer
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.errors import AudioTooLong, AudioUnreadable, BadRequest, NoAudioTrack
from app.events import Advance, nobody_counts

BLOCK_BYTES = 1 << 18
MIN_SALVAGED_SECONDS = 0.1
"""What a damaged file must give at least to count as a recording."""
_MAX_TRACKS = 64
_SEARCHED_BYTES = 1 << 22
_MAX_GAP_SECONDS_OF_MPEG = 10.0


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """How much one file may cost."""

    max_minutes: float
    """Of sound."""
    timeout_seconds: float
    """For the whole file, by the clock and by the processor."""
    max_memory_bytes: int
    """Of the ffmpeg process."""

    @property
    def max_samples(self) -> int:
        """Return the length limit in samples."""
        return int(self.max_minutes * 60 * SAMPLE_RATE)


class FileDecoding:
    """Decodes one open file, once."""

    def __init__(
        self,
        ffmpeg: str,
        through_fd: bool,
        source: IO[bytes],
        limits: DecodeLimits,
        checkpoint: Callable[[], None],
        advance: Advance = nobody_counts,
    ) -> None:
        self._ffmpeg = ffmpeg
        self._through_fd = through_fd
        self._source = source
        self._limits = limits
        self._checkpoint = checkpoint
        self._advance = advance
        self._buffer = SampleBuffer(limits.max_samples)
        self._deadline = time.monotonic() + limits.timeout_seconds

    def run(self) -> tuple[Waveform, list[str]]:
        """Return the samples of all recordings in the file, and warnings for the client.

        Raises:
            AudioUnreadable, NoAudioTrack, AudioTooLong: and whatever the checkpoint raises.
        """
        self._size = size = self._source.seek(0, os.SEEK_END)
        max_gap_seconds = self._max_gap_seconds()
        outcomes = []
        for span in find_recordings(self._source, size):
            task = _first_task(span, size, max_gap_seconds)
            outcomes.append(self._decode_recording(task, padded=span.padded))
        if not self._buffer.samples:
            raise self._refusal(outcomes[0])
        return self._buffer.finish(), decode_warnings(outcomes)

    def _decode_recording(self, first: DecodeTask, *, padded: bool) -> TrackOutcome:
        """Add the samples of the first track that gives any."""
        refused: TrackOutcome | None = None
        for track in range(_MAX_TRACKS):
            outcome = self._decode_track(replace(first, track=track), padded=padded)
            if outcome.samples:
                return outcome
            if outcome.verdict.no_such_track:
                break
            refused = refused or outcome
            if outcome.verdict.killed or outcome.verdict.unopened:
                break
        return refused or outcome

    def _decode_track(self, task: DecodeTask, *, padded: bool) -> TrackOutcome:
        buffer, before = self._buffer, self._buffer.samples
        with self._process(task) as process:
            track = TrackReader(process.messages, buffer)
            while (block := process.read(BLOCK_BYTES, wait_seconds=0.1)) is not None:
                self._checkpoint()
                if time.monotonic() > self._deadline:
                    raise AudioUnreadable(
                        f"decoding took longer than {self._limits.timeout_seconds:g} seconds"
                    )
                if block and process.layout is not None and not track.take(block, process.layout):
                    raise AudioTooLong(self._limits.max_minutes)
                if block:  # ffmpeg reads through the same open file, whose position both share
                    self._advance(self._source.tell(), self._size)
            verdict = process.verdict()
        if not track.finish():
            raise AudioTooLong(self._limits.max_minutes)
        damaged = verdict.damaged(padded)
        if damaged and buffer.samples - before < MIN_SALVAGED_SECONDS * SAMPLE_RATE:
            buffer.truncate(before)
        samples = buffer.samples - before
        return TrackOutcome(task, verdict, before, samples, process.messages.timeline, damaged)

    def _process(self, task: DecodeTask) -> FfmpegProcess:
        max_seconds = self._limits.max_minutes * 60 + 1
        return FfmpegProcess(
            pcm_command(self._ffmpeg, task, through_fd=self._through_fd, max_seconds=max_seconds),
            self._source,
            max_cpu_seconds=max(0.0, self._deadline - time.monotonic()),
            max_memory_bytes=self._limits.max_memory_bytes,
        )

    def _max_gap_seconds(self) -> float:
        """Return how long a gap is filled; the clocks of broadcasts jump without a meaning."""
        self._source.seek(0)
        is_mpeg = is_mpeg_stream(self._source.read(512))
        return _MAX_GAP_SECONDS_OF_MPEG if is_mpeg else self._limits.max_minutes * 60

    def _refusal(self, outcome: TrackOutcome) -> BadRequest:
        self._source.seek(0)
        if outcome.verdict.no_such_track:
            return NoAudioTrack()
        if starts_mid_stream(self._source.read(_SEARCHED_BYTES)):
            return AudioUnreadable(
                "this is a piece of a recording without its beginning; send the pieces joined in their order"
            )
        return AudioUnreadable(outcome.verdict.reason)


def _first_task(span: RecordingSpan, size: int, max_gap_seconds: float) -> DecodeTask:
    whole = span.start == 0 and span.end == size
    return DecodeTask(
        track=0,
        span=None if whole else (span.start, span.end),
        ignore_length=span.ignore_length,
        max_gap_seconds=max_gap_seconds,
    )
