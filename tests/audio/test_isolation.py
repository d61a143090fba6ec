"""An upload cannot make the decoder read another file, open a connection or use what is not on the lists."""

import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.audio.decoder import Decoder
from app.audio.ffmpeg_allowlist import DEMUXERS
from app.audio.ffmpeg_binary import find_ffmpeg
from app.audio.ffmpeg_command import DecodeTask, pcm_command
from app.errors import AudioUnreadable
from tests.audio.sounds import ffmpeg, is_whole

SEGMENT = "#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:4,\n{target}\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)
REFERENCES = {
    "hls": "#EXTM3U\n" + SEGMENT,
    "hls_after_a_blank": "\n#EXTM3U\n" + SEGMENT,
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "dash": DASH,
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
    "m3u": "{target}\n",
    "pls": "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "smil": '<smil><body><audio src="{target}"/></body></smil>',
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"/>',
    "vobsub": "# VobSub index file, v7\n{target}\n",
    "redirect": "[Reference]\nRef1={target}\n",
    "script": "import os\nfile {target}\nchunk 1\n",
}


class Listener:
    """Accepts connections and counts them."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]
        self.connections = 0
        self._running = True
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while self._running:
            try:
                self._socket.accept()[0].close()
                self.connections += 1
            except TimeoutError:
                pass

    def close(self) -> None:
        self._running = False
        self._thread.join()
        self._socket.close()


class Trap:
    """A named pipe that notices when anybody opens it for reading."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.opened = False
        self._over = False
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()

    def _wait(self) -> None:
        os.close(os.open(self.path, os.O_WRONLY))
        self.opened = not self._over

    def close(self) -> None:
        self._over = True
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._thread.join()
        os.close(reader)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    trap = Trap(tmp_path / "trap.mp3")
    yield trap
    trap.close()


@pytest.fixture(params=["fd", "stdin"])
def decoder(request: pytest.FixtureRequest, tmp_path: Path) -> Decoder:
    """The decoder on this ffmpeg, and on one that is too old to know the protocol `fd`."""
    if request.param == "fd":
        return Decoder(timeout_seconds=30)
    older = tmp_path / "ffmpeg"
    older.write_text(
        f'#!/bin/sh\ncase "$*" in *-protocols*) echo file;; *) exec "{find_ffmpeg()}" "$@";; esac\n'
    )
    older.chmod(0o755)
    return Decoder(str(older), timeout_seconds=30)


def go_on() -> None:
    pass


@pytest.mark.parametrize("kind", list(REFERENCES))
def test_what_only_refers_to_sound_is_refused(
    kind: str, encoded: dict[str, Path], listener: Listener, trap: Trap, tmp_path: Path, decoder: Decoder
) -> None:
    """Neither a file on this machine nor an address on the network is followed."""
    for target in (
        str(trap.path),
        f"file:{trap.path}",
        f"concat:{trap.path}",
        f"subfile,,start,0,end,0,,:{trap.path}",
        str(encoded["wav_16"]),
        f"file:{encoded['mp3']}",
        f"http://127.0.0.1:{listener.port}/a.mp3",
        f"tcp://127.0.0.1:{listener.port}",
        f"concat:{encoded['mp3']}",
        f"subfile,,start,0,end,0,,:{encoded['mp3']}",
    ):
        upload = tmp_path / "upload"
        upload.write_text(REFERENCES[kind].replace("{target}", target).replace("{port}", str(listener.port)))
        with pytest.raises(AudioUnreadable):
            decoder.decode(upload, go_on)
    assert listener.connections == 0
    assert not trap.opened


def test_the_trap_would_notice(trap: Trap, tmp_path: Path) -> None:
    """Without the lists of what is allowed, ffmpeg follows the same script."""
    script = tmp_path / "script"
    script.write_text(REFERENCES["concat"].replace("{target}", str(trap.path)))
    run_ffmpeg("-f", "concat", "-safe", "0", "-i", str(script))
    assert trap.opened


def run_ffmpeg(*arguments: str) -> None:
    command = [find_ffmpeg(), "-nostdin", "-v", "error", *arguments, "-f", "null", "-"]
    subprocess.run(command, check=False, timeout=30, capture_output=True)


