"""What may stand behind the sound in a file and is none: padding, and the tags of players."""

from typing import IO

_BLOCK_BYTES = 1 << 20
_TAIL_BYTES = 1 << 13


def read_at(source: IO[bytes], start: int, size: int) -> bytes:
    """Return up to `size` bytes from `start` on."""
    source.seek(start)
    return source.read(size)


def without_padding(source: IO[bytes], start: int, end: int) -> int:
    """Return where the zeros, or the bytes of erased flash memory, begin that end the recording."""
    last = read_at(source, max(start, end - 1), 1)
    if last not in (b"\0", b"\xff"):
        return end
    while end > start:
        block = read_at(source, max(start, end - _BLOCK_BYTES), min(_BLOCK_BYTES, end - start))
        kept = len(block.rstrip(last))
        end -= len(block) - kept
        if kept:
            return end
    return start


def without_tags(source: IO[bytes], start: int, end: int) -> int:
    """Return where the tags of players (ID3, APE, Lyrics3) begin that end the recording."""
    while True:
        tail = read_at(source, max(start, end - _TAIL_BYTES), min(_TAIL_BYTES, end - start))
        length = _tag_at_end(tail)
        if not length or end - length <= start:
            return end
        end -= length


def _tag_at_end(tail: bytes) -> int:
    """Return the length of the tag that ends `tail`, 0 if there is none; it may begin before `tail`."""
    if tail[-128:-125] == b"TAG":
        return 227 + 128 if tail[-355:-351] == b"TAG+" else 128
    if tail[-32:-24] == b"APETAGEX" and len(tail) >= 32:
        has_head = int.from_bytes(tail[-12:-8], "little") >> 31
        return int.from_bytes(tail[-20:-16], "little") + (32 if has_head else 0)
    if tail.endswith(b"LYRICS200") and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    if tail.endswith(b"LYRICSEND"):
        begin = tail.rfind(b"LYRICSBEGIN")
        return len(tail) - begin if begin >= 0 else 0
    if tail[-10:-7] == b"3DI":
        return id3_tag_bytes(tail[-10:]) if tail[-5] & 0x10 else 0
    at = tail.rfind(b"ID3")
    if at > 0 and len(tail) - at >= 10 and id3_tag_bytes(tail[at : at + 10]) == len(tail) - at:
        return len(tail) - at
    return 0


def id3_tag_bytes(head: bytes) -> int:
    """Return the length of the ID3v2 tag with this head of ten bytes."""
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte
    return 10 + length + (10 if head[5] & 0x10 else 0)
