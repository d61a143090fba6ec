"""What is loaded at start, what the settings leave out, and what becomes of loads that fail."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pytest

from app.composition import build_catalogue, build_engine_stack, preloaded_language
from app.errors import InvalidSettings, ModelUnavailable
from app.health.expected_engines import ExpectedEngine
from app.health.ledger import Ledger
from app.health.preloader import Preloader, RetryPauses, load_expected
from app.models.catalogue import Catalogue
from app.models.engine_id import EngineId
from app.prefetch import prefetch
from app.settings.schema import Settings
from app.stage import Stage

MODEL = Catalogue().resolve("demo")
WHISPER = ExpectedEngine(EngineId(Stage.TRANSCRIBE, "demo", "demo", MODEL), "transcription", True)
LAZY = ExpectedEngine(WHISPER.id, "transcription", True, preloaded=False)


class Volume:
    """Loads and looks that fail as often as they are told to; real ones take seconds and a network."""

    def __init__(self) -> None:
        self.load_failures: list[Exception] = []
        self.missing: Exception | None = None
        self.on_disk = True
        self.in_memory = False
        self.loads: list[float] = []
        self.looks: list[float] = []
        self.gate = threading.Event()
        self.gate.set()

    def load(self, engine: ExpectedEngine) -> None:
        self.loads.append(time.monotonic())
        self.gate.wait(5)
        if self.load_failures:
            raise self.load_failures.pop(0)
        self.in_memory = True

    def look(self, engine_id: EngineId) -> bool:
        self.looks.append(time.monotonic())
        if self.missing is not None:
            raise self.missing
        return self.on_disk


class Start(Protocol):
    def __call__(self, engine: ExpectedEngine, volume: Volume, longest: float = 0.02) -> Ledger: ...


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Preloader] = []

    def run(engine: ExpectedEngine, volume: Volume, longest: float = 0.02) -> Ledger:
        ledger = Ledger([engine])
        preloader = Preloader(
            ledger,
            volume.load,
            search=volume.look,
            is_loaded=lambda _: volume.in_memory,
            pauses=RetryPauses(first=0.01, longest=longest, search=0.02, tick=0.005),
        )
        started.append(preloader)
        preloader.start()
        return ledger

    yield run
    for preloader in started:
        preloader.stop()


def wait_for(ledger: Ledger, status: str) -> None:
    deadline = time.monotonic() + 5
    while ledger.report().status != status:
        assert time.monotonic() < deadline, ledger.report()
        time.sleep(0.005)


def wait_for_more(events: list[float], count: int) -> None:
    """Return once `count` more have happened."""
    deadline, wanted = time.monotonic() + 20, len(events) + count
    while len(events) < wanted:
        assert time.monotonic() < deadline, events
        time.sleep(0.005)


def gaps(events: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(events)]


def away(times: int, retry_after_seconds: int = 0) -> list[Exception]:
    return [ModelUnavailable("x", "the hub cannot be reached", retry_after_seconds) for _ in range(times)]


def test_what_failed_is_tried_again_until_it_works_and_then_no_more(start: Start) -> None:
    volume = Volume()
    volume.load_failures = away(3)
    wait_for(start(WHISPER, volume), "healthy")
    time.sleep(0.1)
    assert len(volume.loads) == 4
    assert volume.looks == []


def test_trying_again_waits_as_long_as_the_failure_asks(start: Start) -> None:
    volume = Volume()
    volume.load_failures = away(1, retry_after_seconds=60)
    wait_for(start(WHISPER, volume, longest=300), "unhealthy")
    time.sleep(0.1)
    assert len(volume.loads) == 1


def test_pauses_grow_to_the_longest(start: Start) -> None:
    volume = Volume()
    volume.load_failures = away(10_000)
    start(WHISPER, volume, longest=0.05)
    wait_for_more(volume.loads, 8)
    for waited, least in zip(gaps(volume.loads), [0.01, 0.02, 0.04, 0.05, 0.05, 0.05, 0.05], strict=False):
        assert waited >= least


def test_an_unforeseen_failure_does_not_end_the_thread(start: Start) -> None:
    volume = Volume()
    volume.load_failures = [RuntimeError("what is this?")]
    wait_for(start(WHISPER, volume), "healthy")
    assert len(volume.loads) == 2


def test_a_load_that_fails_long_after_the_start_is_tried_again(start: Start) -> None:
    """The thread does not end with its first success."""
    volume = Volume()
    ledger = start(WHISPER, volume)
    wait_for(ledger, "healthy")
    volume.load_failures, volume.in_memory = away(2), False
    ledger.record_load(WHISPER.id, away(1)[0])
    assert ledger.report().status == "unhealthy"
    wait_for(ledger, "healthy")
    assert len(volume.loads) == 4


@pytest.mark.parametrize("engine", [WHISPER, LAZY], ids=["preloaded", "at need"])
def test_files_that_vanish_while_nothing_is_loaded_are_noticed_and_their_return_too(
    start: Start, engine: ExpectedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    volume = Volume()
    ledger = start(engine, volume)
    wait_for(ledger, "healthy")
    loads = len(volume.loads)
    with caplog.at_level(logging.WARNING):
        volume.in_memory, volume.missing = False, away(1)[0]
        wait_for(ledger, "unhealthy")
        wait_for_more(volume.looks, 3)
        volume.missing = None
        wait_for(ledger, "healthy")
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
    assert len(volume.loads) == loads


def test_what_must_be_downloaded_at_need_is_told_and_not_downloaded_before(start: Start) -> None:
    volume = Volume()
    volume.on_disk = False
    ledger = start(LAZY, volume)
    wait_for(ledger, "healthy")
    assert "downloaded when it is first needed" in ledger.report().reasons[0]
    assert volume.loads == []


def test_a_hub_is_asked_ever_more_seldom_and_a_directory_steadily(start: Start) -> None:
    volume, directory = Volume(), Volume()
    volume.missing = directory.missing = away(1)[0]
    start(LAZY, volume, longest=60)
    start(replace(LAZY, id=replace(LAZY.id, source="/models/mine")), directory, longest=60)
    wait_for_more(volume.looks, 5)
    for waited, least in zip(gaps(volume.looks), [0.02, 0.04, 0.08, 0.16], strict=False):
        assert waited >= least
    assert len(directory.looks) > len(volume.looks)


def test_asking_does_not_wait_while_a_load_is_under_way(start: Start) -> None:
    volume = Volume()
    volume.gate.clear()
    ledger = start(WHISPER, volume)
    for _ in range(100):
        ledger.report()
    assert not volume.in_memory, "it waited for the load"
    volume.gate.set()


@pytest.mark.parametrize(
    ("chosen", "at_start", "at_need"),
    [
        ({}, ["transcription", "alignment", "diarization"], []),
        ({"preload_language": "none"}, ["transcription", "diarization"], []),
        ({"preload_diarization": False}, ["transcription", "alignment"], ["diarization"]),
        ({"preload_model": "none"}, [], ["transcription", "diarization"]),
    ],
)
def test_each_setting_leaves_out_its_part(
    chosen: dict[str, object], at_start: list[str], at_need: list[str]
) -> None:
    settings = Settings(_env_file=None, device="cpu", **chosen)  # type: ignore[arg-type]
    expected = build_engine_stack(settings).ledger.expected
    assert [engine.id.stage.noun for engine in expected if engine.preloaded] == at_start
    assert [engine.id.stage.noun for engine in expected if not engine.preloaded] == at_need
    assert [engine.id.stage.noun for engine in expected if engine.essential] == ["transcription"]


def test_without_a_preloaded_model_and_without_files_nobody_is_healthy(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        device="cpu",
        preload_model="none",
        hf_hub_offline=True,
        cache_dir=tmp_path,
    )
    stack = build_engine_stack(settings)
    assert stack.catalogue.resolve().name == "large-v3"
    stack.start()
    wait_for(stack.ledger, "unhealthy")
    stack.stop()
    assert "HF_HUB_OFFLINE" in stack.ledger.report().reasons[0]


def test_a_preloaded_language_without_an_aligner_says_which_setting_names_one() -> None:
    settings = Settings(_env_file=None, device="cpu", preload_language="haw")
    stack = build_engine_stack(settings)
    (aligner,) = [engine for engine in stack.ledger.expected if engine.id.stage is Stage.ALIGN]
    with pytest.raises(ModelUnavailable, match="ALIGN_MODELS=haw"):
        load_expected(stack.engines, aligner)


def catalogue_of(**chosen: object) -> Catalogue:
    return build_catalogue(Settings(_env_file=None, device="cpu", **chosen))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "default"),
    [
        ({}, "large-v3"),
        ({"preload_model": "small"}, "small"),
        ({"preload_model": "none"}, "large-v3"),
        ({"preload_model": "None", "default_model": "Whisper-Tiny"}, "tiny"),
        ({"preload_model": "large-v3", "default_model": "small"}, "small"),
    ],
)
def test_the_default_model_need_not_be_the_preloaded_one(chosen: dict[str, object], default: str) -> None:
    assert catalogue_of(**chosen).resolve().name == default


def test_what_is_preloaded_is_the_preloaded_model_and_not_the_default() -> None:
    models = {"preload_model": "whisper-large", "default_model": "tiny", "extra_models": "large-v3=/no/where"}
    settings = Settings(_env_file=None, device="cpu", **models)  # type: ignore[arg-type]
    stack = build_engine_stack(settings)
    (whisper,) = [engine for engine in stack.ledger.expected if engine.preloaded and not engine.id.language][
        :1
    ]
    with pytest.raises(ModelUnavailable, match="large-v3 is not available: its directory"):
        load_expected(stack.engines, whisper)
    assert [engine.id.name for engine in stack.ledger.expected if engine.essential] == ["tiny"]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"preload_model": "gpt-9"}, "PRELOAD_MODEL: there is no model 'gpt-9'"),
        ({"default_model": "gpt-9"}, "DEFAULT_MODEL: there is no model 'gpt-9'"),
        ({"allowed_models": "tiny,gpt-9"}, "ALLOWED_MODELS: there is no model 'gpt-9'"),
        ({"allowed_models": "tiny"}, "PRELOAD_MODEL: there is no model 'large-v3'; use one of ALLOWED"),
        ({"allowed_models": "tiny", "preload_model": "none"}, "'large-v3'; use one of ALLOWED_MODELS: tiny"),
        ({"allowed_models": "tiny", "preload_model": "tiny", "default_model": "small"}, "DEFAULT_MODEL: "),
        ({"allowed_languages": "en,klingon"}, "ALLOWED_LANGUAGES: 'klingon' is not a language"),
        ({"preload_language": "klingon"}, "PRELOAD_LANGUAGE: 'klingon' is not a language"),
        ({"preload_language": "fr", "allowed_languages": "en,de"}, "PRELOAD_LANGUAGE: 'fr' is not in "),
        ({"align_models": "klingon=owner/x"}, "ALIGN_MODELS: 'klingon' is not a language"),
        ({"align_models": "de=owner/x,German=owner/y"}, "ALIGN_MODELS: the language 'de' is given twice"),
    ],
)  # fmt: skip
def test_settings_that_name_what_is_not_there_end_the_start(chosen: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        catalogue_of(**chosen)


def test_languages_of_settings_are_read_as_those_of_requests() -> None:
    catalogue = catalogue_of(
        align_models="DE=owner/x,French=owner/y,pt-BR=owner/z", allowed_languages="ENG, german"
    )
    assert catalogue.aligners == {"de": "owner/x", "fr": "owner/y", "pt": "owner/z"}
    assert catalogue.languages == ("en", "de")


@pytest.mark.parametrize(
    ("chosen", "language"),
    [
        ({"preload_language": "German"}, "de"),
        ({"preload_language": "NONE"}, None),
        ({"preload_language": "und"}, None),
        ({"allowed_languages": "de"}, None),
        ({"allowed_languages": "de,en"}, "en"),
    ],
)
def test_the_preloaded_language_is_read_as_one_of_a_request(
    chosen: dict[str, object], language: str | None
) -> None:
    settings = Settings(_env_file=None, device="cpu", **chosen)  # type: ignore[arg-type]
    assert preloaded_language(settings, build_catalogue(settings)) == language


def test_prefetch_reads_languages_as_requests_do(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(_env_file=None, device="cpu")
    assert prefetch(settings, ["demo"], languages=["klingon"], diarization=False) == 2
    assert "--languages: 'klingon' is not a language" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["extra_models", "align_models", "diarization_model"])
def test_sources_that_make_no_sense_are_refused_at_start(setting: str) -> None:
    settings = Settings(_env_file=None, device="cpu", **{setting: "not a source"})  # type: ignore[arg-type]
    with pytest.raises(InvalidSettings, match=setting.upper()):
        build_engine_stack(settings)
