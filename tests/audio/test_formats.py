"""Every published format, made by a real encoder and decoded by the ffmpeg that the service would use."""

import math
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest

from app.audio.decoder import Decoder
from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.errors import AudioUnreadable, NoAudioTrack
from tests.audio.sounds import FORMATS, TONES, Format, ffmpeg, is_whole, write_wave

NAMES = [form.name for form in FORMATS]


def go_on() -> None:
    pass


def middle_of_second(waveform: Waveform, second: int) -> Waveform:
    return waveform[int((second + 0.2) * SAMPLE_RATE) : int((second + 0.8) * SAMPLE_RATE)]


def level_off_by(waveform: Waveform, amplitude: float) -> float:
    """Return by how many decibels the level differs from that of a sine of `amplitude`."""
    return 20 * math.log10(float(np.sqrt(np.mean(to_float32(waveform) ** 2))) / (amplitude / math.sqrt(2)))


def pitch(waveform: Waveform) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(waveform)))) * SAMPLE_RATE / len(waveform)


@pytest.mark.parametrize("form", FORMATS, ids=NAMES)
def test_length_level_and_pitch_survive_the_format(
    form: Format, encoded: dict[str, Path], decoder: Decoder
) -> None:
    complaints: list[str] = []
    waveform = decoder.decode(encoded[form.name], go_on, warn=complaints.append)
    assert waveform.dtype == np.int16
    assert waveform.ndim == 1
    assert abs(len(waveform) / SAMPLE_RATE - len(TONES)) < 0.1
    for second, (hertz, amplitude) in enumerate(TONES):
        heard = middle_of_second(waveform, second)
        assert abs(level_off_by(heard, amplitude)) < form.decibels
        assert abs(pitch(heard) - hertz) < 3
    assert complaints == []


def test_the_name_of_a_file_means_nothing(encoded: dict[str, Path], tmp_path: Path, decoder: Decoder) -> None:
    """The content decides: an MP3 is an MP3 whatever the client called it."""
    for name in ("recording", "x.wav", "-i.mp3", "a'b\"c .pdf", "pipe:1", "http:"):
        path = tmp_path / name
        path.write_bytes(encoded["mp3"].read_bytes())
        assert len(decoder.decode(path, go_on)) == 3 * SAMPLE_RATE


def test_a_video_without_sound_is_told_apart_from_a_broken_file(tmp_path: Path, decoder: Decoder) -> None:
    for suffix, codec in (("mp4", "mpeg4"), ("mkv", "mpeg4"), ("webm", "libvpx")):
        silent = tmp_path / f"silent.{suffix}"
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1", "-c:v", codec, str(silent))
        with pytest.raises(NoAudioTrack):
            decoder.decode(silent, go_on)


