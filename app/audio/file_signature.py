"""Names the kinds of file that people upload by mistake, from their first bytes."""

import re

_NON_AUDIO: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
    (b"{\\rtf", "a text document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"II*\x00", "an image"),
    (b"MM\x00*", "an image"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"#EXTM3U", "a playlist, which refers to recordings elsewhere"),
    (b"[playlist]", "a playlist, which refers to recordings elsewhere"),
    (b"ffconcat version", "a concat script, which refers to recordings elsewhere"),
    (b"WEBVTT", "a subtitle file"),
    (b"[Script Info]", "a subtitle file"),
    (b"MThd", "a MIDI file, which holds notes without sound"),
    (b"v=0\r\no=", "a session description, which refers to sound elsewhere"),
    (b"v=0\no=", "a session description, which refers to sound elsewhere"),
)
_MATROSKA = b"\x1aE\xdf\xa3"
_MATROSKA_CLUSTER = re.compile(rb"\x1fC\xb6u[\x01-\xff].{0,8}?\xe7[\x81-\x88]", re.DOTALL)
_TS_PACKETS = ((0, 188), (4, 192), (0, 204))
_RIFF_IMAGES = (b"WEBP",)
_IMAGE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
_MARKUP = (b"<?xml", b"<!doctype", b"<html", b"<svg", b"<mpd", b"<smil", b"<asx")


def is_wave(head: bytes) -> bool:
    """Return whether a file that starts with `head` is a WAV (RIFF, RIFX or RF64)."""
    return head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE"


def is_pcm_container(head: bytes) -> bool:
    """Return whether a file that starts with `head` holds bare samples, of which zeros are silence."""
    return is_wave(head) or head[:4] in (b"FORM", b".snd", b"caff", b"riff")


def is_mpeg_stream(head: bytes) -> bool:
    """Return whether this is an MPEG transport or program stream, whose clock may be set anew at any time."""
    packets = any(head[at : at + 1] == b"\x47" == head[at + size : at + size + 1] for at, size in _TS_PACKETS)
    return packets or head.startswith(b"\x00\x00\x01\xba")


def starts_mid_stream(begin: bytes) -> bool:
    """Return whether `begin` is from the middle of a streamed recording, with no header before its sound."""
    if begin[:4] == b"OggS":
        return not begin[5:6] or not begin[5] & 2
    if begin[4:8] in (b"moof", b"styp", b"sidx") or (begin[4:8] == b"mdat" and b"moof" in begin):
        return b"ftyp" not in begin[:64]
    if begin.startswith(_MATROSKA):
        return False
    return _MATROSKA_CLUSTER.search(begin) is not None


def non_audio_kind(head: bytes) -> str | None:
    """Return what a file that starts with `head` is if that is surely no recording, else None."""
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, kind in _NON_AUDIO:
        if head.startswith(signature) or bare.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] in _RIFF_IMAGES:
        return "an image"
    if head[4:8] == b"ftyp" and head[8:12] in _IMAGE_BRANDS:
        return "an image"
    if bare.lower().startswith(_MARKUP):
        return "an HTML or XML document"
    return None
