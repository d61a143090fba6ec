"""The lists of what is allowed: everything on them is decoded here, and each of them is needed."""

import base64
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from app.audio.decoder import Decoder
from app.audio.ffmpeg_allowlist import DECODERS, DEMUXERS
from app.audio.ffmpeg_binary import find_ffmpeg, supports_fd_protocol
from app.audio.ffmpeg_command import DecodeTask, pcm_command
from app.audio.waveform import SAMPLE_RATE
from app.errors import AudioUnreadable
from tests.audio.bitstreams import BITSTREAMS, SECONDS, Bitstream, wave
from tests.audio.sounds import FORMATS, known_sound, write_wave
from tests.audio.test_isolation import REFERENCES, Listener, Trap, listener, trap

__all__ = ["listener", "trap"]

UNMADE = {
    "mp3adu": "MP3 with frames torn apart for the network; no encoder",
    "wmapro": "no free encoder",
    "wmalossless": "no free encoder",
    "wmavoice": "no free encoder",
}
"""Codecs that nothing at hand can write, with the reason."""
COMMAND = {"max_seconds": 60.0}
SECRET = wave(0x200, 22050, 512, 1024, bits=4)
"""A WAV of Creative's ADPCM: the container is allowed, the codec is not."""


def go_on() -> None:
    pass


