"""The head of the WAV that ffmpeg writes into a pipe: how many channels, and which is the centre."""

import struct
from dataclasses import dataclass

_EXTENSIBLE = 0xFFFE
_LEFT_RIGHT_CENTRE = 0b111


@dataclass(frozen=True, slots=True)
class ChannelLayout:
    """The channels of interleaved samples."""

    channels: int
    centre: int | None = None
    """The channel between left and right, which carries the dialogue of films; None if there is none."""


def read_channel_layout(head: bytes) -> tuple[ChannelLayout | None, bytes]:
    """Return the layout and the samples behind the head; None and no samples while the head is incomplete."""
    data = head.find(b"data", 12)
    if data < 0 or len(head) < data + 8:
        return None, b""
    form = head.index(b"fmt ") + 8
    code, channels = struct.unpack_from("<HH", head, form)
    mask = struct.unpack_from("<I", head, form + 20)[0] if code == _EXTENSIBLE else 0
    centre = 2 if channels > 2 and mask & _LEFT_RIGHT_CENTRE == _LEFT_RIGHT_CENTRE else None
    return ChannelLayout(channels, centre), head[data + 8 :]