def test_the_first_of_several_tracks_is_taken_whatever_is_marked_as_default(
    source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    quiet = write_wave(tmp_path / "quiet.wav", np.zeros(48000), channels=2)
    for default in (0, 1):
        both = tmp_path / f"both-{default}.mkv"
        maps = ("-map", "0:a", "-map", "1:a", "-c:a", "flac", "-disposition:a", "0")
        ffmpeg("-i", str(source), "-i", str(quiet), *maps, f"-disposition:a:{default}", "default", str(both))
        assert len(decoder.decode(both, go_on)) == 3 * SAMPLE_RATE


def without_codec(movie: bytes) -> bytes:
    """Return the film with its PCM track turned into one of a codec that nobody knows."""
    return movie.replace(b"twos", b"apac").replace(b"lpcm", b"apac")


@pytest.mark.parametrize("default", [0, 1, 2])
def test_a_track_that_cannot_be_decoded_hides_none_that_can(
    default: int, source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    for order in (("aac", "pcm_s16be"), ("pcm_s16be", "aac"), ("pcm_s16be", "pcm_s16be", "aac")):
        codecs = [word for at, name in enumerate(order) for word in (f"-c:a:{at}", name)]
        movie = tmp_path / "tracks.mov"
        marked = ("-disposition:a", "0", f"-disposition:a:{min(default, len(order) - 1)}", "default")
        ffmpeg("-i", str(source), *("-map", "0:a") * len(order), *codecs, *marked, str(movie))
        movie.write_bytes(without_codec(movie.read_bytes()))
        complaints: list[str] = []
        assert is_whole(decoder.decode(movie, go_on, warn=complaints.append))
        skipped = order.index("aac")
        assert complaints == (
            [f"the first sound track cannot be decoded; number {skipped + 1} is transcribed in its place"]
            if skipped
            else []
        )


def test_only_a_file_without_any_track_that_can_be_decoded_is_refused(
    source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    movie = tmp_path / "tracks.mov"
    ffmpeg("-i", str(source), "-map", "0:a", "-map", "0:a", "-c:a", "pcm_s16be", str(movie))
    movie.write_bytes(without_codec(movie.read_bytes()))
    with pytest.raises(AudioUnreadable, match=r"not supported|no sound could be read"):
        decoder.decode(movie, go_on)


@pytest.mark.parametrize("milliseconds", [20, 500])
def test_short_clips_are_decoded_to_their_length(
    milliseconds: int, source: Path, tmp_path: Path, decoder: Decoder
) -> None:
    """To the frame of the codec, that is: no longer than an eighth of a second."""
    for form in FORMATS:
        if form.sample or form.video:
            continue
        clip = tmp_path / f"clip.{form.suffix}"
        ffmpeg("-ss", "0.2", "-t", f"{milliseconds / 1000}", "-i", str(source), *form.options, str(clip))
        # ffmpeg knows a bare stream of MLP by its length, and needs a second of it.
        needs_more = form.name in ("mlp", "truehd")
        with suppress(AudioUnreadable) if needs_more or milliseconds < 100 else nullcontext():
            heard = decoder.decode(clip, go_on)
            assert abs(len(heard) / SAMPLE_RATE - milliseconds / 1000) < 0.15, form.name


def test_cover_art_does_not_disturb(encoded: dict[str, Path], tmp_path: Path, decoder: Decoder) -> None:
    cover = tmp_path / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:duration=0.1:rate=10", "-frames:v", "1", str(cover))
    for name, suffix in (("mp3", "mp3"), ("flac", "flac"), ("m4a", "m4a")):
        song = tmp_path / f"song.{suffix}"
        inputs = ("-i", str(encoded[name]), "-i", str(cover), "-map", "0:a", "-map", "1:v", "-c", "copy")
        ffmpeg(*inputs, "-disposition:v", "attached_pic", str(song))
        complaints: list[str] = []
        assert is_whole(decoder.decode(song, go_on, warn=complaints.append))
        assert complaints == []


def test_subtitles_inside_a_video_do_not_disturb(
    encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    lines = tmp_path / "lines.srt"
    lines.write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
    film = tmp_path / "film.mkv"
    ffmpeg("-i", str(encoded["mkv"]), "-i", str(lines), "-c", "copy", "-c:s", "srt", str(film))
    assert is_whole(decoder.decode(film, go_on))


def test_sound_that_starts_late_keeps_its_time(source: Path, tmp_path: Path, decoder: Decoder) -> None:
    """Times count from the start of the film, as a player shows them."""
    film = tmp_path / "late.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=5")
    ffmpeg(*picture, "-itsoffset", "1.5", "-i", str(source), "-c:v", "mpeg4", "-c:a", "aac", str(film))
    waveform = decoder.decode(film, go_on)
    assert abs(len(waveform) / SAMPLE_RATE - 4.5) < 0.1
    assert np.abs(to_float32(waveform[: int(1.4 * SAMPLE_RATE)])).max() < 0.01


def test_a_pause_in_the_sound_keeps_its_length(source: Path, tmp_path: Path, decoder: Decoder) -> None:
    """A recorder that was paused writes no packets; the words after it must not move forward."""
    paused = tmp_path / "paused.webm"
    ffmpeg("-i", str(source), "-af", "aselect='not(between(t,1,2))'", "-c:a", "libopus", str(paused))
    waveform = decoder.decode(paused, go_on)
    assert abs(len(waveform) / SAMPLE_RATE - 3) < 0.1
    assert np.abs(to_float32(middle_of_second(waveform, 1))).max() < 0.01
    assert abs(level_off_by(middle_of_second(waveform, 2), 0.5)) < 1


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_every_rate_becomes_the_same_rate(rate: int, tmp_path: Path, decoder: Decoder) -> None:
    tone = 0.5 * np.sin(2 * math.pi * 440 * np.arange(rate) / rate)
    waveform = decoder.decode(write_wave(tmp_path / "tone.wav", tone, rate), go_on)
    assert abs(len(waveform) - SAMPLE_RATE) <= 16
    assert abs(level_off_by(waveform[3200:12800], 0.5)) < 0.1


def test_samples_at_16_khz_come_out_exactly(tmp_path: Path, decoder: Decoder) -> None:
    samples = np.random.default_rng(3).integers(-32768, 32768, 40000).astype("<i2")
    path = write_wave(tmp_path / "exact.wav", samples / 32767.0, SAMPLE_RATE)
    stored = np.frombuffer(path.read_bytes()[-80000:], "<i2")
    np.testing.assert_array_equal(decoder.decode(path, go_on), stored)


def test_float_samples_that_are_no_numbers_do_not_spoil_the_others(tmp_path: Path, decoder: Decoder) -> None:
    raw = tmp_path / "wild.f32"
    np.array([np.nan, np.inf, -np.inf, 1e30, -5, 0.5] * 4000, "<f4").tofile(raw)
    wild = tmp_path / "wild.wav"
    ffmpeg("-f", "f32le", "-ar", "16000", "-ac", "1", "-i", str(raw), "-c:a", "pcm_f32le", str(wild))
    waveform = decoder.decode(wild, go_on)
    assert len(waveform) == 24000
    assert set(waveform[5::6]) == {16384}


def test_an_audio_track_without_a_packet_is_unreadable(tmp_path: Path, decoder: Decoder) -> None:
    empty = write_wave(tmp_path / "empty.wav", np.zeros(0))
    with pytest.raises(AudioUnreadable):
        decoder.decode(empty, go_on)
