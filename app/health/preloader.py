"""Loads what the service is expected to have, at start and after a failure, and looks after its files."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.engines.interfaces import Engines
from app.errors import AsrError, ModelUnavailable, Unavailable
from app.health.ledger import Ledger, Part
from app.models.catalogue import Catalogue, ModelSpec, is_directory_source
from app.models.subject import Subject, aligner_of, diarizer_of, transcriber_of
from app.stage import Stage
from app.transcript import Seconds

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Seconds = 10
LONGEST_RETRY_SECONDS: Seconds = 300
LOOK_SECONDS: Seconds = 30
"""How often the files of what is not in memory are looked for."""
_RETRY_SECONDS = 300


@dataclass(slots=True)
class _Schedule:
    """When the preloading thread turns to one part again."""

    load_at: Seconds = 0.0
    look_at: Seconds = 0.0
    pause: Seconds = 0.0
    """Before the next load, after a failed one; 0: the last one worked."""
    look_pause: Seconds = 0.0


class Preloader:
    """A thread that loads what is missing, with growing pauses, for as long as the service runs."""

    def __init__(
        self,
        ledger: Ledger,
        load: Callable[[Part], None],
        *,
        look: Callable[[Subject], bool],
        is_loaded: Callable[[Subject], bool],
        first_retry_seconds: Seconds = FIRST_RETRY_SECONDS,
        longest_retry_seconds: Seconds = LONGEST_RETRY_SECONDS,
        look_seconds: Seconds = LOOK_SECONDS,
        tick_seconds: Seconds = 1,
    ) -> None:
        """Load what `ledger` misses with `load`, which leaves it loaded or raises.

        `look` returns whether the files of what is not loaded are on disk, False if they can be downloaded,
        and raises ModelUnavailable where they are out of reach.
        """
        self._ledger = ledger
        self._load = load
        self._look = look
        self._is_loaded = is_loaded
        self._first_retry_seconds = first_retry_seconds
        self._longest_retry_seconds = longest_retry_seconds
        self._look_seconds = look_seconds
        self._tick_seconds = tick_seconds
        self._schedules = {part: _Schedule() for part in ledger.parts}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="preload", daemon=True)

    def start(self) -> None:
        """Begin to load; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further load; one that is under way ends by itself."""
        self._stopped.set()

    def _keep(self) -> None:
        while not self._stopped.is_set():
            for part, schedule in self._schedules.items():
                if not self._stopped.is_set():
                    self._see_to(part, schedule)
            self._stopped.wait(self._tick_seconds)

    def _see_to(self, part: Part, schedule: _Schedule) -> None:
        now = time.monotonic()
        if self._ledger.wants_load(part):
            if now >= schedule.load_at:
                self._load_part(part, schedule)
        elif now >= schedule.look_at and not self._is_loaded(part.subject):
            found = self._look_for(part)
            if found or is_directory_source(part.subject.source):
                schedule.look_pause = 0
            # Whoever waits for a hub asks it ever more seldom.
            schedule.look_pause = min(
                max(self._look_seconds, 2 * schedule.look_pause), self._longest_retry_seconds
            )
            schedule.look_at = time.monotonic() + schedule.look_pause

    def _load_part(self, part: Part, schedule: _Schedule) -> None:
        self._ledger.begin(part.subject)
        failure: Exception | None = None
        try:
            self._load(part)
        except Exception as exc:
            failure = exc
        self._ledger.settle(part.subject, failure)
        if failure is None:
            schedule.pause, wait_seconds = 0, self._first_retry_seconds
            logger.info("ready: %s", part.missing)
        else:
            schedule.pause = min(
                max(self._first_retry_seconds, 2 * schedule.pause), self._longest_retry_seconds
            )
            asked = failure.retry_after_seconds if isinstance(failure, Unavailable) else 0
            wait_seconds = max(schedule.pause, asked)
            shown = None if isinstance(failure, AsrError) else failure
            logger.warning(
                "%s unavailable: %s; tried again in %.0f s",
                part.missing,
                failure if shown is None else "loading failed unexpectedly",
                wait_seconds,
                exc_info=shown,
            )
        schedule.load_at = time.monotonic() + wait_seconds

    def _look_for(self, part: Part) -> bool:
        """Look for the files of `part` and note what was found; return whether they are on disk."""
        self._ledger.begin(part.subject, looks=True)
        try:
            found = self._look(part.subject)
        except Exception as exc:
            if self._ledger.lacks_files(part.subject, exc):
                logger.warning("%s unavailable: %s", part.missing, exc)
            return False
        self._ledger.found(part.subject, found)
        return found


def expected_parts(
    catalogue: Catalogue, *, preloaded: str | None, language: str | None, diarization: bool
) -> tuple[Part, ...]:
    """Return what the service is to have: the default model, the preloaded one, and what goes with that.

    Without `preloaded` nothing is loaded at start; without `language` no aligner is; without `diarization`
    the pipeline is not, but its files are looked for.

    Raises:
        ModelUnavailable, UnknownModel: the catalogue has no such model.
    """
    default = catalogue.resolve()
    model = default if preloaded is None else catalogue.resolve(preloaded)
    at_start = preloaded is not None
    parts = [Part(transcriber_of(default), "transcription", True, at_start and model == default)]
    if model != default:
        parts.append(Part(transcriber_of(model), f"transcription with {model.name}", False))
    if at_start and language is not None:
        source = catalogue.aligner_source(model, language) or ""
        parts.append(Part(aligner_of(model, language, source), f"word times for {language}", False))
    pipeline = diarizer_of(model, catalogue.diarizer_source(model))
    parts.append(Part(pipeline, "speakers", False, at_start and diarization))
    return tuple(parts)


def load_part(engines: Engines, part: Part) -> None:
    """Load `part` and leave it loaded.

    Raises:
        ModelUnavailable, OutOfMemory: it cannot be loaded now.
    """
    subject = part.subject
    if subject.stage is Stage.ALIGN:
        assert subject.language is not None
        _load_aligner(engines, subject.model, subject.language)
    elif subject.stage is Stage.DIARIZE:
        with engines.diarizer(subject.model, _wait):
            pass
    else:
        with engines.transcriber(subject.model, _wait):
            pass


def _load_aligner(engines: Engines, model: ModelSpec, language: str) -> None:
    with engines.aligner(model, language, _wait) as aligner:
        if aligner is None:
            reason = f"none is known; name one with ALIGN_MODELS={language}=<model>"
            raise ModelUnavailable(f"aligner-{language}", reason, _RETRY_SECONDS)


def _wait() -> None:
    """The checkpoint of preloading: nothing ends its wait."""
