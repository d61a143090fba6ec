"""Loads what the service is expected to have, at start and after a failure, and looks after its files."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.engines.interfaces import Engines
from app.errors import AsrError, ModelUnavailable, Unavailable
from app.health.expected_engines import ExpectedEngine
from app.health.ledger import Ledger
from app.models.engine_id import EngineId
from app.models.model_spec import ModelSpec, is_directory_source
from app.stage import Stage
from app.transcript import Seconds

logger = logging.getLogger(__name__)

_NO_ALIGNER_RETRY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class RetryPauses:
    """How long to wait before trying again what failed, or looking again at what may change."""

    first: Seconds = 10
    """After a load that failed; twice as long after each further one."""
    longest: Seconds = 300
    search: Seconds = 30
    """Between searches for the files of what is not in memory."""
    tick: Seconds = 1
    """Between looks at what is due."""


PATIENT = RetryPauses()
"""The pauses of a service that runs for months."""


@dataclass(slots=True)
class _Schedule:
    """When the preloading thread turns to one engine again; times are those of time.monotonic."""

    load_at: Seconds = 0.0
    search_at: Seconds = 0.0
    load_pause: Seconds = 0.0
    """Before the next load, after a failed one; 0: the last one worked."""
    search_pause: Seconds = 0.0


class Preloader:
    """A thread that loads what is missing, with growing pauses, for as long as the service runs."""

    def __init__(
        self,
        ledger: Ledger,
        load: Callable[[ExpectedEngine], None],
        *,
        search: Callable[[EngineId], bool],
        is_loaded: Callable[[EngineId], bool],
        pauses: RetryPauses = PATIENT,
    ) -> None:
        """Load what `ledger` misses with `load`, which leaves it loaded or raises.

        `search` returns whether the files of what is not loaded are on disk, False if they can be downloaded,
        and raises ModelUnavailable where they are out of reach.
        """
        self._ledger = ledger
        self._load = load
        self._search_files = search
        self._is_loaded = is_loaded
        self._pauses = pauses
        self._schedules = {engine: _Schedule() for engine in ledger.expected}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="preload", daemon=True)

    def start(self) -> None:
        """Begin to load; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further load; one that is under way ends by itself."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            for engine, schedule in self._schedules.items():
                if not self._stopped.is_set():
                    self._load_or_search(engine, schedule)
            self._stopped.wait(self._pauses.tick)

    def _load_or_search(self, engine: ExpectedEngine, schedule: _Schedule) -> None:
        """Do what is due for `engine`."""
        now = time.monotonic()
        if self._ledger.should_load(engine):
            if now >= schedule.load_at:
                wait_seconds = self._try_to_load(engine, schedule)
                schedule.load_at = time.monotonic() + wait_seconds
        elif now >= schedule.search_at and not self._is_loaded(engine.id):
            if self._search(engine) or is_directory_source(engine.id.source):
                schedule.search_pause = 0
            # A hub is asked ever more seldom.
            schedule.search_pause = self._longer(schedule.search_pause, self._pauses.search)
            schedule.search_at = time.monotonic() + schedule.search_pause

    def _try_to_load(self, engine: ExpectedEngine, schedule: _Schedule) -> Seconds:
        """Load `engine` and note how that ended; return how long to wait before the next time."""
        self._ledger.begin_attempt(engine.id)
        failure: Exception | None = None
        try:
            self._load(engine)
        except Exception as exc:
            failure = exc
        self._ledger.record_load(engine.id, failure, for_request=False)
        if failure is None:
            schedule.load_pause = 0
            logger.info("ready: %s", engine.capability)
            return self._pauses.first
        schedule.load_pause = self._longer(schedule.load_pause, self._pauses.first)
        asked = failure.retry_after_seconds if isinstance(failure, Unavailable) else 0
        wait_seconds = max(schedule.load_pause, min(asked, self._pauses.longest))
        foreseen = isinstance(failure, AsrError)
        logger.warning(
            "%s unavailable: %s; tried again in %.0f s",
            engine.capability,
            failure if foreseen else "loading failed unexpectedly",
            wait_seconds,
            exc_info=None if foreseen else failure,
        )
        return wait_seconds

    def _longer(self, pause: Seconds, first: Seconds) -> Seconds:
        """Return the pause after `pause`: twice as long, from `first` to the longest."""
        return min(max(first, 2 * pause), self._pauses.longest)

    def _search(self, engine: ExpectedEngine) -> bool:
        """Search for the files of `engine` and note what was found; return whether they are on disk."""
        self._ledger.begin_attempt(engine.id, searching=True)
        try:
            found = self._search_files(engine.id)
        except Exception as exc:
            if self._ledger.record_files_missing(engine.id, exc):
                logger.warning("%s unavailable: %s", engine.capability, exc)
            return False
        self._ledger.record_files_found(engine.id, found)
        return found


def load_expected(engines: Engines, engine: ExpectedEngine) -> None:
    """Load `engine` and leave it loaded.

    Raises:
        ModelUnavailable, OutOfMemory: it cannot be loaded now.
    """
    model = engine.id.model
    if engine.id.stage is Stage.ALIGN:
        assert engine.id.language is not None
        _load_aligner(engines, model, engine.id.language)
    elif engine.id.stage is Stage.DIARIZE:
        with engines.diarizer(model, _go_on):
            pass
    else:
        with engines.transcriber(model, _go_on):
            pass


def _load_aligner(engines: Engines, model: ModelSpec, language: str) -> None:
    with engines.aligner(model, language, _go_on) as aligner:
        if aligner is None:
            reason = f"none is known; name one with ALIGN_MODELS={language}=<model>"
            raise ModelUnavailable(f"aligner-{language}", reason, _NO_ALIGNER_RETRY_SECONDS)


def _go_on() -> None:
    """The checkpoint of preloading: nothing ends its wait."""
