"""What /health says: the truth, from the first second on."""

from dataclasses import replace

import pytest

from app.api.routes.health import health_body
from app.errors import EngineFailed, ModelUnavailable, OutOfMemory
from app.health.expected_engines import ExpectedEngine
from app.health.ledger import Ledger
from app.health.report import HealthReport
from app.models.catalogue import Catalogue
from app.models.engine_id import EngineId
from app.models.loaded_model import ModelKey, ModelStatus
from app.stage import Stage
from app.work.worker import WorkerStats

MODEL = Catalogue().resolve("demo")

IDLE = WorkerStats(
    slots=2,
    running=1,
    queued=3,
    max_queue=100,
    draining=False,
    hung=0,
    dead=0,
    finished_total=0,
)


def expected_engine(stage: Stage, missing: str, essential: bool, preloaded: bool = True) -> ExpectedEngine:
    return ExpectedEngine(
        EngineId(stage, f"the-{stage.noun}", f"source/{stage}", MODEL, "en"), missing, essential, preloaded
    )


WHISPER = expected_engine(Stage.TRANSCRIBE, "transcription", True)
ALIGNER = expected_engine(Stage.ALIGN, "word times for en", False)
DIARIZER = expected_engine(Stage.DIARIZE, "speakers", False)
PARTS = (WHISPER, ALIGNER, DIARIZER)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    """A ledger of a service that has loaded everything."""
    ledger = Ledger(PARTS, named_sources=["/models/mine"], clock=clock)
    for engine in PARTS:
        ledger.record_load(engine.id, None, for_request=False)
    return ledger


def unavailable(reason: str) -> ModelUnavailable:
    return ModelUnavailable("x", reason, 60)


def other(name: str, source: str) -> EngineId:
    return EngineId(Stage.TRANSCRIBE, name, source, MODEL)


def test_it_says_loading_until_everything_is_loaded() -> None:
    ledger = Ledger(PARTS)
    assert ledger.report().status == "loading"
    for engine in PARTS[:2]:
        ledger.record_load(engine.id, None)
    assert ledger.report() == HealthReport("loading", (), "speakers not loaded yet")
    ledger.record_load(DIARIZER.id, None)
    assert ledger.report() == HealthReport("healthy")


def test_a_load_that_takes_long_is_told_of_until_it_ends(clock: Clock) -> None:
    ledger = Ledger([WHISPER], clock=clock)
    ledger.begin_attempt(WHISPER.id)
    assert ledger.report() == HealthReport("loading")
    clock.now += 420
    told = "transcription still loading after 7 min; the log shows each download"
    assert ledger.report() == HealthReport("loading", (told,))
    ledger.record_load(WHISPER.id, None, for_request=False)
    assert ledger.report() == HealthReport("healthy")


def test_a_failed_extra_is_named_while_the_rest_works(ledger: Ledger) -> None:
    ledger.record_load(DIARIZER.id, unavailable("accept the terms"), for_request=False)
    reason = "speakers unavailable: model x is not available: accept the terms"
    assert ledger.report() == HealthReport("degraded", (reason,), reason)


def test_the_reasons_of_several_failures_are_all_told_the_fatal_ones_first(ledger: Ledger) -> None:
    for engine, reason in zip(reversed(PARTS), ("three", "two", "one"), strict=True):
        ledger.record_load(engine.id, unavailable(reason), for_request=False)
    report = ledger.report()
    assert report.status == "unhealthy"
    assert [reason.split()[-1] for reason in report.reasons] == ["one", "two", "three"]


def test_an_unforeseen_failure_shows_no_details(ledger: Ledger) -> None:
    ledger.record_load(ALIGNER.id, RuntimeError("secret detail"), for_request=False)
    assert ledger.report().status == "degraded"
    assert "secret" not in ledger.report().reasons[0]


@pytest.mark.parametrize("heal", ["load", "run"])
def test_a_load_that_fails_for_a_request_is_told_and_the_next_that_works_ends_it(
    ledger: Ledger, heal: str
) -> None:
    """As when an idle model was unloaded and its volume is gone."""
    ledger.record_load(WHISPER.id, unavailable("its directory does not exist"))
    assert ledger.report().status == "unhealthy"
    assert "its directory does not exist" in ledger.report().reasons[0]
    assert ledger.should_load(WHISPER)
    (ledger.record_load if heal == "load" else ledger.record_run)(WHISPER.id, None)
    assert ledger.report() == HealthReport("healthy")
    assert not ledger.should_load(WHISPER)


