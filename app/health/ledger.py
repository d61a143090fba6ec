"""What the service can do at this moment: the account of how loads, runs and checks of engines ended."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from app.engines.failures import is_device_lost, is_out_of_memory
from app.health.engine_state import CHECK_GAP_SECONDS, FIRST_CHECK_SECONDS, EngineState, explain
from app.health.expected_engines import ExpectedEngine
from app.health.report import HealthReport, Reporter
from app.models.engine_id import EngineId
from app.transcript import Seconds


class Ledger:
    """Keeps account of engines for those who load, run and check them, from any thread.

    A run that breaks makes its engine suspect and no more: it may be the recording's fault. Only a check with
    a known sound says that the engine is broken, and whatever works afterwards says that it is not.
    """

    def __init__(
        self,
        expected: Sequence[ExpectedEngine] = (),
        *,
        named_sources: Iterable[str] = (),
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        """Miss the `expected` engines, of others only those from the operator's `named_sources`."""
        self.expected = tuple(expected)
        self._named_sources = frozenset(named_sources)
        self._clock = clock
        self._lock = threading.Lock()
        self._states = {engine.id: EngineState() for engine in self.expected}
        self._device_lost = False

    def record_load(
        self, engine_id: EngineId, failure: BaseException | None, *, for_request: bool = True
    ) -> None:
        """Take note of the end of a load, for a request or by the service itself; None: it worked."""
        with self._lock:
            state = self._state(engine_id, failure)
            if not for_request:
                state.attempt_began = None
            if failure is None:
                state.mark_loaded()
            elif for_request and is_out_of_memory(failure):
                state.lacked_memory = True
            else:
                state.mark_unloadable(failure, self._clock())

    def record_run(self, engine_id: EngineId, failure: BaseException | None) -> None:
        """Take note of a run's end; None: it worked."""
        with self._lock:
            state = self._state(engine_id, failure)
            if failure is None:
                state.mark_loaded()
                state.mark_working()
                state.check_pause = FIRST_CHECK_SECONDS
            else:
                state.failed_runs += 1

    def begin_attempt(self, engine_id: EngineId, *, searching: bool = False) -> None:
        """Note that the service itself begins to load an engine, or only to search for its files."""
        with self._lock:
            state = self._state(engine_id)
            state.attempt_began, state.searching = self._clock(), searching

    def record_files_found(self, engine_id: EngineId, on_disk: bool) -> None:
        """Note that an engine's files are on disk, or can be downloaded."""
        with self._lock:
            state = self._state(engine_id)
            state.attempt_began = state.files_missing = None
            state.proven, state.to_download = on_disk, not on_disk

    def record_files_missing(self, engine_id: EngineId, failure: Exception) -> bool:
        """Note that an engine's files are nowhere; return whether that is news."""
        with self._lock:
            state = self._state(engine_id)
            reason, before = explain(failure), state.files_missing
            state.attempt_began, state.files_missing = None, reason
            state.proven = state.to_download = False
            return reason != before

    def should_load(self, engine: ExpectedEngine) -> bool:
        """Return whether the service itself should load `engine` now."""
        with self._lock:
            state = self._state(engine.id)
            untried = engine.preloaded and not state.known
            return untried or state.load_failure is not None or state.lacked_memory

    def due_for_check(self) -> tuple[EngineId, ...]:
        """Return which engines are to be checked with a known sound now."""
        now = self._clock()
        with self._lock:
            return tuple(
                engine_id
                for engine_id, state in self._states.items()
                if state.failed_runs and state.check_at <= now
            )

    def is_suspect(self, engine_id: EngineId) -> bool:
        """Return whether no run of an engine worked since the last that broke."""
        with self._lock:
            return self._state(engine_id).failed_runs > 0

    def record_check_passed(self, engine_id: EngineId) -> None:
        """Note that a check is over: the engine works, or there is nothing left to check."""
        with self._lock:
            state = self._state(engine_id)
            state.mark_working()
            state.check_at = self._clock() + CHECK_GAP_SECONDS

    def record_check_failed(self, engine_id: EngineId, failure: BaseException) -> None:
        """Note that an engine cannot even process a known sound."""
        with self._lock:
            state = self._state(engine_id, failure)
            state.check_failure = "ran out of memory" if is_out_of_memory(failure) else "failed"
            state.postpone_check(self._clock())

    def postpone_check(self, engine_id: EngineId) -> None:
        """Note that an engine could not be checked now."""
        with self._lock:
            self._state(engine_id).postpone_check(self._clock())

    def report(self) -> HealthReport:
        """Return the state of the service; waits for nothing."""
        now = self._clock()
        with self._lock:
            reporter = Reporter(self.expected, self._states, self._named_sources, self._device_lost, now)
            return reporter.report()

    def _state(self, engine_id: EngineId, failure: BaseException | None = None) -> EngineState:
        """Return the state of an engine, of which `failure` has just become known; call it under the lock."""
        self._device_lost |= failure is not None and is_device_lost(failure)
        return self._states.setdefault(engine_id, EngineState())
