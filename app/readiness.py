"""What the service can do at this moment, and the preloading that gets it there."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.engines.memory import is_device_lost
from app.errors import AsrError, OutOfMemory, Unavailable
from app.transcript import Seconds

logger = logging.getLogger(__name__)

Status: TypeAlias = Literal["healthy", "loading", "degraded", "unhealthy"]

FAILURES_IN_A_ROW = 3
"""So many broken runs of one stage, none between them that worked, are not the recordings' fault."""

FIRST_RETRY_SECONDS: Seconds = 10
LONGEST_RETRY_SECONDS: Seconds = 300
LONG_LOAD_SECONDS: Seconds = 120
"""A load that takes longer is told of: nothing distinguishes a long download from one that hangs."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is loaded at start."""

    stage: str
    """The stage that needs it, by the name under which its runs are observed."""
    missing: str
    """What an answer lacks without it: "speakers", say."""
    essential: bool
    """Whether nothing works without it."""
    load: Callable[[], None]
    """Loads it and leaves it loaded; raises when it cannot."""


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to "how are you?"."""

    status: Status
    reasons: tuple[str, ...] = ()
    """Why it is not healthy: one sentence each."""
    failed_stages: tuple[str, ...] = ()
    """The stages that those reasons are about."""


@dataclass(slots=True)
class _Progress:
    """What is known of one part; touched only under the lock."""

    ready: bool = False
    reason: str | None = None
    began: Seconds | None = None
    """When the load that is under way began."""


@dataclass(slots=True)
class _Runs:
    """How the last runs of one stage ended; touched only under the lock."""

    failures: int = 0
    lacked_memory: bool = False


@dataclass(slots=True)
class _Books:
    progress: list[_Progress]
    runs: dict[str, _Runs] = field(default_factory=dict)
    device_lost: bool = False


class Readiness:
    """Preloads in a thread of its own, tries again what failed, and keeps account of how runs end."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        first_retry_seconds: Seconds = FIRST_RETRY_SECONDS,
        longest_retry_seconds: Seconds = LONGEST_RETRY_SECONDS,
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        self._parts = tuple(parts)
        self._clock = clock
        self._first_retry_seconds = first_retry_seconds
        self._longest_retry_seconds = longest_retry_seconds
        self._lock = threading.Lock()
        self._books = _Books([_Progress() for _ in self._parts])
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._preload, name="preload", daemon=True)

    def start(self) -> None:
        """Begin to preload; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further load; one that is under way ends by itself."""
        self._stopping = True
        self._wake.set()

    def observe(self, stage: str, failure: Exception | None) -> None:
        """Take note of how a run of `stage` ended; None: it worked."""
        with self._lock:
            runs = self._books.runs.setdefault(stage, _Runs())
            runs.failures = 0 if failure is None else runs.failures + 1
            runs.lacked_memory = isinstance(failure, OutOfMemory)
            self._books.device_lost |= failure is not None and is_device_lost(failure)
            waits = failure is None and any(
                part.stage == stage and progress.reason is not None
                for part, progress in zip(self._parts, self._books.progress, strict=True)
            )
        if waits:
            # What failed at start has worked since: look again now instead of after the pause.
            self._wake.set()

    def report(self) -> Report:
        """Return the state of the service; never waits for a load."""
        with self._lock:
            fatal, partial = self._failures()
            loading = any(not state.ready and state.reason is None for state in self._books.progress)
            slow = self._long_loads()
        if fatal:
            return _report("unhealthy", fatal + partial)
        if loading:
            return _report("loading", partial + slow)
        return _report("degraded" if partial else "healthy", partial)

    def _failures(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return (stage, reason) of what stops everything and of what only lessens the answers."""
        fatal: list[tuple[str, str]] = []
        partial: list[tuple[str, str]] = []
        for part, progress in zip(self._parts, self._books.progress, strict=True):
            if progress.reason is not None:
                reason = f"{part.missing} unavailable: {progress.reason}"
                (fatal if part.essential else partial).append((part.stage, reason))
        essential = {part.stage for part in self._parts if part.essential}
        for stage, runs in self._books.runs.items():
            if runs.failures >= FAILURES_IN_A_ROW:
                how = "ran out of memory" if runs.lacked_memory else "failed"
                stops_everything = stage in essential and not runs.lacked_memory
                reason = f"{stage} {how} {runs.failures} times in a row; the log has the cause"
                (fatal if stops_everything else partial).append((stage, reason))
        if self._books.device_lost:
            fatal.append(("device", "the GPU stopped working; the service must be restarted"))
        return fatal, partial

    def _long_loads(self) -> list[tuple[str, str]]:
        """Return (stage, reason) of what has been loading for long."""
        slow = []
        for part, progress in zip(self._parts, self._books.progress, strict=True):
            seconds = 0.0 if progress.began is None else self._clock() - progress.began
            if seconds >= LONG_LOAD_SECONDS:
                reason = (
                    f"{part.missing} still loading after {seconds / 60:.0f} min; the log shows each download"
                )
                slow.append((part.stage, reason))
        return slow

    def _preload(self) -> None:
        pause = self._first_retry_seconds
        while not self._stopping:
            least_pause = self._try_missing_parts()
            if all(progress.ready for progress in self._books.progress):
                logger.info(
                    "ready: %s", ", ".join(part.stage for part in self._parts) or "nothing to preload"
                )
                return
            wait_seconds = max(pause, least_pause)
            logger.info("what is missing is tried again in %.0f s", wait_seconds)
            self._wake.wait(wait_seconds)
            self._wake.clear()
            pause = min(2 * pause, self._longest_retry_seconds)

    def _try_missing_parts(self) -> Seconds:
        """Load what is not ready; return for how long trying again is pointless."""
        least_pause: Seconds = 0
        for part, progress in zip(self._parts, self._books.progress, strict=True):
            if progress.ready or self._stopping:
                continue
            reason: str | None = None
            with self._lock:
                progress.began = self._clock()
            try:
                part.load()
            except Exception as exc:
                reason = _explain(exc)
                least_pause = max(least_pause, exc.retry_after_seconds if isinstance(exc, Unavailable) else 0)
                shown = None if isinstance(exc, AsrError) else exc
                logger.warning("%s unavailable: %s", part.missing, reason, exc_info=shown)
            with self._lock:
                progress.ready, progress.reason, progress.began = reason is None, reason, None
        return least_pause


def _explain(exc: Exception) -> str:
    return str(exc) if isinstance(exc, AsrError) else "loading failed unexpectedly; the log has the cause"


def _report(status: Status, failures: list[tuple[str, str]]) -> Report:
    return Report(status, tuple(reason for _, reason in failures), tuple(stage for stage, _ in failures))
