"""An upload cannot make the decoder read another file, open a connection or use what is not on the lists."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.audio import Decoder
from app.errors import AudioUnreadable
from app.ffmpeg import find_ffmpeg, pcm_command
from app.ffmpeg_allowed import DEMUXERS
from tests.audio.sounds import ffmpeg

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


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def go_on() -> None:
    pass


@pytest.mark.parametrize("kind", list(REFERENCES))
def test_what_only_refers_to_sound_is_refused(
    kind: str, encoded: dict[str, Path], listener: Listener, tmp_path: Path, decoder: Decoder
) -> None:
    """Neither a good recording on this machine nor an address on the network is followed."""
    for target in (
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


def test_the_listener_would_notice(listener: Listener) -> None:
    socket.create_connection(("127.0.0.1", listener.port)).close()
    deadline = threading.Event()
    for _ in range(100):
        if listener.connections:
            break
        deadline.wait(0.02)
    assert listener.connections == 1


def test_an_mp4_with_its_sound_in_another_file_is_not_followed(
    source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    """A QuickTime data reference ("alis") points to a file beside the upload."""
    movie = tmp_path / "self-contained.mov"
    ffmpeg("-i", str(source), "-c:a", "pcm_s16le", str(movie))
    content = movie.read_bytes()
    (tmp_path / "elsewhere.mov").write_bytes(content)
    assert content.count(b"url \x00\x00\x00\x01") == 1
    external = tmp_path / "upload"
    external.write_bytes(
        content.replace(b"url \x00\x00\x00\x01", b"url \x00\x00\x00\x00", 1).replace(b"mdat", b"free", 1)
    )
    try:
        waveform = decoder.decode(external, go_on)
    except AudioUnreadable:
        return
    assert len(waveform) <= 3 * 16000


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
    command = pcm_command("ffmpeg", sample_rate=16000, through_fd=True, max_seconds=1)
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


def test_an_older_ffmpeg_reads_the_same_descriptor_by_another_name(encoded: dict[str, Path]) -> None:
    """Without the fd protocol the file comes through /dev/stdin, which can seek to an index at the end."""
    command = pcm_command(find_ffmpeg(), sample_rate=16000, through_fd=False, max_seconds=60)
    assert command[command.index("-protocol_whitelist") + 1] == "file"
    with encoded["m4a"].open("rb") as upload:
        done = subprocess.run(command, stdin=upload, capture_output=True, timeout=30, check=True)
    assert len(done.stdout) == 3 * 32000
