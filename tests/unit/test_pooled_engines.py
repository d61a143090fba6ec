"""Engines lent to the pipeline: shared, and carried through a lack of memory."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import SpeakerCountRange, Transcriber, Transcription, TranscriptionRequest
from app.engines.lending.lender import PooledEngines
from app.engines.lending.pool import Pool
from app.engines.platform.device_plan import DevicePlan
from app.errors import ClientLeft, EngineFailed, OutOfMemory
from app.models.catalogue import Catalogue
from app.models.engine_id import EngineId
from app.models.loaded_model import Expect, LoadedEngine
from app.models.model_spec import ModelSpec
from app.transcript import Diarization, LanguageGuess, Segment

SILENCE = np.zeros(16000, dtype=np.int16)
GPU = DevicePlan("cuda", "cuda", "cuda", "float16", 16)


def stay() -> None:
    """The checkpoint of those who wait as long as it takes."""


@dataclass
class Card:
    """Stands for a GPU that holds so many chunks at a time; without one it cannot be made to run out."""

    room: dict[str, int] = field(default_factory=lambda: {"cuda": 1000, "cpu": 1000})
    runs: list[tuple[str, int]] = field(default_factory=list)
    failure: Callable[[], Exception] = lambda: RuntimeError("CUDA failed with error out of memory")
    load_failures: list[Exception] = field(default_factory=list)
    loads: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    slow: dict[str, threading.Event] = field(default_factory=dict)
    """What loading onto a device waits for."""

    def run(self, device: str, batch_size: int) -> None:
        self.runs.append((device, batch_size))
        if batch_size > self.room[device]:
            raise self.failure()


@dataclass
class Engine:
    """Does every stage's work on the card."""

    card: Card
    device: str
    batch_size: int

    def with_batch_size(self, batch_size: int) -> "Engine":
        return Engine(self.card, self.device, batch_size)

    def transcribe(
        self, waveform: Waveform, request: TranscriptionRequest, checkpoint: Checkpoint, *_: object
    ) -> Transcription:
        self.card.run(self.device, self.batch_size)
        return Transcription((), "en")

    def detect_language(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageGuess:
        self.card.run(self.device, self.batch_size)
        return LanguageGuess("en", 1.0)

    def align(
        self, waveform: Waveform, segments: tuple[Segment, ...], checkpoint: Checkpoint
    ) -> tuple[Segment, ...]:
        self.card.run(self.device, self.batch_size)
        return segments

    def diarize(self, waveform: Waveform, speakers: SpeakerCountRange, checkpoint: Checkpoint) -> Diarization:
        self.card.run(self.device, self.batch_size)
        return Diarization(())


@dataclass
class CardLoader:
    """Loads engines onto the card."""

    card: Card

    def transcriber(self, model: ModelSpec, device: str, expect: Expect) -> LoadedEngine[Engine]:
        return self._load("whisper", device)

    def aligner(self, source: str, language: str, device: str, expect: Expect) -> LoadedEngine[Engine]:
        return self._load("aligner", device)

    def diarizer(self, source: str, device: str, expect: Expect) -> LoadedEngine[Engine]:
        return self._load("diarizer", device)

    def _load(self, kind: str, device: str) -> LoadedEngine[Engine]:
        if self.card.load_failures:
            raise self.card.load_failures.pop(0)
        self.card.loads.append((kind, device))
        assert device not in self.card.slow or self.card.slow[device].wait(5)
        size = 16 if device == "cuda" else 4
        return LoadedEngine(Engine(self.card, device, size), lambda: self.card.closed.append(kind))


@dataclass
class Room:
    """Engines over one card."""

    card: Card
    cpu_fallback: bool = True
    pool: Pool = field(default_factory=lambda: Pool(ask_every_seconds=0.001))
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    load_outcomes: list[tuple[str, str]] = field(default_factory=list)
    model: ModelSpec = field(default_factory=lambda: Catalogue().resolve("tiny"))

    @property
    def engines(self) -> PooledEngines:
        return PooledEngines(
            Catalogue(),
            self.pool,
            CardLoader(self.card),
            GPU,
            align_batch_size=8,
            diarize_batch_size=32,
            cpu_fallback=self.cpu_fallback,
            observer=self,
        )

    def record_load(self, engine_id: EngineId, failure: BaseException | None) -> None:
        self.load_outcomes.append((engine_id.name, type(failure).__name__))

    def record_run(self, engine_id: EngineId, failure: BaseException | None) -> None:
        self.outcomes.append((engine_id.stage.noun, type(failure).__name__))

    def transcribe(self) -> Transcription:
        with self.engines.transcriber(self.model, stay) as lease:
            return lease.run(transcribe_silence)


def transcribe_silence(engine: Transcriber) -> Transcription:
    return engine.transcribe(SILENCE, TranscriptionRequest(), stay)


def in_use(pool: Pool) -> bool:
    return any(entry.leases for entry in pool.loaded())


def test_each_stage_starts_with_its_own_batch_size() -> None:
    room = Room(Card())
    room.transcribe()
    with (
        room.engines.aligner(room.model, "en", stay) as aligning,
        room.engines.diarizer(room.model, stay) as diarizing,
    ):
        assert aligning is not None
        aligning.run(lambda engine: engine.align(SILENCE, (), lambda: None))
        diarizing.run(lambda engine: engine.diarize(SILENCE, SpeakerCountRange(), lambda: None))
    assert room.card.runs == [("cuda", 16), ("cuda", 8), ("cuda", 32)]


def test_a_full_card_gets_smaller_batches_and_loses_idle_models() -> None:
    room = Room(Card(room={"cuda": 4, "cpu": 4}))
    with room.engines.diarizer(room.model, stay):
        pass
    room.transcribe()
    assert room.card.runs == [("cuda", 16), ("cuda", 8), ("cuda", 4)]
    assert room.card.closed == ["diarizer"]
    assert room.outcomes == [("transcription", "NoneType")]


@pytest.mark.parametrize(
    "failure",
    [
        lambda: RuntimeError("CUDA failed with error out of memory"),
        lambda: MemoryError("batch_size (32) is probably too large"),
        lambda: wrapped(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")),
    ],
)
def test_what_does_not_fit_at_all_runs_on_the_cpu(failure: Callable[[], Exception]) -> None:
    room = Room(Card(room={"cuda": 0, "cpu": 4}, failure=failure))
    assert room.transcribe().language == "en"
    assert room.card.runs[-1] == ("cpu", 4)
    assert room.card.loads == [("whisper", "cuda"), ("whisper", "cpu")]


def wrapped(cause: Exception) -> Exception:
    failure = EngineFailed("transcription")
    failure.__cause__ = cause
    return failure


def test_where_the_cpu_is_not_allowed_it_is_refused_and_the_next_request_works() -> None:
    room = Room(Card(room={"cuda": 0, "cpu": 4}), cpu_fallback=False)
    with pytest.raises(OutOfMemory):
        room.transcribe()
    assert not in_use(room.pool)
    room.card.room["cuda"] = 16
    room.card.runs.clear()
    room.transcribe()
    assert room.card.runs == [("cuda", 16)]
    assert room.outcomes == [("transcription", "OutOfMemory"), ("transcription", "NoneType")]


def test_a_model_that_finds_no_room_is_loaded_after_idle_ones_went() -> None:
    room = Room(Card())
    with room.engines.diarizer(room.model, stay):
        pass
    room.card.load_failures = [RuntimeError("CUDA failed with error out of memory")]
    room.transcribe()
    assert room.card.closed == ["diarizer"]
    assert room.card.runs == [("cuda", 16)]


def test_a_model_that_finds_no_room_at_all_is_loaded_on_the_cpu() -> None:
    room = Room(Card())
    room.card.load_failures = [RuntimeError("CUDA failed with error out of memory") for _ in range(2)]
    room.transcribe()
    assert room.card.loads == [("whisper", "cpu")]
    assert room.card.runs == [("cpu", 2)]


def test_a_language_without_an_aligner_is_lent_none() -> None:
    room = Room(Card())
    with room.engines.aligner(room.model, "haw", stay) as lease:
        assert lease is None
    assert room.card.loads == []


def test_a_broken_engine_is_reported_and_not_tried_again() -> None:
    room = Room(Card(room={"cuda": 0, "cpu": 0}, failure=lambda: EngineFailed("transcription")))
    with pytest.raises(EngineFailed):
        room.transcribe()
    assert room.card.runs == [("cuda", 16)]
    assert room.outcomes == [("transcription", "EngineFailed")]


@contextmanager
def slow_loads(card: Card, device: str) -> Iterator[None]:
    """Let no load onto `device` end before the block does."""
    card.slow[device] = threading.Event()
    try:
        yield
    finally:
        card.slow.pop(device).set()


@pytest.mark.parametrize("kind", ["whisper", "aligner", "diarizer"])
def test_who_waits_for_an_engine_to_be_loaded_may_leave(kind: str) -> None:
    room = Room(Card())

    def leave() -> None:
        if room.card.loads:
            raise ClientLeft

    lend = {
        "whisper": lambda: room.engines.transcriber(room.model, leave),
        "aligner": lambda: room.engines.aligner(room.model, "en", leave),
        "diarizer": lambda: room.engines.diarizer(room.model, leave),
    }
    with slow_loads(room.card, "cuda"), pytest.raises(ClientLeft), lend[kind]():
        pass
    assert room.card.loads == [(kind, "cuda")]
    assert not in_use(room.pool)


@pytest.mark.parametrize("loads", [True, False])
def test_who_waits_for_an_engine_to_be_loaded_onto_the_cpu_may_leave(loads: bool) -> None:
    """Be it that the GPU had no room for the model, or none for the work."""
    room = Room(Card(room={"cuda": 0, "cpu": 4}))
    if not loads:
        room.card.load_failures = [RuntimeError("CUDA failed with error out of memory") for _ in range(2)]

    def leave_the_cpu() -> None:
        if room.card.loads[-1:] == [("whisper", "cpu")]:
            raise ClientLeft

    with (
        slow_loads(room.card, "cpu"),
        pytest.raises(ClientLeft),
        room.engines.transcriber(room.model, leave_the_cpu) as lease,
    ):
        lease.run(transcribe_silence)
    assert room.card.loads[-1] == ("whisper", "cpu")
    assert room.card.runs == ([("cuda", size) for size in (16, 8, 4, 2, 1)] if loads else [])
    assert not in_use(room.pool)


@dataclass
class LitteringLoader(CardLoader):
    """Leaves something behind that only the garbage collector finds, as loading with torch does."""

    litter: list[weakref.ref[Engine]] = field(default_factory=list)

    def transcriber(self, model: ModelSpec, device: str, expect: Expect) -> LoadedEngine[Engine]:
        scrap = Engine(self.card, device, 1)
        scrap.itself = scrap  # type: ignore[attr-defined]
        self.litter.append(weakref.ref(scrap))
        return super().transcriber(model, device, expect)


def test_a_load_that_nobody_waits_for_any_more_leaves_no_memory_behind() -> None:
    card, pool = Card(), Pool(ask_every_seconds=0.001)
    loader = LitteringLoader(card)
    engines = PooledEngines(Catalogue(), pool, loader, GPU)

    def leave_the_load() -> None:
        if loader.litter:
            raise ClientLeft

    gc.disable()
    try:
        with (
            slow_loads(card, "cuda"),
            pytest.raises(ClientLeft),
            engines.transcriber(Catalogue().resolve("tiny"), leave_the_load),
        ):
            pass
        until = time.monotonic() + 5
        while pool.loading or any(scrap() for scrap in loader.litter):
            assert time.monotonic() < until, "it is left to the garbage collector"
            time.sleep(0.001)
    finally:
        gc.enable()


def test_a_warm_job_neither_collects_garbage_nor_empties_caches() -> None:
    room = Room(Card())
    collections: list[str] = []

    def watch(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            collections.append(f"generation {info['generation']}")

    def job() -> None:
        room.transcribe()
        with room.engines.aligner(room.model, "en", stay), room.engines.diarizer(room.model, stay):
            pass

    job()
    gc.disable()
    gc.callbacks.append(watch)
    try:
        job()
        assert collections == []
        room.pool.unload_unused()
        job()
        assert collections == ["generation 2"] * 3
    finally:
        gc.callbacks.remove(watch)
        gc.enable()
