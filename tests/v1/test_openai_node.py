"""OpenAI's JavaScript SDK against the running service; it sends files in chunks, of no announced length."""

import json
import math
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from app.errors import EngineFailed
from tests.fake_engines import FakeEngines
from tests.in_process import tone
from tests.service import ROOT, Service
from tests.wire import wired

Ask: TypeAlias = Callable[..., list[dict[str, Any]]]

PROGRAM = Path(__file__).parent / "node"
INSTALLED = ROOT / ".cache" / "openai-node"
"""Where the SDK is kept between runs; tests/v1/node/package-lock.json has its hash."""


@pytest.fixture(scope="module")
def ask() -> Ask:
    """Return what sends a recording to an address, once for each set of fields."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node or npm is not installed")
    install(npm)

    def ask(url: str, recording: Path, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        command = [node, "ask.mjs", f"{url}/v1", str(recording), json.dumps(requests)]
        done = subprocess.run(
            command, cwd=INSTALLED, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        outcomes: list[dict[str, Any]] = json.loads(done.stdout)
        return outcomes

    return ask


def install(npm: str) -> None:
    """Bring the SDK into INSTALLED, or skip the tests with the words of npm."""
    lock = (PROGRAM / "package-lock.json").read_bytes()
    noted = INSTALLED / "installed.json"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in PROGRAM.iterdir():
        shutil.copy(file, INSTALLED)
    if noted.exists() and noted.read_bytes() == lock:
        return
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install OpenAI's SDK: {done.stderr.strip()[-300:]}")
    noted.write_bytes(lock)


def test_answers_and_streams(ask: Ask, live_service: Service, opening: Path) -> None:
    verbose = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    diarized = {"response_format": "diarized_json", "chunking_strategy": "auto", "stream": True}
    subtitles = {"response_format": "srt"}
    found = ask(live_service.url, opening, {}, subtitles, verbose, {"stream": True}, diarized)
    plain, srt, whole = (outcome["answer"] for outcome in found[:3])
    assert plain["text"].startswith("Hello Julia, how are you?")
    assert plain["usage"] == {"type": "duration", "seconds": math.ceil(23.4)}
    assert srt.startswith("1\n00:00:0")
    assert (whole["task"], whole["language"], whole["text"]) == ("transcribe", "english", plain["text"])
    assert whole["segments"][0]["id"] == 0
    assert whole["words"][0]["word"] == "Hello"
    deltas = check_stream(found[3], "transcript.text.delta", plain["text"])
    assert "".join(event["delta"] for event in deltas) == plain["text"]
    segments = check_stream(found[4], "transcript.text.segment", plain["text"])
    assert {event["speaker"] for event in segments} == {"A", "B", "C"}


def check_stream(outcome: dict[str, Any], kind: str, text: str) -> list[dict[str, Any]]:
    """Return the events of a stream that are of `kind`: all but the last, which has the whole text."""
    assert "error" not in outcome
    events: list[dict[str, Any]] = outcome["events"]
    assert {event["type"] for event in events[:-1]} == {kind}
    assert (events[-1]["type"], events[-1]["text"]) == ("transcript.text.done", text)
    return events[:-1]


@contextmanager
def fails_soon(engines: FakeEngines) -> Iterator[None]:
    """Open the gate half a second after work has begun: by then its first text is on its way."""

    def open_gate() -> None:
        engines.entered.wait(60)
        time.sleep(0.5)
        engines.gate.set()

    opening = threading.Thread(target=open_gate)
    opening.start()
    yield
    opening.join()


def test_failures_before_and_in_mid_stream_are_its_own_errors(ask: Ask, tmp_path: Path) -> None:
    recording = tmp_path / "tone.wav"
    recording.write_bytes(tone())
    engines = FakeEngines(tells_early=True, failure=EngineFailed("transcription"))
    engines.gate.clear()
    with wired(engines, tmp_path) as wire, fails_soon(engines):
        refused, broken = ask(wire.url, recording, {"response_format": "xml"}, {"stream": True})
    assert refused["error"]["kind"] == "BadRequestError"
    assert (refused["error"]["status"], refused["error"]["code"]) == (400, "unsupported_value")
    assert refused["error"]["requestID"]
    assert [event["type"] for event in broken["events"]] == ["transcript.text.delta"]
    assert (broken["error"]["kind"], broken["error"]["code"]) == ("APIError", "engine_failed")
