"""d) What the service adds to the pipeline, f) several clients at once, and answers beside long work.

All over real HTTP.
"""

import io
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import soundfile

from app.audio.waveform import SAMPLE_RATE
from benchmarks.pairs import Figure
from benchmarks.scale import Scale
from benchmarks.sounds import long_meeting
from tests.service import running_service


def overhead(scale: Scale) -> list[Figure]:
    """Return wall time minus the stages' own time for a 10 s and a 10 min clip with the bundle."""
    figures = []
    lengths = {"10 s": (10.0, 9)} if scale.quick else {"10 s": (10.0, 9), "10 min": (600.0, 1)}
    with _service(scale) as url:
        _ask(url, flac(10.0))
        for name, (seconds, times) in lengths.items():
            answers = [_ask(url, flac(seconds)) for _ in range(2 if scale.quick else times)]
            added = statistics.median(wall - stages for wall, stages, _ in answers)
            wall = statistics.median(wall for wall, _, _ in answers)
            decoding = statistics.median(decode for _, _, decode in answers)
            allowed = 60 + 0.01 * wall
            figures += [
                Figure(
                    f"HTTP, {name}: wall time minus transcribe, align and diarize",
                    added,
                    "ms",
                    f"{len(answers)} times: wall {wall:.0f} ms, of which decoding the file {decoding:.0f} ms",
                    f"<= {allowed:.0f} ms (60 ms + 1 %)",
                )
            ]
    return figures


def concurrency(scale: Scale) -> list[Figure]:
    """Return throughput and waiting of 1, 4 and 16 clients with 10 s clips and the bundle."""
    figures = []
    sound = flac(10.0)
    with _service(scale) as url:
        _ask(url, sound)
        for clients in (1, 4) if scale.quick else (1, 4, 16):
            each = 1 if scale.quick else max(1, 16 // clients)
            started = time.perf_counter()
            with ThreadPoolExecutor(clients) as threads:
                walls = [
                    wall for wall, _, _ in threads.map(lambda _: _ask(url, sound), range(clients * each))
                ]
            spent = time.perf_counter() - started
            rate = 10.0 * clients * each / spent
            middle, slowest = statistics.median(walls), max(walls)
            note = f"{clients * each} clips; median answer {middle:.0f} ms, slowest {slowest:.0f} ms"
            figures.append(Figure(f"{clients} clients, 10 s clips", rate, "s of audio per s", note))
    return figures


def refusals(scale: Scale) -> list[Figure]:
    """Return how soon bad options are refused and /health answers while the engines work on ten minutes."""
    times = 3 if scale.quick else 20
    sound = flac(600.0)
    with _service(scale) as url, ThreadPoolExecutor(1) as threads, httpx.Client(timeout=60) as client:
        work = threads.submit(_ask, url, sound)
        while httpx.get(f"{url}/health").json()["queue"]["running"] == 0:
            time.sleep(0.05)
        clip = {"audio_file": ("clip.flac", flac(60.0))}
        bad = [_milliseconds(lambda: client.post(f"{url}/asr?task=sing", files=clip)) for _ in range(times)]
        health = [_milliseconds(lambda: client.get(f"{url}/health")) for _ in range(times)]
        assert not work.done(), "the work was over too soon"
    return [_beside_work("a bad option refused", bad), _beside_work("/health answered", health)]


def _beside_work(what: str, answers: list[float]) -> Figure:
    name = f"HTTP: {what} beside ten minutes of work"
    note = f"slowest of {len(answers)}: {max(answers):.0f} ms"
    return Figure(name, statistics.median(answers), "ms", note, "<= 100 ms")


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


@contextmanager
def _service(scale: Scale) -> Iterator[str]:
    with TemporaryDirectory() as folder, running_service(Path(folder), {"DEVICE": scale.device}) as service:
        yield service.url


def _ask(url: str, sound: bytes) -> tuple[float, float, float]:
    """Return milliseconds: wall time, the stages' own, and decoding."""
    started = time.perf_counter()
    answer = httpx.post(f"{url}/asr", files={"audio_file": ("clip.flac", sound)}, timeout=3600)
    wall = 1000 * (time.perf_counter() - started)
    answer.raise_for_status()
    stages = _timing(answer.headers["Server-Timing"])
    own = sum(stages.get(name, 0.0) for name in ("load", "transcribe", "align", "diarize"))
    return wall, own, stages.get("decode", 0.0)


def _timing(header: str) -> dict[str, float]:
    """Return the durations of a Server-Timing header in milliseconds."""
    entries = (entry.strip().split(";dur=") for entry in header.split(","))
    return {name: float(duration) for name, duration in entries}


def flac(seconds: float) -> bytes:
    """Return so many seconds of the meeting."""
    buffer = io.BytesIO()
    soundfile.write(buffer, long_meeting(seconds), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
