"""More than a hundred requests that nobody should send and everybody does, with the answer each deserves."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.audio.sounds import ffmpeg, known_sound, write_wave
from tests.wire import BOUNDARY

TYPE = f"multipart/form-data; boundary={BOUNDARY}"
JSON = {"Content-Type": "application/json"}
UNREADABLE = "failed to decode audio"
LIMITS = {"max_file_size_mb": 1, "max_duration_minutes": 0.4}
"""The settings of the service that gets the corpus."""
TELLTALES = ("Traceback", "/proc/", "/tmp", "0x", "ffmpeg")
"""What no answer may tell."""


@dataclass(frozen=True)
class BadInput:
    """One request and its answer: the status, and words that the detail must contain."""

    name: str
    body: bytes
    status: int
    wording: str
    path: str = "/asr"
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": TYPE})


def wrong_answers(url: str, corpus: Sequence[BadInput]) -> list[str]:
    """Send the corpus to the service at `url`; return what was answered otherwise than it should be."""
    wrong = []
    with httpx.Client(base_url=url, timeout=30) as client:
        for bad in corpus:
            answer = client.request(bad.method, bad.path, content=bad.body, headers=bad.headers)
            body = answer.json()
            as_described = set(body) == {"detail", "code", "request_id"} and body["code"]
            detail = str(body.get("detail"))
            tells_too_much = len(detail) >= 600 or any(telltale in detail for telltale in TELLTALES)
            if (
                answer.status_code != bad.status
                or bad.wording not in detail
                or not as_described
                or tells_too_much
            ):
                said = f"{bad.name}: {answer.status_code} {body}"
                wrong.append(f"{said} (expected {bad.status}, {bad.wording!r})")
    return wrong


def part(name: str, content: bytes, file_name: str | None = None) -> bytes:
    named = "" if file_name is None else f'; filename="{file_name}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def upload(content: bytes, file_name: str = "recording.mp3") -> bytes:
    return part("audio_file", content, file_name) + END


def everything(directory: Path) -> list[BadInput]:
    """Return the whole corpus; `directory` is for the files that ffmpeg makes."""
    good = write_wave(directory / "good.wav", known_sound()[::3], rate=16000).read_bytes()
    return [
        *(BadInput(name, upload(content), 400, wording) for name, content, wording in _foreign_files()),
        *(BadInput(name, upload(content), 400, wording) for name, content, wording in _stumps()),
        *(BadInput(name, upload(content), 400, wording) for name, content, wording in _media(directory)),
        *_raw_and_limits(directory),
        *_broken_requests(good),
        *_bad_documents(),
        *_wrong_options(good),
    ]


def _foreign_files() -> Iterator[tuple[str, bytes, str]]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("word/document.xml", "<w/>")
    tape = io.BytesIO()
    with tarfile.open(fileobj=tape, mode="w") as packed_tape:
        packed_tape.addfile(tarfile.TarInfo("talk.mp3"))
    kinds = {
        "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n" * 50, "PDF"),
        "docx": (archive.getvalue(), "ZIP archive or an office document"),
        "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "office document"),
        "rtf": (b"{\\rtf1\\ansi hello}", "text document"),
        "tar": (tape.getvalue(), ""),
        "gzip": (gzip.compress(b"sound" * 100), "gzip"),
        "bzip2": (b"BZh91AY&SY" + bytes(50), "bzip2"),
        "xz": (b"\xfd7zXZ\x00" + bytes(50), "xz"),
        "zstd": (b"\x28\xb5\x2f\xfd" + bytes(50), "Zstandard"),
        "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(50), "7-Zip"),
        "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(50), "RAR"),
        "elf": (b"\x7fELF\x02\x01\x01" + bytes(200), "program"),
        "exe": (b"MZ\x90\x00" + bytes(200), "program"),
        "sqlite": (b"SQLite format 3\x00" + bytes(200), "database"),
        "midi": (b"MThd\x00\x00\x00\x06\x00\x01" + bytes(50), "MIDI"),
        "html": (b"<!DOCTYPE html><html><body>Login</body></html>", "HTML"),
        "html_after_blanks": (b"\n\n  <html>", "HTML"),
        "xml": (b'<?xml version="1.0"?><a/>', "HTML or XML"),
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "HTML or XML"),
        "dash": (b"<MPD><Period/></MPD>", "HTML or XML"),
        "json": (b'{"error": "file not found"}' * 20, ""),
        "csv": (b"start,end,text\n1,2,hello\n" * 50, ""),
        "text": ("Grüße aus dem Büro\n".encode() * 50, ""),
        "text_utf16": ("hello world\n" * 50).encode("utf-16"),
        "bom_and_html": (b"\xef\xbb\xbf<html></html>", "HTML"),
        "shell": (b"#!/bin/sh\nrm -rf /\n", ""),
        "python": (b"import os\nos.system('id')\n" * 10, ""),
        "pickle": (b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00cposix\nsystem\n.", ""),
        "srt": (b"1\n00:00:00,000 --> 00:00:02,000\nhello\n\n" * 20, ""),
        "vtt": (b"WEBVTT\n\n00:00.000 --> 00:02.000\nhello\n", "subtitle"),
        "ass": (b"[Script Info]\nTitle: x\n", "subtitle"),
        "m3u8": (b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n", "playlist"),
        "m3u": (b"/etc/passwd\n/etc/hostname\n", ""),
        "pls": (b"[playlist]\nFile1=/etc/passwd\n", "playlist"),
        "sdp": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n", "session description"),
        "concat": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "concat script"),
        "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "image"),
        "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100), "image"),
        "gif": (b"GIF89a" + bytes(100), "image"),
        "tiff": (b"II*\x00" + bytes(100), "image"),
        "webp": (b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(30), "image"),
        "heic": (b"\x00\x00\x00\x18ftypheic" + bytes(100), "image"),
        "bmp": (b"BM\x9a\x00\x00\x00" + bytes(200), ""),
    }
    for name, found in kinds.items():
        content, wording = found if isinstance(found, tuple) else (found, "")
        yield f"foreign_{name}", content, wording or UNREADABLE


def _wave_head(
    channels: int = 1, rate: int = 16000, bits: int = 16, code: int = 1, size: int = 32000
) -> bytes:
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, rate * block, block, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", size)
    )


def _stumps() -> Iterator[tuple[str, bytes, str]]:
    yield "empty", b"", "the file is empty"
    yield "one_byte", b"\x00", UNREADABLE
    yield "zeros", bytes(100_000), UNREADABLE
    yield "ones", b"\xff" * 100_000, UNREADABLE
    yield "noise", bytes((i * 7919 + i // 3) % 251 for i in range(50_000)), UNREADABLE
    yield "wav_head_only", _wave_head(size=0), UNREADABLE
    yield "wav_promises_and_holds_nothing", _wave_head(), UNREADABLE
    yield "wav_without_channels", _wave_head(channels=0) + bytes(32000), UNREADABLE
    yield "wav_without_rate", _wave_head(rate=0) + bytes(32000), UNREADABLE
    yield "wav_of_unknown_codec", _wave_head(code=0x7777) + bytes(32000), UNREADABLE
    yield "wav_of_256_bits", _wave_head(bits=256) + bytes(32000), UNREADABLE
    yield "riff_alone", b"RIFF", UNREADABLE
    yield "riff_wave_alone", b"RIFF\x00\x00\x00\x00WAVE", UNREADABLE
    yield "id3_only", b"ID3\x04\x00\x00\x00\x00\x00\x0aTIT2" + bytes(20), UNREADABLE
    yield "ogg_page_only", b"OggS\x00\x02" + bytes(21), UNREADABLE
    yield "flac_mark_only", b"fLaC", UNREADABLE
    yield "flac_head_only", b"fLaC\x80\x00\x00\x22" + bytes(34), UNREADABLE
    yield "mp4_type_only", b"\x00\x00\x00\x1cftypM4A \x00\x00\x00\x00M4A mp42isom", UNREADABLE
    yield (
        "mp4_endless_box",
        b"\x00\x00\x00\x1cftypM4A " + bytes(16) + b"\xff\xff\xff\xffmoov" + bytes(64),
        UNREADABLE,
    )
    yield "matroska_head_only", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01", UNREADABLE
    yield "amr_head_only", b"#!AMR\n", UNREADABLE
    yield "asf_head_only", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(16), UNREADABLE
    yield "flv_head_only", b"FLV\x01\x05\x00\x00\x00\x09", UNREADABLE
    yield "avi_head_only", b"RIFF\x00\x00\x00\x00AVI LIST", UNREADABLE
    yield "aiff_head_only", b"FORM\x00\x00\x00\x04AIFF", UNREADABLE


def _media(directory: Path) -> Iterator[tuple[str, bytes, str]]:
    """Yield files that real programs write and that hold no sound we read."""
    picture = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1")
    for suffix, codec in (("mp4", "mpeg4"), ("mkv", "mpeg4"), ("webm", "libvpx"), ("avi", "mpeg4")):
        silent = directory / f"silent.{suffix}"
        ffmpeg(*picture, "-c:v", codec, str(silent))
        yield f"video_without_sound_{suffix}", silent.read_bytes(), "no audio track"
    sound = ("-i", str(directory / "good.wav"))
    nut = directory / "sound.nut"
    ffmpeg(*sound, "-c:a", "pcm_s16le", str(nut))
    yield "container_off_the_list", nut.read_bytes(), "not supported"
    m4a = directory / "whole.m4a"
    ffmpeg(*sound, "-c:a", "aac", str(m4a))
    yield "m4a_without_its_end", m4a.read_bytes()[:-4000], "incomplete"
    subtitled = directory / "lines.mkv"
    (directory / "lines.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
    ffmpeg("-i", str(directory / "lines.srt"), str(subtitled))
    yield "subtitles_in_matroska", subtitled.read_bytes(), "no audio track"


def _raw_and_limits(directory: Path) -> Iterator[BadInput]:
    raw = "/asr?encode=false"
    yield BadInput("raw_of_odd_length", upload(bytes(16001)), 400, "even number", raw)
    yield BadInput("raw_of_one_byte", upload(b"\x00"), 400, "1 byte; send a recording", raw)
    yield BadInput("raw_empty", upload(b""), 400, "empty", raw)
    yield BadInput("raw_too_long", upload(bytes(900_000)), 413, "audio too long", raw)
    silence = directory / "hour.flac"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "600", "-c:a", "flac", str(silence))
    yield BadInput("small_file_of_many_minutes", upload(silence.read_bytes()), 413, "audio too long")
    yield BadInput("file_over_the_limit", upload(bytes(1_100_000)), 413, "file too large")


def _broken_requests(good: bytes) -> Iterator[BadInput]:
    fine = upload(good)

    def typed(name: str, kind: str | None, body: bytes, wording: str, status: int = 400) -> BadInput:
        return BadInput(name, body, status, wording, headers={} if kind is None else {"Content-Type": kind})

    yield typed("no_content_type", None, fine, "multipart/form-data")
    yield typed("bare_audio", "audio/mpeg", good, "multipart/form-data")
    yield typed("octets", "application/octet-stream", good, "multipart/form-data")
    yield typed("json_body", "application/json", b"{}", "multipart/form-data")
    yield typed("urlencoded", "application/x-www-form-urlencoded", b"audio_file=x", "multipart/form-data")
    yield typed("no_boundary", "multipart/form-data", fine, "multipart/form-data lacks its boundary")
    yield typed("other_boundary", "multipart/form-data; boundary=other", fine, "multipart/form-data")
    yield typed("mixed", f"multipart/mixed; boundary={BOUNDARY}", fine, "multipart/form-data")
    yield typed("long_boundary", "multipart/form-data; boundary=" + "b" * 400, fine, "boundary")
    yield BadInput("empty_body", b"", 400, "ended before")
    yield BadInput("no_parts", END, 400, "audio_file")
    yield BadInput("garbage", b"garbage" * 100, 400, "multipart/form-data")
    yield BadInput("form_without_end", fine[: -len(END)], 400, "ended before")
    yield BadInput("form_cut_in_the_file", fine[:5000], 400, "ended before")
    yield BadInput("nameless_part", part("x", b"").replace(b'; name="x"', b"") + END, 400, "no name")
    yield BadInput("no_file", part("language", b"en") + END, 400, "audio_file")
    yield BadInput("file_under_another_name", part("recording", good, "a.wav") + END, 400, "recording")
    yield BadInput("name_in_place_of_the_file", part("file", b"x.mp3") + END, 400, "file holds a file name")
    two_names = part("file", good, "a.wav") + fine
    yield BadInput("two_files_under_both_names", two_names, 400, "one recording")
    yield BadInput("two_files", part("audio_file", good, "a.wav") + fine, 400, "one recording")
    yield BadInput("field_not_utf8", part("language", b"\xff\xfe") + fine, 400, "UTF-8")
    yield BadInput("field_too_long", part("initial_prompt", b"x" * 100_000) + fine, 400, "too long")
    yield BadInput("field_as_long_as_a_film", part("hotwords", b"x" * 3_000_000) + fine, 413, "too large")
    yield BadInput("many_parts", b"".join(part(f"f{n}", b"") for n in range(200)) + fine, 400, "parts")
    yield BadInput("long_part_name", part("n" * 9000, b"") + fine, 400, "multipart/form-data")
    yield BadInput("get", b"", 405, "Not Allowed", method="GET", headers={})
    yield BadInput("put", fine, 405, "Not Allowed", method="PUT")
    yield BadInput("unknown_path", fine, 404, "Not Found", path="/transcribe")


def _wrong_options(good: bytes) -> Iterator[BadInput]:
    fine = upload(good)
    wrong = {
        "task=sing": "task",
        "language=klingon": "language",
        "model=gpt-9": "model not found",
        "model=../../etc/passwd": "model not found",
        "output=pdf": "output",
        "stream=perhaps": "stream",
        "word_timestamps=perhaps": "word_timestamps",
        "diarize=2": "diarize",
        "num_speakers=0": "num_speakers",
        "num_speakers=-1": "num_speakers",
        "num_speakers=two": "num_speakers",
        "min_speakers=1e400": "min_speakers",
        "min_speakers=5&max_speakers=2": "speakers",
        "max_speakers=99999999999999999999": "max_speakers",
        "task=transcribe&task=translate": "task",
        "start=-1": "seconds, or a time written as HH:MM:SS.mmm",
        "start=1:2:3:4": "start",
        "start=00:61:00": "start",
        "start=99999999": "start",
        "start=nan": "start",
        "start=7": "a time before the end of the recording",
        "start=00:05:00": "a time before the end of the recording",
        "duration=0": "duration",
        "duration=soon": "duration",
        "offset_times=maybe": "offset_times",
        "channels=stereo": "one of mix, split, auto",
        "channels=split&channel_names=A,A": "channel_names",
        "channels=split&channel_names=A,,B": "channel_names",
        "channels=split&return_speaker_embeddings=true": "needs diarize=true",
        "beam_size=0": "a whole number from 1 to 10",
        "beam_size=11": "beam_size",
        "suppress_numerals=some": "suppress_numerals",
        "verbatim=very": "verbatim",
        "max_cue_seconds=0.5": "a number from 1 to 60",
        "min_cue_seconds=-1": "min_cue_seconds",
        "min_cue_seconds=5&max_cue_seconds=2": "5 is more than max_cue_seconds 2",
        "language=zh-Hans&language=zh-Hant": "language",
        "audio_track=0": "the number or the language of a sound track",
        "audio_track=2": "one of the recording's own: 1 (",
        "audio_track=ger": "one of the recording's own: 1 (",
        "audio_track=%3Cb%3E": "audio_track",
        "transcript=Hello&task=translate": "transcript: needs task=transcribe",
        "transcript=Hello&word_timestamps=false": "transcript: needs word_timestamps=true",
        "transcript=Hello&channels=split": "transcript: needs channels=mix",
        "transcript=Hello&channels=auto": "transcript: needs channels=mix",
        "output_format=pdf": "output_format",
        "align=ctc": "one of auto, wav2vec2, attention",
        "initial_prompt=a%07b": "at most 4000 characters of text without control characters",
        "hotwords=a%07b": "at most 4000 characters of text without control characters",
        "temperature=1.1": "a number from 0 to 1",
        "vad_onset=0": "a number from 0.01 to 0.99",
        "vad_offset=1": "a number from 0.01 to 0.99",
        "vad_offset=0.6&vad_onset=0.5": "0.6 is more than vad_onset 0.5",
        "vad_pad=-1": "vad_pad",
        "split_speakers=2": "split_speakers",
        "fill_nearest=2": "fill_nearest",
        "max_line_width=0": "a whole number from 1 to 1000",
        "max_line_count=0": "a whole number from 1 to 100",
        "highlight_words=2": "highlight_words",
        "highlight_words=true&word_timestamps=false": "highlight_words: needs word_timestamps=true",
    }
    for query, wording in wrong.items():
        yield BadInput(f"option_{query}", fine, 400, wording, path=f"/asr?{query}")
    yield BadInput("option_in_form", part("task", b"sing") + fine, 400, "task")
    for name, text in {"json": b'{"text": 1}', "subtitles": b"a --> b", "controls": b"a\x00b"}.items():
        yield BadInput(f"transcript_{name}", part("transcript", text) + fine, 400, "use plain text, SRT")
    yield BadInput(
        "transcript_file", part("transcript", b"{}", "empty.json") + fine, 400, "use plain text, SRT"
    )
    yield BadInput("option_twice", part("language", b"de") + fine, 400, "language", path="/asr?language=en")
    yield BadInput("stream_refused", fine, 400, "num_speakers", path="/asr?stream=true&num_speakers=0")
    yield BadInput("detect_language_empty", upload(b""), 400, "empty", path="/detect-language")
    yield BadInput("detect_language_pdf", upload(b"%PDF-1.7"), 400, "PDF", path="/detect-language")
    yield BadInput("detect_language_no_file", END, 400, "audio_file", path="/detect-language")


def _bad_documents() -> Iterator[BadInput]:
    """Yield transcripts for /render that are none, and options that it does not know."""
    segment = b'{"start": 0.5, "end": 1, "text": "hello", "words": [{"word": "hello", "start": "now"}]}'
    wrong = {
        "empty": (b"", "the body"),
        "cut": (b'{"segments": [', "the body"),
        "not_utf8": (b'{"segments": "\xff"}', "the body"),
        "deep": (b"[" * 200_000, "the body"),
        "a_list": (b"[]", "the body"),
        "without_segments": (b'{"text": "hello"}', "segments"),
        "of_text": (b'{"segments": ["hello"]}', "segments[0]"),
        "with_a_word_out_of_time": (b'{"segments": [%s]}' % segment, "segments[0].words[0].start"),
        "not_a_number": (b'{"segments": [{"start": NaN, "end": 1, "text": ""}]}', "segments[0].start"),
        "backwards": (b'{"segments": [{"start": 2, "end": 1, "text": ""}]}', "it ends before it starts"),
    }
    for name, (body, wording) in wrong.items():
        yield BadInput(f"document_{name}", body, 400, wording, path="/render?output=srt", headers=JSON)
    yield BadInput(
        "document_as_pdf", b'{"segments": []}', 400, "output", path="/render?output=pdf", headers=JSON
    )
    yield BadInput("document_in_a_form", part("file", b"{}") + END, 400, "the body", path="/render")
    yield BadInput("document_too_large", b" " * 41_000_000, 413, "document too large", path="/render")
