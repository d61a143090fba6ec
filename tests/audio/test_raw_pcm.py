from pathlib import Path

import numpy as np
import pytest

from app.audio.decoder import Decoder
from app.audio.waveform import SAMPLE_RATE, to_float32
from app.errors import AudioTooLong, AudioUnreadable, ClientLeft, EmptyUpload


def go_on() -> None:
    pass


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_raw_samples_stay_as_they_are(tmp_path: Path, decoder: Decoder) -> None:
    samples = np.array([0, 1, -1, 32767, -32768, 16384], "<i2")
    waveform = decoder.decode(write(tmp_path / "a", samples.tobytes()), go_on, raw_pcm=True)
    np.testing.assert_array_equal(waveform, samples)
    np.testing.assert_array_equal(to_float32(waveform), samples / np.float32(32768))
    assert to_float32(waveform).dtype == np.float32


def test_raw_samples_may_look_like_any_other_file(tmp_path: Path, decoder: Decoder) -> None:
    """Sound that happens to start with the bytes of a PDF is still sound."""
    waveform = decoder.decode(write(tmp_path / "a", b"%PDF-1.4" * 100), go_on, raw_pcm=True)
    assert len(waveform) == 400


def test_a_wav_announced_as_raw_is_read_as_a_wav(encoded: dict[str, Path], decoder: Decoder) -> None:
    assert len(decoder.decode(encoded["wav_96khz"], go_on, raw_pcm=True)) == 3 * SAMPLE_RATE


@pytest.mark.parametrize("size", [1, 3, 262145])
def test_half_a_sample_is_refused(size: int, tmp_path: Path, decoder: Decoder) -> None:
    with pytest.raises(AudioUnreadable, match=r"failed to decode audio.*even number"):
        decoder.decode(write(tmp_path / "a", bytes(size)), go_on, raw_pcm=True)


@pytest.mark.parametrize("raw", [True, False])
def test_an_empty_file_is_refused(raw: bool, tmp_path: Path, decoder: Decoder) -> None:
    with pytest.raises(EmptyUpload):
        decoder.decode(write(tmp_path / "a", b""), go_on, raw_pcm=raw)


def test_more_minutes_than_allowed_are_refused_before_reading(tmp_path: Path) -> None:
    decoder = Decoder(max_minutes=1 / 60)
    assert len(decoder.decode(write(tmp_path / "a", bytes(32000)), go_on, raw_pcm=True)) == 16000
    with pytest.raises(AudioTooLong):
        decoder.decode(write(tmp_path / "a", bytes(32002)), go_on, raw_pcm=True)


def test_reading_stops_when_the_client_left(tmp_path: Path, decoder: Decoder) -> None:
    def gone() -> None:
        raise ClientLeft

    with pytest.raises(ClientLeft):
        decoder.decode(write(tmp_path / "a", bytes(32000)), gone, raw_pcm=True)
