"""An engine whose runs broke is tried with a known sound, in its turn and without haste."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from app.checkpoint import Checkpoint
from app.errors import AsrError, ClientLeft, EngineFailed, ModelUnavailable, OutOfMemory
from app.health.expected_engines import ExpectedEngine
from app.health.ledger import Ledger
from app.health.self_check import SPOKEN_SECONDS, SPOKEN_TEXT, KnownSound, SelfCheck
from app.models.catalogue import Catalogue
from app.models.engine_id import EngineId, aligner_of, diarizer_of, transcriber_of
from app.stage import Stage
from app.work.worker import Worker
from tests.conftest import DEMO
from tests.fake_engines import FakeEngines

pytestmark = pytest.mark.anyio

MODEL = Catalogue().resolve("demo")
WHISPER = transcriber_of(MODEL)
ALIGNER = aligner_of(MODEL, "en", "aligner")
DIARIZER = diarizer_of(MODEL, "diarizer")
PARTS = [
    ExpectedEngine(WHISPER, "transcription", True),
    ExpectedEngine(ALIGNER, "word times", False),
    ExpectedEngine(DIARIZER, "speakers", False),
]


@pytest.fixture
def anyio_backend() -> str:
    """The worker lives on asyncio's loop."""
    return "asyncio"


class Checks:
    """A ledger, engines and a worker with one slot."""

    def __init__(self) -> None:
        self.ledger = Ledger(PARTS)
        for engine in PARTS:
            self.ledger.record_load(engine.id, None, for_request=False)
        self.engines = FakeEngines()
        self.worker = Worker(1, 1, watchdog_seconds=60)
        self.in_memory = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        check = SelfCheck(
            self.ledger,
            self.engines,
            self.worker,
            is_loaded=lambda _: self.in_memory,
            tick_seconds=0.01,
        )
        await self.worker.start()
        task = asyncio.create_task(check.watch())
        try:
            yield
        finally:
            task.cancel()
            await self.worker.stop()

    async def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not reached():
            assert time.monotonic() < deadline, self.ledger.report()
            await asyncio.sleep(0.005)


def test_the_known_sound_is_what_the_meeting_begins_with() -> None:
    truth = json.loads((DEMO / "meeting.json").read_text(encoding="utf-8"))
    count = len(SPOKEN_TEXT.split())
    assert " ".join(word["word"] for word in truth["words"][:count]) == SPOKEN_TEXT
    assert truth["words"][count - 1]["end"] < SPOKEN_SECONDS < truth["words"][count]["start"]
    samples = KnownSound().waveform
    assert len(samples) == SPOKEN_SECONDS * 16000
    assert abs(samples).max() > 3000


async def test_nothing_is_tried_while_nothing_broke() -> None:
    checks = Checks()
    async with checks.running():
        await asyncio.sleep(0.1)
    assert checks.engines.heard == []


@pytest.mark.parametrize("engine_id", [WHISPER, ALIGNER, DIARIZER], ids=lambda engine_id: engine_id.stage)
async def test_a_bad_recording_is_found_out_to_be_one(engine_id: EngineId) -> None:
    checks = Checks()
    async with checks.running():
        checks.ledger.record_run(engine_id, EngineFailed("it"))
        await checks.until(lambda: not checks.ledger.is_suspect(engine_id))
    assert checks.ledger.report().status == "healthy"


@pytest.mark.parametrize(
    ("engine_id", "attribute", "status"),
    [
        (WHISPER, "failure", "unhealthy"),
        (ALIGNER, "align_failure", "degraded"),
        (DIARIZER, "diarize_failure", "degraded"),
    ],
    ids=lambda value: getattr(value, "stage", None),
)
@pytest.mark.parametrize(
    "failure", [EngineFailed("it"), OutOfMemory("it", 30), RuntimeError("raw"), SystemExit(1)], ids=repr
)
async def test_a_broken_engine_is_found_out_and_a_request_that_works_heals_it(
    engine_id: EngineId, attribute: str, status: str, failure: BaseException
) -> None:
    checks = Checks()
    setattr(checks.engines, attribute, failure)
    async with checks.running():
        checks.ledger.record_run(engine_id, EngineFailed("it"))
        await checks.until(lambda: checks.ledger.report().status == status)
        checks.ledger.record_run(engine_id, None)
        assert checks.ledger.report().status == "healthy"


async def test_an_engine_that_mends_itself_is_healthy_after_the_next_check() -> None:
    checks, now = Checks(), [0.0]
    checks.ledger = Ledger(PARTS, clock=lambda: now[0])
    checks.engines.failure = EngineFailed("it")
    async with checks.running():
        checks.ledger.record_run(WHISPER, EngineFailed("it"))
        await checks.until(lambda: checks.ledger.report().status == "unhealthy")
        checks.engines.failure = None
        await asyncio.sleep(0.05)
        assert len(checks.engines.requests) == 1
        now[0] += 10
        await checks.until(lambda: not checks.ledger.is_suspect(WHISPER))
        assert len(checks.engines.requests) == 2


@pytest.mark.parametrize("failure", [ModelUnavailable("demo", "gone", 60), ClientLeft()], ids=repr)
async def test_what_is_no_fault_of_the_engine_proves_nothing(failure: AsrError) -> None:
    checks = Checks()
    checks.engines.failure = failure
    async with checks.running():
        checks.ledger.record_run(WHISPER, EngineFailed("it"))
        await checks.until(lambda: bool(checks.engines.requests))
        await asyncio.sleep(0.05)
    assert checks.ledger.report().status == "healthy"
    assert len(checks.engines.requests) == 1


async def _served(worker: Worker, work: Callable[[Checkpoint], None]) -> None:
    with worker.place("somebody") as place:
        await place.run(work)


async def test_running_work_is_waited_for_and_a_success_meanwhile_makes_the_check_needless() -> None:
    checks = Checks()
    release = threading.Event()

    def work(checkpoint: Checkpoint) -> None:
        release.wait(5)
        checks.ledger.record_run(WHISPER, None)

    async with checks.running():
        running = asyncio.create_task(_served(checks.worker, work))
        await checks.until(lambda: checks.worker.stats().running == 1)
        checks.ledger.record_run(WHISPER, EngineFailed("it"))
        await checks.until(lambda: checks.worker.stats().queued == 1)
        await asyncio.sleep(0.05)
        assert checks.engines.requests == []
        release.set()
        await running
        await checks.until(lambda: checks.worker.stats().running == 0)
    assert checks.engines.requests == []
    assert checks.ledger.report().status == "healthy"


async def test_a_model_that_only_some_ask_for_is_not_loaded_for_a_check() -> None:
    checks = Checks()
    checks.in_memory = False
    extra = EngineId(Stage.TRANSCRIBE, "mine", "/models/mine", MODEL)
    async with checks.running():
        checks.ledger.record_run(extra, EngineFailed("it"))
        await checks.until(lambda: not checks.ledger.is_suspect(extra))
    assert checks.engines.requests == []
