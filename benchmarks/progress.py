"""g) What stream=true costs, and how right its estimates are, over real HTTP with the bundle."""

import json
import statistics
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from benchmarks.http import flac
from benchmarks.pairs import Comparison, Figure
from benchmarks.scale import Scale
from tests.service import Service, running_service

EARLY = 0.2
"""Part of the time after which the estimate is judged."""


@dataclass(frozen=True, slots=True)
class Told:
    """A progress event, and when it came, in seconds from the request."""

    at: float
    content: dict[str, Any]


def run(scale: Scale) -> list[Comparison | Figure]:
    """Return the error of the estimate for 10 min, by an unknown and by a known machine, and the cost."""
    recording, short = (flac(30.0), flac(10.0)) if scale.quick else (flac(600.0), flac(60.0))
    with TemporaryDirectory() as folder, running_service(Path(folder), {"DEVICE": scale.device}) as service:
        which = ("the first recording of the process", "the second")
        judged = [figure for each in which for figure in _judged(service.url, recording, each)]
        return [*judged, _cost(service, short, scale.pairs)]


def _cost(service: Service, recording: bytes, pairs: int) -> Comparison:
    """Return the processor time of the service without and with a stream, which other work cannot falsify."""
    process = psutil.Process(service.process.pid)
    spent: dict[str, list[float]] = {"plain": [], "streamed": []}
    answers = []
    for pair in range(2 * pairs):
        streamed = pair % 4 in (1, 2)  # each goes first as often
        before = sum(process.cpu_times()[:4])
        answers.append(_streamed(service.url, recording)[1] if streamed else _plain(service.url, recording))
        spent["streamed" if streamed else "plain"].append(sum(process.cpu_times()[:4]) - before)
    same = all(answer == answers[0] for answer in answers)
    return Comparison(
        "processor time of 1 min over HTTP, without and with stream=true",
        tuple(spent["plain"]),
        tuple(spent["streamed"]),
        "the same answers" if same else "OTHER ANSWERS",
        0.99,
    )


def _judged(url: str, recording: bytes, which: str) -> list[Figure]:
    told, _, ended = _streamed(url, recording)
    return [_error(told, ended, which), _steps_back(told, which)]


def _steps_back(told: list[Told], which: str) -> Figure:
    """Return how often progress was less than before; one that does not end at 1 counts as well."""
    parts = [*(each.content["all"] for each in told), 1.0]
    back = sum(after < before for before, after in pairwise(parts)) + (parts[-2] < 1)
    note = f"{len(told)} times told, at the end {parts[-2]:g}"
    return Figure(f"progress of 10 min that went back, {which}", back, "times", note, "<= 0")


def _error(told: list[Told], ended: float, which: str) -> Figure:
    """Return how far the estimate was from the truth, in percent of what was left."""
    early = next(
        each for each in told if each.at >= EARLY * ended and each.content["seconds_left"] is not None
    )
    left = ended - early.at
    wrong = 100 * abs(early.content["seconds_left"] - left) / left
    others = [
        100 * abs(each.content["seconds_left"] - (ended - each.at)) / (ended - each.at)
        for each in told
        if EARLY * ended <= each.at <= 0.9 * ended and each.content["seconds_left"] is not None
    ]
    note = (
        f"after {early.at:.1f} of {ended:.1f} s {early.content['seconds_left']} s, in truth {left:.1f}; "
        f"from 20 to 90 %: median {statistics.median(others):.0f} %, worst {max(others):.0f} %"
    )
    return Figure(f"error of the time left after 20 % of 10 min, {which}", wrong, "%", note, "<= 25 %")


def _plain(url: str, recording: bytes) -> Any:
    answer = httpx.post(f"{url}/asr", files={"audio_file": ("a.flac", recording)}, timeout=3600)
    return answer.raise_for_status().json()


def _streamed(url: str, recording: bytes) -> tuple[list[Told], Any, float]:
    """Return what was told of the progress, the document, and how long it took."""
    told, event, document = [], "", None
    began = time.perf_counter()
    files = {"audio_file": ("a.flac", recording)}
    asked = httpx.stream("POST", f"{url}/asr?stream=true", files=files, timeout=3600)
    with asked as answer:
        for line in answer.raise_for_status().iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: ") and event in ("progress", "result"):
                content = json.loads(line.removeprefix("data: "))
                if event == "progress":
                    told.append(Told(time.perf_counter() - began, content))
                document = content.get("document")
    return told, document, time.perf_counter() - began
