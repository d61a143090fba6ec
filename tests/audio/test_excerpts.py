"""A part of a long recording is cut out exactly and fast, whatever the file; so is one of several tracks."""

from pathlib import Path

import numpy as np
import pytest

from app.audio.decoder import Decoder
from app.audio.excerpt import Excerpt
from app.audio.file_decoding import Wanted
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.errors import AudioTooLong, BadParameter
from tests.audio.sounds import ffmpeg, write_wave

MINUTES = 4
START, SECONDS = 200.0, 20.0
FORMATS = {
    "cbr.mp3": "-c:a libmp3lame -b:a 64k -compression_level 9",
    "vbr.mp3": "-c:a libmp3lame -q:a 6 -compression_level 9 -write_xing 0",
    "sound.m4a": "-c:a aac -b:a 48k",
    "sound.mkv": "-c:a aac -b:a 48k",
    "opus.webm": "-c:a libopus -b:a 24k -compression_level 0",
    "sound.flac": "-c:a flac",
    "sound.ogg": "-c:a libvorbis",
    "sound.wav": "-c:a pcm_s16le",
    "sound.aac": "-c:a aac -b:a 48k",
    "sound.ts": "-c:a aac -b:a 48k",
}


def go_on() -> None:
    pass


def excerpt(decoder: Decoder, path: Path, start: float, seconds: float | None = None) -> Waveform:
    return decoder.read(path, go_on, Wanted(Excerpt(start, seconds))).samples


@pytest.fixture(scope="module")
def noise() -> Waveform:
    """No two moments of it are alike."""
    rng = np.random.default_rng(0)
    return (2000 * rng.standard_normal(MINUTES * 60 * SAMPLE_RATE, np.float32)).astype(np.int16)


