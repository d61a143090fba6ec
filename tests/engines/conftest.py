"""The real engines on the demo bundle, each loaded once, and what they make of the recordings."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nltk
import pytest
import soundfile
import torch

from app.audio.waveform import Waveform
from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.alignment.sentences import ABBREVIATIONS
from app.engines.diarization.diarizer import PyannoteDiarizer
from app.engines.interfaces import Transcription, TranscriptionRequest
from app.engines.whisper.transcriber import WhisperTranscriber
from tests.engines.stock import Stock

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "app" / "demo"
DATA = ROOT / "tests" / "data"


LIBRARIES = (
    "lightning",
    "pyannote",
    "pytorch_lightning",
    "speechbrain",
    "torch",
    "torchaudio",
    "transformers",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what the speech libraries say about themselves; our own warnings stay errors."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for library in LIBRARIES:
                item.add_marker(pytest.mark.filterwarnings(rf"ignore:::{library}\b"))


def nothing() -> None:
    """A checkpoint that lets everything pass."""


@cache
def samples_of(path: Path) -> Waveform:
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 16000
    return samples


@cache
def truth_of(path: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return truth


def recordings(pattern: str) -> list[Path]:
    """The test recordings whose names match; there must be some, or nothing would be tested."""
    found = sorted(DATA.glob(f"{pattern}.flac"))
    assert found, f"no recording matches {pattern}"
    return found


@pytest.fixture(scope="session")
def stock(pytestconfig: pytest.Config) -> Stock:
    return Stock(pytestconfig.getoption("recompute"), pytestconfig.getoption("keep"))


@pytest.fixture(scope="session")
def transcriber() -> WhisperTranscriber:
    return WhisperTranscriber.load(
        DEMO / "whisper", device="cpu", compute_type="int8", batch_size=4, cpu_threads=0, chunk_seconds=10.0
    )


@pytest.fixture(scope="session")
def english_aligner() -> Wav2Vec2Aligner:
    return Wav2Vec2Aligner.load(
        DEMO / "aligner", language="en", device="cpu", batch_size=4, precision="float32"
    )


@pytest.fixture(scope="session")
def german_aligner() -> Wav2Vec2Aligner:
    return Wav2Vec2Aligner.load(
        DEMO / "aligner", language="de", device="cpu", batch_size=4, precision="float32"
    )


@pytest.fixture(scope="session")
def diarizer() -> PyannoteDiarizer:
    return load_diarizer()


def load_diarizer(
    precision: str = "float32", source: Path = DEMO / "diarization", **changed: Any
) -> PyannoteDiarizer:
    options: dict[str, Any] = {
        "segmentation_batch_size": 32,
        "embedding_batch_size": 32,
        "clustering_threshold": None,
        "min_duration_off": None,
    }
    return PyannoteDiarizer.load(source, device="cpu", precision=precision, **(options | changed))


@pytest.fixture(scope="session")
def heard(transcriber: WhisperTranscriber) -> Callable[[Path], Transcription]:
    """What the transcriber makes of a recording whose language it must find out; computed once."""

    @cache
    def transcribe(path: Path) -> Transcription:
        return transcriber.transcribe(samples_of(path), TranscriptionRequest(), nothing)

    return transcribe


@pytest.fixture(scope="session")
def punkt_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Our sentence rules in the files that whisperX's own aligner looks for, so that both split alike."""
    folder = tmp_path_factory.mktemp("nltk_data")
    for name, language in (("english", "en"), ("german", "de")):
        parameters = folder / "tokenizers" / "punkt_tab" / name
        parameters.mkdir(parents=True)
        (parameters / "abbrev_types.txt").write_text("\n".join(ABBREVIATIONS[language].split()) + "\n")
        for empty in ("collocations.tab", "ortho_context.tab", "sent_starters.txt"):
            (parameters / empty).touch()
    nltk.data.path.insert(0, str(folder))
    yield folder
    nltk.data.path.remove(str(folder))


@pytest.fixture(autouse=True, scope="session")
def same_random_numbers() -> None:
    torch.manual_seed(0)
