"""Runs blocking work in a fixed number of threads, behind a bounded and fair queue.

Who wants work done takes a place before it sends a recording, and keeps it until its answer. Everything but
the work itself happens on the event loop, so no state here needs a lock.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from app.checkpoint import Checkpoint
from app.errors import (
    RETRY_SECONDS,
    AsrError,
    ClientLeft,
    DeadlineExceeded,
    EngineFailed,
    QueueTimeout,
    ServiceBusy,
    ServiceDraining,
    Unavailable,
)
from app.work.fair_queue import FairQueue
from app.work.job import Job, Outcome
from app.work.places import Places
from app.work.slot import Slot

logger = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_ESTIMATE_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 60
LAST_PATIENCE_SECONDS = 5
"""How long the end of the process waits for threads that have not ended."""


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """The state of the worker for /health and metrics; the total counts since the start."""

    slots: int
    running: int
    queued: int
    max_queue: int
    draining: bool
    hung: int
    dead: int
    finished_total: int

    @property
    def healthy(self) -> bool:
        """Return whether every thread is alive and makes progress."""
        return self.hung == 0 and self.dead == 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the work of a place stands in the queue."""

    position: int
    """1: it is the next; 0: it waits no longer."""
    seconds: float | None
    """How long it should still wait; None where no work has ended yet by which to judge."""


class Place:
    """A permit: its holder may send a recording and have work done on it, once."""

    def __init__(self, worker: "Worker", client: str) -> None:
        self.client = client
        self.taken = True
        self.queue_seconds: float | None = None
        """How long its work waited for a thread, whatever became of it; None: it was never ready to run."""
        self._worker = worker

    async def run(self, work: Callable[[Checkpoint], T]) -> T:
        """Return what `work` returns; it runs in a thread when the turn of the client comes.

        The work must call its checkpoint often; that is where it is stopped once the caller is cancelled, the
        time is up or the process stops. A cancelled caller leaves the queue at once.

        Raises:
            ServiceDraining, QueueTimeout: and Unavailable if no thread works any more.
            DeadlineExceeded: the work took longer than the request timeout.
            EngineFailed: the work hung, its thread died or it tried to end the process.
            Exception: whatever else `work` raises.
        """
        assert self.taken, "the place was given back"
        return await self._worker.run(work, self)

    @property
    def standing(self) -> Standing:
        """Return where its work stands in the queue now; who comes later may be served before it."""
        return self._worker.standing(self)


