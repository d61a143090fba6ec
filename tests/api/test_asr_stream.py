"""POST /asr with stream=true: what is told on the way, in which form, and what becomes of who leaves."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from app.api.event_stream import EventStream
from app.errors import EngineFailed, OutOfMemory
from app.events import StageAdvanced
from app.stage import Stage
from tests.conftest import DEMO
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.service import Service
from tests.wire import Wire, wait_until, wired

FILES = {"audio_file": ("Team call.wav", tone())}


@dataclass(frozen=True)
class Told:
    """One event; the name of a comment is empty."""

    name: str
    content: dict[str, Any]


def events_of(stream: str) -> list[Told]:
    assert stream.endswith("\n\n")
    told = []
    for block in stream.split("\n\n")[:-1]:
        if block.startswith(":"):
            told.append(Told("", {}))
            continue
        name, data = block.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data: ")
        told.append(Told(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return told


def ask(client: TestClient, **options: str) -> list[Told]:
    answer = client.post("/asr", files=FILES, data={"stream": "true", **options})
    assert answer.status_code == 200, answer.text
    return events_of(answer.text)


def named(told: Sequence[Told], name: str) -> list[dict[str, Any]]:
    return [event.content for event in told if event.name == name]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with in_process(FakeEngines(), tmp_path_factory.mktemp("stream")) as client:
        yield client


def test_a_stream_says_that_it_may_neither_be_kept_nor_collected(client: TestClient) -> None:
    answer = client.post("/asr?stream=yes", files=FILES)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text.startswith(":")


def test_everything_is_told_in_its_order(client: TestClient) -> None:
    told = ask(client)
    assert [event.name for event in told if event.name != "progress"] == ["", "queue", "text", "result"]
    assert named(told, "queue") == [{"position": 0, "seconds": 0}]
    assert named(told, "text") == [{"start": 0.0, "end": 1.0, "text": "hello there"}]
    progress = named(told, "progress")
    stages = list(dict.fromkeys(each["stage"] for each in progress))
    assert stages == ["decode", "diarize", "transcribe", "align"]
    for each in progress:
        assert set(each) == {"stage", "done", "all", "seconds_left", "audio_seconds"}
    assert all(before["all"] <= after["all"] for before, after in pairwise(progress))
    assert progress[-1] == {
        "stage": "align",
        "done": 1.0,
        "all": 1.0,
        "seconds_left": 0,
        "audio_seconds": 1.0,
    }
    assert told[-2].content is progress[-1]


def test_the_result_is_the_answer_without_the_stream(client: TestClient) -> None:
    (result,) = named(ask(client), "result")
    assert set(result) == {"format", "document", "timing", "request_id"}
    assert result["format"] == "json"
    assert result["document"] == client.post("/asr", files=FILES).json()
    assert list(result["timing"]) == ["queue", "decode", "load", "transcribe", "align", "diarize"]
    assert result["request_id"]


def test_the_result_is_written_in_the_dialect_of_the_webservice_too(client: TestClient) -> None:
    (result,) = named(ask(client, output="json"), "result")
    assert result["document"]["text"] == "hello\nthere\n"


def test_a_document_of_bytes_comes_in_base64(client: TestClient) -> None:
    plain = client.post("/asr", files=FILES, data={"output": "docx"})
    (result,) = named(ask(client, output="docx"), "result")
    assert base64.b64decode(result["base64"]) == plain.content
    assert "text" not in result


@pytest.mark.parametrize("name", ["text", "srt", "vtt", "tsv", "md"])
def test_documents_of_other_forms_come_as_text_with_their_warnings(client: TestClient, name: str) -> None:
    options = {"output_format": name, "wrong": "1"}
    plain = client.post("/asr", files=FILES, data=options)
    (result,) = named(ask(client, **options), "result")
    assert result["format"] == name
    assert result["text"] == plain.text
    assert result["warnings"] == plain.headers["x-asr-warnings"].split(" | ")


def test_without_the_option_nothing_changes(client: TestClient) -> None:
    asked = [client.post("/asr", files=FILES, data=data).content for data in ({}, {"stream": "false"})]
    assert asked[0] == asked[1]
    assert json.loads(asked[0])["segments"]


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"stream": "perhaps"}, 400, "invalid_parameter"),
        ({"stream": "true", "task": "sing"}, 400, "invalid_parameter"),
        ({"stream": "true", "model": "unheard-of"}, 400, "model_not_found"),
    ],
)
def test_what_is_refused_has_its_status(
    client: TestClient, options: dict[str, str], status: int, code: str
) -> None:
    answer = client.post("/asr", files=FILES, data=options)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_recording_that_cannot_be_decoded_has_its_status(client: TestClient) -> None:
    answer = client.post("/asr?stream=true", files={"audio_file": ("a.wav", b"no recording at all" * 9)})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_audio")


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (EngineFailed("transcription"), {"status": 500, "code": "engine_failed"}),
        (OutOfMemory("transcription"), {"status": 503, "code": "out_of_memory", "retry_after": 30}),
        (ZeroDivisionError("/srv/secret"), {"status": 500, "code": "internal_error"}),
    ],
)
def test_a_failure_on_the_way_is_the_last_event_and_counts_as_what_it_is(
    tmp_path: Path, failure: Exception, error: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    engines = FakeEngines(failure=failure, tells_early=True)
    engines.gate.clear()
    with wired(engines, tmp_path) as wire, streaming(wire) as lines:
        read_until(lines, "event: text")
        engines.gate.set()
        rest = "".join(f"{line}\n" for line in lines)
        metrics = httpx.get(f"{wire.url}/metrics").text
    told = events_of(rest[rest.index("event: ") :])
    assert told[-1].name == "error"
    assert set(told[-1].content) == {*error, "detail", "request_id"}
    assert error.items() <= told[-1].content.items()
    assert "secret" not in rest
    assert f'asr_requests_total{{outcome="{error["code"]}",route="/asr"}} 1.0' in metrics


@contextmanager
def streaming(wire: Wire) -> Iterator[Iterator[str]]:
    """Yield the lines of an answer as they come."""
    asked = httpx.stream("POST", f"{wire.url}/asr", files=FILES, data={"stream": "true"}, timeout=20)
    with asked as answer:
        assert answer.status_code == 200, answer.read()
        yield answer.iter_lines()


def read_until(lines: Iterator[str], words: str) -> str:
    return next(line for line in lines if words in line)


def test_who_waits_is_told_its_place_and_how_it_gets_on(tmp_path: Path) -> None:
    engines = FakeEngines()
    with wired(engines, tmp_path) as wire:
        httpx.post(f"{wire.url}/asr", files=FILES)
        engines.gate.clear()
        with streaming(wire) as first, streaming(wire) as second, streaming(wire) as third:
            read_until(first, '"position":0')
            assert json.loads(read_until(second, "position").removeprefix("data: "))["position"] == 1
            waiting = json.loads(read_until(third, "position").removeprefix("data: "))
            assert waiting["position"] == 2
            assert waiting["seconds"] is not None
            engines.gate.set()
            read_until(first, "event: result")
            assert '"position":' in read_until(third, "position")
            read_until(second, "event: result")
            read_until(third, "event: result")


@pytest.mark.parametrize("waits_in", ["transcribe", "align", "diarize"])
def test_who_leaves_frees_the_slot(tmp_path: Path, waits_in: str) -> None:
    engines = FakeEngines(waits_in=waits_in)
    engines.gate.clear()
    with wired(engines, tmp_path) as wire:
        with streaming(wire) as lines:
            read_until(lines, f'"stage":"{waits_in}"')
            assert wire.queue() == (1, 0)
        assert wait_until(lambda: wire.queue() == (0, 0), 5) < 2
        wait_until(lambda: wire.open_uploads() == 0)
        cancelled = 'asr_requests_total{outcome="client_closed_request",route="/asr"} 1.0'
        wait_until(lambda: cancelled in httpx.get(f"{wire.url}/metrics").text)


def test_silence_is_filled_with_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventStream, "patience", 0.05)
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path) as wire, streaming(wire) as lines:
        read_until(lines, '"stage":"transcribe"')
        for _ in range(3):
            read_until(lines, ": keep-alive")
        engines.gate.set()
        read_until(lines, "event: result")


def test_the_end_of_the_service_is_an_error_of_those_who_wait(tmp_path: Path) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path) as wire, streaming(wire) as running, streaming(wire) as waiting:
        read_until(running, '"stage":"transcribe"')
        give_up(wire)
        for lines in (running, waiting):
            read_until(lines, "event: error")
            error = json.loads(next(lines).removeprefix("data: "))
            assert (error["status"], error["code"]) == (503, "draining")
            assert error["retry_after"] > 0


def give_up(wire: Wire) -> None:
    """Let the worker give its work no time to end, as after SIGTERM."""
    worker = wire.app.state.services.worker
    asyncio.run_coroutine_threadsafe(worker.drain(0.0), wire.loop).result(5)


def test_progress_is_told_at_most_twice_a_second(tmp_path: Path) -> None:
    class Busy(FakeEngines):
        def transcribe(self, waveform: Any, request: Any, checkpoint: Any, tell: Any = None) -> Any:
            for number in range(120):
                tell(StageAdvanced(Stage.TRANSCRIBE, number / 120))
                time.sleep(0.01)
            return super().transcribe(waveform, request, checkpoint, tell)

    with in_process(Busy(), tmp_path) as client:
        told = named(ask(client), "progress")
    assert 2 <= len([each for each in told if each["stage"] == "transcribe"]) <= 5


def test_the_real_service_tells_of_a_meeting_what_it_answers(live_service: Service) -> None:
    recording = (DEMO.parents[1] / "tests" / "data" / "conversation-en-2-voices-1.flac").read_bytes()
    files = {"audio_file": ("call.flac", recording)}
    plain = httpx.post(f"{live_service.url}/asr", files=files, timeout=120).json()
    answer = httpx.post(f"{live_service.url}/asr?stream=true", files=files, timeout=120)
    told = events_of(answer.text)
    (result,) = named(told, "result")
    assert result["document"] == plain
    assert " ".join(each["text"] for each in named(told, "text"))
    progress = named(told, "progress")
    assert list(dict.fromkeys(each["stage"] for each in progress if each["stage"] != "load")) == [
        "decode",
        "diarize",
        "transcribe",
        "align",
    ]
    assert all(before["all"] <= after["all"] for before, after in pairwise(progress))
    assert progress[-1]["all"] == 1
    assert progress[-1]["audio_seconds"] == plain["duration"]
    assert any(0 < each["done"] < 1 for each in progress)