@pytest.mark.parametrize("stream", BITSTREAMS, ids=[stream.decoder for stream in BITSTREAMS])
def test_a_format_without_encoder_is_decoded_to_its_length(
    stream: Bitstream, tmp_path: Path, decoder: Decoder
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(stream.content)
    waveform = decoder.decode(path, go_on)
    assert abs(len(waveform) / SAMPLE_RATE - SECONDS) < 0.1
    assert np.abs(waveform).max() > 100


def decoders_used(path: Path) -> str:
    """Return the name of the decoder that the command of the service takes for the file."""
    command = pcm_command(
        find_ffmpeg(), DecodeTask(track=0), through_fd=supports_fd_protocol(find_ffmpeg()), **COMMAND
    )
    command[command.index("-loglevel") + 1] = "info"
    with path.open("rb") as source:
        run = subprocess.run(command, stdin=source, capture_output=True, timeout=60)
    mapped = re.search(r"-> #0:0 \((\S+) \((\S+)\)", run.stderr.decode())
    assert mapped is not None, path
    return mapped[1] if mapped[2] == "native" else mapped[2]


def codecs_of_this_ffmpeg() -> dict[str, str]:
    """Return the codec of every decoder."""
    listing = subprocess.run(
        [find_ffmpeg(), "-v", "0", "-decoders"], capture_output=True, text=True, timeout=60
    )
    codecs = {}
    for line in listing.stdout.splitlines():
        found = re.match(r" A\S{5} (\S+)", line)
        if found:
            codec = re.search(r"\(codec (\S+)\)$", line)
            codecs[found[1]] = codec[1] if codec else found[1]
    return codecs


def test_every_decoder_of_the_list_is_used_by_a_recording_here(
    encoded: dict[str, Path], tmp_path: Path
) -> None:
    codec_of = codecs_of_this_ffmpeg()
    made = {codec_of[decoders_used(path)] for path in encoded.values()}
    for stream in BITSTREAMS:
        path = tmp_path / stream.decoder
        path.write_bytes(stream.content)
        made.add(codec_of[decoders_used(path)])
    allowed = {codec_of[name] for name in DECODERS if name in codec_of}
    assert allowed - made == set(UNMADE)


def test_a_codec_off_the_list_is_refused_though_ffmpeg_knows_it(tmp_path: Path, decoder: Decoder) -> None:
    path = tmp_path / "creative.wav"
    path.write_bytes(SECRET)
    with pytest.raises(AudioUnreadable, match="not supported"):
        decoder.decode(path, go_on)
    command = [find_ffmpeg(), "-v", "error", "-i", str(path), "-f", "s16le", "pipe:1"]
    assert len(subprocess.run(command, capture_output=True, timeout=60).stdout) > 100_000


def without(command: list[str], *options: str) -> list[str]:
    """Return the command without these options and their values."""
    kept = list(command)
    for option in options:
        at = kept.index(option)
        del kept[at : at + 2]
    return kept


FORCED = {"hls": ("-f", "hls"), "concat": ("-f", "concat", "-safe", "0"), "dash": ("-f", "dash")}
"""Formats that refer to sound elsewhere, and how ffmpeg is told to read them whatever they are called."""


def follow(command: list[str], kind: str, target: str, upload: Path) -> bytes:
    """Return what the command makes of a file that refers to `target`, as if its format were allowed."""
    upload.write_text(REFERENCES[kind].replace("{target}", target))
    bare = without(command, "-format_whitelist", "-codec_whitelist")
    bare[bare.index("-i") : bare.index("-i")] = FORCED[kind]
    with upload.open("rb") as source:
        return subprocess.run(bare, stdin=source, capture_output=True, timeout=60).stdout


@pytest.mark.parametrize("through_fd", [True, False])
@pytest.mark.parametrize("kind", list(FORCED))
def test_the_list_of_protocols_alone_keeps_the_network_and_other_files_away(
    kind: str, through_fd: bool, listener: Listener, trap: Trap, tmp_path: Path
) -> None:
    if through_fd and not supports_fd_protocol(find_ffmpeg()):
        pytest.skip("this ffmpeg has no protocol fd")
    command = pcm_command(find_ffmpeg(), DecodeTask(track=0), through_fd=through_fd, **COMMAND)
    for target in (f"http://127.0.0.1:{listener.port}/a.ts", f"tcp://127.0.0.1:{listener.port}"):
        follow(command, kind, target, tmp_path / "upload")
    assert listener.connections == 0
    if through_fd:
        follow(command, kind, str(trap.path), tmp_path / "upload")
        follow(command, kind, f"file:{trap.path}", tmp_path / "upload")
    assert not trap.opened


@pytest.mark.parametrize("through_fd", [True, False])
def test_what_ffmpeg_follows_by_itself_is_not_followed(through_fd: bool, tmp_path: Path) -> None:
    """Without a list ffmpeg reads the protocol `data`: enough to see that the list is in force."""
    if through_fd and not supports_fd_protocol(find_ffmpeg()):
        pytest.skip("this ffmpeg has no protocol fd")
    sound = write_wave(tmp_path / "sound.wav", known_sound()[:4800]).read_bytes()
    target = "data:audio/wav;base64," + base64.b64encode(sound).decode()
    command = pcm_command(find_ffmpeg(), DecodeTask(track=0), through_fd=through_fd, **COMMAND)
    assert follow(command, "concat", target, tmp_path / "upload") == b""
    at = command.index("-protocol_whitelist") + 1
    command[at] += ",data"
    assert len(follow(command, "concat", target, tmp_path / "upload")) > 3000


@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_without_the_list_of_protocols_the_network_would_be_reached(
    kind: str, listener: Listener, tmp_path: Path
) -> None:
    fd = supports_fd_protocol(find_ffmpeg())
    command = pcm_command(find_ffmpeg(), DecodeTask(track=0), through_fd=fd, **COMMAND)
    everything = without(command, "-protocol_whitelist")
    everything[1:1] = ("-protocol_whitelist", "file,fd,http,tcp")
    follow(everything, kind, f"http://127.0.0.1:{listener.port}/a.ts", tmp_path / "upload")
    assert listener.connections > 0


def test_every_piece_of_a_joined_upload_is_read_under_the_same_lists() -> None:
    whole = pcm_command("ffmpeg", DecodeTask(track=0), through_fd=True, **COMMAND)
    piece = pcm_command(
        "ffmpeg", DecodeTask(track=1, span=(10, 20), ignore_length=True), through_fd=True, **COMMAND
    )
    for option in ("-format_whitelist", "-codec_whitelist"):
        assert whole[whole.index(option) + 1] == piece[piece.index(option) + 1]
    assert piece[piece.index("-protocol_whitelist") + 1] == "subfile,fd"
    assert piece[piece.index("-i") + 1] == "subfile,,start,10,end,20,,:fd:"


def test_all_formats_of_the_lists_are_known_to_this_ffmpeg() -> None:
    listing = subprocess.run(
        [find_ffmpeg(), "-v", "0", "-demuxers"], capture_output=True, text=True, timeout=60
    )
    known = {
        name for line in listing.stdout.splitlines() for name in line[4:].strip().split(" ")[0].split(",")
    }
    assert set(DEMUXERS) <= known
    assert len(FORMATS) > 80
