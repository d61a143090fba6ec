"""Where the recordings in a file begin and end: joined ones are told apart, padding and tags are left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Literal

from app.audio.file_signature import is_pcm_container, is_wave

_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 64
_MAX_RECORDINGS = 1000
"""More beginnings than this in one file are taken for chance."""

_EBML = b"\x1aE\xdf\xa3"
_MP4_KINDS = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"styp", b"moof", b"pnot")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_MXF = bytes.fromhex("060e2b34020501010d0102010102")
_INITIAL = re.escape(bytes(byte for byte in range(256) if byte & 0x08))
"""A byte of the flags of WavPack's blocks: the first one for its samples."""
_BEGINNINGS: dict[bytes, re.Pattern[bytes]] = {
    _EBML: re.compile(rb"\x1aE\xdf\xa3.{1,48}B\x82.(?:webm|matroska)", re.DOTALL),
    b"RIFF": re.compile(rb"RIFF....(?:WAVE|AVI )[A-Za-z0-9 ]{4}", re.DOTALL),
    b"RIFX": re.compile(rb"RIFX....WAVE[A-Za-z0-9 ]{4}", re.DOTALL),
    b"RF64": re.compile(rb"RF64....WAVEds64", re.DOTALL),
    b"FORM": re.compile(rb"FORM....AIF[FC][A-Z ]{4}", re.DOTALL),
    b"OggS": re.compile(rb"OggS\x00\x02\x00{8}"),
    b"fLaC": re.compile(rb"fLaC[\x00\x80]\x00\x00\x22", re.DOTALL),
    b"caff": re.compile(rb"caff\x00[\x01\x02]..desc\x00{7}\x20", re.DOTALL),
    b".snd": re.compile(rb"\.snd\x00\x00.{6}\x00\x00\x00[\x01-\x1f]..[\x00-\x02].", re.DOTALL),
    b"#!AMR": re.compile(rb"#!AMR(?:-WB)?\n"),
    b"FLV\x01": re.compile(rb"FLV\x01[\x01\x04\x05]\x00\x00\x00\x09\x00\x00\x00\x00"),
    b"wvpk": re.compile(rb"wvpk.{5}\x04.{6}\x00{4}.{5}[" + _INITIAL + rb"]", re.DOTALL),
    b"MPCK": re.compile(rb"MPCKSH"),
    b"Creative Voice": re.compile(rb"Creative Voice File\x1a\x1a\x00"),
    b".RMF": re.compile(rb"\.RMF\x00\x00\x00[\x10-\x20]\x00[\x00\x01]"),
    b"#!iLBC": re.compile(rb"#!iLBC[23]0\n"),
    _MXF: re.compile(re.escape(_MXF)),
    b"TTA1": re.compile(rb"TTA1[\x01\x02]\x00.\x00[\x08\x10\x18]\x00", re.DOTALL),
    b"ID3": re.compile(rb"ID3[\x02-\x04][\x00-\x0a][\x00\x10-\xf0][\x00-\x7f]{4}", re.DOTALL),
    _ASF: re.compile(re.escape(_ASF)),
    _W64: re.compile(re.escape(_W64)),
}
"""How a file of a kind begins, and what a further recording of the same kind looks like."""


@dataclass(frozen=True, slots=True)
class RecordingSpan:
    """The bytes of one recording inside a file."""

    start: int
    end: int
    ignore_length: bool = False
    """A WAV that holds more samples than its header says."""
    padded: bool = False
    """Its last bytes are filling; an error at its very end says nothing about its sound."""


def find_recordings(source: IO[bytes], size: int) -> list[RecordingSpan]:
    """Return the recordings of the file in their order; there is always one at least."""
    head = _read(source, 0, _HEAD_BYTES)
    starts = [0, *_further_beginnings(source, head, size)]
    ends = [*starts[1:], size]
    return [_part(source, head, start, end) for start, end in zip(starts, ends, strict=True)]


def _read(source: IO[bytes], start: int, size: int) -> bytes:
    source.seek(start)
    return source.read(size)


def _further_beginnings(source: IO[bytes], head: bytes, size: int) -> list[int]:
    if head[4:8] in _MP4_KINDS:
        found = list(_mp4_beginnings(source, size))
    elif is_wave(head) and int.from_bytes(head[4:8], "little") + 8 == size:
        return []
    else:
        found = list(_search(source, _kind_of(source, head), size))
    if head.startswith(b"OggS"):
        found = list(_after_other_pages(source, found))
    return found if len(found) < _MAX_RECORDINGS else []


def _after_other_pages(source: IO[bytes], beginnings: list[int]) -> Iterator[int]:
    """Yield where a chain begins: the streams of one all begin side by side."""
    expected = _ogg_page_end(source, 0)
    for start in beginnings:
        if start != expected:
            yield start
        expected = _ogg_page_end(source, start)


def _ogg_page_end(source: IO[bytes], start: int) -> int:
    page = _read(source, start, 27 + 255)
    segments = page[26] if len(page) > 26 else 0
    return start + 27 + segments + sum(page[27 : 27 + segments])


def _kind_of(source: IO[bytes], head: bytes) -> bytes:
    """Return the magic bytes that begin a recording of this kind, b"" where ffmpeg reads on by itself."""
    if head.startswith(b"ID3") and _read(source, id3_tag_bytes(head), 4) == b"fLaC":
        return b"fLaC"
    if _is_frame_sync(head):
        return b"ID3"
    return next((magic for magic in _BEGINNINGS if head.startswith(magic)), b"")


