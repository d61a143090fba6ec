"""How much of a file is decoded is told in bytes, up to its end, wherever the file keeps its index."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from app.audio.decoder import Decoder
from tests.audio.sounds import ffmpeg, known_sound, write_wave


def nothing() -> None:
    """Let the work go on."""


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a"])
def test_a_file_is_read_to_its_end(tmp_path: Path, name: str) -> None:
    source = write_wave(tmp_path / "long.wav", np.tile(known_sound(), 4))
    path = tmp_path / name
    ffmpeg("-i", str(source), str(path))
    told: list[tuple[float, float]] = []
    Decoder().decode(path, nothing, advance=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {path.stat().st_size}
    assert all(before <= after for (before, _), (after, _) in pairwise(told))
    assert told[-1][0] >= 0.9 * path.stat().st_size


def test_raw_samples_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.pcm"
    path.write_bytes(bytes(1_000_000))
    told: list[tuple[float, float]] = []
    Decoder().decode(path, nothing, raw_pcm=True, advance=lambda done, total: told.append((done, total)))
    assert len(told) > 2
    assert told[-1] == (500_000, 500_000)
