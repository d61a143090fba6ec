"""Recordings that were joined, cut, or stamped with odd times lose nothing in silence."""

from pathlib import Path

import numpy as np
import pytest

from app.audio.decoder import Decoder
from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.errors import AudioUnreadable
from tests.audio.sounds import FORMATS, TONES, Format, ffmpeg, known_sound, write_wave

NAMES = [form.name for form in FORMATS]


def go_on() -> None:
    pass


def decoded(decoder: Decoder, path: Path) -> tuple[Waveform, list[str]]:
    complaints: list[str] = []
    return decoder.decode(path, go_on, warn=complaints.append), complaints


def tone_at(waveform: Waveform, seconds: float) -> float:
    """Return the pitch of the fifth of a second around this place, 0 where it is silent."""
    heard = to_float32(waveform[int((seconds - 0.1) * SAMPLE_RATE) : int((seconds + 0.1) * SAMPLE_RATE)])
    if np.abs(heard).max(initial=0) < 0.02:
        return 0.0
    return float(np.argmax(np.abs(np.fft.rfft(heard)))) * SAMPLE_RATE / len(heard)


@pytest.mark.parametrize("form", FORMATS, ids=NAMES)
def test_a_recording_joined_to_itself_is_heard_twice(
    form: Format, encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    joined = tmp_path / "joined"
    joined.write_bytes(encoded[form.name].read_bytes() * 2)
    waveform, complaints = decoded(decoder, joined)
    length = len(waveform) / SAMPLE_RATE
    assert abs(length - 2 * len(TONES)) < 0.2
    for second, (hertz, _) in enumerate(TONES * 2):
        late = length - 2 * len(TONES) if second >= len(TONES) else 0
        assert abs(tone_at(waveform, second + 0.5 + late / 2) - hertz) < 6
    assert complaints == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.webm", "-c:a libopus -live 1"),
        ("x.mkv", "-c:a flac"),
        ("x.mp3", "-c:a libmp3lame"),
        ("x.flac", "-c:a flac"),
        ("x.wav", "-c:a pcm_s16le"),
        ("x.m4a", "-c:a aac"),
        ("x.ogg", "-c:a libvorbis"),
        ("x.ts", "-c:a aac"),
    ],
)
def test_joined_recordings_may_differ_in_rate_and_channels(
    name: str, options: str, source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    first, second, joined = (tmp_path / f"{part}-{name}" for part in ("first", "second", "joined"))
    ffmpeg("-i", str(source), "-t", "1", "-ar", "48000", "-ac", "1", *options.split(), str(first))
    ffmpeg("-ss", "1", "-i", str(source), "-ar", "24000", "-ac", "2", *options.split(), str(second))
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    waveform, complaints = decoded(decoder, joined)
    assert abs(len(waveform) / SAMPLE_RATE - 3) < 0.2
    assert abs(tone_at(waveform, 0.5) - 440) < 6
    assert abs(tone_at(waveform, 1.5) - 880) < 6
    assert abs(tone_at(waveform, 2.5) - 440) < 6
    assert complaints == []


def test_the_part_of_joined_recordings_that_is_broken_is_named(
    encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    whole = encoded["flac"].read_bytes()
    joined = tmp_path / "joined"
    joined.write_bytes(whole + whole[:50] + whole)
    waveform, complaints = decoded(decoder, joined)
    assert len(waveform) == 6 * SAMPLE_RATE
    assert len(complaints) == 1
    assert "3 recordings" in complaints[0]
    assert "number 2" in complaints[0]


def stamped(source: Path, target: Path, expression: str) -> Path:
    """Write the sound with the time stamps of its packets, T in seconds, changed by `expression`."""
    shift = f"setts=ts='({expression.replace('T', '(PTS*TB)')})/TB'"
    ffmpeg("-i", str(source), "-c:a", "libopus", str(target.with_suffix(".opus")))
    ffmpeg("-i", str(target.with_suffix(".opus")), "-c", "copy", "-bsf:a", shift, str(target))
    return target


def test_a_hole_is_filled_and_its_place_and_length_are_told(
    source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    for name in ("hole.webm", "hole.mkv", "hole.mka"):
        hole = stamped(source, tmp_path / name, "if(lt(T,1),T,T+4)")
        waveform, complaints = decoded(decoder, hole)
        assert abs(len(waveform) / SAMPLE_RATE - 7) < 0.1
        assert tone_at(waveform, 3) == 0
        assert abs(tone_at(waveform, 5.5) - 880) < 6
        assert len(complaints) == 1
        assert "4.0 s at 1.0 s" in complaints[0]


def test_of_many_holes_the_first_are_told_and_all_are_counted(
    source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    torn = stamped(source, tmp_path / "torn.mka", "T+floor(max(T,0)*4)/2")
    _, complaints = decoded(decoder, torn)
    assert len(complaints) == 1
    assert "5.5 s in all" in complaints[0]
    assert "0.5 s at 0.3 s" in complaints[0]
    assert "at 6 more places" in complaints[0]


def test_time_stamps_that_jump_back_lose_nothing(source: Path, tmp_path: Path, decoder: Decoder) -> None:
    for jump in ("if(lt(T,1),T+1,T-1)", "if(lt(T,1.5),T,T-0.5)"):
        back = tmp_path / "back.mka"
        parts = [tmp_path / "one.mka", tmp_path / "two.mka"]
        ffmpeg("-i", str(source), "-t", "1", "-c:a", "flac", str(parts[0]))
        ffmpeg("-ss", "1", "-i", str(source), "-c:a", "flac", str(parts[1]))
        back.write_bytes(parts[0].read_bytes() + parts[1].read_bytes())
        waveform, complaints = decoded(decoder, back)
        assert abs(len(waveform) / SAMPLE_RATE - 3) < 0.05
        assert complaints == []
        stamped_back = stamped(source, tmp_path / "stamped.mka", jump)
        waveform, complaints = decoded(decoder, stamped_back)
        assert abs(len(waveform) / SAMPLE_RATE - 3) < 0.1
        assert abs(tone_at(waveform, 1.5) - 880) < 6


def test_a_transport_stream_whose_clock_is_set_anew_is_not_filled(
    source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    ends = []
    for name, offset in (("one", "0"), ("two", "100"), ("three", "50")):
        piece = tmp_path / f"{name}.ts"
        ffmpeg("-i", str(source), "-c:a", "mp2", "-output_ts_offset", offset, str(piece))
        ends.append(piece.read_bytes())
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(ends))
    waveform, complaints = decoded(decoder, joined)
    assert abs(len(waveform) / SAMPLE_RATE - 9) < 0.2
    assert len(complaints) == 1
    assert "left out" in complaints[0]
    assert "at 3.0 s" in complaints[0]


def clusters(webm: bytes) -> list[bytes]:
    """Return the head of a live WebM and its clusters."""
    return [
        piece if number == 0 else b"\x1fC\xb6u" + piece
        for number, piece in enumerate(webm.split(b"\x1fC\xb6u"))
    ]


@pytest.fixture
def pieces(source: Path, tmp_path: Path) -> list[bytes]:
    live = tmp_path / "live.webm"
    ffmpeg("-stream_loop", "3", "-i", str(source), "-c:a", "libopus", "-live", "1",
           "-cluster_time_limit", "1000", str(live))  # fmt: skip
    head, *rest = clusters(live.read_bytes())
    assert len(rest) >= 9
    return [head + b"".join(rest[:3]), b"".join(rest[3:6]), b"".join(rest[6:])]


def test_a_later_piece_without_the_beginning_is_told_as_that(
    pieces: list[bytes], encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    fragmented = encoded["m4a_fragmented"].read_bytes()
    opus = encoded["ogg_opus"].read_bytes()
    for content in (
        pieces[1] + pieces[0] + pieces[2],
        pieces[1],
        pieces[2][100:],
        pieces[1][37:] + pieces[0],
        fragmented[fragmented.index(b"moof") - 4 :],
        opus[opus.index(b"OggS", opus.index(b"OpusTags")) :],
    ):
        piece = tmp_path / "piece"
        piece.write_bytes(content)
        with pytest.raises(AudioUnreadable, match="a piece of a recording without its beginning"):
            decoder.decode(piece, go_on)


def test_a_missing_piece_is_told(pieces: list[bytes], tmp_path: Path, decoder: Decoder) -> None:
    for order in ((0, 2), (0, 2, 1)):
        torn = tmp_path / "torn.webm"
        torn.write_bytes(b"".join(pieces[number] for number in order))
        waveform, complaints = decoded(decoder, torn)
        assert len(waveform) / SAMPLE_RATE > 11
        assert len(complaints) == 1
        assert "sound is missing" in complaints[0]


def test_pieces_in_their_order_are_whole(pieces: list[bytes], tmp_path: Path, decoder: Decoder) -> None:
    whole = tmp_path / "whole.webm"
    whole.write_bytes(b"".join(pieces))
    waveform, complaints = decoded(decoder, whole)
    assert abs(len(waveform) / SAMPLE_RATE - 12) < 0.1
    assert complaints == []


def wave_that_says(seconds: float, path: Path) -> bytes:
    """Return the known sound as a WAV whose header announces only its first seconds."""
    content = bytearray(write_wave(path, known_sound()[::3], 16000).read_bytes())
    content[40:44] = int(seconds * 32000).to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.999])
def test_a_wave_that_holds_more_than_its_header_says_is_read_on(
    seconds: float, tmp_path: Path, decoder: Decoder
) -> None:
    longer = tmp_path / "longer.wav"
    longer.write_bytes(wave_that_says(seconds, longer))
    waveform, complaints = decoded(decoder, longer)
    assert len(waveform) == 3 * SAMPLE_RATE
    assert complaints == []


def test_what_follows_the_samples_of_a_wave_is_not_sound(tmp_path: Path, decoder: Decoder) -> None:
    sound = write_wave(tmp_path / "sound.wav", known_sound()[::3], 16000).read_bytes()
    chunk = b"LIST" + (400).to_bytes(4, "little") + b"INFO" + bytes(396)
    for tail in (chunk, chunk[:100], b"cue \x04\0\0\0\1\2\3\4", bytes(5000), b"TAG" + b"x" * 125):
        longer = tmp_path / "longer.wav"
        longer.write_bytes(sound + tail)
        waveform, complaints = decoded(decoder, longer)
        assert len(waveform) == 3 * SAMPLE_RATE
        assert complaints == []


APE_HEAD = b"APETAGEX" + (2000).to_bytes(4, "little") + (52).to_bytes(4, "little") + (1).to_bytes(4, "little")
LYRICS = b"LYRICSBEGININD0000200LYR00021hello hello hello hel"
TAILS = {
    "zeros": bytes(4096),
    "erased_flash": b"\xff" * 4096,
    "ape": APE_HEAD + (0xA0000000).to_bytes(4, "little") + bytes(8) + b"x" * 20
    + APE_HEAD + (0x80000000).to_bytes(4, "little") + bytes(8),
    "lyrics3_and_id3v1": LYRICS + b"%06d" % len(LYRICS) + b"LYRICS200" + b"TAG" + b"t" * 125,
    "id3v2_at_the_end": b"ID3\x03\0\0\0\0\x08\0TIT2\0\0\0\5\0\0\0hell" + bytes(1009),
}  # fmt: skip
ONE_OF_EACH = tuple({form.suffix: form for form in FORMATS}.values())
BARE_SAMPLES = ("wav", "w64", "aiff", "au", "caf")


@pytest.mark.parametrize("tail", list(TAILS))
@pytest.mark.parametrize("form", ONE_OF_EACH, ids=[form.name for form in ONE_OF_EACH])
def test_padding_and_foreign_tags_are_no_damage(
    form: Format, tail: str, encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    padded = tmp_path / "padded"
    padded.write_bytes(encoded[form.name].read_bytes() + TAILS[tail])
    waveform, complaints = decoded(decoder, padded)
    assert complaints == []
    if form.suffix not in BARE_SAMPLES:
        assert abs(len(waveform) / SAMPLE_RATE - len(TONES)) < 0.1
