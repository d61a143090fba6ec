"""The log line and the figures of a request: everything about it but what was said."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.errors import EngineFailed
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone

FIGURES = {
    "asr_requests", "asr_request_seconds", "asr_stage_seconds", "asr_audio_seconds", "asr_upload_bytes",
    "asr_refusals", "asr_cancellations", "asr_slots", "asr_running", "asr_queue_depth", "asr_queue_limit",
    "asr_slots_hung", "asr_slots_dead", "asr_draining", "asr_work_finished", "asr_open_uploads",
    "asr_model_loaded", "asr_model_leases", "asr_model_gpu_bytes", "asr_detections_running",
    "asr_detections_waiting",
}  # fmt: skip


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]


def test_a_request_is_one_json_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with in_process(FakeEngines(), tmp_path, log_format="json") as client:
        answer = client.post("/asr", files={"audio_file": ("our-secret-merger.wav", tone(0.5))})
        size = int(answer.request.headers["content-length"])
    requests = [line for line in lines(capfd) if line["message"] == "request"]
    assert len(requests) == 1
    line = requests[0]
    assert line["id"] == answer.headers["X-Request-ID"]
    assert (line["method"], line["route"], line["status"], line["outcome"]) == ("POST", "/asr", 200, "ok")
    assert line["bytes"] == size
    assert line["audio_seconds"] == 0.5
    assert line["model"] == "demo"
    assert line["level"] == "info"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    for stage in ("queue", "decode", "transcribe", "diarize", "align"):
        assert 0 <= line[f"{stage}_seconds"] <= line["seconds"]


def test_what_was_said_and_what_the_file_is_called_stay_out_of_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        client.post(
            "/asr?initial_prompt=classified", files={"audio_file": ("our-secret-merger.wav", tone(0.5))}
        )
        client.post("/asr?task=classified", files={"audio_file": ("our-secret-merger.wav", tone(0.5))})
    # The client of the test, in the same process, logs addresses of its own.
    logged = "\n".join(line for line in capfd.readouterr().err.splitlines() if " app." in line)
    assert "outcome=ok" in logged
    assert "outcome=invalid_parameter" in logged
    for secret in ("hello there", "our-secret-merger", "classified"):
        assert secret not in logged


def test_the_file_name_appears_at_debug_level_and_cannot_forge_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "a.wav\x0b2026-01-01 forged\u2028line"
    with in_process(FakeEngines(), tmp_path, log_level="debug") as client:
        client.post("/asr", files={"audio_file": (name, tone(0.5))})
    logged = capfd.readouterr().err
    assert "file_name=" in logged
    assert all("forged" not in line or "request" in line for line in logged.splitlines())


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_failure_inside_is_logged_with_its_request_and_not_told(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engines = FakeEngines(failure=RuntimeError("the inner reason"))
    with in_process(engines, tmp_path, log_format=form) as client:
        answer = client.post("/asr", files={"audio_file": tone(0.2)}, headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 500
    assert "inner reason" not in answer.text
    logged = capfd.readouterr().err
    assert "the inner reason" in logged
    assert "find-me" in logged
    assert "internal_error" in logged


def test_probes_do_not_fill_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        client.get("/metrics")
    assert "route=/metrics" not in capfd.readouterr().err


def test_a_failed_request_tells_how_long_it_waited(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engines = FakeEngines(failure=EngineFailed("transcription"))
    with in_process(engines, tmp_path, log_format="json") as client:
        answer = client.post("/asr", files={"audio_file": tone(0.2)})
        seen = figures(client.get("/metrics").text)
    assert answer.status_code == 500
    assert answer.headers["Server-Timing"].startswith("queue;dur=")
    line = next(line for line in lines(capfd) if line["message"] == "request" and line["route"] == "/asr")
    assert line["outcome"] == "engine_failed"
    assert 0 <= line["queue_seconds"] <= line["seconds"]
    assert seen['asr_stage_seconds_count{stage="queue"}'] == 1


def test_an_engine_that_ends_the_process_ends_its_request_alone(tmp_path: Path) -> None:
    engines = FakeEngines()
    with in_process(engines, tmp_path) as client:
        engines.failure = SystemExit(3)
        answer = client.post("/asr", files={"audio_file": tone(0.2)})
        assert (answer.status_code, answer.json()["code"]) == (500, "engine_failed")
        engines.failure = None
        assert client.post("/asr", files={"audio_file": tone(0.2)}).status_code == 200
        assert client.get("/health").status_code == 200


def figures(text: str) -> dict[str, float]:
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_requests_are_counted_by_route_and_outcome(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        for _ in range(2):
            client.post("/asr", files={"audio_file": tone(0.5)})
        client.post("/asr", files={"audio_file": b""})
        client.get("/no/such/path/12345")
        seen = figures(client.get("/metrics").text)
    assert seen['asr_requests_total{outcome="ok",route="/asr"}'] == 2
    assert seen['asr_requests_total{outcome="empty_file",route="/asr"}'] == 1
    assert seen['asr_requests_total{outcome="http_404",route="unmatched"}'] == 1
    assert seen["asr_audio_seconds_sum"] == 1.0
    assert seen['asr_stage_seconds_count{stage="decode"}'] == 2
    assert seen["asr_work_finished_total"] == 2
    assert seen["asr_open_uploads"] == 0
    assert seen["asr_queue_limit"] == 100


def test_the_figures_are_the_documented_ones(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        text = client.get("/metrics").text
    described = set(re.findall(r"^# HELP (\w+?)(?:_total)? ", text, re.MULTILINE))
    assert {name for name in described if not name.endswith("_created")} == FIGURES


def test_two_applications_in_one_process_count_for_themselves(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as first, in_process(FakeEngines(), tmp_path) as second:
        first.post("/asr", files={"audio_file": tone(0.2)})
        assert 'route="/asr"' not in second.get("/metrics").text
