"""A minute in the middle of an hour: how much of the time of the whole it takes, and how well it is cut."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from app.audio.decoder import Decoder
from app.audio.excerpt import Excerpt
from app.audio.file_decoding import EVERYTHING, Wanted
from app.audio.waveform import SAMPLE_RATE, Waveform
from benchmarks.pairs import Figure
from benchmarks.scale import Scale
from tests.audio.sounds import ffmpeg

FORMATS = {
    "MP3": ("hour.mp3", "-c:a libmp3lame -b:a 64k -ar 44100"),
    "MP3 of variable rate": ("vbr.mp3", "-c:a libmp3lame -q:a 5 -write_xing 0"),
    "M4A": ("hour.m4a", "-c:a aac -b:a 64k"),
    "MKV": ("hour.mkv", "-c:a aac -b:a 64k"),
    "FLAC": ("hour.flac", "-c:a flac"),
}
SECONDS = 60.0


def run(scale: Scale) -> list[Figure]:
    """Return share of time and error for each format; in the noise that is cut no two moments are alike."""
    minutes = 6 if scale.quick else 60
    start = minutes * 50.0
    figures: list[Figure] = []
    with _noise(minutes) as source:
        for name, (file_name, options) in FORMATS.items():
            path = source.with_name(file_name)
            ffmpeg("-i", str(source), *options.split(), str(path))
            whole, all_seconds = _timed(path, EVERYTHING, minutes)
            part, part_seconds = _timed(path, Wanted(Excerpt(start, SECONDS)), minutes)
            note = f"{all_seconds:.2f} s for all {minutes} minutes, {part_seconds:.2f} s for one"
            share = 100 * part_seconds / all_seconds
            figures += [
                Figure(f"{name}: a minute from {start:.0f} s on", share, "% of the time", note, "<= 10 %"),
                Figure(f"{name}: where it begins", _lag(part, whole, start), "ms off", "", "<= 50 ms"),
            ]
            path.unlink()
    return figures


@contextmanager
def _noise(minutes: int) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "noise.wav"
        dice = np.random.default_rng(0)
        with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(0.1 * dice.standard_normal(60 * SAMPLE_RATE, np.float32))
        yield path


def _timed(path: Path, wanted: Wanted, minutes: int) -> tuple[Waveform, float]:
    decoder = Decoder(max_minutes=minutes + 1)
    began = time.perf_counter()
    samples = decoder.read(path, lambda: None, wanted).samples
    return samples, time.perf_counter() - began


def _lag(part: Waveform, whole: Waveform, start: float) -> float:
    """Return by how many milliseconds the part is away from its place in the whole."""
    at = round((start + 1) * SAMPLE_RATE)
    around = whole[at - 4000 : at + 12000].astype(np.float64)
    best = int(np.argmax(np.correlate(around, part[SAMPLE_RATE:][:8000].astype(np.float64), "valid")))
    return 1000 * abs(best - 4000) / SAMPLE_RATE
