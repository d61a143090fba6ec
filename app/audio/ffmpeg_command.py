"""The command line of ffmpeg: from a file without a name to a WAV on its output."""

from dataclasses import dataclass

from app.audio.ffmpeg_allowlist import DECODERS, DEMUXERS
from app.audio.ffmpeg_timeline import timeline_filter
from app.audio.waveform import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """What of a file is decoded, and how."""

    track: int
    """Which of the sound tracks, from 0 on."""
    span: tuple[int, int] | None = None
    """First byte and the one behind the last; None is the whole file."""
    ignore_length: bool = False
    """Do not believe the length that a WAV announces."""
    max_gap_seconds: float = 3600.0
    """Longer gaps in the time stamps are left out, not filled."""
    seek_seconds: float = 0.0
    """What lies before is not decoded."""


def pcm_command(ffmpeg: str, task: DecodeTask, *, through_fd: bool, max_seconds: float) -> list[str]:
    """Return the command that turns the file on its standard input into a WAV, with all channels."""
    return [
        *listing_command(ffmpeg, task, through_fd=through_fd),
        *("-map", f"0:a:{task.track}", "-map_metadata", "-1"),
        *("-af", f"{timeline_filter(task.max_gap_seconds)},aresample=async=1:min_hard_comp=0.05"),
        *("-ar", str(SAMPLE_RATE), "-t", f"{max_seconds:.3f}", "-c:a", "pcm_s16le"),
        *("-threads", "1", "-fflags", "+bitexact", "-f", "wav", "pipe:1"),
    ]


def listing_command(ffmpeg: str, task: DecodeTask, *, through_fd: bool) -> list[str]:
    """Return the command that opens the file on its standard input and says what is in it.

    The file has no name: with the `fd` protocol as the only one allowed, no reference inside an upload can
    be followed. An ffmpeg too old for it opens /dev/stdin, which can seek too.
    """
    protocol, source = ("fd", "fd:") if through_fd else ("file", "file:/dev/stdin")
    if task.span is not None:
        protocol, source = (
            f"subfile,{protocol}",
            f"subfile,,start,{task.span[0]},end,{task.span[1]},,:{source}",
        )
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "repeat+level+info", "-nostats"),
        *("-filter_threads", "1", "-threads", "1"),
        *("-protocol_whitelist", protocol),
        *("-format_whitelist", ",".join(DEMUXERS)),
        *("-codec_whitelist", ",".join(DECODERS)),
        # Jumps of the time stamps are judged by TIMELINE alone, which reports them.
        *("-dts_delta_threshold", "1000000000", "-guess_layout_max", "0"),
        *(("-ignore_length", "1") if task.ignore_length else ()),
        *(("-ss", f"{task.seek_seconds:.3f}") if task.seek_seconds else ()),
        *("-i", source),
    ]
