"""One file on its way through ffmpeg: each recording in it, of that the first track that can be decoded.

Where a part of it is wanted, ffmpeg goes there by the index or the time stamps of the file. That is as exact
as decoding all of it, if it begins a little earlier: codecs need some frames to be themselves again.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import IO

from app.audio.audio_track import chosen_track
from app.audio.channels import Mixing, downmixed
from app.audio.decoded_track import TrackOutcome, TrackReader, decode_warnings
from app.audio.excerpt import WHOLE, Excerpt, ExcerptBuffer
from app.audio.ffmpeg_command import DecodeTask, listing_command, pcm_command
from app.audio.ffmpeg_process import FfmpegProcess
from app.audio.file_signature import is_mpeg_stream, starts_mid_stream
from app.audio.recording_spans import RecordingSpan, find_recordings
from app.audio.sample_buffer import SampleBuffer
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.errors import AudioTooLong, AudioUnreadable, BadParameter, BadRequest, NoAudioTrack
from app.events import Advance, nobody_counts
from app.transcript import AudioTrack

BLOCK_BYTES = 1 << 18
MIN_SALVAGED_SECONDS = 0.1
"""What a damaged file must give at least to count as a recording."""
_MAX_TRACKS = 64
_SEARCHED_BYTES = 1 << 22
_MAX_GAP_SECONDS_OF_MPEG = 10.0
_LEAD_SECONDS = 1.0
"""How long before an excerpt decoding begins."""


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a file is wanted."""

    excerpt: Excerpt = WHOLE
    track: str | None = None
    """Number, from 1 on, or language of a sound track; None: the first that can be decoded."""
    mixing: Mixing = downmixed


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was found in a file."""

    samples: Waveform
    tracks: tuple[AudioTrack, ...] = ()
    """All sound tracks of its first recording."""
    warnings: tuple[str, ...] = ()
    """For the client."""


class FileDecoding:
    """Decodes one open file, once."""

    def __init__(
        self,
        ffmpeg: str,
        through_fd: bool,
        source: IO[bytes],
        limits: DecodeLimits,
        checkpoint: Callable[[], None],
        wanted: Wanted,
        advance: Advance = nobody_counts,
    ) -> None:
        self._ffmpeg = ffmpeg
        self._through_fd = through_fd
        self._source = source
        self._limits = limits
        self._checkpoint = checkpoint
        self._wanted = wanted
        self._advance = advance
        self._buffer = SampleBuffer(limits.max_samples)
        self._excerpt = ExcerptBuffer(self._buffer, wanted.excerpt)
        self._deadline = time.monotonic() + limits.timeout_seconds

    def run(self) -> Decoded:
        """Return the wanted samples of all recordings in the file, one behind the other.

        Raises:
            AudioUnreadable, NoAudioTrack, AudioTooLong: and whatever the checkpoint raises.
            BadParameter: there is no such track, or the recording ends before the excerpt begins.
        """
        self._size = size = self._source.seek(0, os.SEEK_END)
        is_mpeg = self._is_mpeg()
        spans = find_recordings(self._source, size)
        tasks = [_task(span, size, self._max_gap_seconds(is_mpeg)) for span in spans]
        numbers = self._track_numbers(tasks[0])
        lead = self._wanted.excerpt.start - _LEAD_SECONDS
        seek_seconds = lead if lead > 0 and len(spans) == 1 and not is_mpeg else 0.0
        outcomes = self._decode_recordings(tasks, spans, numbers, seek_seconds)
        if seek_seconds and not outcomes[0].samples:
            outcomes = self._decode_recordings(tasks, spans, numbers, 0.0)
        if not any(outcome.samples for outcome in outcomes):
            raise self._refusal(outcomes[0])
        self._check_excerpt()
        warnings = decode_warnings(outcomes, chosen=self._wanted.track is not None)
        return Decoded(self._buffer.finish(), outcomes[0].tracks, tuple(warnings))

    def _decode_recordings(
        self,
        tasks: Sequence[DecodeTask],
        spans: Sequence[RecordingSpan],
        numbers: Sequence[int],
        seek_seconds: float,
    ) -> list[TrackOutcome]:
        self._excerpt = ExcerptBuffer(self._buffer, self._wanted.excerpt, seek_seconds)
        outcomes = []
        for task, span in zip(tasks, spans, strict=True):
            if not self._excerpt.full:
                there = replace(task, seek_seconds=seek_seconds)
                outcomes.append(self._decode_recording(there, numbers, padded=span.padded))
        return outcomes

    def _track_numbers(self, task: DecodeTask) -> Sequence[int]:
        """Return the tracks to try, from 0 on."""
        if self._wanted.track is None:
            return range(_MAX_TRACKS)
        command = listing_command(self._ffmpeg, task, through_fd=self._through_fd)
        with self._process(command) as process:
            while process.read(BLOCK_BYTES, wait_seconds=0.1) is not None:
                self._go_on()
        tracks = process.messages.listing.tracks
        return (chosen_track(self._wanted.track, tracks).number - 1,) if tracks else range(1)

    def _decode_recording(self, first: DecodeTask, numbers: Sequence[int], *, padded: bool) -> TrackOutcome:
        """Add the samples of the first track that gives any."""
        refused: TrackOutcome | None = None
        for track in numbers:
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
        excerpt = self._excerpt
        position, kept = excerpt.position, excerpt.kept
        command = pcm_command(
            self._ffmpeg, task, through_fd=self._through_fd, max_seconds=self._max_seconds()
        )
        with self._process(command) as process:
            track = TrackReader(process.messages, excerpt, self._wanted.mixing)
            while (block := process.read(BLOCK_BYTES, wait_seconds=0.1)) is not None:
                self._go_on()
                if block and process.layout is not None and not track.take(block, process.layout):
                    raise AudioTooLong(self._limits.max_minutes)
                if block:
                    self._advance(process.position(self._end_of(task)), self._size)
            verdict = process.verdict()
        if not track.finish():
            raise AudioTooLong(self._limits.max_minutes)
        damaged = verdict.damaged(padded)
        if damaged and excerpt.position - position < MIN_SALVAGED_SECONDS * SAMPLE_RATE:
            excerpt.take_back(position, kept)
        messages, samples = process.messages, excerpt.position - position
        tracks = messages.listing.tracks
        return TrackOutcome(task, verdict, position, samples, messages.timeline, tracks, damaged)

    def _end_of(self, task: DecodeTask) -> int:
        return self._size if task.span is None else task.span[1]

    def _process(self, command: list[str]) -> FfmpegProcess:
        return FfmpegProcess(
            command,
            self._source,
            max_cpu_seconds=max(0.0, self._deadline - time.monotonic()),
            max_memory_bytes=self._limits.max_memory_bytes,
        )

    def _go_on(self) -> None:
        self._checkpoint()
        if time.monotonic() > self._deadline:
            raise AudioUnreadable(f"decoding took longer than {self._limits.timeout_seconds:g} seconds")

    def _max_seconds(self) -> float:
        """Return how much the next track may give: a little more than is wanted, or than is allowed."""
        excerpt = self._wanted.excerpt
        most = self._limits.max_minutes * 60
        wanted = most if excerpt.seconds is None else min(most, excerpt.seconds)
        return excerpt.start + wanted + 1 - self._excerpt.position / SAMPLE_RATE

    def _check_excerpt(self) -> None:
        if not self._buffer.samples:
            length = self._excerpt.position / SAMPLE_RATE
            allowed = f"a time before the end of the recording, at {length:.3f} s"
            raise BadParameter("start", self._wanted.excerpt.start, allowed)

    def _is_mpeg(self) -> bool:
        self._source.seek(0)
        return is_mpeg_stream(self._source.read(512))

    def _max_gap_seconds(self, is_mpeg: bool) -> float:
        """Return how long a gap is filled; the clocks of broadcasts jump without a meaning."""
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


def _task(span: RecordingSpan, size: int, max_gap_seconds: float) -> DecodeTask:
    whole = span.start == 0 and span.end == size
    return DecodeTask(
        track=0,
        span=None if whole else (span.start, span.end),
        ignore_length=span.ignore_length,
        max_gap_seconds=max_gap_seconds,
    )
