"""One thread that runs jobs one after the other, and what is known about the job in it."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from app.checkpoint import Checkpoint
from app.errors import AsrError, DeadlineExceeded, EngineFailed
from app.logs import in_this_context


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
        self._work = in_this_context(work)
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


class Slot:
    """A thread and the job it runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.job: Job | None = None
        self.hung = False
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(
        self, loop: asyncio.AbstractEventLoop, on_finished: Callable[["Slot", Job, Outcome], None]
    ) -> None:
        """Start the thread; `on_finished` is called on `loop` after each job.

        The thread is a daemon: one that hangs in native code must not keep the process from ending.
        """
        arguments = (loop, on_finished)
        self._thread = threading.Thread(target=self._serve, args=arguments, name=self.name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after its present job."""
        self._closed = True
        self._inbox.put(None)

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, at most `seconds`."""
        if self._thread is not None:
            self._thread.join(seconds)

    def take(self, job: Job) -> None:
        """Hand `job` to the thread."""
        self.job = job
        job.begin()
        self._inbox.put(job)

    @property
    def alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def dead(self) -> bool:
        """Return whether the thread ended although nobody asked it to."""
        return self._thread is not None and not self._closed and not self._thread.is_alive()

    @property
    def usable(self) -> bool:
        """Return whether the thread works or waits for work."""
        return self.alive and not self._closed and not self.hung

    @property
    def free(self) -> bool:
        """Return whether the thread waits for work."""
        return self.usable and self.job is None

    def check_progress(self, now: float, watchdog_seconds: float) -> str | None:
        """Look whether the thread hangs, and remember it; return what is wrong with it, if anything."""
        self.hung = self.job is not None and now - self.job.last_seen > watchdog_seconds
        if self.dead:
            return "died"
        return "stopped responding" if self.hung else None

    def _serve(
        self, loop: asyncio.AbstractEventLoop, on_finished: Callable[["Slot", Job, Outcome], None]
    ) -> None:
        while (job := self._inbox.get()) is not None:
            outcome = job.run()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(on_finished, self, job, outcome)
            # Whatever this frame still names would keep the recording in memory until the next job.
            del job, outcome


def _engine_failed(exc: BaseException) -> EngineFailed:
    """Return what to raise for `exc`, such as SystemExit: raised as it is, it would end the event loop."""
    failure = EngineFailed(f"an engine that raised {type(exc).__name__}")
    failure.__cause__ = exc
    return failure