class Worker:
    """Runs work in `slots` threads; at most `max_queue` more places are given than there are threads."""

    def __init__(
        self,
        slots: int = 1,
        max_queue: int = 100,
        *,
        name: str = "slot",
        queue_timeout: float = 3600,
        request_timeout: float = 7200,
        watchdog_seconds: float = 600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots = tuple(Slot(f"{name}-{number}") for number in range(slots))
        self._queue: FairQueue[Job] = FairQueue()
        self._places = Places()
        self._max_queue = max_queue
        self._queue_timeout = queue_timeout
        self._request_timeout = request_timeout
        self._watchdog_seconds = watchdog_seconds
        self._clock = clock
        self._idle = asyncio.Event()
        self._idle.set()
        self._leaving = False
        self._draining = False
        self._watchdog: asyncio.Task[None] | None = None
        self._mean_seconds = 0.0
        self._finished_total = 0

    async def start(self) -> None:
        """Start the threads and the watchdog."""
        loop = asyncio.get_running_loop()
        for slot in self._slots:
            slot.start(loop, self._on_finished)
        self._watchdog = asyncio.create_task(self._watch())

    def announce_end(self) -> None:
        """Report from here on that the end is near, but still take work: who asks learns to go elsewhere."""
        self._leaving = True

    async def drain(self, grace: float) -> None:
        """Refuse new work, give accepted work `grace` seconds, then answer the rest with ServiceDraining."""
        self._draining = True
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            self._give_up(ServiceDraining)

    async def stop(self, patience: float = LAST_PATIENCE_SECONDS) -> bool:
        """Give up what is left and end the threads; False if one is still inside its work after `patience`.

        Such a thread may sit in native code, which nothing ends but the end of the process.
        """
        self._draining = True
        self._give_up(ServiceDraining)
        if self._watchdog is not None:
            self._watchdog.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watchdog
        for slot in self._slots:
            slot.close()
        await asyncio.gather(*(asyncio.to_thread(slot.join, patience) for slot in self._slots))
        return not any(slot.alive for slot in self._slots)

    @contextmanager
    def place(self, client: str) -> Iterator[Place]:
        """Give `client` a place for the block; take it before anything of the request's body is read.

        Raises:
            ServiceDraining: the process is stopping.
            ServiceBusy: all places are taken.
            Unavailable: no thread works any more.
        """
        self._check_working()
        if not self._places.room_for(client, self._limit, self._orphans):
            raise ServiceBusy(self._retry_after())
        place = Place(self, client)
        self._places.take(client)
        try:
            yield place
        finally:
            place.taken = False
            self._places.give_back(client)

    async def run(self, work: Callable[[Checkpoint], T], place: Place) -> T:
        """Do what `Place.run` says."""
        self._check_working()
        job = Job(work, asyncio.get_running_loop(), self._clock, self._request_timeout, place)
        self._idle.clear()
        self._queue.push(job, place.client)
        self._dispatch()
        outcome: Outcome | None = None
        try:
            await self._wait_for_start(job)
            outcome = await self._wait_for_outcome(job)
            if outcome.error is not None:
                raise outcome.error
            value: T = outcome.value
            return value
        except asyncio.CancelledError:
            self._abandon(job, ClientLeft)
            raise
        finally:
            place.queue_seconds = job.queue_seconds
            job.release()
            # The traceback of an error holds this frame: without this they would keep each other alive.
            del outcome, job

    def standing(self, place: Place) -> Standing:
        """Return where the work of `place` stands."""
        for ahead, job in enumerate(self._queue.in_order()):
            if job.place is place:
                return Standing(ahead + 1, self._wait_behind(ahead))
        return Standing(0, 0.0)

    def stats(self) -> WorkerStats:
        """Return the present state."""
        return WorkerStats(
            slots=len(self._slots),
            running=sum(slot.job is not None for slot in self._slots),
            queued=len(self._queue),
            max_queue=self._max_queue,
            draining=self._leaving or self._draining,
            hung=sum(slot.hung for slot in self._slots),
            dead=sum(slot.dead for slot in self._slots),
            finished_total=self._finished_total,
        )

    def _check_working(self) -> None:
        if self._draining:
            raise ServiceDraining
        if not any(slot.usable for slot in self._slots):
            raise _not_working()

    @property
    def _limit(self) -> int:
        """How many places there are: a thread that hangs or ended gives none."""
        return sum(slot.usable for slot in self._slots) + self._max_queue

    @property
    def _orphans(self) -> int:
        """How many threads still work for somebody who has left."""
        jobs = [slot.job for slot in self._slots if slot.usable]
        return sum(job is not None and not job.place.taken for job in jobs)

    def _retry_after(self) -> int:
        """Seconds until a place should become free."""
        mean = self._mean_seconds or FIRST_ESTIMATE_SECONDS
        return max(1, min(LONGEST_RETRY_SECONDS, math.ceil(mean / len(self._slots))))

    def _wait_behind(self, waiting: int) -> float | None:
        """Return how long it takes until all that runs and as many as are `waiting` have begun and ended."""
        mean, now = self._mean_seconds, self._clock()
        running = [slot.job for slot in self._slots if slot.job is not None]
        left = sum(max(0.0, mean - (now - job.started_at)) for job in running)
        return (left + waiting * mean) / len(self._slots) if mean else None

    def _dispatch(self) -> None:
        for slot in self._slots:
            if slot.free and self._queue:
                slot.take(self._queue.pop())
        if not self._queue and all(slot.job is None for slot in self._slots):
            self._idle.set()

    async def _wait_for_start(self, job: Job) -> None:
        either: set[asyncio.Future[Any]] = {job.started, job.outcome}
        await asyncio.wait(either, timeout=self._queue_timeout, return_when=asyncio.FIRST_COMPLETED)
        if not job.started.done() and not job.outcome.done():
            self._abandon(job, ClientLeft)
            raise QueueTimeout(self._queue_timeout, self._retry_after())

    async def _wait_for_outcome(self, job: Job) -> Outcome:
        await asyncio.wait({job.outcome}, timeout=self._request_timeout)
        if not job.outcome.done():
            self._abandon(job, lambda: DeadlineExceeded(self._request_timeout))
            raise DeadlineExceeded(self._request_timeout)
        return job.outcome.result()

    def _abandon(self, job: Job, reason: Callable[[], AsrError]) -> None:
        """Nobody waits for `job` any more: take it out of the queue or stop it at its next checkpoint."""
        if self._queue.remove(job):
            self._dispatch()
        else:
            job.stop(reason)

    def _on_finished(self, slot: Slot, job: Job, outcome: Outcome) -> None:
        seconds = self._clock() - job.started_at
        self._finished_total += 1
        self._mean_seconds += (seconds - self._mean_seconds) * (0.2 if self._mean_seconds else 1.0)
        if slot.hung:
            logger.warning("%s answers again after %.0f s", slot.name, seconds)
            slot.hung = False
        slot.job = None
        job.settle(outcome)
        self._dispatch()

    def _give_up(self, reason: Callable[[], AsrError]) -> None:
        """Answer everybody who waits and stop what runs at its next checkpoint."""
        while self._queue:
            self._queue.pop().settle(Outcome(None, reason()))
        for slot in self._slots:
            if slot.job is not None:
                slot.job.stop(reason)
                slot.job.settle(Outcome(None, reason()))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(5.0, self._watchdog_seconds / 4))
            for slot in self._slots:
                problem = slot.check_progress(self._clock(), self._watchdog_seconds)
                if problem is not None and slot.job is not None and not slot.job.answered:
                    logger.error("%s %s; its client is told so", slot.name, problem)
                    slot.job.stop(ClientLeft)
                    slot.job.settle(Outcome(None, EngineFailed(f"an engine thread that {problem}")))
            if self._queue and not any(slot.usable for slot in self._slots):
                while self._queue:
                    self._queue.pop().settle(Outcome(None, _not_working()))


def _not_working() -> Unavailable:
    return Unavailable("the service has stopped working and must be restarted", RETRY_SECONDS)
