"""The log line and the figures of a request: everything about it but what was said."""

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from app.api.metrics import Metrics, Sources
from app.errors import EngineFailed
from app.main import create_app
from app.settings.schema import Settings
from app.work.worker import Worker
from tests.fake_engines import FakeEngines, LoadedFakes
from tests.in_process import in_process, tone
from tests.service import Service
from tests.wire import form, head, read_answer, wired

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


@pytest.mark.parametrize("beside", ["on", "off"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_of_working_threads_name_their_request(
    form: str, beside: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With two slots nobody could tell otherwise whose answer lacks its speakers."""
    failing = FakeEngines(align_failure=EngineFailed("align"), diarize_failure=EngineFailed("diarize"))
    more = {"log_format": form, "diarize_beside_transcription": beside}
    with in_process(failing, tmp_path, **more) as client:
        for name in ("first-1", "second-2"):
            client.post("/asr", files={"audio_file": tone(0.2)}, headers={"X-Request-ID": name})
    written = [line for line in capfd.readouterr().err.splitlines() if "answer degraded" in line]
    named = [re.findall(r"first-1|second-2", line) for line in written]
    assert named == [["first-1"]] * 2 + [["second-2"]] * 2


def test_the_line_of_a_load_names_the_request_that_asked_for_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engines = LoadedFakes()
    engines.arrived.set()
    with in_process(engines, tmp_path) as client:
        client.post("/asr", files={"audio_file": tone(0.2)}, headers={"X-Request-ID": "asked-first"})
        client.post("/asr", files={"audio_file": tone(0.2)}, headers={"X-Request-ID": "found-it"})
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "loaded whisper" in line]
    assert "id=asked-first" in line


def test_a_line_that_belongs_to_no_request_names_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        client.get("/v1/models", headers={"X-Request-ID": "of-mine"})
        logging.getLogger("app.anything").warning("on its own")
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "on its own" in line]
    assert " id=" not in line


@pytest.mark.parametrize("path", ["/asr", "/nowhere", "/v1/models", "/asr/asr", "/docs/", "//asr"])
def test_a_key_in_a_query_string_reaches_no_log(
    path: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Clients write keys there in vain; sent by hand, since client libraries log too."""
    body = form(tone(0.2))
    query = "?api_key=s3cret-one&key=s3cret-two&task=s3cret-three"
    with wired(FakeEngines(), tmp_path, log_level="debug") as wire:
        for line in ("POST {}{} HTTP/1.1", "GET {}{} HTTP/1.1"):
            with wire.connect() as connection:
                start = head(len(body)).split(b"\r\n", 1)[1]
                connection.sendall(line.format(path, query).encode() + b"\r\n" + start + body)
                answer = read_answer(connection)
                assert b"s3cret-one" not in answer.body
                assert b"s3cret-two" not in answer.body
    logged = capfd.readouterr().err
    assert "method=POST" in logged
    assert "s3cret" not in logged


def test_the_server_itself_logs_no_query_string(live_service: Service) -> None:
    for path in ("/asr", "/v1/models", "/nowhere"):
        httpx.get(f"{live_service.url}{path}?api_key=s3cret-query")
        httpx.post(f"{live_service.url}{path}?api_key=s3cret-query", headers={"Upgrade": "websocket"})
    assert "route=/v1/models" in live_service.log
    assert "s3cret-query" not in live_service.log


def test_libraries_say_nothing_below_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """At debug level they would log addresses with what is signed in them, and what clients sent."""
    with in_process(FakeEngines(), tmp_path, log_level="debug"):
        for name in ("urllib3.connectionpool", "httpx", "faster_whisper", "some.library"):
            logging.getLogger(name).info("https://host/path?signature=hidden")
            logging.getLogger(name).warning("%s warns", name)
        logging.getLogger("app.anything").debug("ours")
    logged = capfd.readouterr().err
    assert "hidden" not in logged
    assert "some.library warns" in logged
    assert "ours" in logged


def test_an_application_leaves_the_handlers_of_its_process_alone(tmp_path: Path) -> None:
    """Only serving decides what becomes of the log; a program that embeds the application has its own."""
    before = list(logging.getLogger().handlers)
    create_app(Settings(_env_file=None, preload_model="demo", temp_dir=tmp_path), engines=FakeEngines())
    assert logging.getLogger().handlers == before


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


def scraped(memory: Callable[[], tuple[int, int] | None], times: int = 1) -> tuple[str, float]:
    """Return the last of several answers of /metrics, and how long the loop stood still at most."""
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - began)

    async def scrape() -> str:
        metrics = Metrics(Sources(worker=Worker().stats, detection_worker=Worker().stats, gpu_memory=memory))
        watching = asyncio.create_task(watch())
        answers = [await metrics.endpoint(Request({"type": "http"})) for _ in range(times)]
        watching.cancel()
        return bytes(answers[-1].body).decode()

    return asyncio.run(scrape()), worst


def test_the_memory_of_a_gpu_is_among_the_figures() -> None:
    text, _ = scraped(lambda: (3, 8))
    assert figures(text)["asr_gpu_memory_used_bytes"] == 3
    assert figures(text)["asr_gpu_memory_total_bytes"] == 8


def test_a_driver_that_hangs_costs_its_own_figures_alone(capfd: pytest.CaptureFixture[str]) -> None:
    asked: list[float] = []
    release = threading.Event()

    def hang() -> None:
        asked.append(time.monotonic())
        release.wait(30)

    began = time.monotonic()
    text, stood_still = scraped(hang, times=2)
    release.set()
    assert time.monotonic() - began < 5
    assert stood_still < 0.5
    assert len(asked) == 1, "one thread waits for it, however often somebody scrapes"
    assert "asr_gpu_memory" not in text
    assert figures(text)["asr_queue_limit"] == 100


def test_a_driver_that_fails_costs_its_own_figures_alone(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("the driver is gone")

    text, _ = scraped(fail, times=3)
    assert "asr_gpu_memory" not in text
    assert figures(text)["asr_queue_limit"] == 100
    assert [record.getMessage() for record in caplog.records] == [
        "the GPU's memory cannot be read: RuntimeError: the driver is gone"
    ]
