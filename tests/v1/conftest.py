"""OpenAI's own SDK, and the recordings that these tests send."""

import io
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import openai
import pytest
import soundfile

from tests.conftest import DEMO
from tests.service import Service

Cut: TypeAlias = Callable[..., bytes]


@pytest.fixture(scope="module")
def sdk(live_service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{live_service.url}/v1", api_key="any", max_retries=0, timeout=300
    ) as client:
        yield client


@pytest.fixture(scope="session")
def cut() -> Cut:
    """Return stretches of the sample meeting, joined, as a FLAC or WAV file."""
    samples, rate = soundfile.read(DEMO / "meeting.flac", dtype="int16")

    def cut(*stretches: tuple[float, float], form: str = "FLAC") -> bytes:
        buffer = io.BytesIO()
        pieces = [samples[int(start * rate) : int(end * rate)] for start, end in stretches]
        soundfile.write(buffer, np.concatenate(pieces), rate, format=form)
        return buffer.getvalue()

    return cut
