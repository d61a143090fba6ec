"""What /health says: the truth, from the first second on."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from app.api.health import health_body
from app.engines.leasing import EngineKey, PoolEntry
from app.errors import EngineFailed, ModelUnavailable, OutOfMemory
from app.readiness import FAILURES_IN_A_ROW, Part, Readiness, Report
from app.worker import WorkerStats

IDLE = WorkerStats(
    slots=2,
    running=1,
    queued=3,
    max_queue=100,
    draining=False,
    hung=0,
    dead=0,
    mean_seconds=1.0,
    finished_total=0,
    refused_total=0,
    cancelled_total=0,
)


class Loads:
    """Loads that fail as often as they are told to; the real ones take seconds and a network."""

    def __init__(self, *failures: Exception, gate: threading.Event | None = None) -> None:
        self.failures = list(failures)
        self.attempts = 0
        self.gate = gate

    def __call__(self) -> None:
        self.attempts += 1
        if self.gate is not None:
            self.gate.wait(5)
        if self.failures:
            raise self.failures.pop(0)


def forever(reason: str) -> Loads:
    return Loads(*[ModelUnavailable("x", reason, 0) for _ in range(10_000)])


def parts(
    whisper: Callable[[], None] = lambda: None,
    aligner: Callable[[], None] = lambda: None,
    diarizer: Callable[[], None] = lambda: None,
) -> list[Part]:
    return [
        Part("transcription", "transcription", True, whisper),
        Part("alignment", "word times for en", False, aligner),
        Part("diarization", "speakers", False, diarizer),
    ]


@pytest.fixture
def start() -> Iterator[Callable[[list[Part]], Readiness]]:
    started: list[Readiness] = []

    def run(wanted: list[Part]) -> Readiness:
        readiness = Readiness(wanted, first_retry_seconds=0.01, longest_retry_seconds=0.02)
        started.append(readiness)
        readiness.start()
        return readiness

    yield run
    for readiness in started:
        readiness.stop()


def wait_for(readiness: Readiness, status: str) -> Report:
    deadline = time.monotonic() + 5
    while readiness.report().status != status:
        assert time.monotonic() < deadline, readiness.report()
        time.sleep(0.005)
    return readiness.report()


Start = Callable[[list[Part]], Readiness]


def test_it_says_loading_until_everything_is_loaded(start: Start) -> None:
    gate = threading.Event()
    readiness = start(parts(diarizer=Loads(gate=gate)))
    assert readiness.report() == Report("loading")
    gate.set()
    assert wait_for(readiness, "healthy") == Report("healthy")


def test_a_load_that_takes_long_is_told_of_until_it_ends() -> None:
    gate, now = threading.Event(), [1000.0]
    slow = Loads(gate=gate)
    readiness = Readiness(parts(diarizer=slow), clock=lambda: now[0])
    readiness.start()
    try:
        deadline = time.monotonic() + 5
        while not slow.attempts:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert readiness.report() == Report("loading")
        now[0] += 420
        report = readiness.report()
        assert report.status == "loading"
        assert report.reasons == ("speakers still loading after 7 min; the log shows each download",)
        gate.set()
        assert wait_for(readiness, "healthy") == Report("healthy")
    finally:
        readiness.stop()


def test_a_failed_extra_is_named_while_the_rest_works(start: Start) -> None:
    readiness = start(parts(diarizer=forever("accept the terms")))
    report = wait_for(readiness, "degraded")
    assert report.reasons == ("speakers unavailable: model x is not available: accept the terms",)
    assert report.failed_stages == ("diarization",)


def test_without_whisper_nothing_works_and_the_reason_is_told(start: Start) -> None:
    report = wait_for(start(parts(whisper=forever("the hub cannot be reached"))), "unhealthy")
    assert "the hub cannot be reached" in report.reasons[0]


def test_the_reasons_of_several_failures_are_all_told(start: Start) -> None:
    readiness = start(parts(whisper=forever("one"), aligner=forever("two"), diarizer=forever("three")))
    deadline = time.monotonic() + 5
    while len(readiness.report().reasons) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert readiness.report().status == "unhealthy"


def test_what_failed_is_tried_again_until_it_works(start: Start) -> None:
    failures = [ModelUnavailable("x", "the hub cannot be reached", 0) for _ in range(3)]
    whisper, aligner = Loads(*failures), Loads()
    wait_for(start(parts(whisper=whisper, aligner=aligner)), "healthy")
    assert whisper.attempts == 4
    assert aligner.attempts == 1


def test_trying_again_waits_as_long_as_the_failure_asks(start: Start) -> None:
    whisper = Loads(ModelUnavailable("x", "cooling down", 60))
    readiness = start(parts(whisper=whisper))
    wait_for(readiness, "unhealthy")
    time.sleep(0.1)
    assert whisper.attempts == 1


def test_an_unforeseen_failure_does_not_end_the_preloading_and_shows_no_details(start: Start) -> None:
    readiness = start(parts(aligner=Loads(*[RuntimeError("secret detail") for _ in range(10_000)])))
    report = wait_for(readiness, "degraded")
    assert "secret" not in report.reasons[0]


def test_a_run_that_works_makes_a_missing_part_be_tried_at_once(start: Start) -> None:
    diarizer = Loads(ModelUnavailable("x", "away", 3600))
    readiness = start(parts(diarizer=diarizer))
    wait_for(readiness, "degraded")
    readiness.observe("diarization", None)
    wait_for(readiness, "healthy")


def ready() -> Readiness:
    readiness = Readiness(parts())
    readiness.start()
    wait_for(readiness, "healthy")
    return readiness


def test_a_single_broken_run_is_not_held_against_the_service() -> None:
    readiness = ready()
    for _ in range(FAILURES_IN_A_ROW - 1):
        readiness.observe("transcription", EngineFailed("transcription"))
    assert readiness.report().status == "healthy"
    readiness.observe("transcription", None)
    readiness.observe("transcription", EngineFailed("transcription"))
    assert readiness.report().status == "healthy"


@pytest.mark.parametrize(
    ("stage", "failure", "status"),
    [
        ("transcription", EngineFailed("transcription"), "unhealthy"),
        ("transcription", OutOfMemory("transcription", 30), "degraded"),
        ("diarization", EngineFailed("diarization"), "degraded"),
    ],
)
def test_broken_runs_in_a_row_are_told_and_one_that_works_ends_it(
    stage: str, failure: Exception, status: str
) -> None:
    readiness = ready()
    for _ in range(FAILURES_IN_A_ROW):
        readiness.observe(stage, failure)
    assert readiness.report().status == status
    assert stage in readiness.report().reasons[0]
    readiness.observe(stage, None)
    assert readiness.report() == Report("healthy")


def test_a_lost_gpu_is_never_forgotten() -> None:
    readiness = ready()
    failure = EngineFailed("diarization")
    failure.__cause__ = RuntimeError("CUDA error: an illegal memory access was encountered")
    readiness.observe("diarization", failure)
    readiness.observe("diarization", None)
    assert readiness.report().status == "unhealthy"
    assert "restart" in readiness.report().reasons[0]


def entry(kind: str, name: str) -> PoolEntry:
    return PoolEntry(EngineKey(kind, name, "source", "cuda"), leases=1, size_bytes=5)


def test_health_names_what_is_loaded_and_what_waits() -> None:
    loaded = (entry("whisper", "tiny"), entry("aligner", "aligner-en"), entry("diarizer", "pyannote/x"))
    body = health_body(Report("healthy"), IDLE, loaded, "cuda", "pyannote/x")
    assert (body["status"], body["reasons"], body["device"]) == ("healthy", [], "cuda")
    assert body["loaded_models"] == ["tiny"]
    assert body["diarization"] == {"model": "pyannote/x", "available": True, "loaded": True}
    assert body["queue"] == {"slots": 2, "running": 1, "waiting": 3, "max_waiting": 100}
    assert body["version"]


def test_health_says_why_there_are_no_speakers() -> None:
    report = Report("degraded", ("speakers unavailable: no token",), ("diarization",))
    body = health_body(report, IDLE, (), "cpu", "pyannote/x")
    assert body["diarization"]["available"] is False
    assert body["diarization"]["reason"] == "speakers unavailable: no token"


@pytest.mark.parametrize(
    ("stats", "word"), [({"draining": True}, "shutting down"), ({"hung": 1}, "hang"), ({"dead": 2}, "ended")]
)
def test_a_worker_that_cannot_work_is_unhealthy(stats: dict[str, int], word: str) -> None:

    body = health_body(Report("healthy"), replace(IDLE, **stats), (), "cpu", "x")  # type: ignore[arg-type]
    assert body["status"] == "unhealthy"
    assert word in body["reasons"][0]


def test_asking_is_quick_while_a_load_is_under_way(start: Start) -> None:
    gate = threading.Event()
    readiness = start(parts(whisper=Loads(gate=gate)))
    started = time.perf_counter()
    for _ in range(100):
        readiness.report()
    assert time.perf_counter() - started < 0.1
    gate.set()
