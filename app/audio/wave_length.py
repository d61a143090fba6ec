"""Whether a WAV holds more samples than its header announces, as recorders leave it that were cut off."""

import re
from typing import IO, Literal

from app.audio.trailing_bytes import read_at, without_padding

_PLACEHOLDER_BYTES = 1_990_000_000
"""Sizes from here on are what programs write that do not know the size yet."""
_CHUNKS = re.compile(
    b"LIST|id3 |ID3 |bext|iXML|axml|cue |fact|smpl|JUNK|junk|PAD |FLLR|PEAK|afsp|DISP|inst|plst|cart|chna"
    b"|acid|strc"
)
"""What usually stands beside the samples in a WAV."""


def holds_more_than_it_says(source: IO[bytes], start: int, end: int) -> bool:
    """Return whether something follows the samples that a WAV announces that is no chunk and no padding."""
    order: Literal["big", "little"] = "big" if read_at(source, start, 4) == b"RIFX" else "little"
    at, in_data = start + 12, False
    while at + 8 <= end:
        chunk = read_at(source, at, 8)
        length = int.from_bytes(chunk[4:], order)
        if in_data and not _is_chunk(chunk[:4], at + 8 + length <= end):
            return without_padding(source, at, end) > at + 8
        if chunk[:4] == b"data" and (length == 0 or length >= _PLACEHOLDER_BYTES):
            return False
        in_data = in_data or chunk[:4] == b"data"
        at += 8 + length + length % 2
    return False


def _is_chunk(name: bytes, fits: bool) -> bool:
    """Return whether this names a chunk; samples may happen to look like letters, but seldom fit too."""
    looks_like_one = re.fullmatch(rb"[A-Za-z0-9_]{2}[A-Za-z0-9_ ]{2}", name) is not None
    return _CHUNKS.match(name) is not None or (fits and looks_like_one)
