"""g) What stream=true costs, and how right its estimates are, over real HTTP with the bundle."""

import json
import statistics
import time
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.http import flac, service
from benchmarks.pairs import Comparison, Figure, compare
from benchmarks.scale import Scale

EARLY = 0.2
"""Part of the time after which the estimate is judged."""


@dataclass(frozen=True, slots=True)
class Told:
    """A progress event, and when it came, in seconds from the request."""

    at: float
    content: dict[str, Any]


def run(scale: Scale) -> list[Comparison | Figure]:
    """Return the error of the estimate for 10 min, by an unknown and by a known machine, and the cost."""
    recording = flac(30.0 if scale.quick else 600.0)
    with service(scale) as url:
        figures = [_error(url, recording, "the first recording of the process")]
        known = [_error(url, recording, "a later one") for _ in range(1 if scale.quick else 2)]
        short = flac(20.0 if scale.quick else 120.0)
        cost = compare(
            "2 min over HTTP without and with stream=true",
            lambda: _plain(url, short),
            lambda: _streamed(url, short)[1],
            lambda plain, streamed: "the same answer" if plain == streamed else "ANOTHER ANSWER",
            pairs=scale.pairs,
            goal=0.99,
        )
    return [*figures, *known, cost]


def _error(url: str, recording: bytes, which: str) -> Figure:
    """Return how far the estimate was from the truth, in percent of what was left."""
    told, _, ended = _streamed(url, recording)
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
    asked = httpx.stream(
        "POST", f"{url}/asr?stream=true", files={"audio_file": ("a.flac", recording)}, timeout=3600
    )
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