def test_a_request_s_load_without_room_is_tried_again_before_anything_is_said(ledger: Ledger) -> None:
    ledger.record_load(WHISPER.id, OutOfMemory("loading whisper", 30))
    assert ledger.report().status == "healthy"
    assert ledger.should_load(WHISPER)
    ledger.record_load(WHISPER.id, OutOfMemory("loading whisper", 30), for_request=False)
    assert ledger.report().status == "unhealthy"
    assert "out of memory" in ledger.report().reasons[0]
    ledger.record_load(WHISPER.id, None, for_request=False)
    assert ledger.report().status == "healthy"


@pytest.mark.parametrize("engine", PARTS, ids=lambda engine: engine.id.stage)
@pytest.mark.parametrize("failure", [EngineFailed("it"), OutOfMemory("it", 30), SystemExit(1)], ids=repr)
def test_a_recording_that_breaks_runs_makes_nobody_unhealthy(
    ledger: Ledger, engine: ExpectedEngine, failure: BaseException
) -> None:
    for _ in range(50):
        ledger.record_run(engine.id, failure)
    assert ledger.report() == HealthReport("healthy")
    assert ledger.due_for_check() == (engine.id,)


@pytest.mark.parametrize(
    ("engine", "failure", "status", "how"),
    [
        (WHISPER, EngineFailed("it"), "unhealthy", "failed"),
        (WHISPER, OutOfMemory("it", 30), "unhealthy", "ran out of memory"),
        (ALIGNER, EngineFailed("it"), "degraded", "failed"),
        (DIARIZER, EngineFailed("it"), "degraded", "failed"),
    ],
)
@pytest.mark.parametrize("healed_by", ["check", "request"])
def test_what_fails_a_known_sound_is_told_and_whatever_works_heals(
    ledger: Ledger, engine: ExpectedEngine, failure: Exception, status: str, how: str, healed_by: str
) -> None:
    ledger.record_run(engine.id, failure)
    ledger.record_check_failed(engine.id, failure)
    report = ledger.report()
    assert report.status == status
    assert report.reasons == (f"{engine.id.stage.noun} {how} on a short known sound; the log has the cause",)
    assert (report.no_speakers is not None) == (engine is DIARIZER)
    (ledger.record_check_passed(engine.id) if healed_by == "check" else ledger.record_run(engine.id, None))
    assert ledger.report() == HealthReport("healthy")
    assert ledger.due_for_check() == ()


def test_failed_checks_are_repeated_with_growing_pauses_up_to_five_minutes(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record_run(WHISPER.id, EngineFailed("it"))
    pauses = []
    for _ in range(8):
        ledger.record_check_failed(WHISPER.id, EngineFailed("it"))
        began = clock.now
        while not ledger.due_for_check():
            clock.now += 1
        pauses.append(clock.now - began)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]


