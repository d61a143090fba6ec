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

from app.ffmpeg_allowed import DECODERS, DEMUXERS

_PIPE_BYTES = 1 << 20
_KEPT_MESSAGES_BYTES = 1 << 14

FILL_PAUSES = "aresample=async=1:first_pts=0"
"""Silence where the sound starts later than the picture or pauses, so that times are those of a player."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ffmpeg had to say about a file."""

    no_audio_track: bool
    damaged: bool
    """Some of the sound could not be decoded."""
    reason: str
    """Why there were no samples, in words for people."""


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


def knows_fd_protocol(ffmpeg: str) -> bool:
    """Return whether `ffmpeg` can read an inherited descriptor with seeking (from version 6 on)."""
    listing = subprocess.run(
        [ffmpeg, "-hide_banner", "-protocols"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30
    )
    return b"fd" in listing.stdout.split()


def pcm_command(ffmpeg: str, *, sample_rate: int, through_fd: bool, max_seconds: float) -> list[str]:
    """Return the command that turns the file on its standard input into mono s16le on its standard output.

    The file has no name: with the `fd` protocol as the only one allowed, no reference inside an upload can
    be followed. An ffmpeg too old for it opens /dev/stdin, which can seek too.
    """
    protocol, source = ("fd", "fd:") if through_fd else ("file", "file:/dev/stdin")
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "level+warning", "-filter_threads", "1"),
        *("-threads", "1"),
        *("-protocol_whitelist", protocol),
        *("-format_whitelist", ",".join(DEMUXERS)),
        *("-codec_whitelist", ",".join(DECODERS)),
        *("-i", source),
        *("-vn", "-sn", "-dn", "-map_metadata", "-1", "-af", FILL_PAUSES),
        *("-ac", "1", "-ar", str(sample_rate), "-t", f"{max_seconds:.3f}"),
        *("-threads", "1", "-f", "s16le", "pipe:1"),
    ]


class PcmProcess:
    """One decoding: read until None, then ask for the verdict; leaving the `with` block kills the child."""

    def __init__(
        self,
        ffmpeg: str,
        source: IO[bytes],
        *,
        sample_rate: int,
        through_fd: bool,
        max_seconds: float,
        max_cpu_seconds: float,
        max_memory_bytes: int,
    ) -> None:
        self._command = pcm_command(
            ffmpeg, sample_rate=sample_rate, through_fd=through_fd, max_seconds=max_seconds
        )
        self._source = source
        self._max_cpu_seconds = max_cpu_seconds
        self._max_memory_bytes = max_memory_bytes
        self._messages = b""

    def __enter__(self) -> Self:
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
        _limit_child(self._process.pid, self._max_cpu_seconds, self._max_memory_bytes)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._out, self._err = self._process.stdout, self._process.stderr
        _widen(self._out)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._selector.register(self._err, selectors.EVENT_READ)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        self._process.kill()
        self._out.close()
        self._err.close()
        self._process.wait()

    def read(self, size: int, wait_seconds: float) -> bytes | None:
        """Return the next samples, b"" if none came within `wait_seconds`, None at the end."""
        for key, _ in self._selector.select(wait_seconds):
            if key.fileobj is self._err:
                self._keep_messages()
                continue
            block = os.read(self._out.fileno(), size)
            return block if block else None
        return b""

    def verdict(self) -> Verdict:
        """Wait for the end of the child and say what it reported."""
        with contextlib.suppress(KeyError):
            while self._selector.get_key(self._err):
                self._selector.select()
                self._keep_messages()
        code = self._process.wait()
        text = self._messages.decode("utf-8", "replace")
        return Verdict(_lacks_audio(text), code != 0 or _is_damaged(text), _reason(text, code))

    def _keep_messages(self) -> None:
        block = os.read(self._err.fileno(), 1 << 16)
        if not block:
            self._selector.unregister(self._err)
        self._messages = (self._messages + block)[:_KEPT_MESSAGES_BYTES]


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


def _widen(pipe: IO[bytes]) -> None:
    """Fewer switches between the processes; the system may refuse, which costs only speed."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _lacks_audio(messages: str) -> bool:
    return "does not contain any stream" in messages or "matches no streams" in messages


def _is_damaged(messages: str) -> bool:
    """Return whether something went wrong beside the video codecs that we do not allow."""
    troubles = (line for line in messages.splitlines() if "[error]" in line or "[fatal]" in line)
    return any("whitelist" not in line and "Failed to open codec" not in line for line in troubles)


def _reason(messages: str, code: int) -> str:
    """Put ffmpeg's failure into words without its banner, addresses or paths."""
    if code < 0:
        return "the decoder crashed on this file; it is probably damaged"
    if "moov atom not found" in messages:
        return "the file is incomplete (no index); upload it again from the start"
    if "not on whitelist" in messages or "Unknown decoder" in messages:
        return "this file format is not supported"
    if "Invalid data found" in messages:
        return "not a valid audio file, or a damaged one"
    return "no sound could be read from this file"
