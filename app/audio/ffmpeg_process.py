"""ffmpeg as a child process that may read one open file and write one pipe, and nothing else."""

import contextlib
import fcntl
import os
import resource
import selectors
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from app.audio.ffmpeg_messages import FfmpegMessages, Verdict
from app.audio.wave_header import ChannelLayout, read_channel_layout

_PIPE_BYTES = 1 << 20


class FfmpegProcess:
    """One decoding: read until None, then ask for the verdict; leaving the `with` block kills the child."""

    def __init__(
        self, command: list[str], source: IO[bytes], *, max_cpu_seconds: float, max_memory_bytes: int
    ) -> None:
        """Run `command` with `source` as its standard input when the `with` block is entered."""
        self._command = command
        self._source = source
        self._max_cpu_seconds = max_cpu_seconds
        self._max_memory_bytes = max_memory_bytes
        self._head = b""
        self._position = 0
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

    def position(self, end: int) -> int:
        """Return how many bytes of the file the child has come, at most `end`, where it is to stop.

        An ffmpeg that takes the descriptor moves the position of our own; one that opens the file anew has
        its own, which the system tells of until the child has closed it.
        """
        theirs = self._source.tell() or max(positions_of(self._process.pid, self._source), default=0) or end
        self._position = max(self._position, min(theirs, end))
        return self._position

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


def positions_of(pid: int, file: IO[bytes]) -> Iterator[int]:
    """Yield the positions at which the process has `file` open; none where the system does not tell."""
    inode = os.fstat(file.fileno()).st_ino
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            if os.stat(f"/proc/{pid}/fd/{descriptor}").st_ino == inode:
                yield int(Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().split()[1])


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
