"""What ffmpeg says while it decodes, put into words for people."""

import re
import signal
from dataclasses import dataclass

from app.audio.audio_track import TrackListing
from app.audio.ffmpeg_timeline import TimelineReport

_KILLING = (signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU)
_KEPT_BYTES = 1 << 14
_INFORMATION = re.compile(r"(?:\[[^\]]* @ \w+\] )*\[info\] (?P<text>.*)|\s")
"""What is no complaint: a line of the description of the file, or the second line of a title in it."""
_ERRORS_OF_PADDING = 4
"""Lines about the one packet that is made of padding."""
_UNOPENED = re.compile(r"Error opening input|\[error\] \S*(?:fd:|/dev/stdin): ")
"""In the words of ffmpeg 7, and of older ones that only name the file."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ffmpeg had to say about a file."""

    no_such_track: bool
    """The file has fewer sound tracks than the one that was asked for."""
    unopened: bool
    """The file could not be opened at all, whichever track was asked for."""
    killed: bool
    """Somebody ended ffmpeg: the system for its memory, its limit of processor time, or an operator."""
    failed: bool
    """ffmpeg did not come to its end."""
    errors: int
    """FfmpegMessages that tell of sound that could not be decoded."""
    reason: str
    """Why there were no samples, in words for people."""

    def damaged(self, padded: bool) -> bool:
        """Return whether some of the sound could not be decoded; of a `padded` part the padding cannot be."""
        return self.failed or self.errors > (_ERRORS_OF_PADDING if padded else 0)


class FfmpegMessages:
    """Collects ffmpeg's messages; of complaints only the first 16 KiB are kept."""

    def __init__(self) -> None:
        self.timeline = TimelineReport()
        self.listing = TrackListing()
        self._line = b""
        self._kept = ""
        self._errors = 0

    def add(self, block: bytes) -> None:
        """Take what came out of the pipe; an empty block is its end."""
        *lines, self._line = (self._line + block).split(b"\n")
        if not block:
            lines, self._line = [self._line], b""
        self._line = self._line[:_KEPT_BYTES]
        for line in lines:
            self._take(line.decode("utf-8", "replace"))

    def _take(self, line: str) -> None:
        if self.timeline.take(line):
            return
        information = _INFORMATION.match(line)
        if information is not None:
            self.listing.take(information["text"] or "")
            return
        self._errors += _tells_of_damage(line)
        if len(self._kept) < _KEPT_BYTES:
            self._kept += line[:_KEPT_BYTES] + "\n"

    def verdict(self, code: int) -> Verdict:
        """Return what it comes to; `code` is the exit status."""
        lacking = "matches no streams" in self._kept or "does not contain any stream" in self._kept
        unopened = code > 0 and _UNOPENED.search(self._kept) is not None
        reason = _reason(self._kept, code)
        return Verdict(lacking, unopened, -code in _KILLING, code != 0, self._errors, reason)


_HARMLESS = re.compile(
    # A video codec that we do not allow.
    r"whitelist|Failed to open codec"
    # A tag that begins with its head.
    r"|APE Tag is a header"
    # The first frames of a piece cut out of an MP3 refer to bytes that were cut off.
    r"|invalid new backstep"
)


def _tells_of_damage(line: str) -> bool:
    return ("[error]" in line or "[fatal]" in line) and _HARMLESS.search(line) is None


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