def test_the_listener_would_notice(listener: Listener) -> None:
    socket.create_connection(("127.0.0.1", listener.port)).close()
    deadline = threading.Event()
    for _ in range(100):
        if listener.connections:
            break
        deadline.wait(0.02)
    assert listener.connections == 1


def with_sound_elsewhere(movie: bytes, path: Path) -> bytes:
    """Return the film with a data reference ("alis") that says that its sound lies in the file at `path`."""
    name = os.fsencode(path)
    name += b"\0" * (len(name) % 2)
    alias = bytes(10 + 1 + 27 + 12 + 1 + 63 + 16 + 4 + 16)
    alias += struct.pack(">HH", 2, len(name)) + name + struct.pack(">HH", 0xFFFF, 0)
    reference = struct.pack(">I", 12 + len(alias)) + b"alis\0\0\0\0" + alias
    own = b"\0\0\0\x0curl \0\0\0\x01"
    assert movie.count(own) == 1
    assert movie.index(b"mdat") < movie.index(b"moov"), "the sound would move"
    place = movie.index(own)
    changed = bytearray(movie)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = movie.rindex(box, 0, place) - 4
        (size,) = struct.unpack_from(">I", movie, start)
        struct.pack_into(">I", changed, start, size + len(reference) - len(own))
    return bytes(changed).replace(own, reference)


def test_a_film_with_its_sound_in_another_file_is_not_followed(
    source: Path, trap: Trap, tmp_path: Path, decoder: Decoder
) -> None:
    """ffmpeg opens the other file when it is told to, and here it is not."""
    movie = tmp_path / "whole.mov"
    ffmpeg("-i", str(source), "-c:a", "pcm_s16le", str(movie))
    upload = tmp_path / "upload.mov"
    upload.write_bytes(with_sound_elsewhere(movie.read_bytes(), trap.path))
    with suppress(AudioUnreadable):
        decoder.decode(upload, go_on)
    assert not trap.opened
    run_ffmpeg("-enable_drefs", "1", "-use_absolute_path", "1", "-i", str(upload))
    assert trap.opened


def test_formats_outside_the_list_are_refused_though_ffmpeg_knows_them(
    encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    """Matroska is let in, its relative NUT is not: what counts is the list, not what ffmpeg can do."""
    nut = tmp_path / "sound.nut"
    ffmpeg("-i", str(encoded["wav_16"]), "-c:a", "pcm_s16le", str(nut))
    with pytest.raises(AudioUnreadable, match="not supported"):
        decoder.decode(nut, go_on)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp", "ass", "srt", "vtt"])
def test_images_and_subtitles_are_refused(suffix: str, tmp_path: Path, decoder: Decoder) -> None:
    target = tmp_path / f"file.{suffix}"
    if suffix in ("ass", "srt", "vtt"):
        lines = tmp_path / "lines.srt"
        lines.write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
        if suffix != "srt":
            ffmpeg("-i", str(lines), str(target))
        else:
            target.write_text(lines.read_text())
    else:
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:duration=0.1:rate=10", "-frames:v", "1", str(target))
    with pytest.raises(AudioUnreadable):
        decoder.decode(target, go_on)


def test_the_command_allows_one_protocol_and_no_format_that_refers() -> None:
    command = pcm_command("ffmpeg", DecodeTask(track=0), through_fd=True, max_seconds=1)
    assert command[command.index("-protocol_whitelist") + 1] == "fd"
    assert command.index("-protocol_whitelist") < command.index("-i")
    assert command[command.index("-i") + 1] == "fd:"
    dangerous = {
        "hls",
        "dash",
        "concat",
        "sdp",
        "rtsp",
        "rtp",
        "image2",
        "imf",
        "lavfi",
        "vobsub",
        "srt",
        "ass",
    }
    assert not dangerous & set(DEMUXERS)


def test_the_index_at_the_end_of_a_file_is_found(encoded: dict[str, Path], decoder: Decoder) -> None:
    """Both ways of handing the upload over can seek."""
    assert is_whole(decoder.decode(encoded["m4a"], go_on))


def test_without_the_fd_protocol_the_upload_comes_through_stdin() -> None:
    command = pcm_command("ffmpeg", DecodeTask(track=0), through_fd=False, max_seconds=1)
    assert command[command.index("-protocol_whitelist") + 1] == "file"
    assert command[command.index("-i") + 1] == "file:/dev/stdin"