def _is_frame_sync(head: bytes) -> bool:
    """Return whether a frame of MP3 or AAC begins here."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


def _search(source: IO[bytes], magic: bytes, size: int) -> Iterator[int]:
    """Yield where a recording that begins with `magic` is found behind the first byte."""
    if not magic:
        return
    for start in range(1, size, _BLOCK_BYTES):
        block = _read(source, start, _BLOCK_BYTES + _HEAD_BYTES)
        at = block.find(magic)
        while 0 <= at < _BLOCK_BYTES:
            if _BEGINNINGS[magic].match(block, at) and (magic != b"ID3" or _is_in_front(source, start + at)):
                yield start + at
            at = block.find(magic, at + 1)


def _mp4_beginnings(source: IO[bytes], size: int) -> Iterator[int]:
    """Yield where a file type box comes although an index came before it."""
    at, has_index = 0, False
    while at + 8 <= size:
        box = _read(source, at, 16)
        length = int.from_bytes(box[:4], "big")
        if length == 1:
            length = int.from_bytes(box[8:16], "big")
        if box[4:8] == b"ftyp" and has_index:
            yield at
        has_index = has_index or box[4:8] == b"moov"
        if length < 8:
            return
        at += length


def _is_in_front(source: IO[bytes], start: int) -> bool:
    """Return whether sound follows the ID3v2 tag at `start`."""
    return _is_frame_sync(_read(source, start + id3_tag_bytes(_read(source, start, 10)), 4))


def id3_tag_bytes(head: bytes) -> int:
    """Return the length of the ID3v2 tag with this head of ten bytes."""
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte
    return 10 + length + (10 if head[5] & 0x10 else 0)


def _part(source: IO[bytes], head: bytes, start: int, end: int) -> RecordingSpan:
    end = _without_tags(source, start, end)
    if head.startswith(_W64):
        end = min(end, start + int.from_bytes(_read(source, start + 16, 8), "little"))
    if is_wave(head):
        return RecordingSpan(start, end, ignore_length=_holds_more_than_it_says(source, start, end))
    if is_pcm_container(head):
        return RecordingSpan(start, end)
    unpadded = _without_padding(source, start, end)
    if unpadded == end:
        return RecordingSpan(start, end)
    bare = _without_tags(source, start, unpadded)
    if bare == unpadded and not _takes_zeros_for_frames(head):
        bare = min(end, unpadded + _LAST_FRAME_BYTES)
    return RecordingSpan(start, bare, padded=True)


def _takes_zeros_for_frames(head: bytes) -> bool:
    """Return whether this is AMR or GSM, whose frames are short and have no mark that zeros lack."""
    return head.startswith(b"#!AMR") or (len(head) > 33 and head[0] >> 4 == head[33] >> 4 == 0xD)


_LAST_FRAME_BYTES = 2048
"""A last frame of silence may end in zeros that look like padding."""
_TAIL_BYTES = 1 << 13


def _without_padding(source: IO[bytes], start: int, end: int) -> int:
    """Return where the zeros, or the bytes of erased flash memory, begin that end the part."""
    last = _read(source, max(start, end - 1), 1)
    if last not in (b"\0", b"\xff"):
        return end
    while end > start:
        block = _read(source, max(start, end - _BLOCK_BYTES), min(_BLOCK_BYTES, end - start))
        kept = len(block.rstrip(last))
        end -= len(block) - kept
        if kept:
            return end
    return start


def _without_tags(source: IO[bytes], start: int, end: int) -> int:
    """Return where the tags of players (ID3, APE, Lyrics3) begin that end the part."""
    while True:
        tail = _read(source, max(start, end - _TAIL_BYTES), min(_TAIL_BYTES, end - start))
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


_PLACEHOLDER_BYTES = 1_990_000_000
"""Sizes from here on are what programs write that do not know the size yet."""


_CHUNKS = re.compile(
    b"LIST|id3 |ID3 |bext|iXML|axml|cue |fact|smpl|JUNK|junk|PAD |FLLR|PEAK|afsp|DISP|inst|plst|cart|chna"
    b"|acid|strc"
)
"""What usually stands beside the samples in a WAV."""


def _holds_more_than_it_says(source: IO[bytes], start: int, end: int) -> bool:
    """Return whether something follows the samples that a WAV announces that is no chunk and no padding."""
    order: Literal["big", "little"] = "big" if _read(source, start, 4) == b"RIFX" else "little"
    at, in_data = start + 12, False
    while at + 8 <= end:
        chunk = _read(source, at, 8)
        length = int.from_bytes(chunk[4:], order)
        if in_data and not _is_chunk(chunk[:4], at + 8 + length <= end):
            return _without_padding(source, at, end) > at + 8
        if chunk[:4] == b"data" and (length == 0 or length >= _PLACEHOLDER_BYTES):
            return False
        in_data = in_data or chunk[:4] == b"data"
        at += 8 + length + length % 2
    return False


def _is_chunk(name: bytes, fits: bool) -> bool:
    """Return whether this names a chunk; samples may happen to look like letters, but seldom fit too."""
    looks_like_one = re.fullmatch(rb"[A-Za-z0-9_]{2}[A-Za-z0-9_ ]{2}", name) is not None
    return _CHUNKS.match(name) is not None or (fits and looks_like_one)
