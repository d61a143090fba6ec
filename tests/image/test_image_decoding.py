"""The image's own ffmpeg, older than the one that the other tests use, decodes and refuses the same."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.audio.sounds import FORMATS, TONES, known_sound, write_wave
from tests.corpus.bad_inputs import LIMITS, everything, wrong_answers
from tests.image.conftest import Container, Engine, started

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

NO_SPEECH = "no speech was found"
"""What the files hold is tones."""


@pytest.fixture(scope="module")
def limited_container(engine: Engine, volume: str) -> Iterator[Container]:
    settings = {"PRELOAD_MODEL": "demo", "DEVICE": "cpu"}
    settings |= {name.upper(): str(value) for name, value in LIMITS.items()}
    environment = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    mounts = ["--publish", "127.0.0.1::9000", "--volume", f"{volume}:/.cache"]
    with started(engine, *mounts, *environment) as container:
        container.wait_for_health("healthy")
        yield container


def test_every_format_is_decoded_to_its_length(demo_container: Container, tmp_path: Path) -> None:
    source = write_wave(tmp_path / "source.wav", known_sound())
    options = {"diarize": "false", "word_timestamps": "false", "language": "en"}
    wrong = []
    for form in FORMATS:
        files = {"audio_file": form.encode(source, tmp_path).read_bytes()}
        answer = httpx.post(f"{demo_container.url}/asr", params=options, files=files, timeout=60)
        heard = answer.json()
        complaints = set(heard.get("warnings", ())) - {NO_SPEECH}
        if abs(heard.get("duration", 0) - len(TONES)) > 0.1 or complaints:
            wrong.append(f"{form.name}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_bad_input_gets_the_answer_it_deserves(limited_container: Container, tmp_path: Path) -> None:
    wrong = wrong_answers(limited_container.url, everything(tmp_path))
    assert not wrong, "\n" + "\n".join(wrong)
