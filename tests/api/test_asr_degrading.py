"""What fails after the transcription leaves the transcript standing, and is told to the caller.

Known faults of such servers: 13 a failed alignment is a silent 200 without words, 14 a failed diarization a
silent 200 without speakers, 20 NaN reaches the JSON, 31 a segment that two people share keeps one label.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from app.errors import EngineFailed, ModelUnavailable, OutOfMemory
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone

FAILURES = [
    EngineFailed("alignment"),
    OutOfMemory("alignment", 30),
    ModelUnavailable("some-model", "accept the licence on its page and set HF_TOKEN", 60),
]


def ask(directory: Path, engines: FakeEngines, **form: str) -> Any:
    with in_process(engines, directory) as client:
        return client.post("/asr", data=form, files={"audio_file": ("talk.wav", tone())})


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_failed_alignment_is_told(tmp_path: Path, failure: Exception) -> None:
    answer = ask(tmp_path, FakeEngines(align_failure=failure))
    assert answer.status_code == 200
    assert [segment["text"] for segment in answer.json()["segments"]] == ["hello", "there"]
    assert [word["start"] for word in answer.json()["word_segments"]] == [0.0, 0.5]
    assert ["timed by Whisper's attention" in warning for warning in answer.json()["warnings"]] == [True]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_known_text_is_placed_without_the_aligner_that_failed(tmp_path: Path, failure: Exception) -> None:
    engines = FakeEngines(align_failure=failure)
    answer = ask(tmp_path, engines, transcript="Good day.")
    assert [word["word"] for word in answer.json()["word_segments"]] == ["Good", "day."]
    assert ["timed by Whisper's attention" in warning for warning in answer.json()["warnings"]] == [True]
    assert ask(tmp_path, engines, transcript="Good day.", align="wav2vec2").status_code >= 500


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_failed_diarization_is_told(tmp_path: Path, failure: Exception) -> None:
    answer = ask(tmp_path, FakeEngines(diarize_failure=failure), return_speaker_embeddings="true")
    assert answer.status_code == 200
    assert len(answer.json()["word_segments"]) == 2
    assert "SPEAKER" not in answer.text
    assert "speakers" in answer.json()["warnings"][0]
    assert not answer.json().get("speaker_embeddings")


def test_the_warning_says_what_to_do(tmp_path: Path) -> None:
    answer = ask(tmp_path, FakeEngines(diarize_failure=FAILURES[2]), output_format="srt")
    assert "set HF_TOKEN" in answer.headers["x-asr-warnings"]


def test_an_unforeseen_cause_is_logged_not_told(tmp_path: Path) -> None:
    cause = EngineFailed("alignment")
    cause.__cause__ = ZeroDivisionError("/srv/secret")
    assert "secret" not in ask(tmp_path, FakeEngines(align_failure=cause)).text


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_failed_transcription_is_an_error(tmp_path: Path, failure: Exception) -> None:
    answer = ask(tmp_path, FakeEngines(failure=failure))
    assert answer.status_code == (500 if isinstance(failure, EngineFailed) else 503)
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)


def test_a_number_that_is_none_is_left_out(tmp_path: Path) -> None:
    answer = ask(tmp_path, FakeEngines(score=float("nan")))
    assert answer.status_code == 200
    body = json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} in the answer"))
    assert all("score" not in word for word in body["word_segments"])


def test_a_segment_that_two_people_share_is_split(tmp_path: Path) -> None:
    segments = ask(tmp_path, FakeEngines()).json()["segments"]
    assert [(segment["speaker"], segment["text"].strip()) for segment in segments] == [
        ("SPEAKER_00", "hello"),
        ("SPEAKER_01", "there"),
    ]