@pytest.fixture(scope="module")
def long_sound(noise: Waveform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.wav"
    return write_wave(path, noise / 32767, SAMPLE_RATE)


@pytest.mark.parametrize("name", FORMATS)
def test_an_excerpt_is_what_the_whole_recording_holds_there(
    name: str, long_sound: Path, tmp_path: Path, decoder: Decoder
) -> None:
    """Within a millisecond, Opus in WebM within 15, whose first packet after a jump has no exact time.

    How much faster it is than the whole stands in docs/performance.md.
    """
    decoder = Decoder(max_minutes=MINUTES + 1, timeout_seconds=60)
    path = tmp_path / name
    ffmpeg("-i", str(long_sound), *FORMATS[name].split(), str(path))
    whole = decoder.decode(path, go_on)
    part = excerpt(decoder, path, START, SECONDS)
    assert len(part) == SECONDS * SAMPLE_RATE
    for second in (0, SECONDS - 1):
        tolerance = 0.015 if name == "opus.webm" else 0.001
        assert abs(lag(part, whole, second)) <= tolerance * SAMPLE_RATE
    rest = excerpt(decoder, path, START)
    assert len(rest) == len(whole) - START * SAMPLE_RATE or name == "opus.webm"


def lag(part: Waveform, whole: Waveform, second: float) -> int:
    """Return by how many samples the part is late at `second` of it."""
    piece = part[int(second * SAMPLE_RATE) :][:8000].astype(np.float64)
    at = int((START + second) * SAMPLE_RATE)
    around = whole[at - 4000 : at + 12000].astype(np.float64)
    return 4000 - int(np.argmax(np.correlate(around, piece, "valid")))


def test_an_excerpt_of_joined_recordings_counts_through_all_of_them(tmp_path: Path, decoder: Decoder) -> None:
    tones = np.repeat(np.arange(1, 7) / 10, SAMPLE_RATE)
    for number in range(2):
        half = write_wave(tmp_path / f"{number}.wav", tones[number * 48000 :][:48000], SAMPLE_RATE)
        ffmpeg("-i", str(half), "-c:a", "flac", str(tmp_path / f"{number}.flac"))
    joined = tmp_path / "joined.flac"
    joined.write_bytes((tmp_path / "0.flac").read_bytes() + (tmp_path / "1.flac").read_bytes())
    part = excerpt(decoder, joined, 2.5, 1.0)
    assert [round(part[at] / 32767, 1) for at in (0, 7999, 8001, -1)] == [0.3, 0.3, 0.4, 0.4]
    assert len(part) == SAMPLE_RATE
    assert len(excerpt(decoder, joined, 4.0)) == 2 * SAMPLE_RATE


def test_an_excerpt_of_raw_sound(tmp_path: Path, decoder: Decoder) -> None:
    raw = tmp_path / "raw"
    samples = np.arange(4 * SAMPLE_RATE, dtype=np.int16)
    raw.write_bytes(samples.tobytes())
    part = decoder.read(raw, go_on, Wanted(Excerpt(1.5, 2.0)), raw_pcm=True).samples
    np.testing.assert_array_equal(part, samples[24000:56000])
    with pytest.raises(BadParameter, match=r"at 4\.000 s"):
        decoder.read(raw, go_on, Wanted(Excerpt(4.0)), raw_pcm=True)


def test_the_limit_of_length_is_that_of_the_excerpt(long_sound: Path) -> None:
    decoder = Decoder(max_minutes=1, timeout_seconds=60)
    assert len(excerpt(decoder, long_sound, 100, 60)) == 60 * SAMPLE_RATE
    with pytest.raises(AudioTooLong):
        excerpt(decoder, long_sound, 100)


@pytest.mark.parametrize("start", [240.0, 241.0, 5000.0])
def test_a_start_behind_the_end_is_refused_with_the_length(
    start: float, long_sound: Path, tmp_path: Path
) -> None:
    path = tmp_path / "sound.m4a"
    ffmpeg("-i", str(long_sound), "-c:a", "aac", "-b:a", "32k", str(path))
    with pytest.raises(BadParameter, match=r"start: .*, at 240\.\d+ s"):
        excerpt(Decoder(max_minutes=MINUTES + 1, timeout_seconds=60), path, start)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tracks, each of another loudness."""
    directory = tmp_path_factory.mktemp("film")
    sounds = []
    for number, level in enumerate((0.1, 0.2, 0.3)):
        wave = write_wave(directory / f"{number}.wav", np.full(SAMPLE_RATE, level), SAMPLE_RATE)
        sounds += ["-i", str(wave)]
    path = directory / "film.mkv"
    named = "-metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -metadata:s:a:1 title=Kommentar"
    layouts = "-filter:a:1 pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0 -c:a flac"
    maps = ("-map", "0", "-map", "1", "-map", "2")
    ffmpeg(*sounds, *maps, *named.split(), *layouts.split(), str(path))
    return path


@pytest.mark.parametrize(
    ("track", "level"), [(None, 0.1), ("1", 0.1), ("2", 0.2), ("3", 0.3), ("de", 0.2), ("English", 0.1)]
)
def test_a_track_is_taken_by_number_or_language(
    track: str | None, level: float, film: Path, decoder: Decoder
) -> None:
    decoded = decoder.read(film, go_on, Wanted(track=track))
    assert round(float(np.median(decoded.samples)) / 32767, 2) == level
    assert decoded.warnings == ()
    assert [(each.number, each.language, each.title, each.channels) for each in decoded.tracks] == [
        (1, "eng", None, 1),
        (2, "ger", "Kommentar", 6),
        (3, None, None, 1),
    ]


@pytest.mark.parametrize("track", ["4", "fr", "deutschland"])
def test_a_track_that_the_file_lacks_is_refused_with_the_list(
    track: str, film: Path, decoder: Decoder
) -> None:
    with pytest.raises(BadParameter) as refused:
        decoder.read(film, go_on, Wanted(track=track))
    assert "1 (eng, 1 channel, flac); 2 (ger, 'Kommentar', 6 channels, flac)" in str(refused.value)


def test_a_title_is_no_message_of_the_decoder_s(tmp_path: Path, decoder: Decoder) -> None:
    """Nor is its second line, which ffmpeg prints without saying that it belongs to the first."""
    sound = write_wave(tmp_path / "sound.wav", np.full(SAMPLE_RATE, 0.1), SAMPLE_RATE)
    path = tmp_path / "named.mkv"
    title = "title=[error] first\n[error] second\nStream #0:9: Audio: flac, 1 Hz, mono"
    ffmpeg("-i", str(sound), "-metadata:s:a:0", title, "-c:a", "flac", str(path))
    decoded = decoder.read(path, go_on)
    assert decoded.warnings == ()
    assert [track.title for track in decoded.tracks] == ["[error] first"]
