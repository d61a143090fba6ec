"""One piece of work: when it waits and runs, how it is told to stop, and what comes of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from app.checkpoint import Checkpoint
from app.errors import AsrError, DeadlineExceeded, EngineFailed
from app.logs import with_current_context


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the work returned, or what it raised."""

    value: Any
    error: Exception | None


class Permit(Protocol):
    """What its caller holds while it waits for the outcome."""

    client: str
    taken: bool


class Job:
    """One piece of work. All but `run` and `checkpoint` belongs to the event loop."""

    def __init__(
        self,
        work: Callable[[Checkpoint], Any],
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        request_timeout: float,
        place: Permit,
    ) -> None:
        self.place = place
        self._work = with_current_context(work)
        self.started: asyncio.Future[None] = loop.create_future()
        self.outcome: asyncio.Future[Outcome] = loop.create_future()
        self.arrived_at = self.started_at = self.last_seen = clock()
        self._clock = clock
        self._request_timeout = request_timeout
        self._stop_reason: Callable[[], AsrError] | None = None
        self._released = False

    def begin(self) -> None:
        """Note that a thread takes the job now."""
        self.started_at = self.last_seen = self._clock()
        if not self.started.done():
            self.started.set_result(None)

    @property
    def queue_seconds(self) -> float:
        """Return how long the job waited, or has waited so far."""
        return (self.started_at if self.started.done() else self._clock()) - self.arrived_at

    def run(self) -> Outcome:
        """Do the work; nothing it raises may end the thread, and nothing but an Exception leaves it."""
        try:
            return Outcome(self._work(self.checkpoint), None)
        except Exception as exc:
            return Outcome(None, exc)
        except BaseException as exc:
            return Outcome(None, _engine_failed(exc))

    def checkpoint(self) -> None:
        """Show a sign of life; raise if the work should stop. May be called from several threads."""
        self.last_seen = self._clock()
        reason = self._stop_reason
        if reason is not None:
            raise reason()
        if self.last_seen - self.started_at > self._request_timeout:
            raise DeadlineExceeded(self._request_timeout)

    def stop(self, reason: Callable[[], AsrError]) -> None:
        """Make the next checkpoint raise."""
        self._stop_reason = reason

    @property
    def answered(self) -> bool:
        """Return whether nobody waits for the outcome any more."""
        return self._released or self.outcome.done()

    def settle(self, outcome: Outcome) -> None:
        """Tell the waiting caller, unless it was told already."""
        if not self.answered:
            self.outcome.set_result(outcome)

    def release(self) -> None:
        """Forget the outcome: nobody waits for it any more.

        An error holds the frames of the work, which hold this job by its checkpoint: with the outcome in it,
        the circle would keep the samples of a recording in memory until the garbage collector runs.
        """
        self._released = True
        self.outcome = self.outcome.get_loop().create_future()


def _engine_failed(exc: BaseException) -> EngineFailed:
    """Return what to raise for `exc`, such as SystemExit: raised as it is, it would end the event loop."""
    failure = EngineFailed(f"an engine that raised {type(exc).__name__}")
    failure.__cause__ = exc
    return failure
