"""g) How soon the first text of a long recording is there, and its slot free when the client has left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.http import flac
from benchmarks.pairs import Figure
from benchmarks.scale import Scale
from tests.service import Service, running_service

DELTA, END = "event: transcript.text.delta", "data: [DONE]"


def run(scale: Scale) -> list[Figure]:
    """Return both for a stream of POST /v1/audio/transcriptions of ten minutes, with the bundle."""
    seconds = 30.0 if scale.quick else 600.0
    sound = flac(seconds)
    with TemporaryDirectory() as folder, running_service(Path(folder), {"DEVICE": scale.device}) as service:
        _first_and_last(service, flac(5.0))
        first, whole = _first_and_last(service, sound)
        leaving = _seconds_until_free(service, sound)
    return [
        Figure(
            f"stream of {seconds:g} s: first text after this part of the whole time",
            100 * first / whole,
            "%",
            f"{first:.2f} s of {whole:.1f} s, language detected",
            "<= 10 %",
        ),
        Figure(f"stream of {seconds:g} s: slot free after its client left", leaving, "s", goal="<= 2 s"),
    ]


def _first_and_last(service: Service, sound: bytes) -> tuple[float, float]:
    """Return after how many seconds the first text came, and the end."""
    began, first = time.perf_counter(), 0.0
    with _lines(service, sound) as lines:
        for line in lines:
            if line == DELTA and not first:
                first = time.perf_counter() - began
            elif line == END:
                return first, time.perf_counter() - began
    raise RuntimeError("the stream broke off")


def _seconds_until_free(service: Service, sound: bytes) -> float:
    """Return how long the slot stays taken after a client has left with the first text."""
    with _lines(service, sound) as lines:
        next(line for line in lines if line == DELTA)
    left = time.perf_counter()
    while service.health().json()["queue"]["running"]:
        time.sleep(0.01)
    return time.perf_counter() - left


@contextmanager
def _lines(service: Service, sound: bytes) -> Iterator[Iterator[str]]:
    form = {"data": {"stream": "true"}, "files": {"file": ("long.flac", sound)}}
    with httpx.stream("POST", f"{service.url}/v1/audio/transcriptions", timeout=600, **form) as answer:
        answer.raise_for_status()
        yield answer.iter_lines()
