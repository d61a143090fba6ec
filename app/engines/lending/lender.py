"""The engines that the pipeline works with: leased from the pool, loaded at need, sparing of memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from app.checkpoint import Checkpoint
from app.engines.failures import is_engine_failure
from app.engines.interfaces import Aligner, Diarizer, Engine, EngineLease, Transcriber
from app.engines.lending.loader import EngineLoader
from app.engines.lending.memory_policy import load_with_memory_policy, run_with_memory_policy
from app.engines.lending.pool import Pool
from app.engines.platform.device_plan import CPU_BATCH_SIZE, DevicePlan
from app.engines.platform.memory import release_after_stage, release_memory
from app.errors import OutOfMemory
from app.models.catalogue import Catalogue
from app.models.engine_id import (
    EngineId,
    EngineObserver,
    NullObserver,
    aligner_of,
    diarizer_of,
    transcriber_of,
)
from app.models.loaded_model import Expect, LoadedEngine
from app.models.model_spec import ModelSpec

E = TypeVar("E", bound=Engine)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PooledLease(Generic[E]):
    """The use of a pooled engine: with smaller batches, and at last on the CPU, when memory runs out."""

    stage: str
    engine: E
    batch_size: int
    on_cpu: Callable[[], AbstractContextManager[E]] | None
    """Lends the same engine on the CPU; None where that is not allowed or the engine is there already."""
    free: Callable[[], None]
    record: Callable[[BaseException | None], None]
    """Told how a run failed, or None when it succeeded."""

    def run(self, work: Callable[[E], T]) -> T:
        """Return `work(engine)`.

        Raises:
            OutOfMemory: memory sufficed nowhere.
            EngineFailed: the engine broke.
        """

        def attempt(batch_size: int) -> T:
            return work(self.engine.with_batch_size(batch_size))

        on_cpu = None if self.on_cpu is None else partial(_run_inside, self.on_cpu, work)
        try:
            answer = run_with_memory_policy(self.stage, attempt, self.batch_size, self.free, on_cpu)
        except BaseException as exc:
            if is_engine_failure(exc):
                self.record(exc)
            raise
        self.record(None)
        return answer


def _run_inside(lending: Callable[[], AbstractContextManager[E]], work: Callable[[E], T]) -> T:
    with lending() as engine:
        return work(engine)


@dataclass(frozen=True, slots=True)
class PooledEngines:
    """Leases engines out of a pool; implements `app.engines.interfaces.Engines`."""

    catalogue: Catalogue
    pool: Pool
    loader: EngineLoader
    plan: DevicePlan
    align_batch_size: int = 8
    diarize_batch_size: int = 32
    cpu_fallback: bool = True
    observer: EngineObserver = field(default_factory=NullObserver)

    def transcriber(
        self, model: ModelSpec, checkpoint: Checkpoint
    ) -> AbstractContextManager[EngineLease[Transcriber]]:
        """Lease the transcriber of `model`."""
        load = partial(self.loader.transcriber, model)
        plan = self.plan
        return self._lease(transcriber_of(model), load, plan.whisper, plan.batch_size, checkpoint)

    def aligner(
        self, model: ModelSpec, language: str, checkpoint: Checkpoint
    ) -> AbstractContextManager[EngineLease[Aligner] | None]:
        """Lease the aligner for `language`; None where no aligner is known for it."""
        source = self.catalogue.aligner_source(model, language)
        if source is None:
            return nullcontext()
        engine_id = aligner_of(model, language, source)
        load = partial(self.loader.aligner, source, language)
        return self._lease(engine_id, load, self.plan.align, self.align_batch_size, checkpoint)

    def aligns(self, model: ModelSpec, language: str) -> bool:
        """Return whether an aligner is known for `language`, which need not mean that it can be had."""
        return self.catalogue.aligner_source(model, language) is not None

    def diarizer(
        self, model: ModelSpec, checkpoint: Checkpoint
    ) -> AbstractContextManager[EngineLease[Diarizer]]:
        """Lease the diarizer that goes with `model`."""
        engine_id = diarizer_of(model, self.catalogue.diarizer_source(model))
        load = partial(self.loader.diarizer, engine_id.source)
        return self._lease(engine_id, load, self.plan.diarize, self.diarize_batch_size, checkpoint)

    @contextmanager
    def _lease(
        self,
        engine_id: EngineId,
        load: Callable[[str, Expect], LoadedEngine[E]],
        device: str,
        batch_size: int,
        checkpoint: Checkpoint,
    ) -> Iterator[PooledLease[E]]:
        """Lease the engine on `device`, or on the CPU at once where it does not even fit on the GPU.

        Raises:
            ModelUnavailable: it cannot be loaded now.
            OutOfMemory: there is no room for it anywhere.
        """

        def lend(device: str) -> AbstractContextManager[E]:
            load_it = partial(self._load, engine_id, partial(load, device))
            return self.pool.lease(engine_id.on(device), load_it, checkpoint)

        on_cpu = partial(lend, "cpu") if self.cpu_fallback and device != "cpu" else None
        with ExitStack() as stack:
            stack.callback(release_after_stage)
            try:
                engine = stack.enter_context(lend(device))
            except OutOfMemory:
                if on_cpu is None:
                    raise
                engine, on_cpu = stack.enter_context(on_cpu()), None
                batch_size = min(batch_size, CPU_BATCH_SIZE)
            record = partial(self.observer.record_run, engine_id)
            yield PooledLease(engine_id.stage.noun, engine, batch_size, on_cpu, self._free, record)

    def _load(
        self, engine_id: EngineId, load: Callable[[Expect], LoadedEngine[E]], expect: Expect
    ) -> LoadedEngine[E]:
        """Load the engine, a second time if memory ran out, and tell the observer how it ended."""
        what = f"loading {engine_id.stage.engine_kind} {engine_id.name}"
        try:
            loaded = load_with_memory_policy(what, lambda: load(expect), self._free)
        except BaseException as exc:
            self.observer.record_load(engine_id, exc)
            raise
        finally:
            # Those who asked for it may have left: no job may follow that would do it.
            release_memory()
        self.observer.record_load(engine_id, None)
        return loaded

    def _free(self) -> None:
        self.pool.unload_unused()
        release_memory()
