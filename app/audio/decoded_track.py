"""From the samples of one sound track to mono in the buffer, and what is to be said about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.audio.channels import Mixer, Mixing
from app.audio.excerpt import ExcerptBuffer
from app.audio.ffmpeg_command import DecodeTask
from app.audio.ffmpeg_messages import FfmpegMessages, Verdict
from app.audio.ffmpeg_timeline import TimelineReport
from app.audio.wave_header import ChannelLayout
from app.audio.waveform import SAMPLE_RATE
from app.transcript import AudioTrack


@dataclass(frozen=True, slots=True)
class TrackOutcome:
    """How the decoding of one track ended."""

    task: DecodeTask
    verdict: Verdict
    start: int
    """Sample of the recording with which the track begins."""
    samples: int
    """How many it gave, kept or not."""
    timeline: TimelineReport
    tracks: tuple[AudioTrack, ...]
    """All that the file has."""
    damaged: bool


class TrackReader:
    """Takes the samples of a track as they come, and puts them into the buffer, mono."""

    def __init__(self, messages: FfmpegMessages, buffer: ExcerptBuffer, mixing: Mixing) -> None:
        self._messages = messages
        self._buffer = buffer
        self._mixing = mixing
        self._mix: Mixer | None = None
        self._begun = False

    def take(self, block: bytes, layout: ChannelLayout) -> bool:
        """Add samples; False if the recording is longer than the buffer."""
        if not self._begun:
            self._begun = True
            late = self._messages.timeline.start_seconds or 0.0
            if not self._buffer.append_silence(max(0, round(late * SAMPLE_RATE))):
                return False
            self._mix = self._mixing(layout, self._buffer.position)
        return self._buffer.append_s16(self._mix.feed(block) if self._mix else block)

    def finish(self) -> bool:
        """Add what is left; False if the recording is longer than the buffer."""
        return self._mix is None or self._buffer.append_s16(self._mix.finish())


def decode_warnings(outcomes: Sequence[TrackOutcome], *, chosen: bool) -> list[str]:
    """Return what a client should know about these parts, whether it has `chosen` their track or not."""
    gaps = _gaps(outcomes)
    said = [gaps] if gaps else []
    if any(outcome.damaged for outcome in outcomes if outcome.samples):
        missing = gaps or "parts of it could not be decoded and are missing"
        said = [f"the recording is damaged: {missing}"]
    mute = [str(number) for number, outcome in enumerate(outcomes, 1) if not outcome.samples]
    if mute:
        said.append(
            f"the file consists of {len(outcomes)} recordings joined together; "
            f"no sound could be read from number {', '.join(mute)}"
        )
    tracks = sorted({outcome.task.track for outcome in outcomes if outcome.samples and outcome.task.track})
    if tracks and not chosen:
        said.append(
            f"the first sound track cannot be decoded; number {tracks[0] + 1} is transcribed in its place"
        )
    return said


def _gaps(outcomes: Sequence[TrackOutcome]) -> str:
    """Return place and length of the sound that is missing according to the time stamps."""
    count = sum(outcome.timeline.gap_count for outcome in outcomes)
    if not count:
        return ""
    places = []
    for outcome in outcomes:
        for place, length in outcome.timeline.gaps:
            how = "filled with silence" if length <= outcome.task.max_gap_seconds else "left out"
            places.append(f"{length:.1f} s at {place + outcome.start / SAMPLE_RATE:.1f} s ({how})")
    rest = f" and at {count - len(places)} more places" if count > len(places) else ""
    total = sum(outcome.timeline.gap_seconds for outcome in outcomes)
    return f"sound is missing from the recording, {total:.1f} s in all: {', '.join(places)}{rest}"
