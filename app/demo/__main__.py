"""`python -m app.demo`: start the service, send it the sample meeting, print what was said by whom."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

HERE = Path(__file__).parent
START_SECONDS = 180
ANSWER_SECONDS = 600


def main() -> int:
    """Return 0 if the meeting came back with words, times and speakers; 1 with the reason otherwise."""
    meeting = HERE / "meeting.flac"
    try:
        with running_service() as url:
            started = time.monotonic()
            answer = transcribe(url, meeting)
            seconds = time.monotonic() - started
    except DemoFailed as exc:
        print(f"The demo failed: {exc}", file=sys.stderr)
        return 1
    show(answer, seconds)
    missing = what_is_missing(answer, json.loads(meeting.with_suffix(".json").read_text(encoding="utf-8")))
    if missing:
        print(f"The demo failed: {missing}", file=sys.stderr)
        return 1
    return 0


class DemoFailed(Exception):
    """The service did not start or did not answer with a transcript."""


@contextmanager
def running_service() -> Iterator[str]:
    """Yield the address of a service of our own on a free port; stop it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Started away from the repository, where a .env may hold the settings of another service.
    environment = {
        **os.environ,
        "PRELOAD_MODEL": "demo",
        "HF_HUB_OFFLINE": "1",
        "DEVICE": "cpu",
        "PYTHONPATH": str(HERE.parent.parent),
        "PYTHONSAFEPATH": "1",
    }
    command = [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", str(port)]
    print(f"Starting the service: PRELOAD_MODEL=demo {' '.join(command[1:])}", flush=True)
    process = subprocess.Popen(command, env=environment, cwd=HERE, stdout=sys.stderr)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_healthy(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Return once /health says healthy.

    Raises:
        DemoFailed: the process ended, or was not healthy in time; with the reason that it gave.
    """
    deadline = time.monotonic() + START_SECONDS
    last = "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoFailed(f"the service ended with status {process.returncode}")
        try:
            health = requests.get(f"{url}/health", timeout=5)
            last = health.text
            if health.ok and health.json()["status"] == "healthy":
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(0.2)
    raise DemoFailed(f"the service was not healthy after {START_SECONDS} s: {last}")


def transcribe(url: str, recording: Path) -> dict[str, Any]:
    """Return the JSON answer for `recording`."""
    print(f"Sending {recording.name}: POST {url}/asr\n", flush=True)
    with recording.open("rb") as file:
        response = requests.post(f"{url}/asr", files={"audio_file": file}, timeout=ANSWER_SECONDS)
    if not response.ok:
        raise DemoFailed(f"HTTP {response.status_code}: {response.text}")
    answer: dict[str, Any] = response.json()
    return answer


def show(answer: dict[str, Any], seconds: float) -> None:
    """Print one line per segment: when, who, what."""
    for segment in answer["segments"]:
        span = f"{clock(segment['start'])} - {clock(segment['end'])}"
        print(f"{span}  {segment.get('speaker', '?'):<10}  {segment['text'].strip()}")
    words = answer["word_segments"]
    speakers = {word.get("speaker") for word in words}
    print(
        f"\n{answer['duration']:.1f} s of audio, language {answer['language']}, "
        f"{len(words)} words with times, {len(speakers)} speakers; answered in {seconds:.1f} s"
    )
    for warning in answer.get("warnings", []):
        print(f"warning: {warning}")


def clock(seconds: float) -> str:
    """Return `seconds` as mm:ss.cc."""
    return f"{int(seconds // 60):02d}:{seconds % 60:05.2f}"


def what_is_missing(answer: dict[str, Any], truth: dict[str, Any]) -> str | None:
    """Return what keeps `answer` from being a full transcript of the meeting, None if nothing does."""
    words = answer["word_segments"]
    speakers = {word.get("speaker") for word in words}
    expected = {word["speaker"] for word in truth["words"]}
    if len(words) < 0.9 * len(truth["words"]):
        return f"{len(words)} words came back, {len(truth['words'])} were spoken"
    if not all("start" in word and "end" in word for word in words):
        return "some words have no times"
    if len(speakers) != len(expected):
        return f"{len(speakers)} speakers were found, {len(expected)} spoke"
    return None


if __name__ == "__main__":
    sys.exit(main())
