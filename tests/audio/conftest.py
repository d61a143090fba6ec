from collections.abc import Iterator
from pathlib import Path

import pytest

from app.audio.decoder import Decoder
from tests.audio.sounds import FORMATS, known_sound, write_wave


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The known sound as a 48 kHz mono WAV."""
    return write_wave(tmp_path_factory.mktemp("sound") / "source.wav", known_sound())


@pytest.fixture(scope="session")
def encoded(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The known sound in every format, by name."""
    directory = tmp_path_factory.mktemp("encoded")
    return {form.name: form.encode(source, directory) for form in FORMATS}


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    return Decoder(max_minutes=5, timeout_seconds=30)
