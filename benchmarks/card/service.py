"""The real process on the card over HTTP, with the bundle: the meeting, and half an hour of raw samples."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.pairs import Figure
from benchmarks.scale import Scale
from benchmarks.sounds import DEMO, long_meeting
from tests.service import Service, running_service
from tests.truth import compare, load_truth


def run(scale: Scale) -> Iterator[Figure]:
    """Yield how long the start takes, and two recordings, with what was heard of the first."""
    began = time.perf_counter()
    with TemporaryDirectory() as folder, running_service(Path(folder), {"DEVICE": scale.device}) as service:
        ready = time.perf_counter() - began
        yield Figure("healthy after", ready, "s", "from the start of the process, models on disk")
        yield measure_meeting(service, 1 if scale.quick else 3)
        yield measure_raw(service, 20 if scale.quick else 1800, 1 if scale.quick else 3)


def measure_meeting(service: Service, times: int) -> Figure:
    """Return the last of several times that the sample meeting was sent, and what was heard."""
    content = (DEMO / "meeting.flac").read_bytes()
    answers = [_ask(service, f"{service.url}/asr", content) for _ in range(times)]
    seconds, answer = answers[-1]
    found = compare(load_truth(DEMO / "meeting.flac")["words"], answer.json()["word_segments"])
    note = (
        f"word error rate {found.word_error_rate:.3f}, right speaker {found.share_with_right_speaker():.3f}"
    )
    return Figure("the meeting (64 s) over HTTP", 1000 * seconds, "ms", f"the bundle; {note}")


def measure_raw(service: Service, length: int, times: int) -> Figure:
    """Return how long raw samples of so many seconds took, the median."""
    content, path = long_meeting(length).tobytes(), "/asr?encode=false&diarize=true"
    answers = [_ask(service, service.url + path, content) for _ in range(times)]
    middle = statistics.median(seconds for seconds, _ in answers)
    timing = answers[-1][1].headers["Server-Timing"]
    note = f"the bundle, {length / middle:.0f} x real time; {timing}"
    return Figure(f"{length} s of raw samples over HTTP", middle, "s", note)


def _ask(service: Service, url: str, content: bytes) -> tuple[float, httpx.Response]:
    began = time.perf_counter()
    answer = httpx.post(url, files={"audio_file": content}, timeout=600)
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, f"{answer.text}\n{service.log[-2000:]}"
    return seconds, answer