def test_after_a_passed_check_bad_recordings_cause_the_next_no_sooner_than_in_a_minute(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record_run(WHISPER.id, EngineFailed("it"))
    ledger.record_check_passed(WHISPER.id)
    for _ in range(59):
        ledger.record_run(WHISPER.id, EngineFailed("it"))
        assert ledger.due_for_check() == ()
        clock.now += 1
    clock.now += 1
    assert ledger.due_for_check() == (WHISPER.id,)


def test_a_broken_model_of_the_operator_s_degrades_by_name_and_is_forgotten_when_nobody_asks(
    ledger: Ledger, clock: Clock
) -> None:
    for _ in range(5):
        ledger.record_load(
            other("mine", "/models/mine"), ModelUnavailable("mine", "its directory is empty", 60)
        )
    report = ledger.report()
    assert report == HealthReport("degraded", ("model mine is not available: its directory is empty",))
    clock.now += 601
    assert ledger.report() == HealthReport("healthy")


def test_a_built_in_model_that_a_client_asks_for_in_vain_is_nobody_s_fault(ledger: Ledger) -> None:
    ledger.record_load(other("tiny", "Systran/faster-whisper-tiny"), unavailable("not on disk"))
    assert ledger.report() == HealthReport("healthy")


def test_another_model_that_fails_a_known_sound_degrades_and_the_default_stays_in_use(ledger: Ledger) -> None:
    broken = other("mine", "/models/mine")
    ledger.record_run(broken, EngineFailed("transcription"))
    assert ledger.due_for_check() == (broken,)
    ledger.record_check_failed(broken, EngineFailed("transcription"))
    assert ledger.report().status == "degraded"
    assert "transcription with mine failed" in ledger.report().reasons[0]


def test_a_lost_gpu_is_never_forgotten(ledger: Ledger) -> None:
    failure = EngineFailed("diarization")
    failure.__cause__ = RuntimeError("CUDA error: an illegal memory access was encountered")
    ledger.record_run(DIARIZER.id, failure)
    ledger.record_run(DIARIZER.id, None)
    assert ledger.report().status == "unhealthy"
    assert "restart" in ledger.report().reasons[0]


LAZY = (
    expected_engine(Stage.TRANSCRIBE, "transcription", True, preloaded=False),
    expected_engine(Stage.DIARIZE, "speakers", False, preloaded=False),
)


def test_what_is_loaded_at_need_is_as_good_as_its_files() -> None:
    ledger = Ledger(LAZY)
    whisper, diarizer = (engine.id for engine in LAZY)
    assert ledger.report() == HealthReport("loading", (), "speakers not loaded yet")
    assert not any(ledger.should_load(engine) for engine in LAZY)
    ledger.record_files_found(whisper, True)
    ledger.record_files_found(diarizer, True)
    assert ledger.report() == HealthReport("healthy")
    ledger.record_files_missing(whisper, unavailable("the volume is gone"))
    assert ledger.report().status == "unhealthy"
    assert "the volume is gone" in ledger.report().reasons[0]
    ledger.record_files_found(whisper, True)
    assert ledger.report() == HealthReport("healthy")


def test_a_disk_that_does_not_answer_is_told(clock: Clock) -> None:
    ledger = Ledger(LAZY, clock=clock)
    whisper = LAZY[0].id
    ledger.record_files_found(whisper, True)
    ledger.begin_attempt(whisper, searching=True)
    assert ledger.report().status == "healthy"
    clock.now += 180
    report = ledger.report()
    assert report.status == "unhealthy"
    assert report.reasons == ("transcription: the disk with its files has not answered for 3 min",)
    ledger.record_files_found(whisper, True)
    assert ledger.report().status == "healthy"


def test_what_must_be_downloaded_first_is_told() -> None:
    ledger = Ledger(LAZY)
    whisper, diarizer = (engine.id for engine in LAZY)
    ledger.record_files_found(whisper, False)
    ledger.record_files_found(diarizer, False)
    report = ledger.report()
    assert report.status == "healthy"
    assert report.reasons == (
        "transcription not on disk: the-transcription is downloaded when it is first needed",
    )
    assert report.no_speakers == "speakers not on disk: the-diarization is downloaded when it is first needed"


def test_what_was_preloaded_and_must_be_downloaded_again_degrades(ledger: Ledger) -> None:
    ledger.record_files_found(WHISPER.id, False)
    report = ledger.report()
    assert report.status == "degraded"
    assert "not on disk" in report.reasons[0]


def test_speakers_that_nobody_preloads_and_that_are_nowhere_are_not_available_yet_degrade_nothing() -> None:
    ledger = Ledger(LAZY)
    whisper, diarizer = (engine.id for engine in LAZY)
    ledger.record_files_found(whisper, True)
    ledger.record_files_missing(diarizer, unavailable("not on disk"))
    assert ledger.report().status == "healthy"
    assert "not on disk" in (ledger.report().no_speakers or "")
    ledger.record_load(diarizer, unavailable("a request asked for it"))
    assert ledger.report().status == "degraded"


def entry(stage: Stage, name: str) -> ModelStatus:
    return ModelStatus(ModelKey(stage, name, "source", "cuda"), leases=1, size_bytes=5)


def test_health_names_what_is_loaded_and_what_waits() -> None:
    loaded = (
        entry(Stage.TRANSCRIBE, "tiny"),
        entry(Stage.ALIGN, "aligner-en"),
        entry(Stage.DIARIZE, "pyannote/x"),
    )
    body = health_body(HealthReport("healthy"), IDLE, IDLE, loaded, "cuda", "pyannote/x")
    assert (body["status"], body["reasons"], body["device"]) == ("healthy", [], "cuda")
    assert body["loaded_models"] == ["tiny"]
    assert body["diarization"] == {"model": "pyannote/x", "available": True, "loaded": True}
    assert body["queue"] == {"slots": 2, "running": 1, "waiting": 3, "max_waiting": 100}
    assert body["version"]


def test_health_says_why_there_are_no_speakers() -> None:
    reason = "speakers unavailable: no token"
    report = HealthReport("degraded", (reason,), reason)
    body = health_body(report, IDLE, IDLE, (), "cpu", "pyannote/x")
    assert body["diarization"]["available"] is False
    assert body["diarization"]["reason"] == "speakers unavailable: no token"


@pytest.mark.parametrize(
    ("stats", "word"), [({"draining": True}, "shutting down"), ({"hung": 1}, "hang"), ({"dead": 2}, "ended")]
)
def test_a_worker_that_cannot_work_is_unhealthy(stats: dict[str, int], word: str) -> None:

    body = health_body(HealthReport("healthy"), replace(IDLE, **stats), IDLE, (), "cpu", "x")  # type: ignore[arg-type]
    assert body["status"] == "unhealthy"
    assert word in body["reasons"][0]
