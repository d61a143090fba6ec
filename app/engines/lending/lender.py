"""The engines that the pipeline works with: leased from the pool, loaded at need, guarded."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Protocol, TypeVar

from app.checkpoint import Checkpoint
from app.engines.interfaces import Aligner, Diarizer, Transcriber
from app.engines.lending.batching import BatchedAligner, BatchedDiarizer, BatchedTranscriber
from app.engines.lending.guard import Guard, GuardedAligner, GuardedDiarizer, GuardedTranscriber
from app.engines.lending.memory_policy import load_with_memory_policy
from app.engines.lending.pool import Pool
from app.engines.platform.allocator import return_freed_memory
from app.engines.platform.device_plan import CPU_BATCH_SIZE, DevicePlan
from app.engines.platform.gpu import release_cached_memory, release_scarce_memory
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
from app.models.loaded_model import Expect, Loaded
from app.models.model_spec import ModelSpec

E = TypeVar("E")


def release_memory() -> None:
    """Give what loads and unloaded engines left behind back to the GPU and to the system."""
    release_cached_memory()
    return_freed_memory()


class Loader(Protocol):
    """Loads engines onto "cuda" or "cpu"."""

    def transcriber(self, model: ModelSpec, device: str, expect: Expect) -> Loaded[BatchedTranscriber]:
        """Load Whisper."""
        ...

    def aligner(self, source: str, language: str, device: str, expect: Expect) -> Loaded[BatchedAligner]:
        """Load the aligner for `language`."""
        ...

    def diarizer(self, source: str, device: str, expect: Expect) -> Loaded[BatchedDiarizer]:
        """Load the diarization pipeline."""
        ...


class LoadedEngines:
    """Lends engines out of a pool; implements `app.engines.Engines`."""

    def __init__(
        self,
        catalogue: Catalogue,
        pool: Pool,
        loader: Loader,
        plan: DevicePlan,
        *,
        align_batch_size: int = 8,
        diarize_batch_size: int = 32,
        cpu_fallback: bool = True,
        observer: EngineObserver | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._pool = pool
        self._loader = loader
        self._plan = plan
        self._align_batch_size = align_batch_size
        self._diarize_batch_size = diarize_batch_size
        self._cpu_fallback = cpu_fallback
        self._observer = observer or NullObserver()

    @contextmanager
    def transcriber(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator[Transcriber]:
        """Lend the transcriber of `model`.

        Raises:
            ModelUnavailable: it cannot be loaded now.
        """
        engine_id = transcriber_of(model)

        def lease(device: str) -> AbstractContextManager[BatchedTranscriber]:
            return self._lease(
                engine_id, device, partial(self._loader.transcriber, model, device), checkpoint
            )

        with self._lend(lease, self._plan.whisper, self._plan.batch_size) as (engine, batch_size, on_cpu):
            guard = self._guard(engine_id, engine.with_batch_size, batch_size, on_cpu)
            yield GuardedTranscriber(guard)

    @contextmanager
    def aligner(self, model: ModelSpec, language: str, checkpoint: Checkpoint) -> Iterator[Aligner | None]:
        """Lend the aligner for `language`; None where no aligner is known for it.

        Raises:
            ModelUnavailable: it cannot be loaded now.
        """
        source = self._catalogue.aligner_source(model, language)
        if source is None:
            yield None
            return
        engine_id = aligner_of(model, language, source)

        def lease(device: str) -> AbstractContextManager[BatchedAligner]:
            return self._lease(
                engine_id, device, partial(self._loader.aligner, source, language, device), checkpoint
            )

        with self._lend(lease, self._plan.align, self._align_batch_size) as (engine, batch_size, on_cpu):
            guard = self._guard(engine_id, engine.with_batch_size, batch_size, on_cpu)
            yield GuardedAligner(guard)

    @contextmanager
    def diarizer(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator[Diarizer]:
        """Lend the diarizer that goes with `model`.

        Raises:
            ModelUnavailable: it cannot be loaded now.
        """
        source = self._catalogue.diarizer_source(model)
        engine_id = diarizer_of(model, source)

        def lease(device: str) -> AbstractContextManager[BatchedDiarizer]:
            return self._lease(engine_id, device, partial(self._loader.diarizer, source, device), checkpoint)

        with self._lend(lease, self._plan.diarize, self._diarize_batch_size) as (engine, batch_size, on_cpu):
            guard = self._guard(engine_id, engine.with_batch_size, batch_size, on_cpu)
            yield GuardedDiarizer(guard)

    def _lease(
        self,
        engine_id: EngineId,
        device: str,
        load: Callable[[Expect], Loaded[E]],
        checkpoint: Checkpoint,
    ) -> AbstractContextManager[E]:
        key = engine_id.on(device)

        def load_with_room(expect: Expect) -> Loaded[E]:
            what = f"loading {key.kind} {key.name}"
            try:
                loaded = load_with_memory_policy(what, lambda: load(expect), self._free)
            except BaseException as exc:
                self._observer.record_load(engine_id, exc)
                raise
            finally:
                # Those who asked for it may have left: no job may follow that would do it.
                release_memory()
            self._observer.record_load(engine_id, None)
            return loaded

        return self._pool.lease(key, load_with_room, checkpoint)

    @contextmanager
    def _lend(
        self, lease: Callable[[str], AbstractContextManager[E]], device: str, batch_size: int
    ) -> Iterator[tuple[E, int, Callable[[], AbstractContextManager[E]] | None]]:
        """Lend the engine, its batch size, and where that is allowed the way to the same engine on the CPU.

        An engine that does not even fit on the GPU is lent on the CPU at once.
        """
        may_fall_back = self._cpu_fallback and device != "cpu"
        with ExitStack() as stack:
            stack.callback(self._end_stage)
            try:
                engine = stack.enter_context(lease(device))
            except OutOfMemory:
                if not may_fall_back:
                    raise
                engine, may_fall_back = stack.enter_context(lease("cpu")), False
                batch_size = min(batch_size, CPU_BATCH_SIZE)
            yield engine, batch_size, (lambda: lease("cpu")) if may_fall_back else None

    def _guard(
        self,
        engine_id: EngineId,
        with_batch_size: Callable[[int], E],
        batch_size: int,
        on_cpu: Callable[[], AbstractContextManager[E]] | None,
    ) -> Guard[E]:
        observe = partial(self._observer.record_run, engine_id)
        return Guard(engine_id.stage.noun, with_batch_size, batch_size, self._free, on_cpu, observe)

    def _free(self) -> None:
        self._pool.unload_unused()
        release_memory()

    def _end_stage(self) -> None:
        """Give back what a stage freed; the GPU's only where it is nearly full: the next stage needs it."""
        return_freed_memory()
        if self._plan.uses_gpu:
            release_scarce_memory()
