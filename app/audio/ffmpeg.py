"""ffmpeg as a child process that may read one open file and write one pipe, and nothing else."""

import contextlib
import fcntl
import os
import resource
import selectors
import shutil
import subprocess
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from app.audio.ffmpeg_allowlist import DECODERS, DEMUXERS
from app.audio.ffmpeg_messages import FfmpegMessages, Verdict
from app.audio.ffmpeg_timeline import timeline_filter
from app.audio.wave_header import ChannelLayout, read_channel_layout

_PIPE_BYTES = 1 << 20


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


def find_ffmpeg() -> str:
    """Return the ffmpeg on PATH, else the one that the imageio-ffmpeg wheel carries.

    Raises:
        FileNotFoundError: there is neither.
    """
    on_path = shutil.which("ffmpeg")
    if on_path is not None:
        return on_path
    try:
        # Only here, since the container image has an ffmpeg on PATH and not this wheel.
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as exc:
        raise FileNotFoundError("no ffmpeg found: install it, or the imageio-ffmpeg wheel") from exc


def supports_fd_protocol(ffmpeg: str) -> bool:
    """Return whether `ffmpeg` can read an inherited descriptor with seeking (from version 6 on)."""
    listing = subprocess.run(
        [ffmpeg, "-hide_banner", "-protocols"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30
    )
    return b"fd" in listing.stdout.split()


def pcm_command(
    ffmpeg: str, task: DecodeTask, *, sample_rate: int, through_fd: bool, max_seconds: float
) -> list[str]:
    """Return the command that turns the file on its standard input into a WAV of all channels on its output.

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
        *(ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "repeat+level+warning", "-filter_threads", "1"),
        *("-threads", "1"),
        *("-protocol_whitelist", protocol),
        *("-format_whitelist", ",".join(DEMUXERS)),
        *("-codec_whitelist", ",".join(DECODERS)),
        # Jumps of the time stamps are judged by TIMELINE alone, which reports them.
        *("-dts_delta_threshold", "1000000000", "-guess_layout_max", "0"),
        *(("-ignore_length", "1") if task.ignore_length else ()),
        *("-i", source),
        *("-map", f"0:a:{task.track}", "-map_metadata", "-1"),
        *("-af", f"{timeline_filter(task.max_gap_seconds)},aresample=async=1:min_hard_comp=0.05"),
        *("-ar", str(sample_rate), "-t", f"{max_seconds:.3f}", "-c:a", "pcm_s16le"),
        *("-threads", "1", "-fflags", "+bitexact", "-f", "wav", "pipe:1"),
    ]


class FfmpegProcess:
    """One decoding: read until None, then ask for the verdict; leaving the `with` block kills the child."""

    def __init__(
        self,
        ffmpeg: str,
        source: IO[bytes],
        task: DecodeTask,
        *,
        sample_rate: int,
        through_fd: bool,
        max_seconds: float,
        max_cpu_seconds: float,
        max_memory_bytes: int,
    ) -> None:
        self._command = pcm_command(
            ffmpeg, task, sample_rate=sample_rate, through_fd=through_fd, max_seconds=max_seconds
        )
        self._source = source
        self._max_cpu_seconds = max_cpu_seconds
        self._max_memory_bytes = max_memory_bytes
        self._head = b""
        self.messages = FfmpegMessages()
        self.layout: ChannelLayout | None = None
        """The channels of the samples; known before the first of them is returned."""

    def __enter__(self) -> Self:
        os.lseek(self._source.fileno(), 0, os.SEEK_SET)
        # A bare environment: no proxy settings, no tokens, no FFREPORT.
        self._process = subprocess.Popen(
            self._command,
            stdin=self._source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={"PATH": os.defpath},
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._out, self._err = self._process.stdout, self._process.stderr
        self._selector = selectors.DefaultSelector()
        try:
            _limit_child(self._process.pid, self._max_cpu_seconds, self._max_memory_bytes)
            _enlarge_pipe(self._out)
            self._selector.register(self._out, selectors.EVENT_READ)
            self._selector.register(self._err, selectors.EVENT_READ)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._selector.close()
        self._process.kill()
        self._out.close()
        self._err.close()
        self._process.wait()

    def read(self, size: int, wait_seconds: float) -> bytes | None:
        """Return the next samples, s16le of all channels, b"" if none came within `wait_seconds`.

        None when the child has ended and all that it wrote has been read.
        """
        if not self._selector.get_map():
            try:
                self._process.wait(wait_seconds)
            except subprocess.TimeoutExpired:
                return b""
            return None
        ready = {key.fileobj for key, _ in self._selector.select(wait_seconds)}
        # FfmpegMessages first: what is said of samples was written before them.
        if self._err in ready:
            self.messages.add(self._take(self._err, _PIPE_BYTES))
        return self._without_head(self._take(self._out, size)) if self._out in ready else b""

    def verdict(self) -> Verdict:
        """Return what the child reported; only after `read` has returned None."""
        code = self._process.wait()
        return self.messages.verdict(code)

    def _take(self, pipe: IO[bytes], size: int) -> bytes:
        block = os.read(pipe.fileno(), size)
        if not block:
            self._selector.unregister(pipe)
        return block

    def _without_head(self, block: bytes) -> bytes:
        if self.layout is not None:
            return block
        self._head += block
        self.layout, samples = read_channel_layout(self._head)
        return samples


def _limit_child(pid: int, cpu_seconds: float, memory_bytes: int) -> None:
    """Limit time, memory, files and core dumps from outside: code between fork and exec is unsafe here."""
    if sys.platform != "linux":
        return
    cpu = int(cpu_seconds) + 1
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_CPU, (cpu, cpu + 1))
        resource.prlimit(pid, resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _enlarge_pipe(pipe: IO[bytes]) -> None:
    """Fewer switches between the processes; the system may refuse, which costs only speed."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
