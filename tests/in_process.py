"""The application inside the test's own process, for what needs neither a socket nor a model."""

import io
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from starlette.testclient import TestClient

from app.audio.waveform import SAMPLE_RATE
from app.logs import configure_logging
from app.main import create_app
from app.settings.schema import Settings
from tests.fake_engines import FakeEngines


@contextmanager
def in_process(engines: FakeEngines, directory: Path, **settings: object) -> Iterator[TestClient]:
    """Yield a client of an application that runs on `engines`."""
    chosen = {"preload_model": "demo", "temp_dir": directory, "cache_dir": directory, **settings}
    read = Settings(_env_file=None, **chosen)
    configure_logging(read.log_format, read.log_level)
    app = create_app(read, engines=engines)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def tone(seconds: float = 1.0) -> bytes:
    """Return a WAV file with a beep in it."""
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    samples = (8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()
