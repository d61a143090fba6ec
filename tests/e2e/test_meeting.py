"""The whole way over HTTP, by a real process on the demo bundle: what was said, when and by whom."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

from tests.conftest import DEMO
from tests.service import Service
from tests.truth import compare, load_truth, mean


def test_the_words_are_the_ones_spoken(meeting_answer: dict[str, Any], meeting: Path) -> None:
    truth = load_truth(meeting)
    assert compare(truth["words"], meeting_answer["word_segments"]).word_error_rate <= 0.05
    assert "warnings" not in meeting_answer


def test_the_last_words_of_the_meeting_are_there(meeting_answer: dict[str, Any], meeting: Path) -> None:
    truth = load_truth(meeting)
    assert meeting_answer["word_segments"][-1]["end"] == pytest.approx(truth["words"][-1]["end"], abs=0.2)
    assert meeting_answer["duration"] == pytest.approx(truth["duration"], abs=0.02)


def test_words_start_and_end_when_they_were_spoken(meeting_answer: dict[str, Any], meeting: Path) -> None:
    errors = compare(load_truth(meeting)["words"], meeting_answer["word_segments"]).boundary_errors()
    assert mean(errors) <= 0.040
    assert sorted(errors)[int(0.95 * len(errors))] <= 0.090


def test_every_word_has_the_person_who_said_it(meeting_answer: dict[str, Any], meeting: Path) -> None:
    truth = load_truth(meeting)
    comparison = compare(truth["words"], meeting_answer["word_segments"])
    assert comparison.share_with_right_speaker() >= 0.95
    labels = [word["speaker"] for word in meeting_answer["word_segments"]]
    assert list(dict.fromkeys(labels)) == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"]


def test_labels_follow_the_first_appearance(meeting_answer: dict[str, Any], meeting: Path) -> None:
    """The truth names people by first appearance too, so the labels are equal and not only a renaming."""
    comparison = compare(load_truth(meeting)["words"], meeting_answer["word_segments"])
    agreeing = [true["speaker"] == said["speaker"] for true, said in comparison.pairs]
    assert mean(agreeing) >= 0.95


def test_segments_belong_to_one_person_and_follow_each_other(meeting_answer: dict[str, Any]) -> None:
    segments = meeting_answer["segments"]
    assert meeting_answer["text"] == segments
    assert meeting_answer["language"] == "en"
    for segment in segments:
        assert {word["speaker"] for word in segment["words"]} == {segment["speaker"]}
        assert segment["start"] <= segment["words"][0]["start"]
    starts = [segment["start"] for segment in segments]
    assert starts == sorted(starts)


def test_german_is_recognised_and_written_in_german(live_service: Service) -> None:
    """The detected language survives alignment, and the German aligner is the one that was used."""
    recording = DEMO / "besprechung.flac"
    with recording.open("rb") as file:
        response = httpx.post(f"{live_service.url}/asr", files={"audio_file": file}, timeout=300)
    body = response.json()
    comparison = compare(load_truth(recording)["words"], body["word_segments"])
    assert body["language"] == "de"
    assert comparison.word_error_rate <= 0.10
    assert mean(comparison.boundary_errors()) <= 0.050


def test_a_model_of_the_hub_without_network_is_refused_quickly(live_service: Service, meeting: Path) -> None:
    """Not on disk and not to be fetched: a clear 503 in under 5 s, and no stack trace."""
    started = time.monotonic()
    with meeting.open("rb") as file:
        response = httpx.post(
            f"{live_service.url}/asr?model=large-v3", files={"audio_file": file}, timeout=60
        )
    assert time.monotonic() - started < 5
    assert response.status_code == 503
    assert response.json()["code"] == "model_unavailable"
    assert "large-v3" in response.json()["detail"]
    assert int(response.headers["retry-after"]) > 0
    assert "Traceback" not in live_service.log


def samples_of(recording: Path) -> bytes:
    samples, _ = soundfile.read(recording, dtype="int16")
    return samples.astype("<i2").tobytes()


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3, 0.6, 1.0])
def test_a_clip_shorter_than_a_word_is_no_failure(
    live_service: Service, meeting: Path, seconds: float
) -> None:
    """With everything on that works on voices; a key without a value or a NaN would be no JSON."""
    clip = samples_of(meeting)[16000 : 16000 + 2 * round(16000 * seconds)]
    for options in ({"num_speakers": "3"}, {"language": "en"}, {}):
        form = {"encode": "false", "diarize": "true", "return_speaker_embeddings": "true", **options}
        response = httpx.post(f"{live_service.url}/asr", data=form, files={"audio_file": clip}, timeout=300)
        assert response.status_code == 200, response.text
        body = json.loads(response.text, parse_constant=pytest.fail)
        assert body["duration"] == pytest.approx(seconds, abs=0.001)
        assert "no speech was found" in body.get("warnings", []) or body["segments"]


def test_silence_is_told_and_has_no_language(live_service: Service) -> None:
    silence = {"audio_file": bytes(2 * 16000 * 3)}
    asked = {"encode": "false"}
    answer = httpx.post(f"{live_service.url}/asr", data=asked, files=silence, timeout=300).json()
    assert (answer["segments"], answer["language"]) == ([], "und")
    assert answer["warnings"] == ["no speech was found"]
    guess = httpx.post(f"{live_service.url}/detect-language", data=asked, files=silence, timeout=300).json()
    assert (guess["language_code"], guess["confidence"]) == ("und", 0.0)
