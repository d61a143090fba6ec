"""Where the recordings in a file begin and end: joined ones are told apart, padding and tags are left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from app.audio.file_signature import is_pcm_container, is_wave
from app.audio.trailing_bytes import id3_tag_bytes, read_at, without_padding, without_tags
from app.audio.wave_length import holds_more_than_it_says

_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 64
_LAST_FRAME_BYTES = 2048
"""A last frame of silence may end in zeros that look like padding."""
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
    head = read_at(source, 0, _HEAD_BYTES)
    starts = [0, *_further_beginnings(source, head, size)]
    ends = [*starts[1:], size]
    return [_span(source, head, start, end) for start, end in zip(starts, ends, strict=True)]


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
    page = read_at(source, start, 27 + 255)
    segments = page[26] if len(page) > 26 else 0
    return start + 27 + segments + sum(page[27 : 27 + segments])


def _kind_of(source: IO[bytes], head: bytes) -> bytes:
    """Return the magic bytes that begin a recording of this kind, b"" where ffmpeg reads on by itself."""
    if head.startswith(b"ID3") and read_at(source, id3_tag_bytes(head), 4) == b"fLaC":
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
        block = read_at(source, start, _BLOCK_BYTES + _HEAD_BYTES)
        at = block.find(magic)
        while 0 <= at < _BLOCK_BYTES:
            if _BEGINNINGS[magic].match(block, at) and (magic != b"ID3" or _is_in_front(source, start + at)):
                yield start + at
            at = block.find(magic, at + 1)


def _mp4_beginnings(source: IO[bytes], size: int) -> Iterator[int]:
    """Yield where a file type box comes although an index came before it."""
    at, has_index = 0, False
    while at + 8 <= size:
        box = read_at(source, at, 16)
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
    return _is_frame_sync(read_at(source, start + id3_tag_bytes(read_at(source, start, 10)), 4))


def _span(source: IO[bytes], head: bytes, start: int, end: int) -> RecordingSpan:
    end = without_tags(source, start, end)
    if head.startswith(_W64):
        end = min(end, start + int.from_bytes(read_at(source, start + 16, 8), "little"))
    if is_wave(head):
        return RecordingSpan(start, end, ignore_length=holds_more_than_it_says(source, start, end))
    if is_pcm_container(head):
        return RecordingSpan(start, end)
    unpadded = without_padding(source, start, end)
    if unpadded == end:
        return RecordingSpan(start, end)
    bare = without_tags(source, start, unpadded)
    if bare == unpadded and not _takes_zeros_for_frames(head):
        bare = min(end, unpadded + _LAST_FRAME_BYTES)
    return RecordingSpan(start, bare, padded=True)


def _takes_zeros_for_frames(head: bytes) -> bool:
    """Return whether this is AMR or GSM, whose frames are short and have no mark that zeros lack."""
    return head.startswith(b"#!AMR") or (len(head) > 33 and head[0] >> 4 == head[33] >> 4 == 0xD)
