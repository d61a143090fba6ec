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
        return [*judged, *_cost(service, short, scale.pairs)]


def _cost(service: Service, recording: bytes, pairs: int) -> list[Comparison | Figure]:
    """Return the processor time of the service without and with a stream, and of its event loop alone.

    The engines' own time varies by more than a stream takes, which is almost all in the event loop.
    """
    process = psutil.Process(service.process.pid)
    spent: dict[bool, list[Spent]] = {False: [], True: []}
    answers = []
    for pair in range(2 * pairs):
        streamed = pair % 4 in (1, 2)  # each goes first as often
        before = Spent.by(process)
        answers.append(_streamed(service.url, recording)[1] if streamed else _plain(service.url, recording))
        after = Spent.by(process)
        spent[streamed].append(Spent(after.whole - before.whole, after.loop - before.loop))
    same = all(answer == answers[0] for answer in answers)
    plain, more = (sum(each.loop for each in spent[streamed]) for streamed in (False, True))
    whole = sum(each.whole for each in spent[False])
    compared = Comparison(
        "processor time of 1 min over HTTP, without and with stream=true",
        tuple(each.whole for each in spent[False]),
        tuple(each.whole for each in spent[True]),
        "the same answers" if same else "OTHER ANSWERS",
    )
    note = (
        f"{1000 * plain / pairs:.0f} ms without, {1000 * more / pairs:.0f} ms with, of {whole / pairs:.2f} s"
    )
    share = 100 * (more - plain) / whole
    return [compared, Figure("stream=true: time of the event loop, of the whole", share, "%", note, "<= 1 %")]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of processor time of the service, and of the thread in which its event loop runs."""

    whole: float
    loop: float

    @classmethod
    def by(cls, process: psutil.Process) -> "Spent":
        (loop,) = (each for each in process.threads() if each.id == process.pid)
        return cls(sum(process.cpu_times()[:4]), loop.user_time + loop.system_time)


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
    """Return how far the first estimate after EARLY was from the truth, in percent of what was left."""
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
    begins = "after 20 %" if early.at < 0.3 * ended else "when it is first told"
    goal = "<= 25 %" if begins == "after 20 %" else None
    return Figure(f"error of the time left {begins} of 10 min, {which}", wrong, "%", note, goal)


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
