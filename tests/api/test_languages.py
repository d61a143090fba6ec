"""POST /detect-language without a model; tests/clients has it with Bazarr's own requests."""

from pathlib import Path

import numpy as np
import pytest

from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone

MEETING = Path(__file__).parents[2] / "app" / "demo" / "meeting.flac"


@pytest.mark.parametrize(
    ("code", "name"), [("de", "german"), ("haw", "hawaiian"), ("jw", "javanese"), ("zh", "chinese")]
)
def test_the_language_is_named_by_code_and_in_english(tmp_path: Path, code: str, name: str) -> None:
    with in_process(FakeEngines(language=code), tmp_path) as client:
        answer = client.post("/detect-language", files={"audio_file": ("a.wav", tone())})
    assert answer.status_code == 200
    assert answer.json() == {"detected_language": name, "language_code": code, "confidence": 0.97}


def test_where_nobody_speaks_the_language_is_undetermined(tmp_path: Path) -> None:
    with in_process(FakeEngines(language="und"), tmp_path) as client:
        answer = client.post("/detect-language", files={"audio_file": ("a.wav", tone())})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["language_code"], body["detected_language"]) == ("und", "undetermined")
    assert body["warnings"] == ["no speech was found"]


def test_raw_samples_arrive_unchanged(tmp_path: Path) -> None:
    engines = FakeEngines()
    samples = np.array([0, 16384, -32768, 32767] * 4000, "<i2")
    with in_process(engines, tmp_path) as client:
        query = {"encode": "false", "video_file": "/films/a film.mkv"}
        answer = client.post("/detect-language", params=query, files={"audio_file": samples.tobytes()})
    assert answer.status_code == 200
    assert "warnings" not in answer.json()
    np.testing.assert_array_equal(engines.heard[0], samples)


def test_the_answer_says_where_the_time_went(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.post("/detect-language", files={"audio_file": ("a.wav", tone())})
    stages = [stage.split(";")[0] for stage in answer.headers["server-timing"].split(", ")]
    assert stages == ["queue", "decode", "load", "transcribe", "total"]


@pytest.mark.parametrize(
    ("query", "upload", "code"),
    [
        ({"encode": "perhaps"}, tone(), "invalid_parameter"),
        ({"model": "gpt-9"}, tone(), "model_not_found"),
        ({}, b"not a recording", "invalid_audio"),
        ({"encode": "false"}, b"odd", "invalid_audio"),
        ({}, b"", "empty_file"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_engine(
    tmp_path: Path, query: dict[str, str], upload: bytes, code: str
) -> None:
    engines = FakeEngines()
    with in_process(engines, tmp_path) as client:
        answer = client.post("/detect-language", params=query, files={"audio_file": ("a.wav", upload)})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert engines.heard == []


def test_an_option_that_does_nothing_here_is_named(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.post(
            "/detect-language?num_speakers=2&model=demo", files={"audio_file": ("a.wav", tone())}
        )
    assert answer.json()["warnings"] == ["num_speakers has no effect on /detect-language"]


def test_the_language_is_that_of_the_part_that_is_named(tmp_path: Path) -> None:
    engines = FakeEngines()
    with in_process(engines, tmp_path) as client:
        upload = {"audio_file": ("a.wav", tone(3))}
        answer = client.post("/detect-language?start=1&duration=0.5&audio_track=1", files=upload)
        assert client.post("/detect-language?start=4", files=upload).status_code == 400
    assert [len(heard) for heard in engines.heard] == [8000]
    assert "warnings" not in answer.json()


def test_a_damaged_recording_is_named_in_the_answer(tmp_path: Path) -> None:
    content = bytearray(MEETING.read_bytes())
    content[200_000:210_000] = bytes(10_000)
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.post("/detect-language", files={"audio_file": ("a.flac", bytes(content))})
    assert answer.status_code == 200
    assert ["damaged" in warning for warning in answer.json()["warnings"]] == [True]


def test_an_unknown_option_is_ignored_and_named(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.post("/detect-language?colour=red", files={"audio_file": ("a.wav", tone())})
    assert answer.status_code == 200
    assert ["colour" in warning for warning in answer.json()["warnings"]] == [True]
